"""What is known of one agent: names, kinetics, effects, interactions. Data only, no equations."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .quantity import Quantity

Route = Literal["IV", "PO", "IT", "SC", "IM"]
Target = Literal[
    "blasts",  # kill rate of leukaemic cells in marrow and blood, 1/day
    "blood blasts",  # extra loss of blasts from blood, 1/day
    "CNS blasts",  # kill rate of leukaemic cells in the CNS, 1/day
    "neutrophils",  # fraction of progenitor proliferation taken away (Friberg E), -
    "platelets",
    "red cells",
    "lymphocytes",
    "neutrophil mobilisation",  # extra measured neutrophils as a fraction of those made, -
]
Function = Literal["linear", "emax", "asparagine depletion"]
Sensitivity = Literal[
    "glucocorticoid", "vinca", "asparaginase", "anthracycline", "alkylator", "cytarabine", "methotrexate", "thiopurine"
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Absorption(_Strict):
    """First-order input from a depot. Bioavailability falls with the dose per m2 when
    ``bioavailability_loss`` is given: F = bioavailability - loss * D / (half_dose + D)."""

    rate: Quantity
    bioavailability: Quantity
    bioavailability_loss: Quantity | None = None
    half_dose: Quantity | None = None
    lag: Quantity | None = None


class Peripheral(_Strict):
    clearance: Quantity
    volume: Quantity


class Saturable(_Strict):
    """Michaelis-Menten elimination from the central compartment, beside the linear clearance."""

    vmax: Quantity
    km: Quantity


class ClearanceChange(_Strict):
    """Clearance that falls as treatment goes on: clearance + extra * exp(-rate t), t since the patient's first dose of
    the agent."""

    extra: Quantity
    rate: Quantity


class Transit(_Strict):
    """The central amount passes through ``number`` serial species in one volume (pegylated enzyme):
    every species is cleared with ``clearance``, moves on with ``rate_clearance``; activity is their sum."""

    rate_clearance: Quantity
    number: int = Field(ge=2, le=20)


class Driver(_Strict):
    """A state that follows the plasma concentration C and drives effects.

    effect compartment: dE/dt = k (C - E); product: dE/dt = formation * C - k E;
    saturable product: dE/dt = formation * C / (half + C) - k E; k = ln 2 / half_life.
    """

    kind: Literal["effect compartment", "product", "saturable product"]
    half_life: Quantity
    formation: Quantity | None = None
    half: Quantity | None = None
    unit: str | None = None


class Csf(_Strict):
    """Cerebrospinal fluid: intrathecal doses go here; plasma drives it towards ``plasma_ratio`` * C."""

    volume: Quantity
    half_life: Quantity
    plasma_ratio: Quantity | None = None
    deep_in: Quantity | None = None
    deep_out: Quantity | None = None


class Pharmacokinetics(_Strict):
    amount: str
    concentration: str
    molar_mass: Quantity | None = None
    clearance: Quantity
    volume: Quantity
    peripheral: tuple[Peripheral, ...] = ()
    saturable_elimination: Saturable | None = None
    clearance_change: ClearanceChange | None = None
    transit: Transit | None = None
    absorption: dict[Literal["PO", "SC", "IM"], Absorption] = {}
    drivers: dict[str, Driver] = {}
    csf: Csf | None = None


class Effect(_Strict):
    """``driver``: 'plasma', 'csf' or the name of a driver. linear: slope * x; emax: max * x / (half + x);
    asparagine depletion: max * (1 - N / (N + half)) with N the serum asparagine left by the activity x."""

    on: Target
    driver: str
    function: Function
    slope: Quantity | None = None
    max: Quantity | None = None
    half: Quantity | None = None
    resting: Quantity | None = None  # kill of resting relative to cycling cells, 0..1
    baseline: Quantity | None = None  # asparagine without drug
    supply: Quantity | None = None
    km: Quantity | None = None
    covariates_note: str | None = None


class Antagonist(_Strict):
    """Another agent's plasma concentration x divides this agent's effects on the named targets by 1 + x / half."""

    agent: str
    half: Quantity
    on: tuple[Target, ...]


class Check(_Strict):
    """A published number that the kinetics must reproduce (used by the tests), for a typical patient.

    ``dose`` reads like a protocol: ``5000 mg/m2 IV over 24 h``. ``expect`` names what is looked at:
    ``C@24h`` or ``C@7d`` (concentration at a time from the start of the dose, in the agent's unit),
    ``AUC0-inf`` and ``AUC0-24h`` (concentration * h), ``half_life`` (terminal, h), ``MRT`` (h); a driver is
    named before a dot: ``TGN.AUC0-inf``. ``tolerance`` is relative.
    """

    dose: str
    patient: dict[str, float | str]
    what: str
    expect: dict[str, float]
    tolerance: float
    source: str | None = None


class Tablet(_Strict):
    strength: Quantity
    parts: int = 1


class Note(_Strict):
    """A sentence of knowledge with its source."""

    text: str
    source: str | None = None
    read: str | None = None


class Agent(_Strict):
    agent: str
    names: tuple[str, ...] = ()
    codes: dict[str, str] = {}
    kind: str
    sensitivity: Sensitivity | None = None
    plain: str
    routes: tuple[Route, ...]
    dose_units: tuple[str, ...]
    intrathecal_by_age: dict[str, list[dict[str, float | None]]] = {}
    intrathecal_notes: dict[str, Note] = {}  # where each of these tables was read
    tablet: Tablet | None = None
    pharmacokinetics: Pharmacokinetics
    effects: tuple[Effect, ...] = ()
    antagonists: tuple[Antagonist, ...] = ()
    toxicities: tuple[Note, ...] = ()
    interactions: tuple[Note, ...] = ()
    checks: tuple[Check, ...] = ()
    open: tuple[str, ...] = ()
