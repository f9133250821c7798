"""The ML Test Score of a model, filled in from its measurements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from app.core.model import Outcome, Stage, Version
from app.core.scorecard import CheckRecord, Facts, Item, Scorecard, scorecard
from app.services.checks import all_checks
from app.services.read_models.choice import choose_version
from app.storage import tables
from app.storage.catalogue import find_model, list_versions
from app.storage.channels import list_channels
from app.storage.engine import read
from app.storage.references import find_reference
from app.storage.samples import has_labels

_m, _count = tables.measurement.c, tables.verdict_count.c


@dataclass(frozen=True, slots=True)
class ModelScorecard:
    """The card of one version of a model, as of a time."""

    model: str
    version: str
    at: datetime
    card: Scorecard

    def as_dict(self) -> dict[str, Any]:
        """The card for programs."""
        return {
            "model": self.model,
            "version": self.version,
            "at": self.at,
            "score": self.card.score,
            "infrastructure": self.card.infrastructure,
            "items": [_item(item) for item in self.card.items],
        }


def model_scorecard(engine: Engine, model: str, version: str | None, now: datetime) -> ModelScorecard:
    """The card of that version; without one, of the one that the model is shown by. Raises NotFoundError."""
    with read(engine) as connection:
        found = find_model(connection, model)
        versions = list_versions(connection, found.id)
        chosen = choose_version(connection, versions, version)
        facts = Facts(
            now=now,
            window=found.window.delta,
            checks=_records(connection, chosen.id),
            installed=frozenset(name for name, check in all_checks().items() if found.task in check.tasks),
            channels=[one.name for one in list_channels(connection) if one.off is None],
            validated=_validated(connection, chosen),
            trials=[one.name for one in versions if one.stage in {Stage.SHADOW, Stage.CANARY}],
        )
    return ModelScorecard(found.name, chosen.name, now, scorecard(facts))


def _item(item: Item) -> dict[str, Any]:
    return {
        "section": item.section.value,
        "number": item.number,
        "test": item.test,
        "credit": item.credit.value,
        "points": item.credit.points,
        "outcome": item.outcome.value,
        "evidence": list(item.evidence),
    }


def _records(connection: Connection, version_id: int) -> dict[str, CheckRecord]:
    """What each check did on the whole of the version's traffic; one look at its measurements."""
    judged = _count.ok + _count.breach > 0
    spans = (
        select(
            _count.check,
            func.count().filter(judged).label("windows"),
            func.min(_count.window_start).filter(judged).label("first"),
            func.max(_count.window_start).filter(judged).label("last"),
            func.max(_count.window_start).label("newest"),
        )
        .where(_count.version_id == version_id)
        .group_by(_count.check)
    )
    rows = connection.execute(spans).all()
    return {
        row.check: CheckRecord(row.check, reason=_reason(connection, version_id, row.check, row.newest))
        if row.last is None
        else CheckRecord(
            row.check, row.windows, row.first, row.last, *_counts(connection, version_id, row.check, row.last)
        )
        for row in rows
    }


def _counts(connection: Connection, version_id: int, check: str, start: datetime) -> tuple[int, int]:
    """Subjects judged, and those in breach, in one window."""
    query = (
        select(_m.outcome, func.count())
        .where(_m.version_id == version_id, _m.check == check, _m.window_start == start, _m.segment == "")
        .group_by(_m.outcome)
    )
    counts: dict[str, int] = dict(connection.execute(query).all())
    breaches = counts.get(Outcome.BREACH.value, 0)
    return breaches + counts.get(Outcome.OK.value, 0), breaches


def _reason(connection: Connection, version_id: int, check: str, start: datetime) -> str:
    """Why the check could not judge its newest window."""
    query = (
        select(_m.reason)
        .where(_m.version_id == version_id, _m.check == check, _m.window_start == start, _m.segment == "")
        .order_by(_m.subject.desc())
        .limit(1)
    )
    return connection.scalar(query) or ""


def _validated(connection: Connection, version: Version) -> bool | None:
    """Has the version a reference of labelled rows that it was not trained on? None where that cannot be told."""
    reference, labelled = find_reference(connection, version.id), has_labels(connection, version.id)
    if reference is None or labelled is None:
        return None
    return labelled and reference.out_of_sample is True
