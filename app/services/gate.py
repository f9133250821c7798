"""The verdict on a model as it stands: the measurements of its newest judged windows, or of all since a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import Connection, Engine

from app.core.errors import NotFoundError
from app.core.gate import Finding, Gate, decide
from app.core.model import Measurement, Model, Outcome, Stage, Version, Window
from app.services.checks import all_checks
from app.storage.catalogue import find_model, find_version, list_versions
from app.storage.engine import snapshot
from app.storage.evaluations import judged

NO_VERSION = "the model has no version in use: add one with `watchkeeper version add`, or name a retired one"
NOTHING_JUDGED = "nothing has been judged: `watchkeeper run` judges every window that has closed"


def judge_model(
    engine: Engine,
    model_name: str,
    *,
    now: datetime,
    version_name: str | None = None,
    since: datetime | None = None,
    checks: Collection[str] = (),
    not_before: datetime | None = None,
) -> Gate:
    """Whether the model is healthy by its newest judged window, or by all windows that start at `since` or later.

    Every version counts but retired ones, unless one is named; every check, unless some are. What was asked for and
    not judged is a finding too. `not_before`: see `decide`. Raises NotFoundError for an unknown name.
    """
    for check in checks:
        if check not in all_checks():
            raise NotFoundError("check", check, sorted(all_checks()))
    with snapshot(engine) as connection:
        model = find_model(connection, model_name)
        versions = _versions(connection, model, version_name)
        found = [one for version in versions for one in _judged(connection, version, since, checks)]
        missing = [one for version in versions for one in _not_judged(version, found, checks, model, now)]
    if not versions:
        missing = [_silence("", "", NO_VERSION, model, now)]
    return decide(found + missing, not_before=not_before)


def _versions(connection: Connection, model: Model, name: str | None) -> list[Version]:
    if name is not None:
        return [find_version(connection, model.id, name)]
    return [one for one in list_versions(connection, model.id) if one.stage is not Stage.RETIRED]


def _judged(
    connection: Connection, version: Version, since: datetime | None, checks: Collection[str]
) -> Iterator[Finding]:
    return (Finding(version.name, one) for one in judged(connection, version.id, since, checks))


def _not_judged(
    version: Version, found: Collection[Finding], checks: Collection[str], model: Model, now: datetime
) -> Iterator[Finding]:
    """A finding for each check that was asked for and not judged; without a choice, for a version never judged."""
    known = {one.measurement.check for one in found if one.version == version.name}
    wanted = [check for check in checks if check not in known] if checks else [] if known else [""]
    return (_silence(version.name, check, NOTHING_JUDGED, model, now) for check in wanted)


def _silence(version_name: str, check: str, reason: str, model: Model, now: datetime) -> Finding:
    """Nothing is known of the newest window that has closed."""
    current = model.window.start_of(now)
    window = Window(current - model.window.delta, current)
    return Finding(version_name, Measurement(check, "", window, "", Outcome.NOT_EVALUATED, reason=reason))
