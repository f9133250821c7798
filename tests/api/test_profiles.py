"""Profiles over HTTP: taken in place of rows, refused when they are not what they must be."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from app.api.app import create_app
from app.core.codec import decode_layout
from app.core.layout import Layout
from app.core.model import Model, Task, Version, WindowLength
from app.core.portable import MAGIC, decode, encode, portable
from app.services.fold import fold
from app.services.keys import create_key
from app.services.profiling import Reading, profile_files
from app.settings import Settings
from app.storage import tables
from app.storage.engine import read
from collectors.tabular import ColumnMapping

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
CSV = {"Content-Type": "text/csv"}
PLACE = {"model": "fraud", "version": "3"}


def rows(folder: Path, seed: int, day: int = 1) -> Path:
    rng = np.random.default_rng(seed)
    at = [f"2026-01-{day:02}T{hour:02}:00:00Z" for hour in range(24)]
    path = folder / f"{seed}.csv"
    frame = {"at": at, "score": rng.uniform(size=24), "age": rng.normal(size=24), "kind": rng.choice(["a", "b"], 24)}
    pd.DataFrame(frame).to_csv(path, index=False)
    return path


def profile(folder: Path, seed: int, layout: Layout | None, **options: Any) -> bytes:
    reading = Reading(ColumnMapping(timestamp="at", score="score"), NOW)
    learn_for = (Model("", Task.BINARY), Version(0, ""))
    by = options.pop("by", WindowLength.DAY)
    found = profile_files([rows(folder, seed, **options)], reading, by=by, layout=layout, learn_for=learn_for)
    return encode(found.profiles)


@pytest.fixture
def layout(client: TestClient, fraud: Version, tmp_path: Path) -> Layout:
    """The layout of version 3 of `fraud`, as the collector gives it."""
    url = "/v1/models/fraud/versions/3/reference?timestamp_column=at&score_column=score"
    assert client.put(url, content=rows(tmp_path, 0).read_bytes(), headers=CSV).status_code == 200
    answer = client.get("/v1/models/fraud/versions/3/layout")
    assert answer.headers["content-type"] == "application/json"
    return decode_layout(answer.text)


def test_a_profile_is_stored_once_and_counted(
    client: TestClient, engine: Engine, layout: Layout, tmp_path: Path
) -> None:
    body = profile(tmp_path, 1, layout)

    first, second = (client.post("/v1/profiles", params=PLACE, content=body).json() for _ in range(2))

    assert (first["windows"], first["rows"], first["duplicate"]) == (1, 24, False)
    assert second == {**first, "duplicate": True}
    assert fold(engine, NOW).uploaded == 1
    with read(engine) as connection:
        assert connection.scalar(select(func.sum(tables.profile.c.rows))) == 24


def test_a_profile_of_other_bins_is_a_conflict_that_says_what_differs(
    client: TestClient, layout: Layout, tmp_path: Path
) -> None:
    answer = client.post("/v1/profiles", params=PLACE, content=profile(tmp_path, 1, None))

    assert answer.status_code == 409
    assert "feature 'age' has other bins" in answer.json()["error"]
    assert "--like" in answer.json()["error"]


def test_rows_that_are_in_another_upload_are_a_conflict(client: TestClient, layout: Layout, tmp_path: Path) -> None:
    body = profile(tmp_path, 1, layout)
    assert client.post("/v1/profiles", params=PLACE, content=body).status_code == 200
    content = msgspec.msgpack.decode(body[len(MAGIC) :])
    more = MAGIC + msgspec.msgpack.encode({**content, "sources": [*content["sources"], "0" * 64]})

    answer = client.post("/v1/profiles", params=PLACE, content=more)

    assert answer.status_code == 409
    assert "would count twice" in answer.json()["error"]


@pytest.mark.parametrize(
    ("params", "status", "words"),
    [
        ({"model": "nobody", "version": "3"}, 404, "no model 'nobody'"),
        ({"model": "fraud", "version": "4"}, 404, "no version '4'"),
        ({"model": "fraud"}, 422, "version"),
    ],
)
def test_whose_profile_it_is_must_be_known(
    client: TestClient, layout: Layout, params: dict[str, str], status: int, words: str
) -> None:
    answer = client.post("/v1/profiles", params=params, content=b"")

    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_without_a_reference_there_is_no_layout(client: TestClient, fraud: Version) -> None:
    for answer in (
        client.get("/v1/models/fraud/versions/3/layout"),
        client.post("/v1/profiles", params=PLACE, content=b""),
    ):
        assert answer.status_code == 404
        assert "no reference 'fraud 3'" in answer.json()["error"]


def test_a_body_that_is_no_profile_is_refused_and_nothing_of_it_is_stored(
    client: TestClient, engine: Engine, layout: Layout, tmp_path: Path
) -> None:
    good = profile(tmp_path, 1, layout)
    content = msgspec.msgpack.decode(good[len(MAGIC) :])
    bomb = MAGIC + msgspec.msgpack.encode({**content, "layout": zlib.compress(b" " * (100 << 20))})

    for body in (b"", b"no profile", good[:-3], bomb, profile(tmp_path, 1, layout, by=WindowLength.HOUR)):
        answer = client.post("/v1/profiles", params=PLACE, content=body)
        assert (answer.status_code, answer.json().get("field")) in {(422, "profile file"), (422, "by")}

    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(tables.uploaded_profile)) == 0
        assert connection.scalar(select(func.count()).select_from(tables.uploaded_source)) == 0


Altered: TypeAlias = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize(
    ("alter", "field", "words"),
    [
        (lambda layout: layout["numeric"][0].update(edges=[2.0, 1.0]), "age", "ascending numbers"),
        (lambda layout: layout["numeric"][0].update(sd=-1.0), "age", "no negative sd"),
        (lambda layout: layout["categorical"][0].update(categories=["c"] * 10**6), "kind", "at most"),
        (lambda layout: layout.update(derived=[{"name": "no", "kind": "text"}]), "derived", "the last numeric columns"),
        (lambda layout: layout.update(embeddings=[{"name": "e", "dimension": 10**9, "exponent": 0}]), "e", "8 to 4096"),
        (lambda layout: layout.update(threshold=None), "profile file", "$.threshold"),
    ],
)
def test_an_unsound_layout_is_refused_with_what_is_wrong(
    client: TestClient, layout: Layout, tmp_path: Path, alter: Altered, field: str, words: str
) -> None:
    content = msgspec.msgpack.decode(profile(tmp_path, 1, layout)[len(MAGIC) :])
    altered = msgspec.json.decode(zlib.decompress(content["layout"]))
    alter(altered)
    packed = zlib.compress(msgspec.json.encode(altered), 9)
    body = MAGIC + msgspec.msgpack.encode({**content, "layout": packed})

    answer = client.post("/v1/profiles", params=PLACE, content=body)

    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert words in answer.json()["error"]


def test_negative_counts_are_refused_and_nothing_is_stored(
    client: TestClient, engine: Engine, layout: Layout, tmp_path: Path
) -> None:
    sent = decode(profile(tmp_path, 1, layout))
    [(start, counted)] = sent.profiles()
    counted.features.categories[0, 0] -= 100
    body = encode(portable(sent.layout, sent.by, sent.sources, {start: counted}))

    answer = client.post("/v1/profiles", params=PLACE, content=body)

    assert (answer.status_code, answer.json()["field"]) == (422, "profile.categories")
    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(tables.uploaded_profile)) == 0


def test_size_and_kind_of_the_body_are_bounded(client: TestClient, layout: Layout) -> None:
    too_large = client.post("/v1/profiles", params=PLACE, content=b"x" * ((1 << 20) + 1))
    text = client.post("/v1/profiles", params=PLACE, content=b"x", headers=CSV)
    packed = client.post("/v1/profiles", params=PLACE, content=b"x", headers={"Content-Encoding": "gzip"})

    assert (too_large.status_code, text.status_code, packed.status_code) == (413, 415, 415)


@pytest.fixture
def guarded(settings: Settings) -> Iterator[TestClient]:
    """A client of a collector that the network can reach."""
    app = create_app(replace(settings, host="0.0.0.0"))
    with TestClient(app, base_url="http://collector.example:8600") as client:
        yield client


def test_an_ingest_key_gets_the_layout_and_sends_profiles(
    guarded: TestClient, engine: Engine, layout: Layout, tmp_path: Path
) -> None:
    key = {"Authorization": f"Bearer {create_key(engine, 'service', 'ingest', NOW).secret}"}
    body = profile(tmp_path, 1, layout)

    assert guarded.get("/v1/models/fraud/versions/3/layout", headers=key).status_code == 200
    assert guarded.post("/v1/profiles", params=PLACE, content=body, headers=key).status_code == 200
    assert guarded.put("/v1/models/fraud/versions/3/reference", content=b"", headers=key).status_code == 403
    assert guarded.get("/v1/models/fraud/versions/3/layout").status_code == 401
    assert guarded.post("/v1/profiles", params=PLACE, content=body).status_code == 401
