"""Leukaemic clones with cycling and resting cells, in marrow, blood and CNS; extinction by chance. Time is days.

Per clone: cycling cells C divide (birth b, slowed as the marrow fills), die (d), are killed by drugs and go to rest;
resting cells Q do not divide, are killed less, and wake; L: all leukaemic cells of the marrow

    dC/dt = (b crowding - d - kill_C - a) C + w Q + mutants
    dQ/dt = a C - (w + kill_Q) Q
    crowding = max(0, 1 - (L / (packing capacity))^power)
    mutants = mu b crowding C_main                              into a clone that resists
    CNS: dS/dt = (b_S - d_S - kill_S) S + seeding (sum of sows (C + Q) over the clones)

Who relapses is a matter of four draws: the patient's sensitivity, the share of cells that rests at diagnosis (log-
normal over orders of magnitude, and the larger the less sensitive the leukaemia is to the drugs of induction), whether
a clone that resists every chemotherapy has arisen (probability 1 - exp(-m), m mutations before diagnosis: Luria and
Delbruck 1943), and how much that clone feels (log-normal, at most all). A fifth, how much its tolerant cells feel (T,
log-normal, median 1), may move two of these, to the powers p and q (`resting_if_tolerant`, `kill_if_tolerant`):

    resting share = r (geometric mean sensitivity)^-if_slow T^-p        r: drawn; at most a half; T: `kill_sd_log`
    felt of a kill = min(1, share x own T^q)                            own: drawn for the clone, `kill_sd_log`

What is back has lost sensitivity, from whichever clone it has grown: the loss is one graded number of the patient. A
clone that resisted is like the main one from then on, but for what it keeps: every kill is times

    felt^(k p)           felt: what the clone felt of it; k: `kept_at_relapse`; p: its part of the relapse

so that a relapse that grew through treatment answers less than one that woke after it. Clones that resist are in it
anew, as in a leukaemia of its size at diagnosis (`preexisting`), the mutations times `more_at_relapse` to the power of
what is lost (`lost`): drugs have selected among what came back early. The share of cells that rests is in part the
leukaemia's, in part of this growth, and drawn again for that part: the first relapse has

    r (r_0 / r)^p exp(s sqrt(1 - p^2) z)    p: `resting_kept_at_relapse`; r_0: its own before; r: typical;
                                            s: `resting_share_sd_log`; z: standard normal

so that leukaemias differ as much as at diagnosis, and p is the correlation. Cells in the CNS grow the faster the faster
the patient's leukaemia grows in the marrow; their seeding goes with the cells that were there at diagnosis:

    b_S - d_S = g ((b - d) / as measured)^power
    seeding = s S_0 / capacity

What comes back is what the drugs spared: from the first relapse in the course of treatment on every kill_C and kill_Q
of a drug is times a factor of its class and of the patient (`after_relapse` of the population); kill_S is not, since
the fluid is spared by distance. A late relapse has been selected less than one on treatment: the factor is raised to
a power that falls from 1 to a share (`loss`). So is that of the net growth (`loss.growth`), by the first relapse.
What is no drug but answers as they do on the whole, a donor's cells and irradiation of the whole body, has the
geometric mean of the factors of the drugs of induction, to a power.

Below FEW cells these are means of what chance does: cells divide and die one by one (birth-death process), so that a
clone can die out, and mutants and seeds come as a Poisson process. The core then draws each day from the law of Kendall
1948 (engine/core/leukaemia.hpp, few_cells.hpp). Numbers and sources: knowledge/data/body/leukaemia.yaml.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from remission.compiled import core

FEW: float = core.words.FEW  # cells of a pool below which chance plays
LEAST_GROWTH: float = core.words.LEAST_GROWTH  # 1/day, that counts for the clones of a leukaemia that hardly grows


def crowding(load: float, packing: float, power: float) -> float:
    """Factor on birth; load: leukaemic cells over the marrow's capacity."""
    return max(0.0, 1.0 - (load / packing) ** power)


def cycling_change(c: float, q: float, birth: float, death: float, kill: float, to_rest: float, wake: float) -> float:
    """dC/dt, cells/day; birth: already slowed by crowding."""
    return (birth - death - kill - to_rest) * c + wake * q


def resting_change(c: float, q: float, kill: float, to_rest: float, wake: float) -> float:
    """dQ/dt, cells/day."""
    return to_rest * c - (wake + kill) * q


def felt(share: float, own: float) -> float:
    """What a clone feels of a kill, 0 to 1. share: typical; own: how many times that this patient's clone feels."""
    return share if share == 1.0 else min(1.0, share * own)


def preexisting(m: Any, u: Any) -> Any:
    """Cells of a clone that resists (Luria and Delbruck 1943) at the quantile u; m: mutations so far, that is mutation
    rate x cells x births per net growth; none with probability exp(-m). Many mutations: else m (ln m - 1/ln u), whose
    median m (ln m + 1.44) and tail P(X > x) = m/x are those of the distribution; few: else a 1/x tail."""
    many = m * (np.log(np.maximum(m, 1.0)) - 1.0 / np.log(u))
    few = -np.expm1(-m) / (1.0 - u)
    return np.where(u > np.exp(-m), np.floor(np.where(m > 1.0, many, few)), 0.0)


def lost(days: float, early: float, late: float, share: float) -> float:
    """The power of the factor by which sensitivity falls at a relapse, by the days since diagnosis or the last one."""
    return 1.0 - (1.0 - share) * min(1.0, max(0.0, (days - early) / (late - early)))


def kept(felt_of_kill: float, power: float) -> float:
    """How much of a kill a relapse feels that has grown from a clone, which felt ``felt_of_kill`` of it; power: what of
    its resistance is kept, times its part of the relapse. 0 is no resistance: the agent has numbers of its own."""
    return felt_of_kill**power if 0.0 < felt_of_kill < 1.0 else 1.0


def grows_anew(birth: float, death: float, times: float, lost: float) -> float:
    """The rate of births after a first relapse. times: that rate over the former in an early one, which has lost all;
    lost: the power, of the factor of the net growth too."""
    net = birth - death
    if times == 1.0 or lost == 1.0 or net <= 0.0:
        return birth * times
    return death + net * ((birth * times - death) / net) ** lost


def rests_anew(cycling: float, resting: float, to_rest: float, leave: float) -> tuple[float, float]:
    """Cycling and resting cells of a first relapse whose cells go to rest at ``to_rest`` (1/day): the share that grows
    with them, at most half. leave: net growth, as at diagnosis, and waking, 1/day."""
    rest = math.floor(min(to_rest / (leave + to_rest), 0.5) * (cycling + resting))
    return cycling + resting - rest, rest


def cns_change(s: float, birth: float, death: float, kill: float, seeding: float, sown: float) -> float:
    """dS/dt, cells/day; sown: cells of the marrow that seed the fluid; seeding: 1/day."""
    return (birth - death - kill) * s + seeding * sown


def blood_blasts(cells: float, per_cell: float, loss: float, kill: float) -> float:
    """Blasts in blood, 10^9/L: inflow from marrow over loss, quasi-steady within hours. per_cell: at diagnosis."""
    return per_cell * cells * loss / (loss + kill)


def marrow_share(cells: float, room: float, capacity: float) -> float:
    """Blasts among the nucleated cells of the marrow; an emptied one still has a hundredth of stroma and others."""
    return cells / (cells + max(room, 0.01) * capacity)


def kendall(birth: float, death: float, days: float) -> tuple[float, float]:
    """(extinct, more): the offspring of one cell after ``days`` are none with probability ``extinct``, else 1 + a
    geometric number with ratio ``more`` (Kendall 1948; death: with kill)."""
    growth = (birth - death) * days
    if abs(growth) < 1e-9:
        extinct = more = birth * days / (1.0 + birth * days)
        return extinct, more
    e = math.exp(growth)
    return death * (e - 1.0) / (birth * e - death), birth * (e - 1.0) / (birth * e - death)
