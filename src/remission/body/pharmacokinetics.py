"""Every agent as a linear system per patient: states, inputs by route, outputs that drive effects.

States of an agent, in order: one depot per absorbed route, the central compartment (or the chain of
serial species of a pegylated enzyme), peripheral compartments, linear drivers, CSF and deep CSF: once for what lumbar
doses bring and once for what comes from plasma, which do not reach the meninges alike; the output "csf" is their sum.
Amounts are in the agent's amount unit, drivers in their own; outputs are concentrations. Time is days.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from remission.knowledge.agent import Agent
from remission.knowledge.errors import BadInput
from remission.knowledge.units import factor, unit_of
from remission.patient.cohort import Cohort, Floats

from .person import individual

PLASMA, CSF = "plasma", "csf"
LUMBAR, FROM_PLASMA = "csf by lumbar puncture", "csf from plasma"  # the two parts of it
IN_CSF = (CSF, LUMBAR, FROM_PLASMA)


@dataclass(frozen=True)
class Entry:
    """Where a route puts a dose, and how much of it arrives: F - loss D / (half_dose + D), D in amount per m2."""

    state: int
    bioavailability: Floats
    loss: float = 0.0
    half_dose: float = 1.0


@dataclass(frozen=True)
class SaturableProduct:
    """dz/dt = formation C / (half + C) - loss z, driven by the plasma concentration C."""

    name: str
    formation: Floats
    half: Floats
    loss: Floats


@dataclass(frozen=True)
class Kinetics:
    """One agent's kinetics for N patients."""

    agent: str
    states: tuple[str, ...]
    a: Floats  # (N, n, n), 1/day
    entries: dict[str, Entry]
    outputs: tuple[str, ...]  # linear outputs, then saturable products
    g: Floats  # (N, linear outputs, n): output = g x
    saturable_products: tuple[SaturableProduct, ...]
    vmax: Floats | None  # elimination from central that bends: saturable, amount/day; 0 where it only changes
    km: Floats | None  # concentration
    extra: Floats | None  # clearance beyond the stable one at the first dose, amount/day per concentration
    fading: Floats | None  # 1/day
    central: int
    amount_unit: str
    concentration_unit: str
    units_of_outputs: dict[str, str] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.states)

    def output(self, name: str) -> int:
        return self.outputs.index(name)


def concentration_per_amount(agent: Agent) -> float:
    """How many concentration units one amount unit in one litre makes."""
    pk = agent.pharmacokinetics
    in_a_litre = f"({pk.amount})/L"
    if unit_of(in_a_litre).is_compatible_with(pk.concentration):
        return factor(in_a_litre, pk.concentration)
    if pk.molar_mass is None:
        raise BadInput(
            f"{agent.agent}: {pk.amount}/L cannot be turned into {pk.concentration}",
            remedy="add `molar_mass` under pharmacokinetics",
        )
    return factor(f"{in_a_litre}/({pk.molar_mass.unit})", pk.concentration) / pk.molar_mass.value


def csf_parts(agent: Agent) -> tuple[str, ...]:
    """The parts of an agent's CSF, by where it comes from."""
    spec = agent.pharmacokinetics.csf
    if spec is None:
        return ()
    return (LUMBAR,) * ("IT" in agent.routes) + (FROM_PLASMA,) * (spec.plasma_ratio is not None)


def kinetics(agent: Agent, cohort: Cohort, *, seed: int, routes: tuple[str, ...]) -> Kinetics:
    """Build the agent's system for every patient of the cohort, with depots for the given routes."""
    pk = agent.pharmacokinetics
    n_patients = len(cohort)
    name = agent.agent
    scale = concentration_per_amount(agent)

    def draw(quantity, unit: str, path: str) -> Floats:  # type: ignore[no-untyped-def]
        return individual(quantity, unit, cohort, seed=seed, purpose=f"{name}.{path}")

    amount_per_day_l = "L/day"
    clearance = draw(pk.clearance, amount_per_day_l, "clearance")
    volume = draw(pk.volume, "L", "volume")

    depots = [r for r in ("PO", "SC", "IM") if r in routes and r in pk.absorption]
    species = pk.transit.number if pk.transit else 1
    linear = [d for d, spec in pk.drivers.items() if spec.kind != "saturable product"]
    states = [f"depot {r}" for r in depots]
    central = len(states)
    states += ["central"] if species == 1 else [f"species {i + 1}" for i in range(species)]
    first_peripheral = len(states)
    states += [f"peripheral {i + 1}" for i in range(len(pk.peripheral))]
    first_driver = len(states)
    states += linear
    csf = len(states)
    parts = csf_parts(agent)
    for part in parts:
        states += [part, f"deep {part}"] if pk.csf and pk.csf.deep_in else [part]
    n = len(states)
    a = np.zeros((n_patients, n, n))

    entries: dict[str, Entry] = {}
    one = np.ones(n_patients)
    if "IV" in agent.routes:
        entries["IV"] = Entry(central, one)
    for route in ("RT", "collection"):
        if route in agent.routes:
            entries[route] = Entry(central, one)
    for i, route in enumerate(depots):
        absorption = pk.absorption[route]  # type: ignore[index]
        ka = draw(absorption.rate, "1/day", f"absorption.{route}.rate")
        a[:, i, i] -= ka
        a[:, central, i] += ka
        entries[route] = Entry(
            i,
            draw(absorption.bioavailability, "-", f"absorption.{route}.bioavailability"),
            absorption.bioavailability_loss.to_unit("-") if absorption.bioavailability_loss else 0.0,
            absorption.half_dose.value if absorption.half_dose else 1.0,
        )
    for i in range(species):
        a[:, central + i, central + i] -= clearance / volume
    if pk.transit:
        step = draw(pk.transit.rate_clearance, amount_per_day_l, "transit.rate_clearance") / volume
        for i in range(species):
            a[:, central + i, central + i] -= step
            if i + 1 < species:
                a[:, central + i + 1, central + i] += step
    for i, peripheral in enumerate(pk.peripheral):
        q = draw(peripheral.clearance, amount_per_day_l, f"peripheral.{i}.clearance")
        v = draw(peripheral.volume, "L", f"peripheral.{i}.volume")
        p = first_peripheral + i
        a[:, central, central] -= q / volume
        a[:, p, central] += q / volume
        a[:, p, p] -= q / v
        a[:, central, p] += q / v

    outputs = [PLASMA]
    output_units = {PLASMA: pk.concentration}
    rows = [np.zeros((n_patients, n))]
    rows[0][:, central : central + species] = (scale / volume)[:, None]
    products: list[SaturableProduct] = []
    for driver_name, spec in pk.drivers.items():
        loss = np.log(2.0) / draw(spec.half_life, "day", f"drivers.{driver_name}.half_life")
        unit = spec.unit or pk.concentration
        output_units[driver_name] = unit
        if spec.kind == "saturable product":
            assert spec.formation is not None and spec.half is not None
            products.append(
                SaturableProduct(
                    driver_name,
                    draw(
                        spec.formation, f"({unit})/day" if unit != "-" else "1/day", f"drivers.{driver_name}.formation"
                    ),
                    draw(spec.half, pk.concentration, f"drivers.{driver_name}.half"),
                    loss,
                )
            )
            continue
        d = first_driver + linear.index(driver_name)
        if spec.kind == "product":
            assert spec.formation is not None
            gain = draw(spec.formation, _gain_unit(unit, pk.concentration), f"drivers.{driver_name}.formation")
        else:
            gain = loss
        a[:, d, central : central + species] += (gain * scale / volume)[:, None]
        a[:, d, d] -= loss
        row = np.zeros((n_patients, n))
        row[:, d] = 1.0
        rows.append(row)
        outputs.append(driver_name)
    if pk.csf:
        csf_volume = draw(pk.csf.volume, "L", "csf.volume")
        out = np.log(2.0) / draw(pk.csf.half_life, "day", "csf.half_life")
        whole = np.zeros((n_patients, n))
        for i, part in enumerate(parts):
            at = csf + i * (n - csf) // len(parts)
            a[:, at, at] -= out
            if pk.csf.deep_in and pk.csf.deep_out:
                into = draw(pk.csf.deep_in, "1/day", "csf.deep_in")
                back = draw(pk.csf.deep_out, "1/day", "csf.deep_out")
                a[:, at, at] -= into
                a[:, at + 1, at] += into
                a[:, at + 1, at + 1] -= back
                a[:, at, at + 1] += back
            if part == LUMBAR:
                entries["IT"] = Entry(at, one)
            elif pk.csf.plasma_ratio:
                ratio = draw(pk.csf.plasma_ratio, "-", "csf.plasma_ratio")
                # at steady state A_csf / V_csf = ratio * A / V; what plasma loses to CSF is negligible, not taken away
                a[:, at, central : central + species] += (ratio * out * csf_volume / volume)[:, None]
            row = np.zeros((n_patients, n))
            row[:, at] = scale / csf_volume
            whole += row
            rows.append(row)
            outputs.append(part)
        rows.append(whole)
        outputs.append(CSF)
        output_units |= dict.fromkeys((*parts, CSF), pk.concentration)
    vmax = km = extra = fading = None
    outputs += [p.name for p in products]
    if pk.saturable_elimination:
        amount_rate = f"({pk.amount})/day"
        spec_vmax = pk.saturable_elimination.vmax
        if not unit_of(spec_vmax.unit).is_compatible_with(amount_rate):
            # a molar capacity: through the molar mass
            assert pk.molar_mass is not None
            factor = 1.0 / scale  # amount per (concentration * L)
            vmax = draw(spec_vmax, f"({pk.concentration})*L/day", "saturable_elimination.vmax") * factor
        else:
            vmax = draw(spec_vmax, amount_rate, "saturable_elimination.vmax")
        km = draw(pk.saturable_elimination.km, pk.concentration, "saturable_elimination.km")
    if pk.clearance_change:
        extra = draw(pk.clearance_change.extra, amount_per_day_l, "clearance_change.extra") / scale
        fading = draw(pk.clearance_change.rate, "1/day", "clearance_change.rate")
        if vmax is None:
            vmax, km = np.zeros(n_patients), one
    return Kinetics(
        agent=name,
        states=tuple(states),
        a=a,
        entries=entries,
        outputs=tuple(outputs),
        g=np.stack(rows, axis=1),
        saturable_products=tuple(products),
        vmax=vmax,
        km=km,
        extra=extra,
        fading=fading,
        central=central,
        amount_unit=pk.amount,
        concentration_unit=pk.concentration,
        units_of_outputs=output_units,
    )


def _gain_unit(driver: str, concentration: str) -> str:
    driver = "dimensionless" if driver == "-" else driver
    return f"({driver})/({concentration})/day"
