"""The page that reads one patient's chart: answered at once, nothing kept, every bad file a message."""

import numpy as np
import pytest
from starlette.testclient import TestClient

from remission.individual.fit import Effort
from remission.individual.forward import SCORES
from remission.individual.virtual import virtual_charts
from remission.page import one_chart
from remission.page.app import application


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(application(), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def table() -> str:
    chart = virtual_charts(np.zeros((1, len(SCORES))), seed=4, weeks=30)[0]
    told = [(v.day / 7 + 1, v.anc, v.platelets, v.haemoglobin, *v.mg) for v in chart.visits]
    rows = [",".join(f"{x:.4g}" for x in row) for row in told]
    return "\n".join(["Weeks,ANC,PLT,Hb,MP (mg/day),MTX", *rows])


def test_a_chart_is_answered_with_a_picture_and_a_table_and_is_kept_nowhere(
    client: TestClient, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_chart, "EFFORT", Effort(ensemble=48, assimilations=1, walkers=44, steps=3, keep=60))
    wrong = table.replace("Weeks,", "Weeks,", 1) + "\n31,-4,200,11,48,16\n"
    sent = {"file": ("chart.csv", wrong.encode(), "text/csv")}
    answer = client.post("/en/chart", files=sent, data={"age": "6", "sex": "f"})
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    text = answer.text
    assert "<svg" in text and "What is expected" in text and "ANC is -4, which cannot be: left out" in text
    assert text.count("never to choose a dose") == 1
    assert "style=" not in text, "the page's policy forbids styles of elements"


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        ({}, 400, "No chart was sent"),
        ({"text": "a,b\n1,2"}, 400, "No column ANC"),
        ({"text": "Date,ANC,MP\n2021-01-07,1,5"}, 400, "1 visits with an ANC"),
        ({"text": "Date,Neutros,6-MP\n2021-01-07,1,5", "columns": "ANC=Neutros; MP=6-MP"}, 400, "1 visits with an ANC"),
        ({"text": "Date,Neutros,MP\n2021-01-07,1,5", "columns": "Neutros"}, 400, "names no column"),
        ({"text": "Date,Neutros,MP\n2021-01-07,1,5", "columns": "ANC=Neutro"}, 400, "Neutros"),
        ({"text": "x" * (one_chart.MOST_BYTES + 1)}, 413, "More than 200,000 bytes"),
        ({"text": "Date,ANC,MP\n2021-01-07,1,5", "age": "999"}, 400, "Age is"),
        ({"text": "Date,ANC,MP\n2021-01-07,1,5", "protocol": "../x"}, 400, "none of the choices"),
        ({"text": "<script>alert(1)</script>,ANC,MP\n1,2,3"}, 400, "No column Dates or Weeks"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_on_the_page(client: TestClient, data: dict, status: int, said: str) -> None:
    answer = client.post("/en/chart", data=data)
    assert answer.status_code == status and said in answer.text
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "multipart/form-data", "text/plain", ""])
def test_garbage_is_a_message(client: TestClient, kind: str) -> None:
    answer = client.post("/en/chart", content=b"\xff\x00garbage", headers={"content-type": kind})
    assert answer.status_code == 400 and "refused" in answer.text


def test_a_second_chart_waits_its_turn(client: TestClient, table: str) -> None:
    assert one_chart.ONE.acquire(blocking=False)
    try:
        assert client.post("/en/chart", data={"text": table}).status_code == 429
    finally:
        one_chart.ONE.release()
