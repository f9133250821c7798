"""What was done about a model, a line each: alerts, silences, retraining, the way back to another version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.core.timeline import EventKind
from app.ui import data
from app.ui.components import link, urgency, wording
from app.ui.components.activity import state_text
from app.ui.components.html import Html, element, join
from app.ui.components.scope import Scope

NOTHING = "Nothing so far: no alert is open, and no retraining or rollback falls into this range."


def section(scope: Scope) -> Html:
    """The lines, the newest facts first in each; what was not done has none."""
    lines = [*_alerts(scope), *_retraining(scope), *_rollback(scope)]
    if not lines:
        return element("p", NOTHING)
    return element("ul", *(element("li", line) for line in lines))


def _alerts(scope: Scope) -> Iterator[Html]:
    found: Sequence[Mapping[str, Any]] = data.alerts.open_alerts(scope.model, scope.version)
    if scope.segment:
        found = [row for row in found if row["segment"] == scope.segment]
    if not found:
        return
    worst = found[0]
    title = f"{wording.check_title(worst['check'])}, {wording.alert_subject(worst)}"
    silenced = [row for row in found if row["silenced_by"]]
    yield join(
        _link(link.page("alerts", of=scope.model), wording.plural(len(found), "open alert")),
        ", the worst: " if len(found) > 1 else ": ",
        _link(link.page("alert", id=str(worst["id"])), title),
        f" ({urgency.status_text(worst['status']).lower()})",
    )
    if silenced:
        yield join(f"{len(silenced)} of them {silenced[0]['silenced_by']}")


def _retraining(scope: Scope) -> Iterator[Html]:
    runs = data.retraining.retraining_runs(scope.model)
    if runs:
        newest = runs[0]
        result = f", new version {newest.new_version}" if newest.new_version else ""
        asked = f"Retraining asked for on {wording.moment(newest.created_at)}"
        yield join(_link(link.page("retraining", model=scope.model), asked), f": {state_text(newest)}{result}")


def _rollback(scope: Scope) -> Iterator[Html]:
    """The newest one of the range, or since."""
    found = data.timeline.events(
        scope.model, scope.since, datetime.now(UTC).replace(second=0, microsecond=0), (EventKind.ROLLBACK.value,)
    )
    if found:
        newest = found[-1]
        said = f"{newest.what[:1].upper()}{newest.what[1:]} on {wording.moment(newest.at)}"
        yield join(
            _link(link.page("versions", model=scope.model), said), f" by {newest.author}" if newest.author else ""
        )


def _link(href: str, text: str) -> Html:
    return element("a", text, href=href, target="_self")
