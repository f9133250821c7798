"""Everything about one alert: what, since when, how bad, why, what changed around then, what to do, who was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from app.core.alerting import State
from app.core.causes import Cause, cause_text
from app.core.errors import NotFoundError
from app.core.messages import Kind
from app.core.model import Model, Outcome, Window, WindowLength
from app.core.timeline import Event
from app.services.causes import explain_window
from app.services.checks import advice_for
from app.services.read_models.alert_rows import alert_rows, deliveries_of, history_of
from app.services.read_models.timeline import events_of
from app.services.runbooks import Guidance, guidance
from app.storage import tables
from app.storage.catalogue import find_model
from app.storage.engine import snapshot

MOST_MESSAGES = 20
BEFORE = {WindowLength.DAY: timedelta(days=7), WindowLength.HOUR: timedelta(days=2)}
AFTER = {WindowLength.DAY: timedelta(days=3), WindowLength.HOUR: timedelta(days=1)}
"""How far around its beginning the timeline of an alert looks."""
CHART_WINDOWS = 40
_NEED_A_BEGINNING = {Kind.RESOLVED.value, Kind.ACKNOWLEDGED.value}
"""Messages that go to those alone that heard that it fires."""

_measurement = tables.measurement.c


@dataclass(frozen=True, slots=True)
class Told:
    """One message, and what became of it on each channel (as in `read_models.alerts`).

    `in_digest`: a channel is told of it in its digest.
    """

    at: datetime
    kind: str
    title: str
    deliveries: tuple[Mapping[str, Any], ...]
    in_digest: bool = False

    @property
    def nobody(self) -> str:
        """Why nobody is told of it at once; "" where somebody is."""
        if self.deliveries:
            return ""
        if self.kind in _NEED_A_BEGINNING:
            return "nobody: no channel had got the alarm"
        return "it is told in the digest" if self.in_digest else "nobody: there was no channel that was on"


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One alert, and those of the same check and version beside it.

    `alert` and `group` are rows of `read_models.alerts`; `group` holds every open one and `alert`, the worst first.
    `model` and `version_id` are None where it is about Watchkeeper itself. `began` is the first window of its present
    breach, or of its last. `causes` are of `explained`, the window in breach that the alert rests on; `why_no_causes`
    says what they had to do without, or why there are none. `events` are those of the span `around`; `history` is as
    in `read_models.alert_rows.history_of`.
    """

    alert: Mapping[str, Any]
    group: tuple[Mapping[str, Any], ...]
    model: Model | None
    version_id: int | None
    began: datetime
    explained: datetime | None
    causes: tuple[Cause, ...]
    why_no_causes: str
    around: tuple[datetime, datetime]
    events: tuple[Event, ...]
    advice: str
    runbook: Guidance
    told: tuple[Told, ...]
    history: tuple[Mapping[str, Any], ...]

    @property
    def chart(self) -> tuple[datetime, datetime]:
        """[since, until) of the windows to draw."""
        length = self.model.window.delta if self.model else timedelta(0)
        return self.began - CHART_WINDOWS * length, self.alert["judged_window"] + length

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        others = [row["id"] for row in self.group if row["id"] != self.alert["id"]]
        causes = [{"rank": n, **asdict(cause), "text": cause_text(cause)} for n, cause in enumerate(self.causes, 1)]
        return {
            **self.alert,
            "began": self.began,
            "others": others,
            "advice": self.advice,
            "explained_window": self.explained,
            "causes": causes,
            "causes_note": self.why_no_causes,
            "timeline": [asdict(event) for event in self.events],
            "runbook": asdict(self.runbook),
            "history": list(self.history),
            "messages": [asdict(message) for message in self.told],
        }


def alert_page(engine: Engine, alert_id: int, now: datetime) -> AlertPage:
    """The page of the alert. Raises NotFoundError."""
    with snapshot(engine) as connection:
        found = connection.execute(select(tables.alert).where(tables.alert.c.id == alert_id)).mappings().one_or_none()
        if found is None:
            raise NotFoundError("alert", str(alert_id), None, "`watchkeeper alert list --all` lists every one")
        return _page(connection, dict(found), now)


def _page(connection: Connection, found: Mapping[str, Any], now: datetime) -> AlertPage:
    a, version_id, check = tables.alert.c, found["version_id"], found["check"]
    of_version = a.version_id.is_(None) if version_id is None else a.version_id == version_id
    rows = alert_rows(connection, [of_version, a.check == check], now)
    alert = next(row for row in rows if row["id"] == found["id"])
    model = find_model(connection, alert["model"]) if alert["model"] else None
    window = _window_in_breach(connection, found, model) if model else None
    causes, why_not = _causes(connection, version_id, window, alert)
    began = alert["since"] or alert["judged_window"]
    around = _around(began, model, now)
    return AlertPage(
        alert=alert,
        group=tuple(row for row in rows if _is_open(row) or row is alert),
        model=model,
        version_id=version_id,
        began=began,
        explained=window.start if window else None,
        causes=tuple(causes),
        why_no_causes=why_not,
        around=around,
        events=tuple(events_of(connection, model, *around)) if model else (),
        advice=advice_for(check) or alert["advice"],
        runbook=guidance(connection, alert["model"] or "", check),
        told=tuple(_told(connection, version_id, check)),
        history=tuple(history_of(connection, found["id"])),
    )


def _is_open(row: Mapping[str, Any]) -> bool:
    return State(row["state"]).open


def _causes(
    connection: Connection, version_id: int, window: Window | None, alert: Mapping[str, Any]
) -> tuple[Sequence[Cause], str]:
    if window is None:
        return (), "the window in breach is not kept any more" if alert["model"] else ""
    return explain_window(connection, version_id, window, alert["check"], alert["segment"] or "")


def _window_in_breach(connection: Connection, found: Mapping[str, Any], model: Model) -> Window | None:
    """The newest window in breach up to the one that the alert rests on: of a resolved one, the last."""
    m = _measurement
    series = (m[name] == found[name] for name in ("version_id", "check", "subject", "segment"))
    start = connection.scalar(
        select(func.max(m.window_start)).where(
            *series, m.outcome == Outcome.BREACH.value, m.window_start <= found["judged_window"]
        )
    )
    return None if start is None else Window(start, start + model.window.delta)


def _around(began: datetime, model: Model | None, now: datetime) -> tuple[datetime, datetime]:
    length = model.window if model else WindowLength.DAY
    since = began - BEFORE[length]
    return since, max(since, min(began + AFTER[length], now))


def _told(connection: Connection, version_id: int | None, check: str) -> list[Told]:
    """The newest messages about the check, the last one first."""
    n = tables.notification.c
    of_version = n.version_id.is_(None) if version_id is None else n.version_id == version_id
    query = select(n.id, n.created_at, n.kind, n.message, n.in_digest).where(of_version, n.check == check)
    rows = connection.execute(query.order_by(n.id.desc()).limit(MOST_MESSAGES)).all()
    deliveries = deliveries_of(connection, [row.id for row in rows])
    return [
        Told(row.created_at, row.kind, row.message.get("title", ""), tuple(deliveries.get(row.id, ())), row.in_digest)
        for row in rows
    ]
