"""What is known of one agent: names, kinetics, effects, interactions. Data only, no equations."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as _Field

from .quantity import Quantity, Read

Route = Literal["IV", "PO", "IT", "SC", "IM", "RT", "collection"]
Target = str
KILLED = ("blasts", "blood blasts", "CNS blasts")  # kill rates of leukaemic cells in marrow, blood and CNS, 1/day
TARGETS = (
    *KILLED,
    "neutrophils",  # fraction of progenitor proliferation taken away (Friberg E), -
    "platelets",
    "red cells",
    "lymphocytes",
    "neutrophil mobilisation",  # extra measured neutrophils as a fraction of those made, -
    "stem cells",  # kill rate of the normal marrow from which it would regrow, 1/day
    "B cells",  # kill rate of normal B cells, 1/day
    "cytokine",  # share of cytokine signalling taken away, -
    "fever",  # share of the hazard of fever and infection taken away, -
    "infection",  # how much more often a fever is a bloodstream infection, -: times 1 + sum
    "infection death",  # how much higher the odds are that one kills, -: times 1 + sum
)  # every other target is a side effect (side_effects/): a hazard, 1/day
RATES = (*KILLED, "stem cells", "B cells")
Function = Literal["linear", "emax", "asparagine depletion"]
Sensitivity = Literal[
    "glucocorticoid",
    "vinca",
    "asparaginase",
    "anthracycline",
    "alkylator",
    "cytarabine",
    "methotrexate",
    "thiopurine",
    "purine_analogue",  # clofarabine, nelarabine: met for the first time when leukaemia has come back
]  # in this order they are the columns of a cohort's sensitivity


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Absorption(_Strict):
    """First-order input from a depot. Bioavailability falls with the dose per m2 when
    ``bioavailability_loss`` is given: F = bioavailability - loss * D / (half_dose + D).
    ``week_cv``: spread of what arrives between the weeks of one patient (log-normal, mean 1)."""

    rate: Quantity
    bioavailability: Quantity
    bioavailability_loss: Quantity | None = None
    half_dose: Quantity | None = None
    lag: Quantity | None = None
    week_cv: Quantity | None = None


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
    number: int = _Field(ge=2, le=20)


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


# Who carries them: body/leukaemia.yaml.
Antigen = Literal["CD19", "CD20", "CD22", "CD7", "CD38", "BCR::ABL1", "KMT2A", "minor histocompatibility"]


class Other(_Strict):
    """Parameters of an emax effect on one clone, where they differ from the effect's own."""

    max: Quantity | None = None
    half: Quantity | None = None
    hill: Quantity | None = None


class Effect(_Strict):
    """``driver``: 'plasma', 'csf' or the name of a driver. linear: slope * x;
    emax: max * x^hill / (half^hill + x^hill);
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
    hill: Quantity | None = None  # exponent of an emax effect
    through: Antigen | None = None  # what it acts through; clones and patients that lack it are spared
    clones: dict[str, Other] = {}  # other parameters for named clones
    needs: Literal["T cells"] | None = None  # scaled by the patient's own T cells
    how: Literal["causes", "protects", "worsens"] = "causes"  # a side effect: its hazard over or times 1 + effect
    releases: Quantity | None = None  # cytokine set free, relative to the body file's, by the cells it kills
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


class Field(_Strict):
    """Shares (0..1) of active marrow, CNS and gonads that a beam reaches."""

    marrow: Quantity
    cns: Quantity
    gonads: Quantity | None = None


class Radiosensitivity(_Strict):
    """S = exp(-(alpha D + alpha / alpha_beta * D^2 ...)), see body.radiation."""

    alpha: Quantity
    alpha_beta: Quantity


class Radiation(_Strict):
    field: Field
    blasts: Radiosensitivity
    stem_cells: Radiosensitivity
    repair_half_life: Quantity


class Graft(_Strict):
    """Stem cells of a donor or the patient's own. ``seeded``: share of a normal marrow that one Mcell CD34+/kg makes on
    the day of infusion."""

    donor: Literal["sibling", "unrelated", "haploidentical", "cord", "own"]
    collected_from: Literal["marrow", "blood", "cord"]
    seeded: Quantity
    rejection: Quantity


class Manufacture(_Strict):
    days: Quantity
    failure: Quantity


class Expansion(_Strict):
    initial: Quantity
    rate: Quantity
    peak_day: Quantity
    most: Quantity
    antigen_half: Quantity


class Contraction(_Strict):
    rate: Quantity
    memory_share: Quantity
    memory_rate: Quantity


class CellKill(_Strict):
    max: Quantity
    half: Quantity
    cns: Quantity | None = None


class Cells(_Strict):
    """CAR T-cells: made to order, grow where they find their antigen, see body.immunity."""

    antigen: Antigen
    manufacture: Manufacture
    expansion: Expansion
    contraction: Contraction
    kill: CellKill
    lymphocytes_half: Quantity
    releases: Quantity
    dysfunctional: Quantity | None = None  # probability that a product that was made expands and does not kill


class Immunoglobulin(_Strict):
    rise: Quantity  # of IgG, g/L per g/kg given


class Tablet(_Strict):
    strength: Quantity
    parts: int = 1


class Note(_Strict):
    """A sentence of knowledge with its source."""

    text: str
    source: str | None = None
    read: str | None = None


class Usual(_Strict):
    """How much is usually given by some routes: ``low`` to ``high`` in ``unit`` (mg/m2, ug/kg, mg, Gy, ...), as one
    dose or in a day. What a protocol writes outside it is doubted, far outside it refused (protocol/plausible.py);
    nothing is played by it.

    ``at_most``: the largest amount for a person whatever the size, in the unit without /m2 or /kg, per the same.
    ``course_high``: the largest sum of the days of one sentence, in the unit.
    """

    routes: tuple[Route, ...] = _Field(min_length=1)
    unit: str
    per: Literal["dose", "day"] = "dose"
    low: float = _Field(gt=0, allow_inf_nan=False)
    high: float = _Field(gt=0, allow_inf_nan=False)
    at_most: float | None = _Field(default=None, gt=0, allow_inf_nan=False)
    course_high: float | None = _Field(default=None, gt=0, allow_inf_nan=False)
    source: str | None = None
    read: Read
    because: str | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _has_provenance(self) -> Usual:
        if self.read is Read.ASSUMED and not self.because:
            raise ValueError("an assumed number says why: add `because: ...`")
        if self.read not in (Read.ASSUMED, Read.MEMORY) and not self.source:
            raise ValueError(f"a number read as '{self.read.value}' names its `source`")
        if self.low > self.high:
            raise ValueError(f"the range runs backwards ({self.low:g} to {self.high:g}): add `low` and `high` in order")
        return self

    def words(self) -> str:
        """``0.05 to 2 mg/m2 IV, at most 2 mg``."""
        span = f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"
        per = "/day" if self.per == "day" else ""
        most = f", at most {self.at_most:g} {self.unit.partition('/')[0]}{per}" if self.at_most else ""
        course = f", {self.course_high:g} {self.unit} in all" if self.course_high else ""
        return f"{span} {self.unit}{per} {'/'.join(self.routes)}{most}{course}"


class Agent(_Strict):
    agent: str
    names: tuple[str, ...] = ()  # other generic names, brands, abbreviations; ambiguous ones: knowledge/names.py
    codes: dict[str, str] = {}  # ATC, RxNorm (ingredient)
    kind: str
    sensitivity: Sensitivity | Literal["shared"] | None = None  # shared: as to the drugs of induction, to a power
    plain: str
    routes: tuple[Route, ...]
    dose_units: tuple[str, ...]
    dose_of: str | None = None  # the part that a dose counts, where a product has several: trimethoprim
    intrathecal_by_age: dict[str, list[dict[str, float | None]]] = {}
    intrathecal_notes: dict[str, Note] = {}  # where each of these tables was read
    tablet: Tablet | None = None
    usual: tuple[Usual, ...] = ()
    pharmacokinetics: Pharmacokinetics
    radiation: Radiation | None = None
    graft: Graft | None = None
    cells: Cells | None = None
    igg: Immunoglobulin | None = None
    effects: tuple[Effect, ...] = ()
    antagonists: tuple[Antagonist, ...] = ()
    toxicities: tuple[Note, ...] = ()
    interactions: tuple[Note, ...] = ()
    checks: tuple[Check, ...] = ()
    open: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _without_kinetics(cls, data: Any) -> Any:
        """Radiation and living cells have no kinetics of a drug: the dose is known for the day and then goes."""
        if isinstance(data, dict) and "pharmacokinetics" not in data and {"radiation", "cells", "graft"} & set(data):
            return data | {"pharmacokinetics": _given("Gy" if "radiation" in data else "Mcells")}
        return data

    @property
    def acts_at_once(self) -> bool:
        """Its doses change the body on the day they are given, beside (or instead of) their kinetics."""
        return any(part is not None for part in (self.radiation, self.graft, self.cells, self.igg))


def _given(amount: str) -> dict[str, Any]:
    def known(value: float, unit: str) -> dict[str, Any]:
        return {"value": value, "unit": unit, "read": "assumed", "because": "no kinetics; nothing depends on it"}

    return {
        "amount": amount, "concentration": f"{amount}/L", "clearance": known(3.0, "L/day"), "volume": known(1.0, "L"),
    }  # fmt: skip
