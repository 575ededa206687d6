"""Virtual patients, drawn from the distributions of a population file.

Every attribute of patient i depends on (seed, i, purpose) alone, so any slice of a cohort can be drawn by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remission.knowledge.care import SETTINGS
from remission.knowledge.errors import BadInput

from . import chance, recipe
from .cohort import DONOR, LINEAGE, SENSITIVITIES, SEX, TOLD_ONCE, Cohort, Floats, Ints, columns
from .given import NOTHING, Given, alleles_lost, among
from .growth import Measurement, reference
from .quantiles import logistic, long_below, normal_share, truncated_beta, truncated_normal

Accept = Callable[[dict[str, NDArray[Any]]], Any]

ATTEMPTS = 2000  # how often a patient who does not fit is drawn again
OWN_ATTEMPTS = 40  # and one of whom a row of a table tells a part
HOPELESS = 4096  # candidates drawn without one that fits, after which it is given up


def draw(
    population: str | Path | recipe.Population,
    n: int,
    *,
    seed: int,
    start: int = 0,
    accept: Accept | None = None,
    given: Given = NOTHING,
) -> Cohort:
    """``n`` patients, numbered from ``start``, of a population (a name, a file or what was read from one).

    ``accept`` takes `columns` of candidates and returns who is eligible (bool, shape of a column), patient by
    patient. Whoever is not, or lies outside the limits of the population, is drawn again with the next attempt number.
    ``given``: facts that all of them have in common, or those of each by the rows of a table.

    Raises ``BadInput`` for an unknown population, a negative number, or when nobody fits.
    """
    if n < 0 or start < 0 or start + n > 2**48:
        raise BadInput(f"{n} patients from number {start}", remedy="Both are 0 or more, together at most 2**48")
    p = population if isinstance(population, recipe.Population) else recipe.population(population)
    p = among(p, given)
    result = _candidates(p, seed, np.arange(start, start + n), np.zeros(n, dtype=np.int64), given)
    pending = np.flatnonzero(~_fits(p, result, accept, given))
    attempt, seen, found = 1, n, n - pending.size
    most = ATTEMPTS if given.rows is None else OWN_ATTEMPTS
    while pending.size:
        width = min(most - attempt, max(1, HOPELESS // pending.size))  # several attempts at once for the last few
        if width <= 0 and given.rows is not None:
            raise given.rows.misfit(start + int(pending[0]))
        if width <= 0 or (found == 0 and seen >= HOPELESS):
            raise BadInput(
                f"the population '{p.name}' does not fit: {found} of {n} patients found in {seen} tries",
                remedy="Choose a population that meets the eligibility of the protocol, or widen the criteria",
            )
        attempts = np.tile(np.arange(attempt, attempt + width), pending.size)
        more = _candidates(p, seed, np.repeat(start + pending, width), attempts, given)
        fits = _fits(p, more, accept, given).reshape(pending.size, width)
        lucky = fits.any(axis=1)
        first = np.flatnonzero(lucky) * width + fits.argmax(axis=1)[lucky]
        for field in (f.name for f in fields(Cohort) if f.name not in TOLD_ONCE):
            getattr(result, field)[pending[lucky]] = getattr(more, field)[first]
        seen, found = seen + fits.size, found + int(lucky.sum())
        attempt, pending = attempt + width, pending[~lucky]
    return result


def median_size(p: recipe.Population, age_y: Floats, sex: Ints, down: Ints | None = None) -> tuple[Floats, Floats]:
    """Median height (cm) and weight (kg) by age, sex and Down syndrome (0 or 1, nobody where left out)."""
    zero = np.zeros(np.shape(age_y))
    return _size(p, age_y, sex, zero.astype(np.int64) if down is None else down, zero, zero)


def bsa(height_cm: Floats, weight_kg: Floats) -> Floats:
    """Body surface in m2 (Mosteller)."""
    return np.sqrt(height_cm * weight_kg / 3600.0)


def blast_share(p: recipe.Population, wbc: Floats) -> Floats:
    """Share of blasts among the white cells in blood at a white count in 1e9/L."""
    return logistic(p.blood_blasts.intercept.value + p.blood_blasts.slope.value * np.log(wbc / 10.0))


def marrow_blast_quantile(p: recipe.Population, u: Floats) -> Floats:
    """Blast fraction of the marrow of overt disease at the quantiles ``u``."""
    m = p.marrow_blasts
    return truncated_beta(m.a.value, m.b.value, m.least.value, m.most.value, u)


def typical_creatinine(p: recipe.Population, height_cm: Floats) -> Floats:
    """Median creatinine, umol/L, by height."""
    return p.creatinine.typical.value * height_cm / p.creatinine.height_cm.value


def lc50_fold(p: recipe.Population) -> Floats:
    """LC50 as a multiple of the reference, shape (subtypes, classes)."""
    return np.array([[p.subtypes.lc50_fold(s, c) for c in SENSITIVITIES] for s in p.subtypes.names])


def sensitivity(p: recipe.Population, fold: Floats) -> Floats:
    """Kill relative to the reference at an LC50 fold: fold^-exponent within its clip."""
    s = p.sensitivity
    return np.clip(fold**-s.exponent.value, s.least.value, s.most.value)


def age_factor(p: recipe.Population, age_y: Floats) -> Floats:
    """Drug sensitivity by age relative to children with the same subtype, shape (N, classes)."""
    factor = np.ones((age_y.size, len(SENSITIVITIES)))
    if p.age_factor:
        factor *= p.age_factor.at(age_y)[:, None]
        if p.age_factor.later:
            factor[:, np.isin(SENSITIVITIES, p.sensitivity.later)] *= p.age_factor.later.at(age_y)[:, None]
    return factor


def residual_quantile(r: recipe.Residual, u_none: Floats, z: Floats) -> Floats:
    """Leukaemic fraction of the marrow in remission at the quantile of having none and a normal score."""
    median, sd = r.log10.value, r.sd_log10.value
    if r.log10.range is not None:
        z = truncated_normal(z, (np.array(r.log10.range) - median) / sd)
    return np.where(u_none < r.none.value, 0.0, 10.0 ** (median + sd * z))


def net_growth(p: recipe.Population, doubling: Floats, relapsed: NDArray[np.bool_]) -> Floats:
    """Net growth in 1/day from doubling times in days."""
    growth = math.log(2.0) / doubling
    if p.growth_factor is not None:
        growth = np.where(relapsed, growth * p.growth_factor.value, growth)
    return np.clip(growth, p.subtypes.least_growth.value, p.subtypes.most_growth.value)


def relapse_factor(p: recipe.Population) -> Floats:
    """Sensitivity of a typical relapsed leukaemia relative to diagnosis, by class."""
    return _by_class(p.sensitivity_factor)


def _by_class(factor: recipe.SensitivityFactor | None) -> Floats:
    return np.array([1.0 if factor is None else factor.of(name) for name in SENSITIVITIES])


def later_factor(p: recipe.Population) -> Floats:
    """The same for a relapse in the course."""
    return _by_class(p.after_relapse)


def _fits(
    p: recipe.Population, c: Cohort, accept: Callable[[dict[str, NDArray[Any]]], Any] | None, given: Given
) -> NDArray[np.bool_]:
    limits = p.limits
    excluded = [p.subtypes.names.index(name) for name in limits.exclude_subtypes]
    fits = (c.age_y >= limits.age_y[0]) & (c.age_y < limits.age_y[1])
    fits &= (c.wbc >= limits.wbc[0]) & (c.wbc < limits.wbc[1])
    fits &= np.isin(c.lineage, [LINEAGE.index(word) for word in limits.lineages]) & ~np.isin(c.subtype, excluded)
    if limits.only_subtypes:
        fits &= np.isin(c.subtype, [p.subtypes.names.index(name) for name in limits.only_subtypes])
    if given.cns is not None:  # it follows from the white count: drawn again until both go together
        fits &= c.cns == given.cns
    return fits if accept is None else fits & np.asarray(accept(columns(c)), dtype=bool)


def _candidates(p: recipe.Population, seed: int, patients: Ints, attempts: Ints, given: Given) -> Cohort:
    def uniform(name: str) -> Floats:
        return chance.uniforms(seed, patients, chance.purpose(f"patient {name}"), attempts)

    def normal(name: str) -> Floats:
        return chance.normals(seed, patients, chance.purpose(f"patient {name}"), attempts)

    def known(name: str, drawn: Any) -> Any:
        return given.of(name, patients, drawn)

    def own(name: str, drawn: Any) -> Any:
        return drawn if given.rows is None else given.rows.of(name, patients, drawn)

    age = known("age_y", _age(p, uniform("age")))
    sex = known("sex", (uniform("sex") < p.male.value).astype(np.int64))
    ancestry = known("ancestry", _ancestry(p, uniform("ancestry")))
    lineage = known("lineage", _lineage(p, age, sex, ancestry, uniform("lineage")))
    said = known("subtype", np.full(age.shape, -1, dtype=np.int64))
    lineage = np.where(said >= 0, said >= len(p.subtypes.frequency.B), lineage).astype(np.int64)
    down = known("down", _down(p, age, lineage, uniform("down syndrome")))
    tall = normal("height")
    if given.height_cm is not None or given.weight_kg is not None or given.rows is not None:
        nobody = np.full(age.shape, np.nan)
        tall = _tall(p, age, sex, down, known("height_cm", nobody), known("weight_kg", nobody), tall)
    height, weight = _size(p, age, sex, down, tall, normal("weight"))
    height, weight = known("height_cm", height), known("weight_kg", weight)
    subtype = known("subtype", _subtype(p, age, lineage, down, ancestry, uniform("subtype")))
    wbc = _by_lineage(p, lineage, "median") * np.exp(_by_lineage(p, lineage, "sd_log") * normal("white count"))
    wbc = wbc * np.array([p.subtypes.white_count_fold(name) for name in p.subtypes.names])[subtype]
    wbc = known("wbc", wbc)
    blasts = wbc * blast_share(p, wbc)

    marrow = normal("marrow blasts")
    crowding = p.marrow_blasts.crowding.value

    def crowded(name: str) -> Floats:
        return -crowding * marrow + math.sqrt(1.0 - crowding**2) * normal(name)

    marrow_blasts = marrow_blast_quantile(p, normal_share(marrow))
    counts = p.counts
    cns = _cns(p, lineage, wbc, uniform("cns"))
    if p.remission is not None:
        u_none = uniform("leukaemia none")
        residual = residual_quantile(p.remission.residual, u_none, normal("leukaemia residual"))
        if p.remission.residual.overt is not None:
            residual = np.where(u_none >= 1.0 - p.remission.residual.overt.value, marrow_blasts, residual)
        blasts = blasts / marrow_blasts * residual
        marrow_blasts = residual
        wbc = blasts + _log_normal(p.remission.white_count, normal("white count in remission"))
        counts, crowding = p.remission.counts, 0.0  # nothing crowds the marrow
        cns = np.ones_like(cns)
    blasts = np.minimum(own("blood_blasts", blasts), wbc)
    relapsed = own("relapsed", uniform("relapsed") < p.share_relapsed)
    transplanted = relapsed & (uniform("prior transplant") < (p.prior_transplant.value if p.prior_transplant else 0.0))

    creatinine = typical_creatinine(p, height) * np.exp(p.creatinine.sd_log.value * normal("creatinine"))
    doubling = np.array([p.subtypes.doubling_time.values[name] for name in p.subtypes.names])[subtype]
    doubling = doubling * np.exp(p.subtypes.doubling_time_sd_log.value * normal("doubling time"))
    kill = _sensitivity(p, age, subtype, relapsed, normal) * age_factor(p, age)
    return Cohort(
        patient=patients.astype(np.int64),
        age_y=age,
        sex=sex,
        height_cm=height,
        weight_kg=weight,
        bsa_m2=bsa(height, weight),
        lineage=lineage,
        subtype=subtype,
        wbc=wbc,
        blood_blasts=blasts,
        marrow_blasts=own("marrow_blasts", marrow_blasts),
        # neutrophils are among the white cells that are not blasts
        anc=np.minimum(own("anc", _log_normal(counts.anc, crowded("anc"))), wbc - blasts),
        platelets=own("platelets", _log_normal(counts.platelets, crowded("platelets"))),
        haemoglobin=own("haemoglobin", _haemoglobin(counts.haemoglobin, crowded("haemoglobin"))),
        cns=own("cns", cns),
        ancestry=ancestry,
        tpmt=known("tpmt", _null_alleles(p, "tpmt", ancestry, uniform("tpmt"))),
        nudt15=known("nudt15", _null_alleles(p, "nudt15", ancestry, uniform("nudt15"))),
        creatinine_umol_l=own("creatinine_umol_l", creatinine),
        growth_per_day=own("growth_per_day", net_growth(p, doubling, relapsed)),
        down=down,
        testes=own("testes", _testes(p, sex, lineage, uniform("testes"))),
        missed=own("missed", missed(p, age, normal("missed doses"))),
        donor=known("donor", _donor(p, uniform("donor"))),
        relapsed=relapsed.astype(np.int64),
        prior_transplant=own("prior_transplant", transplanted.astype(np.int64)),
        care_year=own("care_year", _care_year(p, uniform("care year"))),
        setting=own("setting", np.full(age.shape, SETTINGS.index(p.care.setting) if p.care else 0, dtype=np.int64)),
        sensitivity=np.stack([own(f"sensitivity_{name}", kill[:, i]) for i, name in enumerate(SENSITIVITIES)], axis=1),
        after_relapse=_after_relapse(p, relapsed, normal),
        subtypes=p.subtypes.names,
        ancestries=p.pharmacogenetics.names,
    )


def _care_year(p: recipe.Population, u: Floats) -> Floats:
    if p.care is None or p.care.years is None:
        return np.zeros_like(u)
    first, last = p.care.years
    return first + u * (last - first)


def _age(p: recipe.Population, u: Floats) -> Floats:
    """The age at the quantile ``u``: the group first, then the quantile within it."""
    groups = p.age.groups
    upper = np.cumsum([g.share for g in groups])
    upper /= upper[-1]
    lower = np.concatenate([[0.0], upper[:-1]])
    which = _choose(upper, u)
    within = (u - lower[which]) / (upper - lower)[which]
    age = np.empty_like(u)
    for i, g in enumerate(groups):
        here = which == i
        age[here] = g.from_y + (g.to_y - g.from_y) * _within_group(g, within[here])
    return age


def _within_group(g: recipe.AgeGroup, v: Floats) -> Floats:
    """Quantile of the density within an age group, both 0..1."""
    if g.mode is not None:
        peak = (g.mode.value - g.from_y) / (g.to_y - g.from_y)
        return np.where(v < peak, np.sqrt(v * peak), 1.0 - np.sqrt((1.0 - v) * (1.0 - peak)))
    if g.fall is not None and g.fall.value != 1.0:
        r = g.fall.value
        return (r - np.sqrt(r * r - (r * r - 1.0) * v)) / (r - 1.0)
    return v


def _choose(cumulative: Floats, u: Floats) -> Ints:
    """Index of the first cumulative share above ``u``."""
    return np.minimum(np.searchsorted(cumulative, u, side="right"), len(cumulative) - 1)


def _choose_by_row(shares: Floats, row: Ints, u: Floats) -> Ints:
    """The same with one row of shares for every kind of patient; shares need not add up to 1."""
    upper = np.cumsum(shares, axis=1)
    result = np.zeros(u.shape, dtype=np.int64)
    for kind in range(len(shares)):
        if np.any(here := row == kind):
            result[here] = _choose(upper[kind] / upper[kind, -1], u[here])
    return result


def _band(lower_limits: tuple[float, ...], age_y: Floats) -> Ints:
    return np.maximum(np.searchsorted(lower_limits, age_y, side="right") - 1, 0)


def _size(
    p: recipe.Population, age: Floats, sex: Ints, down: Ints, z_height: Floats, z_own: Floats
) -> tuple[Floats, Floats]:
    """Height and weight at their scores; that of weight goes with that of height."""
    r = p.body.correlation.value
    z_weight = r * z_height + math.sqrt(1.0 - r * r) * z_own

    def size(what: Measurement, z: Floats) -> Floats:
        without, with_down = (reference(name).size(what, age, sex, z) for name in (p.body.growth, p.body.down_syndrome))
        return np.where(down == 1, with_down, without)

    return size("height_cm", z_height), size("weight_kg", z_weight)


def _tall(
    p: recipe.Population, age: Floats, sex: Ints, down: Ints, height: Floats, weight: Floats, z: Floats
) -> Floats:
    """The score of height where height or weight is known (nan: not), so that the other one goes with it."""
    r = p.body.correlation.value
    references = [reference(name) for name in (p.body.growth, p.body.down_syndrome)]

    def score(what: Measurement, size: Floats) -> Floats:
        return np.clip(np.where(down == 1, *(g.score(what, age, sex, size) for g in reversed(references))), -3.0, 3.0)

    by_weight = np.where(np.isnan(weight), z, r * score("weight_kg", weight) + math.sqrt(1.0 - r * r) * z)
    return np.where(np.isnan(height), by_weight, score("height_cm", height))


def _ancestry(p: recipe.Population, u: Floats) -> Ints:
    """Index into the names of ancestries."""
    shares, names = p.pharmacogenetics.ancestry, p.pharmacogenetics.names
    places = np.array([names.index(name) for name in shares])
    return places[_choose(np.cumsum(list(shares.values())), u)]


def _lineage(p: recipe.Population, age: Floats, sex: Ints, ancestry: Ints, u: Floats) -> Ints:
    t = np.array([getattr(p.t_lineage, word) for word in SEX])[sex, _band(p.t_lineage.from_age_y, age)] / 100.0
    odds = np.array([p.subtypes.odds(name, "T lineage") for name in p.pharmacogenetics.names])[ancestry]
    return (u < np.where(odds == 1.0, t, odds * t / (1.0 - t + odds * t))).astype(np.int64)


def _down(p: recipe.Population, age: Floats, lineage: Ints, u: Floats) -> Ints:
    """1: Down syndrome."""
    share = np.array([p.down_syndrome.B, p.down_syndrome.T])[lineage] / 100.0
    low, high = p.down_syndrome.age_y
    return ((u < share) & (age >= low) & (age < high)).astype(np.int64)


def _testes(p: recipe.Population, sex: Ints, lineage: Ints, u: Floats) -> Ints:
    """1: leukaemia that can be felt in a testis."""
    return ((u < np.array([p.testes.B, p.testes.T])[lineage] / 100.0) & (sex == 1)).astype(np.int64)


def missed(p: recipe.Population, age: Floats, z: Floats) -> Floats:
    """The share of the doses of tablets at home that are missed at the normal score ``z``, less than 1."""
    m = p.missed_doses
    older = np.where(age >= m.older_from_y, m.older.value, 1.0)
    return np.minimum(m.median.value * older * np.exp(m.sd_log.value * z), m.most.value)


def _subtype(p: recipe.Population, age: Floats, lineage: Ints, down: Ints, ancestry: Ints, u: Floats) -> Ints:
    """By age band, lineage, Down syndrome (its own row) and ancestry, whose odds weigh the frequencies."""
    frequency = p.subtypes.frequency
    b, t = np.array(list(frequency.B.values())).T, np.array(list(frequency.T.values())).T
    rows = np.zeros((len(b) + len(t) + 1, b.shape[1] + t.shape[1]))  # B bands, then T bands, then B of Down syndrome
    rows[: len(b), : b.shape[1]], rows[len(b) : -1, b.shape[1] :] = b, t
    rows[-1, : b.shape[1]] = [p.down_syndrome.subtypes.get(name, 0.0) for name in frequency.B]
    if p.limits.only_subtypes:
        among = rows * np.isin(p.subtypes.names, p.limits.only_subtypes)
        rows = np.where(among.sum(axis=1, keepdims=True) > 0.0, among, rows)  # where there is none, nobody will fit
    band = _band(frequency.from_age_y, age) + lineage * len(b)
    kind = np.where((down == 1) & (lineage == 0), len(rows) - 1, band)
    ancestries = p.pharmacogenetics.names
    odds = np.array([[p.subtypes.odds(people, name) for name in p.subtypes.names] for people in ancestries])
    rows = (odds[:, None, :] * rows).reshape(-1, rows.shape[1])
    return _choose_by_row(rows, ancestry * (len(rows) // len(ancestries)) + kind, u)


def _by_lineage(p: recipe.Population, lineage: Ints, part: str) -> Floats:
    return np.array([getattr(p.white_count[word], part).value for word in ("B", "T")])[lineage]


def _log_normal(d: recipe.LogNormal, z: Floats) -> Floats:
    median, sd = d.median.value, d.sd_log.value
    if d.median.range is not None:
        z = truncated_normal(z, np.log(np.array(d.median.range) / median) / sd)
    return median * np.exp(sd * z)


def _haemoglobin(hb: recipe.Normal, z: Floats) -> Floats:
    mean, sd = hb.typical.value, hb.sd.value
    return mean + sd * truncated_normal(z, (np.array(hb.typical.range) - mean) / sd)


def _cns(p: recipe.Population, lineage: Ints, wbc: Floats, u: Floats) -> Ints:
    rows = np.array([p.cns.B.below, p.cns.B.above, p.cns.T.below, p.cns.T.above])
    return _choose_by_row(rows, 2 * lineage + (wbc >= p.cns.threshold_wbc), u) + 1


def _null_alleles(p: recipe.Population, gene: str, ancestry: Ints, u: Floats) -> Ints:
    """How many of two independent alleles have lost their function: 0, 1, 2 = normal, intermediate, poor."""
    q = alleles_lost(p.pharmacogenetics, gene, p.pharmacogenetics.names)[ancestry]
    return (u > (1.0 - q) ** 2).astype(np.int64) + (u > 1.0 - q**2)


def _donor(p: recipe.Population, u: Floats) -> Ints:
    if p.donors is None:
        return np.zeros(u.shape, dtype=np.int64)
    return _choose(np.cumsum([p.donors.shares.get(word, 0.0) for word in DONOR]), u)  # type: ignore[call-overload]


def _sensitivity(
    p: recipe.Population, age: Floats, subtype: Ints, relapsed: NDArray[np.bool_], normal: Callable[[str], Floats]
) -> Floats:
    """Shape (N, classes). The correlated classes share a normal score, which gives them one common correlation."""
    s = p.sensitivity
    shared, rho = normal("lc50 shared"), s.correlation.value
    result = lc50_fold(p)[subtype]
    for i, drug_class in enumerate(SENSITIVITIES):
        z = normal(f"lc50 {drug_class}")
        if drug_class in s.correlated:
            z = math.sqrt(rho) * shared + math.sqrt(1.0 - rho) * z
        result[:, i] *= np.exp(s.log_sd[drug_class].value * z)  # type: ignore[index]
    felt = np.where(np.isin(SENSITIVITIES, s.later), s.later_share.value, 1.0)
    tail = s.patient_factor_tail.value if s.patient_factor_tail else 0.0
    by_age = s.patient_factor_age.at(age) * tail if s.patient_factor_age else np.full(age.shape, tail)
    tails = s.patient_factor_tails
    least = np.array([tails[name].value if name in tails else 0.0 for name in p.subtypes.names])
    own = long_below(normal("drug sensitivity"), np.maximum(by_age, least[subtype]))
    factor = s.patient_factor_sd_log.value * own[:, None] * felt
    kill = sensitivity(p, result) * np.exp(factor)
    if p.sensitivity_factor is not None:
        spread = np.exp(p.sensitivity_factor.sd_log.value * normal("sensitivity at relapse"))
        kill = np.where(relapsed[:, None], kill * relapse_factor(p) * spread[:, None], kill)
    return kill


def _after_relapse(p: recipe.Population, relapsed: NDArray[np.bool_], normal: Callable[[str], Floats]) -> Floats:
    """Shape (N, classes): 1 for who has relapsed before, whose sensitivity holds the factor already."""
    if p.after_relapse is None:
        return np.ones((relapsed.size, len(SENSITIVITIES)))
    spread = np.exp(p.after_relapse.sd_log.value * normal("sensitivity at relapse"))
    return np.where(relapsed[:, None], 1.0, later_factor(p) * spread[:, None])
