"""Reports over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.core.model import Version
from app.storage import reports
from app.storage.engine import write

SPAN = {"since": "2026-11-01T00:00:00Z", "until": "2026-11-08T00:00:00Z"}


def test_a_report_is_asked_for_found_and_read(client: TestClient, engine: Engine, fraud: Version) -> None:
    asked = client.post("/v1/reports", json={"model": "fraud", "kind": "quality", **SPAN})
    assert (asked.status_code, asked.json()["state"]) == (202, "requested")
    address = f"/v1/reports/{asked.json()['id']}"
    assert client.get(f"{address}/html").status_code == 422
    assert "waits for the worker" in client.get(f"{address}/json").json()["error"]

    numbers = {"sampling": "all", "reference_rows": 5, "current_rows": 6}
    with write(engine) as connection:
        now = datetime.now(UTC)
        reports.finish(connection, asked.json()["id"], now, html="<p>ö</p>", json='{"a":1}', **numbers)  # type: ignore[arg-type]

    page = client.get(f"{address}/html")
    assert (page.text, page.headers["content-security-policy"]) == ("<p>ö</p>", "sandbox allow-scripts")
    assert client.get(f"{address}/json").json() == {"a": 1}
    [listed] = client.get("/v1/reports", params={"model": "fraud"}).json()
    assert listed == client.get(address).json()
    assert {name: listed[name] for name in ("model", "version", "kind", "state", "current_rows")} == {
        "model": "fraud",
        "version": "3",
        "kind": "quality",
        "state": "done",
        "current_rows": 6,
    }
    assert not {"html", "json"} & set(listed)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"model": "nobody", **SPAN}, 404, "no model"),
        ({"model": "fraud", **SPAN, "kind": "poem"}, 422, "kind"),
        ({"model": "fraud", "since": SPAN["until"], "until": SPAN["since"]}, 422, "until"),
        ({"model": "fraud", "since": "2026-11-01T00:00:00", "until": SPAN["until"]}, 422, "since"),
        ({"model": "fraud", **SPAN, "version": "9"}, 404, "no version '9'"),
    ],
)
def test_a_wrong_order_names_what_is_wrong(
    client: TestClient, fraud: Version, body: dict[str, str], status: int, words: str
) -> None:
    answer = client.post("/v1/reports", json=body)
    assert (answer.status_code, words in answer.json()["error"]) == (status, True)
    assert client.get("/v1/reports").json() == []


def test_an_unknown_report_is_404(client: TestClient) -> None:
    assert [client.get(f"/v1/reports/7{part}").status_code for part in ("", "/html", "/json")] == [404] * 3
