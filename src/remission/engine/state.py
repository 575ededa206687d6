"""What changes while a block is played: where each patient stands, what is on board, what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from remission.body.kinetics import LANES
from remission.body.marrow import ABSENT, LIFE_SPAN, POWER, SATURATING, STATE_ROWS, WEIGHT_ROWS

from .layout import Layout
from .mesh import HALVES, SHARP_WIDTHS, SLOTS_PER_BIN
from .program import Tables

if TYPE_CHECKING:
    from .lanes import Lanes

STEPS = 12  # two-hour steps of a day
MAX_DEPTH = 16  # of a condition

WAITING, TREATING, AFTER, DONE = range(4)
ON_TREATMENT, IN_REMISSION, CURED, RELAPSE, DEATH, LEFT, NOT_IN_REMISSION = range(7)

# columns of the result
(RESULT_OUTCOME, RESULT_DAY, RESULT_REMISSION_DAY, RESULT_MRD, RESULT_END_DAY, RESULT_BLASTS, RESULT_DELAY, RESULT_LEFT,
 RESULT_SITE, RESULT_FEVERS, RESULT_RED, RESULT_PLATELETS, RESULT_BLOODSTREAM, RESULT_VISITS, RESULT_IN_TARGET,
 RESULT_SHARE, RESULT_SHARES, RESULT_PLAYED, RESULT_CAUSE, RESULT_RELAPSE, RESULT_INFUSION,
 RESULT_TRANSPLANT) = range(22)  # fmt: skip
RESULT_COLUMNS = 22

# kinds of events and reasons of doses, in the order of play.EVENTS and play.REASONS
(E_PHASE, E_GATE, E_HOLD, E_RESUME, E_RAISE, E_REDUCE, E_STOP, E_FEVER, E_BLOODSTREAM, E_RED, E_PLATELETS, E_REMISSION,
 E_RELAPSE, E_DEATH, E_LEFT, E_END, E_FORCED, E_GOTO, E_COLLECTION, E_INFUSION, E_GRAFT,
 E_FAILED, E_NOT_FOR, E_AGAIN) = range(24)  # fmt: skip
(R_PROTOCOL, R_REDUCED, R_RAISED, R_HELD, R_OMITTED, R_STOPPED, R_RESCUE, R_MADE_UP, R_CUT_BY_HOLD, R_CUT_BY_STOP,
 R_CUT_BY_END) = range(11)  # fmt: skip

# settings, in the order of layout.SETTINGS
(S_PACKING, S_OTHER, S_BLOOD_LOSS, S_CNS_BIRTH, S_CNS_DEATH, S_SEED, S_FLOW_CELLS, S_FLOW_MIN, S_ASPIRATE, S_NOISE_ANC,
 S_NOISE_PLT, S_NOISE_HB, S_H1, S_H2, S_H3, S_H4, S_H_MAINTENANCE, S_FEVER_PAUSE, S_BSI, S_BSI_DEATH, S_RED_RISE,
 S_PLT_RISE, S_PLT_POOL_LOSS, S_RELAPSE_MARROW, S_RELAPSE_CNS, S_REMISSION, S_LETHAL,
 S_NOISE_LEVEL) = range(28)  # fmt: skip

# variables, in the order of program.VARIABLES
V_ANC, V_PLT, V_HB, V_WBC, V_LYMPH, V_BLASTS, V_MARROW, V_MARROW_MRD, V_BLOOD_MRD = range(9)
V_AGE = 9
(V_CHIMERISM, V_T315I, V_B, V_IGG, V_RELAPSES, V_CRS, V_BRAIN, V_REMISSION, V_PRODUCT) = range(20, 29)
LEVELS_FROM = 29  # then the grades of side effects


class Records(NamedTuple):
    """Rows written so far. A full record goes on counting: the caller then plays the block again with more room."""

    counts: Any  # (7,)
    measurements: Any
    mrd: Any
    doses: Any
    events: Any
    states: Any
    side: Any
    levels: Any


ROOM = (
    320,
    12,
    640,
    200,
    270,
    160,
    4,
)  # rows per patient of each record at the first try; what is not used costs nothing
WIDTHS = (11, 8, 9, 5, 17, 5, 7)
MEASUREMENTS, MRD, DOSES, EVENTS, STATES, SIDE, LEVELS = range(7)


def records(room: int) -> Records:
    """Empty records with ``room`` times the usual number of rows."""
    return Records(
        np.zeros(len(ROOM), dtype=np.int64),
        *(np.empty((LANES * rows * room, width)) for rows, width in zip(ROOM, WIDTHS, strict=True)),
    )


INT, REAL = np.int64, np.float64
LANE_STATE = np.dtype(
    [(name, INT) for name in ("status", "phase", "day", "next_phase", "gate_from", "gate_check", "wait_passed",
                              "stalled", "ended", "last_fever", "remission", "relapses", "sample", "visited", "cut",
                              "again", "extra", "extended", "owed", "owed_on")]
)  # fmt: skip
SLOT_STATE = np.dtype(
    [
        (name, REAL)
        for name in ("factor", "limit", "last_dose", "top_dose", "run_dose", "run_factor", "run_planned", "run_tau")
    ]
    + [(name, INT) for name in ("held_by", "stopped", "run_from", "run_to", "run_reason", "run_times")]
)
IMMUNE_STATE = np.dtype(
    [(name, REAL) for name in ("cells", "memory", "kill", "b", "b_baseline", "plasma", "igg", "cytokine", "ready",
                                 "brain", "host")]
    + [(name, INT) for name in ("cells_day", "cells_act", "works", "product", "product_day", "makes", "transplant_day",
                                "grafted", "crs", "crs_from", "crs_worst", "neuro", "neuro_from", "neuro_worst",
                                "fatal", "collections", "infusions", "grafts", "storms")]
)  # fmt: skip
SIDE_STATE = np.dtype(
    [(n, REAL) for n in ("clock", "due")] + [(n, INT) for n in ("grade", "worst", "began", "until", "over", "episodes")]
)
RULE_STATE = np.dtype(
    [(name, INT) for name in ("since", "true_visits", "fired", "active", "held_from", "rescue_next", "rescue_given")]
)


class Place(NamedTuple):
    """Where each patient stands in the protocol, and what its rules have decided."""

    lane: Any  # (L,) of LANE_STATE: day counts from 1 in the phase; next_phase -2: as the protocol says;
    #            remission 0 no, 1 yes, 2 lost (seen in the marrow); sample: keys the chance of what is measured;
    #            visited: the row of t.days of today's visit, or -1; cut: infusions end this morning, 1 those of what is
    #            held or stopped, 2 all; again: the phase begins anew; held days that are made up: extra 1 on such a
    #            day, extended days so far, owed still to come, owed_on the last day that was counted
    slot: Any  # (slots, L) of SLOT_STATE: factors of the rules, escalation, the run of equal daily doses so far
    rule: Any  # (rules, L) of RULE_STATE
    began: Any  # (phases, L): first day of the phase, -1 before
    cycle: Any  # (phases, L): how often the phase has begun
    seen: Any  # (variables, L)
    result: Any  # (L, RESULT_COLUMNS)
    stack: Any


class Drugs(NamedTuple):
    """Amounts on board and the step responses of every agent. Flat arrays, row after row of L."""

    x: Any  # states
    new: Any  # rows: states at the end of a step, means and values in it
    z: Any  # saturable products
    shape: Any  # means of bent drivers, see layout.SHAPE
    sharp: Any  # the same in the halves of sharp panels
    sharp_on: Any  # (bins,)
    sharp_agent: Any  # (agents * bins,)
    sharp_given: Any  # agents * bins rows: 1 where the patient was given the agent
    sharp_lane: Any  # (bins, L)
    against: Any  # what antagonists take away from shapes at the nodes, plasma / (half + plasma)
    watch: Any  # means of outputs that somebody asked for
    level: Any  # levels * STEPS rows: plasma now
    on_board: Any  # (agents,)
    acting: Any  # on board at some time today
    amount: Any  # forms * STEPS rows: bioavailable doses of the day
    used: Any  # (forms * STEPS,)
    left: Any  # forms: days that an infusion still runs
    rate: Any
    running: Any  # (forms,)
    late: Any  # forms: doses that enter after a lag
    wait: Any  # and after how many days, where elimination bends
    delaying: Any
    first: Any  # agents: day of the first dose, -1 before
    was_running: Any  # agents: an infusion ran in the step before
    weight: Any  # 4 * passes, kind after kind of step, as the others
    part: Any  # form rows
    full: Any
    sink: Any  # rows
    line_weight: Any  # 4 lines of WEIGHT_ROWS for the step of the body, then for each of SHARP_WIDTHS
    plateau: Any  # of saturable products: formation / loss
    decay: Any  # over each window: exp(-loss t), and the mean of that
    shift: Any
    saved: Any
    saved_left: Any
    other: Any
    z_mean: Any  # (L,), as all below
    uptake: Any
    moment: Any
    now_rate: Any
    now_part: Any
    fresh: Any
    dosed: Any
    weigh_fresh: Any
    weigh_plain: Any
    weigh_kept: Any
    weighing: Any
    ones: Any


class Flesh(NamedTuple):
    """Blood, marrow, leukaemia; how strongly drugs keep blasts and neutrophils out of or in the blood today. Flat."""

    line: Any  # 4 lines of body.marrow.STATE_ROWS
    pool: Any  # transfused platelets
    room: Any  # normal marrow over capacity
    cells: Any  # clones * 2: cycling, resting
    cns: Any
    total: Any  # cells of all clones
    k_blood: Any
    mobilised: Any
    fever: Any  # hazard of fever since the last, and where it comes
    fever_at: Any
    lethal: Any  # hazard of death from leukaemia so far, and where it comes
    lethal_at: Any
    seeded: Any  # cells expected in the CNS so far, where on that clock the next comes, and how many have come
    seed_at: Any
    seeds: Any
    rho: Any  # regrowth of the normal marrow; 0 where nothing is left that could
    daily: (
        Any  # effects of today on stem cells, B cells, cytokine, fever, then for each side effect what causes it, what
    )
    #             protects from it, what makes it worse
    field: Any  # acts * 3: what radiation has left of blasts and of normal cells in its field, and the last day
    lost: Any  # agents: 1 where antibodies take the agent away
    immune: Any  # (L,) of IMMUNE_STATE: CAR T-cells in copies/ug, B and plasma cells relative, IgG in g/L, cytokine in
    #              pg/mL, share of the marrow that is the patient's own
    side: Any  # (side effects, L) of SIDE_STATE
    mutants: Any  # clones: mutants expected so far, where on that clock the next comes, and how many have come
    mutant_at: Any
    mutants_came: Any


class Work(NamedTuple):
    """Of one day: drug effects, the leukaemia at its start, and the day's mean rates. Flat."""

    e_line: Any  # 4 lines of half steps
    e_red: Any  # slots
    e_sharp: Any  # 4 lines of halves
    k_cyc: Any  # classes * bins
    k_rest: Any
    class_active: Any
    k_cns: Any  # bins
    released: Any  # kill of blasts today times the cytokine that it sets free
    released_b: Any  # and of B cells
    mean: Any  # of a driver's shape over the day
    size: Any  # effects: q.effect_size, where they need T cells times what is there
    size_rest: Any
    n: Any  # normal marrow at the start, in the middle, at the end of a (sub)step
    n_sharp: Any
    line_before: Any
    line_plain: Any
    load: Any
    load_mid: Any
    load_new: Any
    crowd: Any
    kill_cyc: Any
    kill_rest: Any
    clone_cyc: Any
    clone_rest: Any


class Day(NamedTuple):
    """What chance needs where few cells are left: the cells in the morning and the day's mean rates. Flat."""

    before: Any  # as cells
    cns_before: Any
    cyc: Any  # clones
    rest: Any
    birth: Any
    births: Any  # of the main clone, cells
    cns: Any  # mean rate of kill in the CNS
    flux: Any  # cells that have come to the CNS and live in the evening


def place(t: Tables, q: Lanes) -> Place:
    """Everyone before the gate of the first phase."""
    lane = np.zeros(LANES, dtype=LANE_STATE)
    lane["status"] = np.where(q.person["real"] == 1, WAITING, DONE)
    lane["day"], lane["next_phase"], lane["ended"], lane["last_fever"] = 1, -2, -1, -1000
    lane["visited"] = lane["owed_on"] = -1
    slot = np.zeros((len(t.slots), LANES), dtype=SLOT_STATE)
    slot["factor"], slot["limit"], slot["held_by"], slot["run_from"] = 1.0, 1.0, -1, -1
    rule = np.zeros((len(t.rules), LANES), dtype=RULE_STATE)
    rule["since"], rule["rescue_next"] = -1, -1
    result = np.full((LANES, RESULT_COLUMNS), np.nan)
    result[:, RESULT_OUTCOME] = ON_TREATMENT
    lane["remission"] = q.person["in_remission"]
    for column in (RESULT_DELAY, *range(RESULT_FEVERS, RESULT_CAUSE)):
        result[:, column] = 0.0
    return Place(
        lane=lane,
        slot=slot,
        rule=rule,
        began=np.full((len(t.phases), LANES), -1, dtype=INT),
        cycle=np.zeros((len(t.phases), LANES), dtype=INT),
        seen=q.seen.reshape(-1, LANES).copy(),
        result=result,
        stack=np.zeros(MAX_DEPTH, dtype=np.bool_),
    )


def drugs(t: Tables, lay: Layout, q: Lanes) -> Drugs:
    """Nothing on board yet; the responses are filled by the kernel."""
    agents, forms = lay.steps.shape[0], len(t.forms)
    slots = lay.bins * SLOTS_PER_BIN
    loss = q.product_loss.reshape(-1, LANES)
    loss_t = np.zeros((max(1, lay.product_row[-1]), LANES))
    for a in range(agents):
        units = lay.unit[lay.kind_from[a] : lay.kind_from[a + 1]] / lay.windows[a]
        for i in range(lay.product_from[a], lay.product_from[a + 1]):
            loss_t[lay.product_row[i] : lay.product_row[i + 1]] = units[:, None] * loss[i]
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = -np.expm1(-loss_t) / loss_t
    shape_rows = [2 * slots if s["antagonist"] >= 0 else slots if s["fine"] else slots // 2 for s in lay.shapes]
    sizes = 1 + len(SHARP_WIDTHS) if (lay.shapes["sharp"] >= 0).any() else 1
    most = int(max(np.diff(lay.state_from) + np.diff(lay.product_from), default=0))

    def rows(n: int) -> Any:
        return np.zeros(max(1, int(n)) * LANES)

    def flags(n: int) -> Any:
        return np.zeros(max(1, int(n)), dtype=np.bool_)

    return Drugs(
        x=rows(lay.state_from[agents]),
        new=rows(lay.row_from[agents]),
        z=rows(lay.product_from[agents]),
        shape=rows(sum(shape_rows)),
        sharp=rows(HALVES * lay.bins * int((lay.shapes["sharp"] >= 0).sum())),
        sharp_on=flags(lay.bins),
        sharp_agent=flags(agents * lay.bins),
        sharp_given=rows(agents * lay.bins),
        sharp_lane=flags(lay.bins * LANES),
        against=rows(2 * slots * int((lay.shapes["antagonist"] >= 0).sum())),
        watch=rows(slots * int((lay.watched >= 0).sum())),
        level=rows(t.level_agent.shape[0] * STEPS),
        on_board=flags(agents),
        acting=flags(agents),
        amount=rows(forms * STEPS),
        used=flags(forms * STEPS),
        left=rows(forms),
        rate=rows(forms),
        running=flags(forms),
        late=rows(forms),
        wait=rows(forms),
        delaying=flags(forms),
        first=rows(agents) - 1.0,
        was_running=flags(agents * LANES),
        weight=rows(4 * lay.weight_from[agents]),
        part=rows(lay.form_row_from[forms]),
        full=rows(lay.form_row_from[forms]),
        sink=rows(lay.sink_from[agents]),
        line_weight=rows(sizes * 4 * WEIGHT_ROWS),
        plateau=q.product_formation / q.product_loss if len(loss) else rows(1),
        decay=np.exp(-loss_t).reshape(-1),
        shift=shift.reshape(-1),
        saved=rows(most),
        saved_left=rows(forms),
        other=rows(most),
        z_mean=rows(1),
        uptake=rows(1),
        moment=rows(1),
        now_rate=rows(1),
        now_part=rows(1),
        fresh=flags(LANES),
        dosed=flags(LANES),
        weigh_fresh=rows(1),
        weigh_plain=rows(1),
        weigh_kept=rows(1),
        weighing=rows(1),
        ones=rows(1) + 1.0,
    )


def _immune(q: Lanes) -> Any:
    """The immune system as it is at the start."""
    out = np.zeros(LANES, dtype=IMMUNE_STATE)
    out["b"] = q.normal
    out["plasma"] = out["ready"] = out["host"] = 1.0
    out["b_baseline"] = q.immune["b_baseline"]
    out["igg"] = q.immune["igg_baseline"]
    out["cytokine"] = q.immune["cytokine_baseline"]
    out["cells_day"] = out["transplant_day"] = -1
    return out


def _side(lay: Layout) -> Any:
    out = np.zeros((lay.grades.shape[0], LANES), dtype=SIDE_STATE)
    out["due"] = -1.0
    return out


def flesh(lay: Layout, q: Lanes) -> tuple[Flesh, Work, Day]:
    """The body at diagnosis: counts as they present, haemoglobin production already crowded out."""
    clones, classes, bins = lay.clone_kill.shape[0], lay.clone_kill.shape[1], lay.bins

    def rows(n: int = 1) -> Any:
        return np.zeros(n * LANES)

    line = np.full((4, STATE_ROWS, LANES), np.nan)
    base, transit, gain, loss, feedback, first = (
        x.reshape(4, LANES)
        for x in (q.line_base, q.line_transit, q.line_gain, q.line_loss, q.line_feedback, q.presenting)
    )
    for i, kind in enumerate(lay.line_kind):
        if kind == ABSENT:
            continue
        if kind == LIFE_SPAN:
            line[i, 1:5] = first[i] / 4.0
            line[i, 0] = q.production / transit[i] * q.normal
            continue
        line[i, :4] = first[i] * loss[i] / gain[i]
        line[i, 4] = line[i, 6] = first[i]
        if kind == POWER:
            line[i, 5] = (q.normal * base[i] / first[i]) ** feedback[i]
        else:
            assert kind == SATURATING
    body = Flesh(
        line=line.reshape(-1), pool=rows(), room=q.normal.copy(), cells=q.cells.copy(), cns=q.cns_cells.copy(),
        total=q.cells.reshape(-1, LANES).sum(axis=0), k_blood=rows(), mobilised=rows(), fever=rows(),
        fever_at=rows(), lethal=rows(), lethal_at=rows(), seeded=rows(), seed_at=rows(), seeds=rows(),
        rho=q.rho.copy(), daily=rows(4 + 3 * lay.grades.shape[0]),
        field=rows(3 * len(lay.acts)) - 1000.0, lost=rows(lay.steps.shape[0]), immune=_immune(q), side=_side(lay),
        mutants=rows(clones),
        mutant_at=rows(clones) - 1.0,
        mutants_came=rows(clones),
    )  # fmt: skip
    work = Work(
        e_line=rows(4 * 2 * bins), e_red=rows(bins * SLOTS_PER_BIN), e_sharp=rows(4 * HALVES),
        k_cyc=rows(classes * bins), k_rest=rows(classes * bins), class_active=np.zeros(classes, dtype=np.bool_),
        k_cns=rows(bins), released=rows(), released_b=rows(), mean=rows(), size=q.effect_size.copy(),
        size_rest=q.effect_rest.copy(), n=rows(3), n_sharp=rows(3), line_before=rows(4 * STATE_ROWS),
        line_plain=rows(4 * STATE_ROWS),
        load=rows(), load_mid=rows(), load_new=rows(), crowd=rows(), kill_cyc=rows(), kill_rest=rows(),
        clone_cyc=rows(), clone_rest=rows(),
    )  # fmt: skip
    day = Day(
        before=rows(2 * clones),
        cns_before=rows(),
        cyc=rows(clones),
        rest=rows(clones),
        birth=rows(),
        births=rows(),
        cns=rows(),
        flux=rows(),
    )
    return body, work, day
