"""A patient and what is changed in the treatment, as an address that can be read, written down and passed on::

    cog-standard-risk~age4~f~16kg~102cm~b~cns1~wbc12?without=vincristine&miss=mercaptopurine:10&seed=7

What is not said is that of a typical patient of the protocol, so ``cog-standard-risk`` is an address too. A thousand
patients like this one have the facts of the address in common; the rest of each is drawn.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode

import numpy as np

from remission.knowledge.errors import BadInput, nearest
from remission.knowledge.library import Library, library, using
from remission.patient import recipe
from remission.patient.cohort import columns
from remission.patient.given import Given
from remission.patient.population import draw, median_size
from remission.protocol.logic import names
from remission.protocol.model import Protocol
from remission.protocol.person import Person, person, truth
from remission.protocol.reader import read_protocol
from remission.protocol.variant import variant
from remission.protocol.vocabulary import VALUES
from remission.protocol.wording import condition_in_words
from remission.trial.run import POPULATION

from .foundations import everything

PATIENTS, MOST_PATIENTS = 1000, 5000
LONGEST = 1000  # letters of an address
CHANGES = 8  # agents left out or missed
QUERY = ("without", "miss", "seed", "patients")
OTHERS = ("patient", "view", "start", "day", "state", "side_effect")  # what pages and the API ask besides
_TYPICAL_OF = 512  # patients drawn to see who is typical

_TOKENS: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (name, re.compile(form), like)
    for name, form, like in (
        ("age_years", r"age(\d{1,3}(?:\.\d{1,6})?)", "age4"),
        ("sex", r"([fm])", "f"),
        ("weight_kg", r"(\d{1,3}(?:\.\d{1,6})?)kg", "16kg"),
        ("height_cm", r"(\d{1,3}(?:\.\d{1,6})?)cm", "102cm"),
        ("lineage", r"([bt])", "b"),
        ("cns", r"cns([123])", "cns1"),
        ("wbc", r"wbc(\d{1,4}(?:\.\d{1,6})?)", "wbc12"),
        ("ph", r"ph-(positive|negative)", "ph-negative"),
        ("tpmt", r"tpmt-(normal|intermediate|poor)", "tpmt-normal"),
        ("nudt15", r"nudt15-(normal|intermediate|poor)", "nudt15-normal"),
        ("donor", r"donor-(none|sibling|unrelated|haploidentical|cord)", "donor-sibling"),
    )
)  # in the order of the address
_FACTS = frozenset(name for name, _, _ in _TOKENS)
_SEX = {"f": "female", "m": "male"}
_FORM = {"age": "age_years", "weight": "weight_kg", "height": "height_cm"}  # what a form calls them


@dataclass(frozen=True)
class Scenario:
    """Age in years at the first dose, ``wbc`` the white count at diagnosis (10^9/L). None: not known, drawn.

    ``without``: agents left out ('methotrexate', by one route 'methotrexate IT'); ``miss``: agent and the percentage of
    its doses that is not taken. ``patients`` are played, ``seed`` is their chance.
    """

    protocol: str
    age_years: float
    sex: Literal["f", "m"]
    weight_kg: float
    height_cm: float
    lineage: Literal["b", "t"] = "b"
    cns: int = 1
    wbc: float | None = None
    ph: str | None = None
    tpmt: str | None = None
    nudt15: str | None = None
    donor: str | None = None
    without: tuple[str, ...] = ()
    miss: tuple[tuple[str, float], ...] = ()
    seed: int = 1
    patients: int = PATIENTS

    @classmethod
    def read(cls, path: str, query: Mapping[str, str], knowledge: Library | None = None) -> Scenario:
        """The scenario of an address: its last part, decoded, and its query. Keys of a query that are not `QUERY` are
        passed over, unless one that nobody asks is a slip of the pen. `BadInput` with what would be right."""
        if len(path) > LONGEST or sum(map(len, query.values())) > LONGEST:
            raise BadInput("the address is too long", remedy=f"It has up to {LONGEST} letters")
        protocol, *tokens = path.split("~")
        facts: dict[str, str] = {}
        for token in tokens:
            name, value = _token(token)
            if name in facts:
                raise BadInput(f"'{token}' comes on top of another {_called(name)}", remedy="Say it once")
            facts[name] = value
        for key in query:
            if key not in (*QUERY, *OTHERS) and (near := nearest(key, QUERY)):
                raise BadInput(f"the address has no '{_shown(key)}'", remedy=f"Did you mean '{near}'?")
        return _checked(protocol, _items(facts), _items(query), knowledge or library())

    @classmethod
    def of(cls, address: str, knowledge: Library | None = None) -> Scenario:
        """The scenario of an `address` as a whole, ``{path}?{query}``."""
        path, _, query = address.partition("?")
        return cls.read(unquote(path), said_once(parse_qsl(query)), knowledge)

    @classmethod
    def from_form(cls, query: Mapping[str, str], knowledge: Library | None = None) -> Scenario:
        """The scenario of a form: ``protocol``, ``age``, ``sex``, ``weight``, ``height``, ``lineage``, ``cns``,
        ``wbc``, ``ph``, ``tpmt``, ``nudt15``, ``donor`` and what `read` takes as query; what is empty is typical or
        drawn."""
        if sum(map(len, query.values())) > LONGEST:
            raise BadInput("that is more than the form asks for", remedy=f"It has up to {LONGEST} letters")
        facts = {_FORM.get(key, key): value.strip() for key, value in query.items() if value.strip()}
        facts = {name: value for name, value in facts.items() if name in _FACTS}
        protocol = query.get("protocol", "").strip()
        return _checked(protocol, _items(facts), _items(query), knowledge or library())

    @property
    def address(self) -> str:
        """The canonical address, readable and safe in a link: ``{path}?{query}``."""
        query = self.query
        return self.path + (f"?{query}" if query else "")

    @property
    def path(self) -> str:
        values = asdict(self)
        tokens = [
            like.replace(re.search(form, like)[1], _number(value))  # type: ignore[index]
            for name, form, like in _TOKENS
            if (value := values[name]) is not None
        ]
        return "~".join((quote(self.protocol, safe=""), *tokens))

    @property
    def query(self) -> str:
        said: dict[str, str] = {}
        if self.without:
            said["without"] = ",".join(name.replace(" ", ":") for name in self.without)
        if self.miss:
            said["miss"] = ",".join(f"{agent}:{_number(percent)}" for agent, percent in self.miss)
        if self.seed != 1:
            said["seed"] = str(self.seed)
        if self.patients != PATIENTS:
            said["patients"] = str(self.patients)
        return urlencode(said, safe=":,")

    @property
    def key(self) -> str:
        """Name of stored results: a hash of the scenario and of the knowledge and code that its results rest on."""
        content = json.dumps([asdict(self), everything(library())], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    @property
    def unchanged(self) -> Scenario:
        """The same patients and chance with nothing changed in the treatment."""
        return replace(self, without=(), miss=())

    @property
    def given(self) -> Given:
        """What all the patients have in common."""
        return Given(
            age_y=self.age_years, sex=_SEX[self.sex], height_cm=self.height_cm, weight_kg=self.weight_kg,
            lineage=self.lineage.upper(), wbc=self.wbc, cns=self.cns, ph=self.ph, tpmt=self.tpmt, nudt15=self.nudt15,
            donor=self.donor,
        )  # fmt: skip

    @property
    def facts(self) -> dict[str, Any]:
        """What `remission.plan` asks of a person."""
        known: dict[str, Any] = {
            "age_y": self.age_years, "sex": self.sex, "weight_kg": self.weight_kg, "height_cm": self.height_cm,
            "cns": self.cns, "lineage": self.lineage.upper(), "wbc": self.wbc, "ph": self.ph, "tpmt": self.tpmt,
            "nudt15": self.nudt15, "donor": self.donor,
        }  # fmt: skip
        return {name: value for name, value in known.items() if value is not None}

    @property
    def people(self) -> recipe.Population:
        """The population that the patients are drawn from, of the library in use."""
        return _people(self.treatment().population, library())

    def treatment(self, knowledge: Library | None = None) -> Protocol:
        """The protocol with what is changed in it."""
        return _treatment(self.protocol, self.without, self.miss, knowledge or library())


def said_once(query: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A query by its keys; `BadInput` for one that says a part of a scenario twice, and not the same."""
    said: dict[str, str] = {}
    for key, value in query:
        if key in QUERY and value and said.get(key) not in (None, "", value):
            several = {"without": ": vincristine,methotrexate:IT", "miss": ": mercaptopurine:10,vincristine:5"}
            raise BadInput(f"'{key}' is said twice", remedy=f"Say it once{several.get(key, '')}")
        if value or key not in said:
            said[key] = value
    return said


def typical(protocol: str, knowledge: Library | None = None) -> Scenario:
    """A typical patient of a protocol: of those it is for, in its population, the median age and what most of them are;
    the median size of that age."""
    return _typical(protocol, knowledge or library())


@lru_cache(maxsize=256)
def _typical(protocol: str, known: Library) -> Scenario:
    from remission.engine.eligible import eligible

    with using(known):
        read = read_known(protocol, known)
        people = _people(read.population, known)
        who = columns(draw(people, _TYPICAL_OF, seed=1, accept=lambda patients: eligible(read.eligible, patients)))
        sex = Counter(who["sex"].tolist()).most_common(1)[0][0]
        age = _tidy_age(float(np.median(who["age_y"])))
        weight, height = _median_size(people, age, sex)
        asked = names(read.eligible)
        return Scenario(
            protocol=protocol,
            age_years=age,
            sex=sex[0],
            weight_kg=weight,
            height_cm=height,
            lineage=Counter(who["lineage"].tolist()).most_common(1)[0][0].lower(),
            cns=int(Counter(who["cns"].tolist()).most_common(1)[0][0]),
            ph=Counter(who["ph"].tolist()).most_common(1)[0][0] if "ph" in asked else None,
            donor=Counter(who["donor"].tolist()).most_common(1)[0][0] if "donor" in asked else None,
        )


@lru_cache(maxsize=256)
def read_known(protocol: str, known: Library) -> Protocol:
    """A protocol of the library by its name (nothing on the disk besides is read)."""
    if protocol not in known.protocols():
        near = nearest(protocol, known.protocols())
        remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(known.protocols())}"
        raise BadInput(f"unknown protocol '{_shown(protocol)}'", remedy=remedy)
    return read_protocol(protocol, known)


@lru_cache(maxsize=64)
def _people(name: str | None, known: Library) -> recipe.Population:
    with using(known):
        return recipe.population(name or POPULATION)


@lru_cache(maxsize=64)
def _treatment(
    protocol: str, without: tuple[str, ...], miss: tuple[tuple[str, float], ...], known: Library
) -> Protocol:
    read = read_known(protocol, known)
    missed = [f"miss {_number(percent)}% of {agent}" for agent, percent in miss]
    return variant(read, without=without, add=missed, knowledge=known)


# --- reading ----------------------------------------------------------------------------------


Items = tuple[tuple[str, str], ...]


def _items(said: Mapping[str, str]) -> Items:
    """What matters of it, in one order."""
    return tuple(sorted((key, value) for key, value in said.items() if key in QUERY or key in _FACTS))


@lru_cache(maxsize=512)
def _checked(protocol: str, said: Items, asked: Items, known: Library) -> Scenario:
    facts, query = dict(said), dict(asked)
    with using(known):
        read = read_known(protocol, known)
        people = _people(read.population, known)
        usual = typical(protocol, known)
        age = _real("age_years", facts.get("age_years"), usual.age_years)
        sex = str(facts.get("sex", usual.sex)).lower()[:1] or usual.sex
        if sex not in _SEX:
            raise BadInput(f"the sex is '{_shown(str(facts['sex']))}'", remedy="Write f or m")
        weight, height = facts.get("weight_kg"), facts.get("height_cm")
        if weight is None or height is None:
            person(age_y=age, sex=sex, weight_kg=20, height_cm=110)  # a BadInput for an age that cannot be
            median_weight, median_height = _median_size(people, age, _SEX[sex])
        made = Scenario(
            protocol=protocol,
            age_years=age,
            sex=sex,  # type: ignore[arg-type]
            weight_kg=_real("weight_kg", weight, 0) if weight is not None else median_weight,
            height_cm=_real("height_cm", height, 0) if height is not None else median_height,
            lineage=facts.get("lineage", usual.lineage).lower(),  # type: ignore[arg-type]
            cns=_whole("cns", facts.get("cns"), usual.cns, 1, 3),
            wbc=_real("wbc", facts["wbc"], 0) if "wbc" in facts else None,
            ph=facts.get("ph", usual.ph),
            tpmt=facts.get("tpmt"),
            nudt15=facts.get("nudt15"),
            donor=facts.get("donor", usual.donor),
            without=_without(query.get("without", ""), known),
            miss=_miss(query.get("miss", ""), known),
            seed=_whole("seed", query.get("seed"), 1, 0, 2**31 - 1),
            patients=_whole("patients", query.get("patients"), PATIENTS, 1, MOST_PATIENTS),
        )
        for name in ("lineage", "ph", "tpmt", "nudt15", "donor"):
            value = getattr(made, name)
            words = ("b", "t") if name == "lineage" else VALUES[name]
            if value is not None and value not in words:
                raise BadInput(f"{_called(name)} is '{_shown(value)}'", remedy=f"Write one of: {', '.join(words)}")
        who = person(**made.facts)
        _fits(made, read, people, who)
        made.treatment(known)
    return made


def _fits(made: Scenario, protocol: Protocol, people: recipe.Population, who: Person) -> None:
    """`BadInput` for a patient whom the protocol is not for, or who cannot be among those that it is for."""
    if people.remission is not None and (made.wbc is not None or made.cns != 1):
        what = "a white count at diagnosis" if made.wbc is not None else f"CNS {made.cns}"
        remedy = "Leave it out"
        raise BadInput(f"the patients of {made.protocol} enter in remission, without {what}", remedy=remedy)
    if made.ph == "positive" and made.lineage == "t":
        raise BadInput("a T-cell leukaemia has no Philadelphia chromosome here", remedy="Write b, or leave ph out")
    if truth(protocol.eligible, replace(who, relapses=int(people.share_relapsed > 0))) is False:
        for_whom = condition_in_words(protocol.eligible)
        raise BadInput(f"{made.protocol} is not for this patient", remedy=f"It is for: {for_whom}")
    from remission.engine.eligible import eligible

    draw(  # a BadInput when nobody can be like this
        people, 1, seed=made.seed, accept=lambda patients: eligible(protocol.eligible, patients), given=made.given
    )


def _token(token: str) -> tuple[str, str]:
    for name, form, _ in _TOKENS:
        if found := form.fullmatch(token):
            return name, found[1]
    forms = [like for _, _, like in _TOKENS]
    near = nearest(token, forms)
    remedy = f"Did you mean '{near}'?" if near else f"Parts of it are: {', '.join(forms)}"
    raise BadInput(f"the address has a part '{_shown(token)}' that means nothing", remedy=remedy)


def _without(text: str, known: Library) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, route = part.partition(":")
        agent = known.agent(name).agent
        found[f"{agent} {route.upper()}" if route else agent] = None
    return _few(sorted(found))


def _miss(text: str, known: Library) -> tuple[tuple[str, float], ...]:
    found: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, colon, percent = part.rpartition(":")
        if not colon:
            said = _shown(part)
            raise BadInput(f"'{said}' does not say how many doses are missed", remedy=f"Write {said}:10 for one in ten")
        share = _real("miss", percent, 0)
        if not 0 < share <= 100:
            raise BadInput(f"{share:g} percent of the doses cannot be missed", remedy="More than 0, at most 100")
        found[known.agent(name).agent] = share
    return _few(sorted(found.items()))


def _few(changes: list[Any]) -> tuple[Any, ...]:
    if len(changes) > CHANGES:
        raise BadInput(f"{len(changes)} changes at once", remedy=f"Up to {CHANGES}")
    return tuple(changes)


_CALLED = {"age_years": "age", "weight_kg": "weight", "height_cm": "height", "miss": "percentage of missed doses"}


def _called(name: str) -> str:
    return _CALLED.get(name, name)


def _real(name: str, text: str | None, otherwise: float) -> float:
    """A number as it is written in an address: up to five digits that matter."""
    if text is None:
        return otherwise
    if len(text) > 20 or not re.fullmatch(r"\d+(?:[.,]\d+)?", text, re.ASCII):
        raise BadInput(f"the {_called(name)} is '{_shown(text)}', not a number", remedy="Write digits, for example 4.5")
    return float(_number(float(text.replace(",", "."))))


def _whole(name: str, text: str | None, otherwise: int, least: int, most: int) -> int:
    if text is None or not text.strip():
        return otherwise
    if len(text) > 20 or not re.fullmatch(r"\d+", text, re.ASCII) or not least <= int(text) <= most:
        raise BadInput(f"the number '{_shown(text)}' ({name}) cannot be", remedy=f"Write {least} to {most:,}")
    return int(text)


def _number(value: float | str | int) -> str:
    if not isinstance(value, float):
        return str(value)
    digits = 4 if value == 0 or not math.isfinite(value) else max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 6)}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"


def _shown(text: str) -> str:
    """What a visitor wrote, short and printable."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= 40 else clean[:40] + "..."


def _tidy_age(years: float) -> float:
    return float(round(years)) if years >= 1.5 else round(years, 1)


def _median_size(people: recipe.Population, age_years: float, sex: str) -> tuple[float, float]:
    """Weight in kg and height in cm, as they would be said."""
    index = np.array([("female", "male").index(sex)])
    height, weight = (float(x[0]) for x in median_size(people, np.array([age_years]), index))
    return (float(round(weight)) if weight >= 10 else round(weight, 1)), float(round(height))
