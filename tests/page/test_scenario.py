"""The address of a scenario: what it means, that it comes back as itself, and what is said of one that cannot be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.page.scenario import Scenario, typical
from remission.patient.cohort import columns
from remission.patient.given import Given
from remission.patient.population import draw
from remission.protocol.vocabulary import VALUES

ISSUE = "cog-standard-risk~age4~f~16kg~102cm~b~cns1"


def test_the_address_of_the_issue_is_read_and_stays_as_it_is():
    made = Scenario.read(ISSUE, {"seed": "7", "without": "vincristine,methotrexate:it"})
    assert (made.age_years, made.sex, made.weight_kg, made.height_cm) == (4.0, "f", 16.0, 102.0)
    assert made.without == ("methotrexate IT", "vincristine")
    assert made.address == ISSUE + "?without=methotrexate:IT,vincristine&seed=7"
    assert made.wbc is None and made.ph is None


def test_what_is_not_said_is_that_of_a_typical_patient_and_the_size_that_of_the_age():
    made = Scenario.read("cog-standard-risk~age9~f", {})
    assert made.age_years == 9 and made.lineage == "b" and made.cns == 1
    assert 25 <= made.weight_kg <= 32 and 128 <= made.height_cm <= 137
    assert Scenario.read("cog-standard-risk", {}) == typical("cog-standard-risk")


@pytest.mark.parametrize("protocol", library().protocols())
def test_every_protocol_has_a_typical_patient_for_whom_it_is_meant(protocol):
    made = typical(protocol)
    assert Scenario.read(made.path, {}) == made


@settings(max_examples=60, deadline=None)
@given(
    age=st.floats(1, 9.9),
    sex=st.sampled_from("fm"),
    bmi=st.floats(13, 22),
    height=st.floats(70, 150),
    cns=st.integers(1, 2),
    wbc=st.none() | st.floats(0.5, 49),
    tpmt=st.none() | st.sampled_from(VALUES["tpmt"]),
    seed=st.integers(0, 2**31 - 1),
    without=st.sets(st.sampled_from(["vincristine", "methotrexate:IT", "dexamethasone"])),
)
def test_an_address_comes_back_as_itself(age, sex, bmi, height, cns, wbc, tpmt, seed, without):
    form = {"protocol": "cog-standard-risk", "age": f"{age:.4f}", "sex": sex, "height": f"{height:.4f}",
            "weight": f"{bmi * (height / 100) ** 2:.4f}", "cns": str(cns), "wbc": "" if wbc is None else f"{wbc:.4f}",
            "tpmt": tpmt or "", "seed": str(seed), "without": ",".join(without)}  # fmt: skip
    made = Scenario.from_form(form)
    path, _, query = made.address.partition("?")
    again = Scenario.read(path, dict(part.split("=") for part in query.split("&") if part))
    assert again == made and again.address == made.address
    assert made.age_years == pytest.approx(age, rel=1e-3)


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("cog-standard-rsk", {}, "Did you mean 'cog-standard-risk'?"),
        ("cog-standard-risk~aeg4", {}, "Did you mean 'age4'?"),
        ("cog-standard-risk~age4~age5", {}, "Say it once"),
        ("cog-standard-risk~age12", {}, "is not for this patient. It is for: age at least 1"),
        ("cog-standard-risk~16kg~190cm", {}, "do not belong to one person"),
        ("cog-standard-risk~age0", {}, "more than 0"),
        ("cog-standard-risk~t~ph-positive", {}, "no Philadelphia chromosome"),
        ("forum-tbi~wbc3", {}, "enter in remission"),
        ("cog-standard-risk", {"witout": "vincristine"}, "Did you mean 'without'?"),
        ("cog-standard-risk", {"without": "vincristin"}, "Did you mean 'vincristine'?"),
        ("cog-standard-risk", {"without": "imatinib"}, "does not give imatinib"),
        ("cog-standard-risk", {"patients": "1000000"}, "1 to 5,000"),
        ("cog-standard-risk", {"seed": "٣"}, "cannot be"),
        ("cog-standard-risk", {"miss": "mercaptopurine"}, "mercaptopurine:10"),
        ("cog-standard-risk", {"miss": "mercaptopurine:0"}, "More than 0"),
        ("../../etc/passwd", {}, "unknown protocol"),
        ("~" * 5000, {}, "too long"),
    ],
)
def test_what_cannot_be_is_said_with_what_would_be_right(path, query, said):
    with pytest.raises(BadInput) as told:
        Scenario.read(path, query)
    assert said in str(told.value)


def test_the_patients_have_the_facts_in_common_and_differ_in_the_rest():
    made = Scenario.read("bfm-standard~age4~f~16kg~102cm~t~cns2~ph-negative~tpmt-intermediate", {})
    table = columns(draw("childhood-all", 200, seed=1, given=made.given))
    for name, value in {"age_y": 4, "sex": "female", "weight_kg": 16, "height_cm": 102, "lineage": "T", "cns": 2,
                        "ph": "negative", "tpmt": "intermediate"}.items():  # fmt: skip
        assert set(table[name].tolist()) == {value}
    assert len(set(table["wbc"].tolist())) == 200 and len(set(table["subtype"].tolist())) > 2


def test_what_is_not_given_is_drawn_as_among_patients_with_the_facts():
    """CNS disease goes with a high white count; the genes of thiopurines go with each other by ancestry."""

    def drawn(n, seed, **facts):
        return columns(draw("childhood-all", n, seed=seed, given=Given(lineage="B", **facts)))

    everyone, ill, carriers = drawn(20_000, 2), drawn(400, 3, cns=3), drawn(4000, 4, tpmt="intermediate")
    among = np.log(everyone["wbc"][everyone["cns"] == 3])
    error = among.std() * (1 / 400 + 1 / among.size) ** 0.5
    assert np.log(ill["wbc"]).mean() == pytest.approx(among.mean(), abs=3 * error)
    assert among.mean() > np.log(everyone["wbc"]).mean() + 5 * error
    expected = (everyone["nudt15"][everyone["tpmt"] == "intermediate"] == "normal").mean()
    assert (carriers["nudt15"] == "normal").mean() == pytest.approx(expected, abs=0.03)


def test_the_philadelphia_chromosome_can_be_given_where_it_is_rare():
    made = Scenario.read("bfm-standard~ph-positive", {})
    assert set(columns(draw("childhood-all", 50, seed=1, given=made.given))["ph"].tolist()) == {"positive"}
