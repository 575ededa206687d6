"""The knowledge files: each loads, and each kind of mistake is told with its place and its remedy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from remission.knowledge import units
from remission.knowledge.agent import Agent
from remission.knowledge.editor_schemas import write_schemas
from remission.knowledge.errors import BadInput
from remission.knowledge.library import DATA, Library, library
from remission.knowledge.loader import load, read_yaml
from remission.knowledge.provenance import counts, provenance
from remission.knowledge.quantity import Covariate, Quantity, Read
from remission.knowledge.units import registry

BACKBONES = """vincristine dexamethasone prednisolone prednisone hydrocortisone pegaspargase asparaginase_ecoli
doxorubicin daunorubicin cyclophosphamide cytarabine methotrexate mercaptopurine thioguanine leucovorin""".split()


def lines(name: str) -> list[str]:
    return (DATA / "agents" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def folder(tmp_path: Path):
    """Put a changed copy of an agent into a folder of one's own and read it; gives the error."""

    def read(old: str, new: str, agent: str = "vincristine") -> tuple[BadInput, str]:
        text = "\n".join(lines(agent)) + "\n"
        assert text.count(old) >= 1, f"the file has no '{old}'"
        path = tmp_path / "agents" / f"{agent}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(BadInput) as error:
            Library(extra=[tmp_path]).agent(agent)
        return error.value, path.read_text(encoding="utf-8")

    return read


def place_of(text: str, fragment: str) -> tuple[int, int]:
    before = text[: text.index(fragment)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


# --- the files that are shipped


@pytest.mark.parametrize("name", library().agents())
def test_every_agent_file_loads_and_speaks_to_a_family(name: str) -> None:
    agent = library().agent(name)
    assert len(agent.plain.split()) > 15
    assert counts(provenance(agent))
    for route in agent.routes:
        if route == "IT":
            assert agent.intrathecal_by_age, "intrathecal doses go by age"
    assert set(agent.intrathecal_notes) == set(agent.intrathecal_by_age), "each table says where it was read"


def test_the_agents_of_the_first_protocols_are_there() -> None:
    assert set(BACKBONES) <= set(library().agents())


@pytest.mark.parametrize("name", library().bodies())
def test_every_body_file_loads(name: str) -> None:
    body = library().body(name)
    assert len(body) == len(list(body)) > 0
    assert all(isinstance(body[path], Quantity) for path in body)


def test_synonyms_lead_to_the_agent_in_any_spelling() -> None:
    assert library().agent("6-MP") is library().agent("mercaptopurine")
    assert library().agent("Ara C") is library().agent("cytarabine")
    assert library().agent("ONCASPAR") is library().agent("pegaspargase")
    assert library().agent("e coli asparaginase") is library().agent("asparaginase_ecoli")
    for agent in library().agents():
        own = [name for name, meant in library().agent_names().items() if meant == agent and name != agent]
        assert own, "every agent has a name of its own besides that of its file"
        assert all(library().meant_by(name) == (agent,) for name in own)


def test_a_name_of_several_agents_is_refused_with_the_choice() -> None:
    several = {name: agents for name, agents in library().all_names().items() if len(agents) > 1}
    assert several["PRED"] == ("prednisolone", "prednisone")
    assert set(several) == {"ASNase", "asparaginase", "CAR-T", "CAR T-cells", "PRED", "MSD", "sibling graft", "MUD",
                            "unrelated graft"}  # fmt: skip
    with pytest.raises(BadInput, match="'pred' can mean prednisolone or prednisone"):
        library().agent("pred")


@pytest.mark.parametrize("name", ["glucarpidase", "melphalan", "panobinostat", "tacrolimus"])
def test_a_drug_that_is_not_there_is_not_taken_for_another_one(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        library().agent(name)
    assert caught.value.message == f"the agent '{name}' is not known here"
    assert "write a file" in (caught.value.remedy or "")


def test_codes_are_codes() -> None:
    for name in library().agents():
        codes = library().agent(name).codes
        assert set(codes) <= {"ATC", "RxNorm"}
        assert re.fullmatch(r"[A-Z]\d{2}[A-Z]{2}\d{2}", codes.get("ATC", "L01CA02")), name
        assert re.fullmatch(r"\d{2,7}", codes.get("RxNorm", "103")), name
    rxnorm = [code for name in library().agents() if (code := library().agent(name).codes.get("RxNorm"))]
    assert len(set(rxnorm)) == len(rxnorm) >= 19


def test_intrathecal_tables_cover_every_age_from_one_year_once() -> None:
    for name in library().agents():
        for table, rows in library().agent(name).intrathecal_by_age.items():
            assert rows[0]["age_from"] <= 1 and rows[-1]["age_to"] is None, (name, table)
            assert all(a["age_to"] == b["age_from"] for a, b in zip(rows, rows[1:], strict=False)), (name, table)
            doses = [row["dose"] for row in rows]
            assert doses == sorted(doses), (name, table)


def test_the_parts_of_a_triple_go_together() -> None:
    tables = {n: library().agent(n).intrathecal_by_age for n in ("methotrexate", "cytarabine", "hydrocortisone")}
    for i, age in enumerate((1, 2, 3, 9)):
        mtx, arac, hc = (tables[n]["cog_triple"][i]["dose"] for n in tables)
        assert mtx == hc and arac == 2 * mtx, age


def test_every_source_has_a_title_or_a_way_to_find_it() -> None:
    for key in library().sources():
        source = library().source(key)
        assert source.title or source.doi or source.pmid or source.url, key
        assert not source.doi or re.fullmatch(r"10\.\d{4,9}/\S+", source.doi), key
        assert not source.pmid or re.fullmatch(r"\d{6,8}", source.pmid), key
        assert key in source.cite() or source.cite()


# sites that keep copies of papers, labels and records, or sell what the paper is about; read there, cited as what it is
COPIES = (
    "120ty.net", "ablesci.com", "acemap.info", "ashpublications.com", "ashpublications.net", "biomaterialdatabase.com",
    "clateway.com", "clincosm.com", "clustermed.info", "codestin.com", "discovery.researcher.life", "docsbay.net",
    "docslib.org", "download.skyscape.com", "drugs.com", "erastinactivator.com", "flamechallenge.authorea.com",
    "indexindex.com", "kimia-pharma.co", "litmetric.com", "medlibrary.org", "metajournal.com",
    "nutlin-3antagonist.com", "oncohemakey.com", "oncowiki.info", "paperexplained.cn", "pipelineevidence.com",
    "pubmedcentralcanada.ca", "rxreasoner.com", "scienceopen.com", "sciencegate.app", "scilit.com", "scilit.net",
    "scite.ai", "scribd.com", "studylib.net", "synapsesocial.com", "themednet.org", "tomesphere.com", "uptodate.com",
    "wprim.whocc.org.cn", "zendy.io", "zhenzhi.com",
)  # fmt: skip


def test_no_source_is_cited_by_the_address_of_a_copy() -> None:
    for key in library().sources():
        url = library().source(key).url
        if url is None:
            continue
        parts = urlsplit(url)
        assert parts.scheme in ("http", "https") and parts.hostname, (key, url)
        assert not any(parts.hostname == site or parts.hostname.endswith(f".{site}") for site in COPIES), (key, url)


def test_every_source_has_authors_title_and_year_or_says_that_they_were_not_noted() -> None:
    for key in library().sources():
        source = library().source(key)
        missing = [part for part in ("authors", "title", "year") if getattr(source, part) is None]
        said = (source.note or "").partition("not noted when it was read: ")[2].split("; ")[0].split(", ")
        assert set(missing) <= set(said), (key, missing)
        assert not re.search(r"title (not|recalled)", source.title or ""), key
        assert source.doi or source.pmid or source.url or source.note, f"{key} says neither where it is nor why not"


def test_no_source_stands_unused_or_twice() -> None:
    texts = DATA.parents[1] / "page" / "text"
    files = [*DATA.rglob("*.yaml"), *texts.rglob("*.yaml"), *texts.rglob("*.md")]
    cited = "\n".join(p.read_text(encoding="utf-8") for p in sorted(files) if p.name != "sources.yaml")
    words = set(re.findall(r"\w+", cited))
    later = {"kloos2021", "kym_label"}  # for dose ranges
    assert set(library().sources()) - words <= later
    for mark in ("doi", "pmid"):
        marks = [m.lower() for key in library().sources() if (m := getattr(library().source(key), mark))]
        assert len(marks) == len(set(marks)), mark


def test_dois_and_pmids_are_those_of_the_evidence() -> None:
    evidence = Path(__file__).parents[2] / "shared" / "evidence"
    if not evidence.is_dir():
        pytest.skip("the evidence files are not here")
    text = "\n".join(p.read_text(encoding="utf-8") for p in evidence.glob("*.yaml"))
    looked_up = {  # read for this project, not in the evidence
        "dclsg_all6",
        *("balis1987", "balduzzi2025", "bmtss2022", "deangelo2020", "lee2020"),
        *("boissel2003", "goker1993", "patel2010"),
        *("fanta2007", "cho2018_ciclosporin", "chen2020_ciclosporin", "waller2003"),
        *("mueller2015", "tsuchida2000"),
        *("dupuis2013", "lehrnbecher2020", "visani1996"),
        *("aki_2020", "brennan1998", "cho2016", "daraskevicius2020", "ips_japan2014", "merchant2011", "millot2014"),
        *("gao2018", "hoeben2022"),
        "pui1991",
        *("bortezomib_japan", "attarbaschi2023", "horton2007", "muller2012"),
        *(
            "bakk2018",
            "belsky2020",
            "bhojwani2014",
            "berg2005",
            "dick1995",
            "goldman2001",
            "mateos2022",
            "mattano2012",
            "muriel2021",
        ),
        "tls_prediction2007",
        *("adrenal2008", "dave2019", "hsr_grading2021", "hypertension_dhaka", "leveque2020", "mtx_prehyd", "rovo2013"),
        *("yule1999", "zierhut2000"),
        *("allcar19", "bhatia2014", "burke2018", "horasan2011", "oconnor2014", "sive2012", "toft2018"),
        *("bhatia2012", "bhatia2015", "haugen2016", "mitchell2009", "roganovic2024"),  # for the pages to read
        *("korematsu2021", "lafolie1991", "monto1974", "pearson1987", "variation1992", "miller2016_events"),
        *("bostrom2003", "grover2021", "huguet2009"),
        *("eadie2013", "fielding2009", "takeshita2009"),
        *("buonamici2009", "ccg1952", "chauvenet2007", "ebinger2016", "lutz2013", "rots1999", "winick2020"),
        *("john2025", "lee2022", "shah2017", "stary2014"),
        *("collaborative1996", "conter2007", "gupta2022", "vora2013"),
        *("casper2004", "ifosfamide_children1993", "mclaughlin1996", "pieters2011"),
        *("ebmt_planned2014", "ko2010", "martynov2021", "reismuller2013", "whitlock2022"),
        *("castagnola2012", "cd22_inovate2021", "desjonqueres2016", "wudhikarn2021"),
        *("conter2010_aieop", "hamilton2017", "kantarjian_ponatinib2023", "neuf2023", "rousselot2016", "teachey2022"),
        *("amylon1999", "zhou2022_blinatumomab"),
        *("bassan2023", "dreyer2015", "hasegawa2020", "hatta2018", "kato2025_t11", "oporto2024", "oskarsson2016"),
        *("schmiegelow2010", "tanguy2013", "vrooman2013"),
        *("boudestein2012", "cui2018", "ino_cd22_2025", "lee2012_korea", "oriol2010", "takahashi2018_l0416"),
        *("wang2025_blinatumomab", "zhou2024_blinatumomab"),
        *("chessells1995", "pinkerton1987"),
        *("anak_turkey2014", "egypt_asco2013", "hungary_bfm95_2005", "lebanon2012", "rytting2014", "short2025"),
        "ukall14_2022",
        *("czech_ic2002", "ewall_ino2024", "fielding2014", "horton2019", "marks2009", "silverman2001", "tracey2012"),
        *("chiaretti2016", "fielding2007", "lew2021", "li2006_hkall97", "veerman2009"),
        *("dhedin2015", "dorosh2018", "patel2014_down", "schultz2022_burden"),
        *("conter2010", "orvain2020", "ehrlich2023", "figliolia2008", "greil2020", "henriksen2015", "kurosawa2013"),
        *("csf_methotrexate1994", "fernandezsevilla2020"),
        *("gaipa2008", "lund2011", "othus2014", "percival2015", "prucker2009", "raja2014", "schultz2022_relapse"),
        *("cai2019", "giebel2017", "gupta2013_abandonment", "vora2006_all97", "ramanujachar2007"),
        *("dini2011_ages", "jagasia2012"),
        *("gaynon1998", "roy2005"),
        *("gandemer2009", "gupta2011", "lowe2005", "marwaha2010", "oskarsson2018", "bachanova2013"),
    }
    for key in set(library().sources()) - looked_up:
        source = library().source(key)
        for mark in (source.doi, source.pmid):
            assert mark is None or mark in text, (key, mark)


# --- mistakes


def test_unknown_key(folder) -> None:
    error, text = folder("iiv_cv: 0.557", "iiv: 0.557")
    assert (error.line, error.column) == place_of(text, "iiv: 0.557")
    assert "unknown key 'iiv'" in str(error) and "'iiv_cv'" in error.remedy


def test_missing_source(folder) -> None:
    error, text = folder("iiv_cv: 0.557, source: vandevelde2020, ", "iiv_cv: 0.557, ")
    assert error.line == place_of(text, "iiv_cv: 0.557")[0]
    assert "source" in error.message and "sources.yaml" in error.remedy


def test_unknown_source(folder) -> None:
    error, text = folder("iiv_cv: 0.557, source: vandevelde2020", "iiv_cv: 0.557, source: vandevelde2021")
    assert (error.line, error.column) == place_of(text, "vandevelde2021")
    assert "'vandevelde2020'" in error.remedy


def test_assumed_without_a_reason(folder) -> None:
    error, text = folder('value: 24, unit: h, read: assumed, because: "', 'value: 24, unit: h, read: assumed, note: "')
    assert error.line == place_of(text, "value: 24, unit: h")[0]
    assert "because" in error.remedy


def test_unit_that_is_none(folder) -> None:
    error, text = folder("unit: L/h, per: bsa, iiv_cv: 0.557", "unit: L/hours2, per: bsa, iiv_cv: 0.557")
    assert (error.line, error.column) == place_of(text, "L/hours2")
    assert "L/hours2" in error.message and "L/h" in error.remedy


def test_unit_of_another_kind(folder) -> None:
    error, text = folder("unit: L/h, per: bsa, iiv_cv: 0.557", "unit: L, per: bsa, iiv_cv: 0.557")
    assert (error.line, error.column) == (
        place_of(text, "iiv_cv: 0.557")[0],
        place_of(text, "L, per: bsa, iiv_cv: 0.557")[1],
    )
    assert "L/h" in error.remedy


def test_marrow_slope_with_the_unit_of_a_kill(folder) -> None:
    error, text = folder("value: 15.5, unit: L/umol", "value: 15.5, unit: L/umol/day", agent="doxorubicin")
    assert error.line == place_of(text, "L/umol/day")[0] and "does not fit" in error.message


def test_value_outside_its_range(folder) -> None:
    error, text = folder(
        'value: 0.3, unit: "-", range: [0.14', 'value: 0.6, unit: "-", range: [0.14', agent="thioguanine"
    )
    assert (error.line, error.column) == place_of(text, "0.6, unit")
    assert "range" in error.message


def test_value_that_cannot_be(folder) -> None:
    error, text = folder('value: 0.12, unit: "-"', 'value: 12, unit: "-"', agent="mercaptopurine")
    assert error.line == place_of(text, "value: 12, unit")[0] and "0 to 1" in error.remedy


def test_misspelt_driver(folder) -> None:
    error, text = folder("driver: tubulin", "driver: tubulins")
    assert (error.line, error.column) == place_of(text, "tubulins")
    assert "'tubulin'" in error.remedy


def test_misspelt_target(folder) -> None:
    error, text = folder("on: blasts", "on: blast")
    assert error.line == place_of(text, "on: blast")[0] and "'blasts'" in error.remedy


def test_misspelt_antagonist(folder) -> None:
    error, text = folder("- agent: leucovorin", "- agent: leucovorine", agent="methotrexate")
    assert (error.line, error.column) == place_of(text, "leucovorine")
    assert "'leucovorin'" in error.remedy


def test_route_without_absorption(folder) -> None:
    error, text = folder("routes: [IV]", "routes: [IV, PO]")
    assert error.line == place_of(text, "pharmacokinetics:")[0] and "absorption" in error.remedy


def test_route_of_absorption_that_does_not_exist(folder) -> None:
    error, text = folder("    PO:\n", "    PQ:\n", agent="mercaptopurine")
    assert (error.line, error.column) == place_of(text, "PQ:") and "PO, SC, IM" in error.remedy


def test_number_without_provenance(folder) -> None:
    error, text = folder(
        "{value: 20.8, unit: L, per: bsa, iiv_cv: 0.594, source: vandevelde2020, read: secondary", "20.8 #"
    )
    assert (error.line, error.column) == place_of(text, "20.8") and "provenance" in error.remedy


@pytest.mark.parametrize("value", ["0", "-1", ".nan", "much"])
def test_volume_that_cannot_be(folder, value: str) -> None:
    error, text = folder("volume: {value: 20.8", f"volume: {{value: {value}")
    assert (error.line, error.column) == place_of(text, f"{value}, unit: L, per: bsa, iiv_cv: 0.594")


def test_ages_with_a_gap(folder) -> None:
    error, text = folder("age_from: 2, age_to: 3, dose: 50", "age_from: 2.5, age_to: 3, dose: 50", agent="cytarabine")
    assert error.line == place_of(text, "age_from: 1, age_to: 2, dose: 30")[0] and "2.5" in error.remedy


def test_own_sources_join_the_bibliography(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text("mine2026: {title: Mine, kind: paper}\n", encoding="utf-8")
    own = Library(extra=[tmp_path])
    assert own.source("mine2026").title == "Mine" and "taylor2020" in own.sources()


def test_key_written_twice(folder) -> None:
    error, text = folder("kind: vinca alkaloid", "kind: vinca alkaloid\nkind: alkaloid")
    assert (error.line, error.column) == place_of(text, "kind: alkaloid")
    assert "twice" in error.message


def test_not_yaml(folder) -> None:
    error, text = folder("routes: [IV]", "routes: [IV")
    assert error.line and "not YAML" in error.message


def test_words_with_a_comma_outside_quotes(folder) -> None:
    error, _ = folder('note: "omega 0.52"', "note: omega 0.52, wide")
    assert "quotes" in error.remedy


def test_covariate_with_a_word_that_does_not_exist(folder) -> None:
    error, text = folder("intermediate: 2.1", "heterozygous: 2.1", agent="mercaptopurine")
    assert error.line == place_of(text, "heterozygous")[0] and "normal, intermediate, poor" in error.message


def test_file_and_agent_named_differently(folder) -> None:
    error, _ = folder("agent: vincristine", "agent: vinblastine")
    assert error.line == 1


def test_text_of_an_error_is_one_line_that_an_editor_can_jump_to(folder) -> None:
    error, _ = folder("iiv_cv: 0.557", "iiv: 0.557")
    assert re.match(r"\S+vincristine\.yaml:\d+:\d+: .+\. .+\?$", str(error))


@pytest.mark.parametrize(
    ("ask", "near"),
    [
        (lambda: library().agent("vincristin"), "vincristine"),
        (lambda: library().agent("6-mercaptopurin"), "mercaptopurine"),
        (lambda: library().source("taylor2019"), "taylor2020"),
        (lambda: library().body("marow"), "marrow"),
        (lambda: library().body("marrow")["neutrophils.mean_transit"], "neutrophils.mean_transit_time"),
        (lambda: library().protocol_path("cog-standard-rsk"), "cog-standard-risk"),
    ],
)
def test_misspelt_names_are_answered_with_the_nearest(ask, near: str) -> None:
    with pytest.raises(BadInput) as error:
        ask()
    assert f"'{near}'" in error.value.remedy


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        load(tmp_path / "none.yaml", Agent)
    with pytest.raises(BadInput, match="no such folder"):
        Library(extra=[tmp_path / "none"])


def test_bare_number_in_a_body_file(tmp_path: Path) -> None:
    (tmp_path / "body").mkdir()
    (tmp_path / "body" / "mine.yaml").write_text("spleen:\n  volume: 3\n", encoding="utf-8")
    with pytest.raises(BadInput) as error:
        Library(extra=[tmp_path]).body("mine")
    assert error.value.line == 2 and "provenance" in error.value.message


# --- own files, provenance, schemas, quantities


def test_own_files_come_first(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    text = "\n".join(lines("vincristine")).replace("value: 30.5", "value: 20")
    (tmp_path / "agents" / "vincristine.yaml").write_text(text, encoding="utf-8")
    own = Library(extra=[tmp_path])
    assert own.agent("vincristine").pharmacokinetics.clearance.value == 20
    assert own.agents() == library().agents()


def test_provenance_lists_every_number_of_the_file() -> None:
    for name in BACKBONES:
        text = (DATA / "agents" / f"{name}.yaml").read_text(encoding="utf-8")
        numbers = [row for row in provenance(library().agent(name)) if row.value is not None]
        assert len(numbers) == len(re.findall(r"\b(?:value|low|high|at_most|course_high): ", text))
        assert sum(counts(numbers).values()) == len(numbers)
    row = next(r for r in provenance(library().agent("vincristine")) if r.path == "pharmacokinetics.clearance")
    assert (row.value, row.unit, row.read, row.source) == (30.5, "L/h per bsa", "secondary", "vandevelde2020")


def test_counts_go_from_best_to_weakest_and_leave_sentences_out() -> None:
    tree = {
        "a": Quantity(value=1, unit="-", read=Read.ASSUMED, because="x"),
        "b": [Quantity(value=1, unit="-", read=Read.LABEL, source="s")],
        "c": library().agent("vincristine").toxicities[0],
    }
    assert list(counts(provenance(tree)).items()) == [("label", 1), ("assumed", 1)]
    assert [row.path for row in provenance(tree)] == ["a", "b.0", "c"]


def test_schemas_are_json_and_name_the_fields(tmp_path: Path) -> None:
    paths = write_schemas(tmp_path / "schemas")
    schema = json.loads(next(p for p in paths if p.name == "agent.schema.json").read_text(encoding="utf-8"))
    assert "pharmacokinetics" in schema["properties"] and schema["additionalProperties"] is False


reads = st.sampled_from([Read.FULL_TEXT, Read.ABSTRACT, Read.LABEL, Read.SECONDARY, Read.MEMORY])
numbers = st.floats(1e-9, 1e12, allow_nan=False)


@given(value=numbers, unit=st.sampled_from(["L/h", "1/day", "umol/L", "-", "IU/L", "Gcell/L"]), read=reads,
       cv=st.none() | st.floats(0, 3), per=st.sampled_from([None, "bsa", "bsa/1.73", "weight"]))  # fmt: skip
def test_quantity_survives_writing_and_reading(value, unit, read, cv, per) -> None:
    q = Quantity(value=value, unit=unit, read=read, source="x2020", iiv_cv=cv, per=per)
    assert Quantity.model_validate(json.loads(q.model_dump_json())) == q
    assert q.to_unit(unit) == pytest.approx(value)


@given(value=numbers)
def test_units_convert_there_and_back(value: float) -> None:
    q = Quantity(value=value, unit="L/h", read=Read.MEMORY)
    assert q.to_unit("mL/min") == pytest.approx(value * 1000 / 60)
    assert Quantity(value=q.to_unit("L/day"), unit="L/day", read=Read.MEMORY).to_unit("L/h") == pytest.approx(value)
    with pytest.raises(ValueError, match="cannot be turned"):
        q.to_unit("umol/L")


def test_our_units_are_those_of_pint() -> None:
    """Those that pint knows too; the file holds few, because reading its own takes a quarter of a second."""
    pint_s = pint.UnitRegistry(cache_folder=None)
    for unit in "mg/L*day umol/L/h Gy month nM cm % mL/minute 1/week U/L fmol".split():
        theirs = pint_s.Quantity(1.7, unit).to_base_units()
        assert registry().Quantity(1.7, unit).to(str(theirs.units)).magnitude == pytest.approx(
            theirs.magnitude, rel=1e-15
        )


def test_a_number_in_another_unit_is_what_pint_makes_of_it() -> None:
    number = Quantity(value=1.7, unit="mg/L*day", read="memory")
    theirs = registry().Quantity(1.7, "mg/L*day").to("ug/mL*h").magnitude
    assert number.to_unit("ug/mL*h") == pytest.approx(theirs, rel=1e-15)
    assert Quantity(value=12.5, unit="%", read="memory").to_unit("-") == 0.125


def test_units_that_are_kept_are_what_pint_says_of_them_and_of_these_definitions() -> None:
    kept = units._kept()
    assert len(kept) > 100 and {"mg/L", "-", "1/day", "Gcell/L"} <= set(kept), "python tests/keep_units.py writes them"
    assert {name: units.by_pint(name) for name in kept} == kept


def test_other_definitions_than_those_that_were_kept_are_read_anew(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "units.txt").write_text(units.DEFINED.read_text("utf-8") + "stone = 6.35 * kilogram\n", "utf-8")
    monkeypatch.setattr(units, "DEFINED", tmp_path / "units.txt")
    try:
        for known in (units.unit_of, units.factor, units.registry, units._kept):
            known.cache_clear()
        assert units._kept() == {} and units.factor("stone", "kg") == pytest.approx(6.35)
    finally:
        monkeypatch.undo()
        for known in (units.unit_of, units.factor, units.registry, units._kept):
            known.cache_clear()
    with pytest.raises(units.UnknownUnit, match="unknown unit 'stone'"):
        units.unit_of("stone")


def test_covariate_has_one_form() -> None:
    with pytest.raises(ValidationError):
        Covariate(on="weight_kg", reference=70)
    with pytest.raises(ValidationError):
        Covariate(on="weight_kg", map={"heavy": 2.0})


def test_plain_yaml_keeps_the_word_on(tmp_path: Path) -> None:
    """YAML 1.1 reads `on` and `no` as truth values; knowledge files must not."""
    (tmp_path / "x.yaml").write_text("on: no\n", encoding="utf-8")
    assert read_yaml(tmp_path / "x.yaml") == {"on": "no"}
