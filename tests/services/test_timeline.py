"""Events of every kind, put into real databases by the services that make them."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy import event as hook

from app.core.codec import encode_counts
from app.core.errors import InvalidError, NotFoundError
from app.core.label_delay import DELAY_EDGES
from app.core.layout import default_layout
from app.core.model import Model, Task, Version
from app.core.profile import OutcomeCounts
from app.core.retraining_run import RunState, rejected
from app.core.silences import Matcher, Silence
from app.core.timeline import Event, EventKind
from app.services.alerting import alert
from app.services.catalogue import register_model, register_version
from app.services.deployments import roll_back
from app.services.overrides import remove_override, set_override
from app.services.read_models.timeline import timeline
from app.services.silences import add_silence, end_silence
from app.storage import catalogue, tables
from app.storage.engine import write
from app.storage.retraining_runs import NewRun, add_run, change_state, find_run
from app.storage.targets import add_target
from tests.services.measured import DAY, START, add_version, measure

NOW = START + 30 * DAY


def events(engine: Engine, *kinds: str) -> list[Event]:
    return timeline(engine, "delay", START, NOW + DAY, kinds)


def test_a_model_to_which_nothing_happened_has_no_events(engine: Engine) -> None:
    with write(engine) as connection:
        catalogue.add_model(connection, Model("delay", Task.BINARY), START)

    assert events(engine) == []


def test_versions_come_go_and_come_back_and_what_they_run_on_differs(engine: Engine) -> None:
    register_model(engine, Model("delay", Task.BINARY), START)
    for name, numpy, day in (("1", "1.26", 1), ("2", "2.0", 2)):
        new = Version(0, name, dependencies={"numpy": numpy}, deployed_at=START + day * DAY)
        register_version(engine, "delay", new, START + day * DAY, author="ann")
    roll_back(engine, "delay", START + 3 * DAY, to="1", author="bob", reason="worse")

    found = events(engine, "deployment", "dependencies", "rollback")

    assert [((event.at - START) // DAY, event.what, event.author, event.why) for event in found] == [
        (1, "version 1 went live", "ann", ""),
        (2, "version 1 went from live to registered", "ann", "version 2 took its place"),
        (2, "version 2 went live", "ann", ""),
        (2, "version 2 differs from 1: numpy 1.26 -> 2.0", "", ""),
        (3, "version 2 went from live to registered", "bob", "version 1 took its place"),
        (3, "rolled back to version 1", "bob", "worse"),
    ]
    assert [event.kind for event in found][3:] == [EventKind.DEPENDENCIES, EventKind.DEPLOYMENT, EventKind.ROLLBACK]


def test_a_storm_of_alerts_is_one_event_for_each_change_of_a_check(engine: Engine) -> None:
    version_id = add_version(engine)
    for n in range(12):
        measure(engine, version_id, "ob", subject=f"f{n:02}")
    alert(engine, NOW - DAY)
    for n in range(12):
        measure(engine, version_id, "o", subject=f"f{n:02}", first_day=2)
    alert(engine, NOW)

    fired, resolved = events(engine, "alert")

    assert fired.what == "training_serving_skew fired for f00, f01, f02, f03, f04 and 7 more"
    assert (fired.at, fired.version, fired.why) == (
        NOW - DAY,
        "1",
        "in breach since the window of 2026-03-02 00:00 UTC: day 1 says b",
    )
    assert fired.alert_id is not None
    assert (resolved.at, resolved.what.split()[1]) == (NOW, "resolved")


def test_who_set_and_removed_a_limit_and_why(engine: Engine) -> None:
    add_version(engine)
    check = "training_serving_skew"
    set_override(engine, START + DAY, "delay", check=check, limit=0.4, subject="age", author="ann", reason="season")
    remove_override(engine, START + 2 * DAY, "delay", check=check, subject="age", author="bob", reason="over")

    assert [(event.what, event.author, event.why) for event in events(engine)] == [
        ("the limit of training_serving_skew of age was set to 0.4", "ann", "season"),
        ("the limit of training_serving_skew of age is learnt again", "bob", "over"),
    ]


def test_references_and_labels_from_what_is_stored(engine: Engine) -> None:
    version_id = add_version(engine)
    store_labelled_days(engine, version_id, days=20)
    with write(engine) as connection:
        row = {"version_id": version_id, "layout": "{}", "rows": 900, "has_timestamps": True, "digest": "d"}
        connection.execute(insert(tables.reference).values(**row, created_at=START + DAY))

    found = events(engine, "reference", "labels")

    assert [(event.at, event.what) for event in found] == [
        (START + DAY, "a reference of 900 rows was stored"),
        (START + 3 * DAY, "labels began to come: 40"),
        (START + 22 * DAY, "labels stopped: the last 40 came about then, usually about 40 per day"),
    ]


def store_labelled_days(engine: Engine, version_id: int, days: int) -> None:
    """Profiles whose 40 labels a day came two to three days later."""
    counts = OutcomeCounts.empty(default_layout(Task.BINARY, positive_label="1", threshold=0.5, confident=0.9))
    counts.label_delays[np.searchsorted(DELAY_EDGES, 3 * 86_400)] = 40
    same = {"version_id": version_id, "rows": 50, "features": b"", "revision": 1, "updated_at": START}
    rows = [{**same, "outcomes": encode_counts(counts), "window_start": START + day * DAY} for day in range(days)]
    with write(engine) as connection:
        connection.execute(insert(tables.profile), rows)


def test_each_step_of_a_retraining_says_why_and_by_whom(engine: Engine) -> None:
    version_id = add_version(engine)
    with write(engine) as connection:
        target_id = add_target(connection, "ci", "webhook", {}, START)
        new = NewRun("w", 1, version_id, target_id, RunState.WAITING, "", "it fell", None, "{}", DAY)
        add_run(connection, new, "worker", START)
        run = find_run(connection, "w")
        assert run is not None
        change_state(connection, run, rejected(run.known, "ann", "holidays"), "ann", START + DAY)

    assert [(event.what, event.version, event.author, event.why) for event in events(engine, "retraining")] == [
        ("a retraining waits for approval", "1", "", "it fell"),
        ("retraining was cancelled", "1", "ann", "rejected by ann: holidays"),
    ]


def test_silences_of_the_model_and_drills(engine: Engine) -> None:
    version_id = add_version(engine)
    for model in ("del*", "other"):
        matcher = Matcher(model=model, check="volume")
        silence = Silence(matcher, START + DAY, START + 9 * DAY, "ann", "a migration")
        end_silence(engine, START + 3 * DAY, add_silence(engine, START, silence)["id"], "bob")
    unheld = Silence(Matcher(model="delay"), START + 4 * DAY, START + 9 * DAY, "ann", "called off before it began")
    end_silence(engine, START + 3 * DAY, add_silence(engine, START, unheld)["id"], "bob")
    with write(engine) as connection:
        model_id = connection.scalar(select(tables.model.c.id))
        times = {"started_at": START + 2 * DAY, "deadline": START + 4 * DAY, "finished_at": START + 3 * DAY}
        said = {"state": "failed", "author": "ann", "rows": 20, "reason": "nobody answered"}
        ids = {"model_id": model_id, "version_id": version_id}
        connection.execute(insert(tables.drill).values(**ids, **times, **said))
        off = {"state": "called_off", "called_off_by": "bob", "reason": "moved"}
        again = {"started_at": START + 4 * DAY, "finished_at": START + 5 * DAY}
        connection.execute(insert(tables.drill).values(**ids, **{**times, **again}, **{**said, **off}))

    assert [((event.at - START) // DAY, event.what, event.author, event.why) for event in events(engine)] == [
        (1, "alerts with model=del* check=volume were silenced", "ann", "a migration"),
        (2, "a drill of going back to version 1 began", "ann", ""),
        (3, "the drill of version 1 failed", "", "nobody answered"),
        (3, "the silence of alerts with model=del* check=volume was over", "bob", ""),
        (4, "a drill of going back to version 1 began", "ann", ""),
        (5, "the drill of version 1 was called off", "bob", "moved"),
    ]


def test_only_the_span_that_is_asked_for(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "b")
    alert(engine, NOW)

    assert timeline(engine, "delay", START, NOW) == []
    assert len(timeline(engine, "delay", NOW, NOW + DAY)) == 1


def test_each_kind_costs_one_query_however_many_versions_there_are(engine: Engine) -> None:
    for n in range(4):
        store_labelled_days(engine, add_version(engine, version=str(n)), days=3)
    asked: list[str] = []
    hook.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    events(engine)

    # The model, its versions, and one for each kind but the dependencies, which the versions tell.
    assert len([one for one in asked if one.startswith("SELECT")]) == 2 + 8


def test_what_cannot_be_asked_for_is_said(engine: Engine) -> None:
    add_version(engine)
    with pytest.raises(NotFoundError, match="no model 'nobody'"):
        timeline(engine, "nobody", START, NOW)
    with pytest.raises(InvalidError, match="kind: 'weather' is not allowed; allowed are deployment"):
        events(engine, "weather")
    with pytest.raises(InvalidError, match=r"since: .* is not allowed; allowed is a time before"):
        timeline(engine, "delay", NOW, NOW)
