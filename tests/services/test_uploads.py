"""Profiles in place of rows: counted once, like the rows they stand for, whatever happens in between."""

from __future__ import annotations

import gc
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.fold import Rows, Truth
from app.core.fold import fold as fold_rows
from app.core.layout import Layout
from app.core.model import Model, Task, Version, WindowLength
from app.core.portable import encode, portable
from app.core.profile import Profile
from app.services import uploads
from app.services.evaluate import evaluate
from app.services.fold import FoldSummary, fold
from app.services.imports import import_predictions
from app.services.profiling import Reading, profile_files
from app.services.rebuild import rebuild, request_rebuild
from app.services.references import store_reference
from app.services.uploads import UploadSummary, layout_of, store_upload
from app.storage import catalogue, tables
from app.storage.engine import read, write
from collectors.tabular import ColumnMapping
from tests.services.served import (
    NOW,
    START,
    Served,
    assert_same,
    expected_profiles,
    refer,
    serve,
    store,
    stored_profiles,
)
from tests.services.served import (
    layout_of as made_layout,
)
from tests.services.test_fold import CrashError, fold_when_free, histories, statements


def made(layout: Layout, seed: int, hours: Sequence[int] = (0,), n: int = 5) -> dict[datetime, Profile]:
    """The profiles of a few rows in those hours after the start."""
    rng = np.random.default_rng(seed)
    start = int(START.timestamp()) * 1_000_000
    times = start + rng.choice(np.array(hours), n) * 3_600_000_000 + rng.integers(0, 3_600_000_000, n)
    truth = Truth.unknown(n)
    truth.label_class[:] = rng.choice(np.array(["no", "yes"], object), n)
    truth.label_value[:] = rng.normal(size=n)
    truth.source[:] = rng.integers(-1, 3, n)
    value = rng.normal(size=n) if layout.task is Task.REGRESSION else [None] * n
    features = {"x": rng.normal(size=n), "kind": rng.choice(["a", "b", "new"], n).tolist()}
    classes = [None] * n if layout.task is Task.REGRESSION else rng.choice(["no", "yes"], n).tolist()
    rows = Rows(times, classes, value, rng.uniform(size=n), rng.exponential(9, n), truth, features)
    return fold_rows(layout, rows, WindowLength.HOUR)


def packed(layout: Layout, profiles: dict[datetime, Profile], *sources: object) -> bytes:
    digests = [sha256(repr(source).encode()).hexdigest() for source in sources]
    return encode(portable(layout, WindowLength.HOUR, digests, dict(profiles.items())))


def version_name(served: Served, version_id: int) -> str:
    return str(served.version_ids.index(version_id) + 1)


def send(engine: Engine, served: Served, version_id: int, content: bytes) -> UploadSummary:
    return store_upload(engine, served.model.name, version_name(served, version_id), content, NOW)


def added(*parts: dict[datetime, Profile]) -> dict[datetime, Profile]:
    total: dict[datetime, Profile] = {}
    for part in parts:
        for start, profile in part.items():
            total[start] = total[start] + profile if start in total else profile
    return total


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_rows_and_uploads_in_any_order_equal_a_rebuild_and_one_sum_of_all(engine: Engine, data: st.DataObject) -> None:
    served = serve(engine, data.draw(st.sampled_from(Task)))
    sent: dict[int, list[dict[datetime, Profile]]] = {one: [] for one in served.version_ids}
    batches = data.draw(histories(served))
    uploads_ = data.draw(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(served.version_ids)), max_size=4))
    steps: list[list[tuple[Any, ...]] | tuple[int, int]] = [*batches, *uploads_]
    for step in data.draw(st.permutations(steps)):
        if isinstance(step, list):
            store(engine, step)
        else:
            seed, version_id = step
            profiles = made(served.layout, seed, hours=(0, 1))
            if not send(engine, served, version_id, packed(served.layout, profiles, seed)).duplicate:
                sent[version_id].append(profiles)
        for act in data.draw(st.lists(st.sampled_from(["fold", "request"]), max_size=1)):
            if act == "fold":
                fold(engine, NOW, slice_rows=data.draw(st.sampled_from([1, 4, 20_000])))
            else:
                with write(engine) as connection:
                    request_rebuild(connection, served.version_ids[0])
    with patch.object(uploads, "SLICE_WINDOWS", data.draw(st.sampled_from([1, 20]))):
        fold(engine, NOW)
        folded = {one: stored_profiles(engine, one) for one in served.version_ids}
        for one, profiles in folded.items():
            assert_same(profiles, added(expected_profiles(engine, served, one), *sent[one]))
        rebuild(engine, now=NOW, model=served.model.name)
    for one, profiles in folded.items():
        assert_same(stored_profiles(engine, one), profiles)


def test_sending_twice_changes_nothing_however_it_was_compressed(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    profiles = made(served.layout, 1, hours=(0, 1, 2))
    first = send(engine, served, served.version_ids[0], packed(served.layout, profiles, "a"))
    assert (first.rows, first.windows, first.duplicate) == (5, len(profiles), False)
    assert fold(engine, NOW) == FoldSummary(uploaded=len(profiles))
    before = stored_profiles(engine, served.version_ids[0])

    with patch("zlib.compress", side_effect=lambda data, _level: _stored(data)):
        other = packed(served.layout, profiles, "a")
    assert other != packed(served.layout, profiles, "a")
    assert send(engine, served, served.version_ids[0], other) == replace(first, duplicate=True)
    assert fold(engine, NOW) == FoldSummary()
    assert_same(stored_profiles(engine, served.version_ids[0]), before)


def _stored(data: bytes) -> bytes:
    compressor = zlib.compressobj(0)
    return compressor.compress(data) + compressor.flush()


def test_rows_of_one_file_in_two_uploads_are_refused(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    one, other = served.version_ids
    send(engine, served, one, packed(served.layout, made(served.layout, 1), "monday"))

    with pytest.raises(ConflictError, match="would count twice"):
        send(engine, served, one, packed(served.layout, made(served.layout, 2), "monday", "tuesday"))

    assert send(engine, served, other, packed(served.layout, made(served.layout, 1), "monday")).duplicate is False
    assert send(engine, served, one, packed(served.layout, made(served.layout, 2), "tuesday")).duplicate is False


def test_the_same_upload_from_two_senders_at_once_is_stored_once(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    content = packed(served.layout, made(served.layout, 1), "a")

    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(lambda _: send(engine, served, served.version_ids[0], content), range(8)))

    assert sorted(summary.duplicate for summary in summaries) == [False] + [True] * 7
    fold(engine, NOW)
    assert_same(stored_profiles(engine, served.version_ids[0]), made(served.layout, 1))


def test_an_error_at_any_statement_loses_and_doubles_nothing(engine: Engine) -> None:
    for step in range(1, 100):
        served = serve(engine, Task.BINARY, versions=1)
        [version_id] = served.version_ids
        profiles = made(served.layout, step, hours=(0, 1))
        content = packed(served.layout, profiles, "a")

        def fail(number: int, at: int = step) -> None:
            if number == at:
                raise CrashError

        done = False
        with suppress(CrashError), statements(engine, fail) as seen:
            send(engine, served, version_id, content)
            fold(engine, NOW)
            done = len(seen) < step
        gc.collect()  # a process that really crashed would leave no session behind
        send(engine, served, version_id, content)
        fold_when_free(engine, lambda _: None)
        assert_same(stored_profiles(engine, version_id), profiles)
        if done:
            return
    pytest.fail("the statements never ended")


def test_another_layout_is_refused_with_what_differs(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    other = made_layout(Task.BINARY, shift=1.0)

    with pytest.raises(ConflictError, match="feature 'x' has other bins"):
        send(engine, served, served.version_ids[0], packed(other, made(other, 1), "a"))


def test_a_new_reference_leaves_old_uploads_out_until_its_layout_is_back(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    [version_id, _] = served.version_ids
    old, new = served.layout, made_layout(Task.BINARY, shift=1.0)
    send(engine, served, version_id, packed(old, made(old, 1), "a"))
    fold(engine, NOW)

    _refer(engine, version_id, new)
    assert stored_profiles(engine, version_id) == {}
    send(engine, served, version_id, packed(new, made(new, 1), "a"))  # the same file, counted by the new bins
    fold(engine, NOW)
    assert_same(stored_profiles(engine, version_id), made(new, 1))

    _refer(engine, version_id, old)
    assert_same(stored_profiles(engine, version_id), made(old, 1))


def _refer(engine: Engine, version_id: int, layout: Layout) -> None:
    with write(engine) as connection:
        refer(connection, version_id, layout, NOW)
    fold(engine, NOW)


def test_windows_that_cannot_be_are_refused(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    one, layout = served.version_ids[0], served.layout
    [profile] = made(layout, 1).values()

    def by(length: WindowLength | None, start: datetime | None) -> bytes:
        return encode(portable(layout, length, ["0" * 64], {start: profile}))

    for content, words in (
        (by(WindowLength.DAY, START.replace(hour=0)), "the windows of the model are of one hour"),
        (by(None, None), "by: 'all'"),
        (by(WindowLength.HOUR, NOW + timedelta(hours=1)), "window"),
        (by(WindowLength.HOUR, datetime(1970, 1, 1, tzinfo=UTC)), "window"),
    ):
        with pytest.raises(InvalidError, match=words):
            send(engine, served, one, content)
    with patch.object(uploads, "MOST_UNPACKED", 1000), pytest.raises(InvalidError, match="send fewer at once"):
        send(engine, served, one, by(WindowLength.HOUR, START))


def test_nothing_is_stored_of_an_upload_with_one_unsound_window(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    profiles = made(served.layout, 1, hours=range(5), n=50)
    broken = list(profiles)[-1]
    outcomes = profiles[broken].outcomes
    profiles[broken] = Profile(profiles[broken].features, replace(outcomes, latency=-outcomes.latency))

    with pytest.raises(InvalidError, match=r"profile\.latency"):
        send(engine, served, served.version_ids[0], packed(served.layout, profiles, "a"))

    with read(engine) as connection:
        for table in (tables.uploaded_profile, tables.uploaded_source):
            assert connection.scalar(select(func.count()).select_from(table)) == 0


def test_a_version_without_a_reference_has_no_layout(engine: Engine) -> None:
    with write(engine) as connection:
        model = catalogue.add_model(connection, Model("bare", Task.BINARY), NOW)
        catalogue.add_version(connection, Version(model.id, "1"), NOW)

    with pytest.raises(NotFoundError, match="no reference 'bare 1'"):
        layout_of(engine, "bare", "1")


# --- end to end: the same file as rows, and as a profile --------------------------------------------------------------


def frame(days: int, first: int = 0, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(days + first)
    n = days * 60
    score = rng.beta(2, 3, n)
    at = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=first, minutes=24 * i) for i in range(n)]
    return pd.DataFrame(
        {
            "key": [f"{first}-{i}" for i in range(n)],
            "at": [time.isoformat() for time in at],
            "p": score,
            "truth": (rng.random(n) < score).astype(int),
            "ms": rng.exponential(5, n),
            "x": rng.normal(shift, 1, n),
            "kind": rng.choice(["a", "b"], n),
        }
    )


MAPPING = ColumnMapping(id="key", timestamp="at", score="p", label="truth", latency="ms")
LATER = datetime(2026, 3, 1, tzinfo=UTC)


def but_replays(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["subject"] != "replay"]


def test_an_upload_is_judged_as_its_rows_are(engine: Engine, tmp_path: Path) -> None:
    reference, served = tmp_path / "reference.csv", tmp_path / "served.csv"
    frame(40).to_csv(reference, index=False)
    frame(5, first=40, shift=2.0).to_csv(served, index=False)
    with write(engine) as connection:
        model = catalogue.add_model(connection, Model("m", Task.BINARY), LATER)
        rows, profile = (catalogue.add_version(connection, Version(model.id, name), LATER) for name in ("rows", "wkp"))
    for version in (rows, profile):
        store_reference(engine, model, version, reference, MAPPING, now=LATER, out_of_sample=True)

    import_predictions(engine, model, rows, served, MAPPING, now=LATER)
    reading = Reading(MAPPING, LATER)
    profiled = profile_files([served], reading, by=WindowLength.DAY, layout=layout_of(engine, "m", "wkp"))
    store_upload(engine, "m", "wkp", encode(profiled.profiles), LATER)
    fold(engine, LATER)
    until = datetime(2026, 2, 15, tzinfo=UTC)
    evaluate(engine, until)

    # Rows of a file carry no text of their input and no time of their label: nothing of replays and of delays.
    assert_same(
        stored_profiles(engine, profile.id),
        stored_profiles(engine, rows.id),
        but=frozenset({"replays", "label_delays"}),
    )
    assert but_replays(measured(engine, profile)) == but_replays(measured(engine, rows))
    assert any(row["outcome"] == "breach" and row["subject"] == "x" for row in measured(engine, rows))

    send_late = frame(1, first=40, shift=-2.0).assign(key="late")
    late = tmp_path / "late.csv"
    send_late.to_csv(late, index=False)
    before = measured(engine, profile)
    more = profile_files([late], reading, by=WindowLength.DAY, layout=layout_of(engine, "m", "wkp"))
    store_upload(engine, "m", "wkp", encode(more.profiles), LATER)
    fold(engine, LATER)
    evaluate(engine, until)
    assert measured(engine, profile) != before  # the window was due again


def measured(engine: Engine, version: Version) -> list[dict[str, Any]]:
    m = tables.measurement.c
    columns = [column for column in m if column.key not in {"id", "version_id", "evaluated_at"}]
    query = select(*columns).where(m.version_id == version.id).order_by(m.window_start, m.check, m.subject)
    with read(engine) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def test_a_new_reference_says_which_uploads_it_leaves_out(engine: Engine, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    frame(40).to_csv(first, index=False)
    frame(40, first=1).to_csv(second, index=False)
    with write(engine) as connection:
        model = catalogue.add_model(connection, Model("m", Task.BINARY), LATER)
        version = catalogue.add_version(connection, Version(model.id, "1"), LATER)
    store_reference(engine, model, version, first, MAPPING, now=LATER, out_of_sample=True)
    served = tmp_path / "served.csv"
    frame(2, first=40).to_csv(served, index=False)
    layout = layout_of(engine, "m", "1")
    profiled = profile_files([served], Reading(MAPPING, LATER), by=WindowLength.DAY, layout=layout)
    store_upload(engine, "m", "1", encode(profiled.profiles), LATER)

    summary = store_reference(engine, model, version, second, MAPPING, now=LATER, out_of_sample=True)

    assert [one for one in summary.warnings if "120 rows have the old layout" in one]
