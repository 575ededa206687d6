"""What changes while a block is played: where each patient stands, what is on board, what is recorded."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from remission.body.kinetics import LANES

from .lanes import Lanes, Layout
from .program import Tables

STEPS = 12  # two-hour steps of a day
BINS = 4  # quarter days, the steps of marrow and leukaemia
MAX_DEPTH = 16  # of a condition

WAITING, TREATING, AFTER, DONE = range(4)
ON_TREATMENT, IN_REMISSION, CURED, RELAPSE, DEATH, LEFT = range(6)

# columns of the result
(RESULT_OUTCOME, RESULT_DAY, RESULT_REMISSION_DAY, RESULT_MRD, RESULT_END_DAY, RESULT_BLASTS, RESULT_DELAY, RESULT_LEFT,
 RESULT_SITE, RESULT_FEVERS, RESULT_RED, RESULT_PLATELETS, RESULT_BLOODSTREAM, RESULT_VISITS, RESULT_IN_TARGET,
 RESULT_SHARE, RESULT_SHARES, RESULT_PLAYED) = range(18)  # fmt: skip
RESULT_COLUMNS = 18

# kinds of events and reasons of doses, in the order of play.EVENTS and play.REASONS
(E_PHASE, E_GATE, E_HOLD, E_RESUME, E_RAISE, E_REDUCE, E_STOP, E_FEVER, E_BLOODSTREAM, E_RED, E_PLATELETS, E_REMISSION,
 E_RELAPSE, E_DEATH, E_LEFT, E_END, E_FORCED, E_GOTO) = range(18)  # fmt: skip
R_PROTOCOL, R_REDUCED, R_RAISED, R_HELD, R_OMITTED, R_STOPPED, R_RESCUE = range(7)

# settings, in the order of lanes.SETTINGS
(S_PACKING, S_OTHER, S_BLOOD_LOSS, S_CNS_BIRTH, S_CNS_DEATH, S_SEED, S_FLOW_CELLS, S_FLOW_MIN, S_ASPIRATE, S_NOISE_ANC,
 S_NOISE_PLT, S_NOISE_HB, S_H1, S_H2, S_H3, S_H4, S_H_MAINTENANCE, S_FEVER_PAUSE, S_BSI, S_BSI_DEATH, S_RED_RISE,
 S_PLT_RISE, S_PLT_POOL_LOSS, S_RELAPSE_MARROW, S_RELAPSE_CNS, S_REMISSION) = range(26)  # fmt: skip

# variables, in the order of program.VARIABLES
V_ANC, V_PLT, V_HB, V_WBC, V_LYMPH, V_BLASTS, V_MARROW, V_MARROW_MRD, V_BLOOD_MRD = range(9)
LEVELS_FROM = 18


class Records(NamedTuple):
    """Rows written so far. A full record goes on counting: the caller then plays the block again with more room."""

    counts: Any  # (5,)
    measurements: Any
    mrd: Any
    doses: Any
    events: Any
    states: Any


ROOM = (160, 8, 240, 120, 220)  # rows per patient of each record at the first try
WIDTHS = (10, 6, 7, 5, 9)
MEASUREMENTS, MRD, DOSES, EVENTS, STATES = range(5)


def records(room: int) -> Records:
    """Empty records with ``room`` times the usual number of rows."""
    return Records(
        np.zeros(5, dtype=np.int64),
        *(np.empty((LANES * rows * room, width)) for rows, width in zip(ROOM, WIDTHS, strict=True)),
    )


INT, REAL = np.int64, np.float64
LANE_STATE = np.dtype(
    [(name, INT) for name in ("status", "phase", "day", "next_phase", "gate_from", "gate_check", "wait_passed",
                              "stalled", "ended", "last_fever", "remission")]
)  # fmt: skip
SLOT_STATE = np.dtype(
    [(name, REAL) for name in ("factor", "limit", "last_dose", "top_dose", "run_dose", "run_factor")]
    + [(name, INT) for name in ("held_by", "stopped", "run_from", "run_to", "run_reason")]
)
RULE_STATE = np.dtype(
    [(name, INT) for name in ("since", "true_visits", "fired", "active", "rescue_next", "rescue_given")]
)


class Place(NamedTuple):
    """Where each patient stands in the protocol, and what its rules have decided."""

    lane: Any  # (L,) of LANE_STATE: day counts from 1 in the phase; next_phase -2: as the protocol says;
    #            remission 0 no, 1 yes, 2 lost (seen in the marrow)
    slot: Any  # (slots, L) of SLOT_STATE: factors of the rules, escalation, the run of equal daily doses so far
    rule: Any  # (rules, L) of RULE_STATE
    began: Any  # (phases, L): first day of the phase, -1 before
    seen: Any  # (variables, L)
    result: Any  # (L, RESULT_COLUMNS)
    stack: Any


class Drugs(NamedTuple):
    """Amounts on board and the step responses of every agent."""

    x: Any  # (states, L)
    new: Any  # (rows, L): states at the end of a step and means over it
    z: Any  # saturable products
    y: Any  # (outputs * STEPS, L): mean outputs of the day
    shape: Any  # (bent shapes * STEPS, L): mean of the bent driver
    level: Any  # (levels * STEPS, L): plasma now
    on_board: Any
    acting: Any  # on board at some time today
    amount: Any  # (forms * STEPS, L): bioavailable doses of the day
    used: Any
    left: Any  # (forms, L): days that an infusion still runs
    rate: Any
    running: Any
    weight: Any  # (4 * passes, L), kind after kind of step, as the others
    part: Any  # (form rows, L)
    full: Any
    sink: Any  # (rows, L)
    plateau: Any  # of saturable products: formation / loss
    decay: Any  # over each window: exp(-loss t), and the mean of that
    shift: Any
    z_mean: Any
    now_rate: Any
    now_part: Any


class Flesh(NamedTuple):
    """Blood, marrow, leukaemia; and how strongly drugs keep blasts and neutrophils out of or in the blood today."""

    anc: Any  # (6, L)
    lymph: Any
    plt: Any  # (5, L)
    red: Any
    pool: Any  # transfused platelets
    room: Any  # normal marrow over capacity
    cells: Any  # (clones, 2, L)
    cns: Any
    k_blood: Any
    mobilised: Any


class Work(NamedTuple):
    """Of one day: drug effects, the leukaemia at its start, and the day's mean rates."""

    e_line: Any  # (4 * BINS, L): mean of each quarter day
    e_tilt: Any  # and how much more at its end
    k_cyc: Any  # (classes * BINS, L)
    k_rest: Any
    class_active: Any
    k_cns: Any
    room_new: Any
    room_growth: Any
    load: Any
    load_new: Any
    load_rise: Any  # of the last quarter day
    crowd: Any
    production: Any
    clone_cyc: Any
    clone_rest: Any
    kill_cyc: Any  # (1, L): of a clone that nothing spares
    kill_rest: Any
    seen: Any
    out: Any


class Day(NamedTuple):
    """What chance needs where few cells are left: the cells in the morning and the day's mean rates."""

    before: Any
    cns_before: Any
    cyc: Any  # (clones, L)
    rest: Any
    birth: Any
    cns: Any
    load: Any  # mean of the day, for seeding


def place(t: Tables, q: Lanes) -> Place:
    """Everyone before the gate of the first phase."""
    lane = np.zeros(LANES, dtype=LANE_STATE)
    lane["status"] = np.where(q.person["real"] == 1, WAITING, DONE)
    lane["day"], lane["next_phase"], lane["ended"], lane["last_fever"] = 1, -2, -1, -1000
    slot = np.zeros((len(t.slots), LANES), dtype=SLOT_STATE)
    slot["factor"], slot["limit"], slot["held_by"], slot["run_from"] = 1.0, 1.0, -1, -1
    rule = np.zeros((len(t.rules), LANES), dtype=RULE_STATE)
    rule["since"], rule["rescue_next"] = -1, -1
    result = np.full((LANES, RESULT_COLUMNS), np.nan)
    result[:, RESULT_OUTCOME] = ON_TREATMENT
    for column in (RESULT_DELAY, *range(RESULT_FEVERS, RESULT_COLUMNS)):
        result[:, column] = 0.0
    return Place(
        lane=lane,
        slot=slot,
        rule=rule,
        began=np.full((len(t.phases), LANES), -1, dtype=INT),
        seen=q.seen.copy(),
        result=result,
        stack=np.zeros(MAX_DEPTH, dtype=np.bool_),
    )


def drugs(t: Tables, lay: Layout, q: Lanes) -> Drugs:
    """Nothing on board yet; the responses are filled by the kernel."""
    agents, forms = lay.steps.shape[0], len(t.forms)
    loss_t = np.zeros((max(1, lay.product_row[-1]), LANES))
    for a in range(agents):
        e0, e1 = lay.edge_from[a], lay.edge_from[a + 1]
        for i in range(lay.product_from[a], lay.product_from[a + 1]):
            days = np.outer(lay.unit[lay.kind_from[a] : lay.kind_from[a + 1]], np.diff(lay.edges[e0:e1])).reshape(-1)
            loss_t[lay.product_row[i] : lay.product_row[i + 1]] = days[:, None] * q.product_loss[i]
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = -np.expm1(-loss_t) / loss_t
    return Drugs(
        x=np.zeros((lay.state_from[agents], LANES)),
        new=np.zeros((lay.row_from[agents], LANES)),
        z=np.zeros((max(1, lay.product_from[agents]), LANES)),
        y=np.zeros((lay.output_from[agents] * STEPS, LANES)),
        shape=np.zeros((STEPS * int((lay.shapes["row"] >= 0).sum()), LANES)),
        level=np.zeros((max(1, t.level_agent.shape[0]) * STEPS, LANES)),
        on_board=np.zeros(agents, dtype=np.bool_),
        acting=np.zeros(agents, dtype=np.bool_),
        amount=np.zeros((forms * STEPS, LANES)),
        used=np.zeros(forms * STEPS, dtype=np.bool_),
        left=np.zeros((forms, LANES)),
        rate=np.zeros((forms, LANES)),
        running=np.zeros(forms, dtype=np.bool_),
        weight=np.zeros((4 * lay.weight_from[agents], LANES)),
        part=np.zeros((lay.form_row_from[forms], LANES)),
        full=np.zeros((lay.form_row_from[forms], LANES)),
        sink=np.zeros((lay.sink_from[agents], LANES)),
        plateau=q.product_formation / q.product_loss,
        decay=np.exp(-loss_t),
        shift=shift,
        z_mean=np.zeros((max(1, lay.product_from[agents]), LANES)),
        now_rate=np.zeros((1, LANES)),
        now_part=np.zeros((1, LANES)),
    )


def flesh(q: Lanes) -> tuple[Flesh, Work, Day]:
    """The body at diagnosis: counts as they present, haemoglobin production already crowded out."""
    clones, classes = q.birth.shape[0], q.sensitivity.shape[0]

    def zeros(*shape: int) -> Any:
        return np.zeros((*shape, LANES))

    anc, lymph, plt, red = zeros(6), zeros(6), zeros(5), zeros(5)
    anc[:5], lymph[:5] = q.presenting[0], q.presenting[3]
    anc[5] = (q.normal * q.anc0 / anc[4]) ** q.anc_gamma
    lymph[5] = (q.normal * q.lymph0 / lymph[4]) ** q.lymph_gamma
    plt[4] = q.presenting[1]
    plt[:4] = q.presenting[1] * q.plt_loss / q.plt_transit
    red[1:] = q.presenting[2] / 4.0
    production = q.hb0 * q.hb_ageing / 4.0
    red[0] = production * q.hb_tau * q.normal
    body = Flesh(
        anc=anc, lymph=lymph, plt=plt, red=red, pool=zeros(), room=q.normal.copy(), cells=q.cells.copy(),
        cns=q.cns_cells.copy(), k_blood=zeros(), mobilised=zeros(),
    )  # fmt: skip
    work = Work(
        e_line=zeros(4 * BINS), e_tilt=zeros(4 * BINS), load_rise=zeros(), k_cyc=zeros(classes * BINS), k_rest=zeros(classes * BINS),  # noqa: E501
        class_active=np.zeros(classes, dtype=np.bool_), k_cns=zeros(BINS), room_new=zeros(), room_growth=zeros(),
        load=zeros(), load_new=zeros(), crowd=zeros(), production=production, clone_cyc=zeros(1), clone_rest=zeros(1),
        kill_cyc=zeros(1), kill_rest=zeros(1), seen=zeros(1), out=zeros(2),
    )  # fmt: skip
    day = Day(
        before=zeros(clones, 2), cns_before=zeros(), cyc=zeros(clones), rest=zeros(clones), birth=zeros(), cns=zeros(),
        load=zeros(),
    )
    return body, work, day
