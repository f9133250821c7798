"""Who is live: written beside every change, one at a time, and nothing is lost of what was before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, delete, insert, select

from app.core.deployments import Kind
from app.core.drills import DrillState, Recovery
from app.core.errors import ConflictError, InvalidError
from app.core.model import Model, Stage, Task, Version
from app.services.alerting import alert
from app.services.catalogue import models_with_versions, register_model, register_version
from app.services.deployments import make_live, plan_rollback, roll_back, set_stage, standing
from app.services.read_models.deployments import deployments
from app.services.read_models.versions import model_versions
from app.services.recovery import recovery_of
from app.storage import drills, migrate, tables
from app.storage.catalogue import find_version
from app.storage.engine import read, write
from tests.services.measured import DAY, measure, rows_of

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def add_reference(engine: Engine, version_id: int) -> None:
    """Bare proof that there is one: nothing here reads it."""
    row = {"layout": b"", "rows": 1, "has_timestamps": False, "digest": "", "created_at": NOW}
    with write(engine) as connection:
        connection.execute(insert(tables.reference).values(version_id=version_id, **row))


def register(engine: Engine, *names: str) -> list[Version]:
    """Versions of `fraud` with references, deployed one after the other."""
    register_model(engine, Model("fraud", Task.BINARY), NOW)
    found = [register_version(engine, "fraud", Version(0, name), NOW) for name in names]
    for one in found:
        add_reference(engine, one.id)
    return found


def stages(engine: Engine) -> dict[str, Stage]:
    [(_, versions)] = models_with_versions(engine)
    return {one.name: one.stage for one in versions}


def test_the_first_version_is_live_and_a_later_one_only_registered_unless_said_otherwise(engine: Engine) -> None:
    register_model(engine, Model("fraud", Task.BINARY), NOW)
    for name in "12":
        register_version(engine, "fraud", Version(0, name), NOW, stage_open=True)
    register_version(engine, "fraud", Version(0, "2"), NOW, stage_open=True)  # again changes nothing
    assert stages(engine) == {"1": Stage.LIVE, "2": Stage.REGISTERED}
    register_version(engine, "fraud", Version(0, "3", Stage.LIVE), NOW, author="ann")
    assert stages(engine) == {"1": Stage.REGISTERED, "2": Stage.REGISTERED, "3": Stage.LIVE}
    told = [(row["version"], row["from_stage"], row["to_stage"], row["kind"]) for row in deployments(engine)]
    assert told == [
        ("1", None, "live", "registered"),
        ("2", None, "registered", "registered"),
        ("1", "live", "registered", "superseded"),
        ("3", None, "live", "registered"),
    ]
    assert deployments(engine)[-1]["author"] == "ann"


def test_a_rollback_makes_the_one_before_live_and_the_bad_one_stays_registered(engine: Engine) -> None:
    register(engine, "1", "2", "3")
    planned = plan_rollback(engine, "fraud")
    assert (planned.version, planned.replaces) == ("2", ("3",))
    assert stages(engine)["3"] is Stage.LIVE  # nothing is done yet
    done = roll_back(engine, "fraud", NOW + HOUR, author="ann", reason="scores jumped")
    assert (done.version, done.replaces, done.kind) == ("2", ("3",), Kind.ROLLBACK)
    assert stages(engine) == {"1": Stage.REGISTERED, "2": Stage.LIVE, "3": Stage.REGISTERED}
    superseded, last = deployments(engine, model="fraud", since=NOW + HOUR)
    assert (superseded["reason"], last["author"], last["reason"]) == (
        "version 2 took its place",
        "ann",
        "scores jumped",
    )
    assert roll_back(engine, "fraud", NOW + 2 * HOUR, author="ann").version == "1"
    with pytest.raises(ConflictError, match="none was live before"):
        roll_back(engine, "fraud", NOW + 3 * HOUR, author="ann")


def test_several_versions_may_be_live_on_purpose_until_another_takes_over(engine: Engine) -> None:
    register(engine, "1")
    for name in ("2", "3"):
        register_version(engine, "fraud", Version(0, name, Stage.REGISTERED), NOW)
    set_stage(engine, "fraud", "2", Stage.LIVE, NOW, beside=True)
    assert standing(engine, "fraud").live == ("2", "1")
    assert make_live(engine, "fraud", "3", NOW, author="ann").replaces == ("2", "1")
    assert standing(engine, "fraud").live == ("3",)


def test_a_retired_version_does_not_become_live_by_promotion(engine: Engine) -> None:
    register(engine, "1", "2")
    set_stage(engine, "fraud", "1", Stage.RETIRED, NOW)
    with pytest.raises(ConflictError, match="version 1 is retired; `watchkeeper version stage fraud 1 registered`"):
        make_live(engine, "fraud", "1", NOW, author="ann")


def test_an_author_of_two_lines_is_refused(engine: Engine) -> None:
    register(engine, "1", "2")
    with pytest.raises(InvalidError, match="author: 'a\\\\nb' is not allowed"):
        roll_back(engine, "fraud", NOW, author="a\nb")


def test_of_changes_at_once_one_wins_and_the_others_are_told(engine: Engine) -> None:
    register(engine, "1", "2", "3")
    seen = standing(engine, "fraud").change

    def attempt(promote: bool) -> str:
        arguments: dict[str, Any] = {"author": "ann", "seen": seen}
        try:
            if promote:
                return make_live(engine, "fraud", "1", NOW, **arguments).version
            return roll_back(engine, "fraud", NOW, **arguments).version
        except ConflictError as error:
            assert "what is live changed meanwhile: version" in str(error)  # noqa: PT017  it is a result here
            return "conflict"

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(attempt, [True, False, True, False]))
    assert sorted(results)[1:] == ["conflict"] * 3
    assert standing(engine, "fraud").live == (min(results),)
    assert len([row for row in deployments(engine) if row["kind"] in {"deploy", "rollback"}]) == 1


def test_the_versions_of_a_model_show_who_answers_and_where_back_leads(engine: Engine) -> None:
    first, _ = register(engine, "1", "2")
    counts = {"rows": 9, "revision": 1, "outcomes": b"", "features": b"", "updated_at": NOW}
    with write(engine) as connection:
        for day in (2 * DAY, DAY):
            values = {"version_id": first.id, "segment": "", "window_start": NOW - day, **counts}
            connection.execute(insert(tables.profile).values(values))
    found = model_versions(engine, "fraud")
    assert (found.live, found.fallback, [one.name for one in found.versions]) == (("2",), "1", ["2", "1"])
    assert [one.newest_window for one in found.versions] == [None, NOW - DAY]
    roll_back(engine, "fraud", NOW + HOUR, author="ann")
    after = model_versions(engine, "fraud")
    assert (after.live, after.fallback, "none was live before" in after.why_not) == (("1",), None, True)
    assert (after.versions[1].author, after.versions[1].since) == ("ann", NOW + HOUR)


def test_what_is_known_about_going_back(engine: Engine) -> None:
    register(engine, "1", "2", "3")
    model = models_with_versions(engine)[0][0]
    with write(engine) as connection:
        assert recovery_of(connection, model) == Recovery("2", earlier=2, ready=2, why_not="")
        tried = find_version(connection, model.id, "2")
        for state, hour in ((DrillState.PASSED, 1), (DrillState.FAILED, 2)):
            number = drills.add_drill(connection, tried, 20, "ann", NOW, NOW + DAY)
            drills.finish(connection, number, state, "no answer" if hour == 2 else "", NOW + hour * HOUR, None)
        known = Recovery("2", 2, 2, "", tried=True, passed_at=NOW + HOUR, failures=1, failure="no answer")
        assert recovery_of(connection, model) == known


def test_alerts_of_a_version_that_was_replaced_end_once_it_is_silent(engine: Engine) -> None:
    old, _new = register(engine, "1", "2")
    with write(engine) as connection:
        connection.execute(delete(tables.deployment))  # 1 is live again, as if 2 never was
    set_stage(engine, "fraud", "1", Stage.LIVE, NOW)
    measure(engine, old.id, "bb", check="volume", subject="")
    alert(engine, NOW)
    assert [row["state"] for row in rows_of(engine, "alert")] == ["firing"]
    make_live(engine, "fraud", "2", NOW, author="ann")
    alert(engine, NOW + HOUR)
    [found] = rows_of(engine, "alert")
    assert (found["state"], found["reason"]) == (
        "resolved",
        "no longer watched: the version is not live, and gets no requests",
    )
    measure(engine, old.id, "b", first_day=2)
    with write(engine) as connection:
        window = {"window_start": rows_of(engine, "measurement")[-1]["window_start"], "updated_at": NOW}
        counts = {"rows": 9, "revision": 1, "outcomes": b"", "features": b""}
        connection.execute(insert(tables.profile).values(version_id=old.id, segment="", **window, **counts))
    alert(engine, NOW + DAY)
    assert {row["check"]: row["state"] for row in rows_of(engine, "alert")}["training_serving_skew"] == "firing"


def test_the_migration_writes_down_what_the_versions_say_themselves(engine: Engine) -> None:
    register(engine, "1")
    deployed = NOW - DAY
    register_version(engine, "fraud", Version(0, "2", Stage.REGISTERED, deployed_at=deployed), NOW)
    register_version(engine, "fraud", Version(0, "3", Stage.SHADOW), NOW)
    scripts = ScriptDirectory.from_config(migrate._config()).walk_revisions()
    before = next(str(one.down_revision) for one in scripts if one.path.endswith("_deployments.py"))
    migrate.downgrade(engine, before)
    migrate.upgrade(engine)
    with read(engine) as connection:
        rows = connection.execute(select(tables.deployment).order_by(tables.deployment.c.id)).all()
    told = [(row.version_id, row.from_stage, row.to_stage, row.at, row.kind) for row in rows]
    first, second, _ = [version.id for version in models_with_versions(engine)[0][1]]
    assert told == [(second, None, "live", deployed, "known"), (first, None, "live", NOW, "known")]
