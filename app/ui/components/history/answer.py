"""What the time line says, in a sentence or two; no more than the rows bear out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from app.core.timeline import Event, EventKind
from app.services.read_models.spans import AlertSpan, DriftSpan
from app.ui.components import wording

_WENT_LIVE = "went live"


def sentence(events: Sequence[Event], drift: Sequence[DriftSpan], alerts: Sequence[AlertSpan]) -> str:
    """Features first, then alerts; where there is neither, how much else happened."""
    said = list(_clauses(events, drift, alerts))
    if said:
        return " ".join(said)
    if not events:
        return "Nothing is written down in this time, and no feature was found beyond its limit."
    return f"No feature was found beyond its limit, and no alert was open; {wording.plural(len(events), 'event')}."


def _clauses(events: Sequence[Event], drift: Sequence[DriftSpan], alerts: Sequence[AlertSpan]) -> Iterator[str]:
    if drift:
        yield _features(events, drift)
    if alerts:
        still = sum(alert.end is None for alert in alerts)
        count = len({alert.id for alert in alerts})
        was = "was" if count == 1 else "were"
        yield f"{wording.plural(count, 'alert')} {was} open, {still or 'none'} to the end."


def _features(events: Sequence[Event], drift: Sequence[DriftSpan]) -> str:
    """How many lay beyond their limits; of those that did so first after the newest deployment, that it came before."""
    first: dict[str, datetime] = {}
    for span in drift:
        first[span.feature] = min(span.start, first.get(span.feature, span.start))
    lives = [event for event in events if event.kind is EventKind.DEPLOYMENT and event.what.endswith(_WENT_LIVE)]
    after = [start for start in first.values() if lives and start >= lives[-1].at]
    if not after:
        beyond = "was beyond its limit" if len(first) == 1 else "were beyond their limits"
        began = wording.start_of_window(min(first.values()))
        return f"{wording.plural(len(first), 'feature')} {beyond}, the first window of them {began}."
    earlier = len(first) - len(after)
    return (
        f"{wording.plural(len(after), 'feature')} left {'its' if len(after) == 1 else 'their'} normal range after "
        f"version {lives[-1].version} went live, the first in the window of {wording.start_of_window(min(after))}"
        + (f"; {earlier} had left it before." if earlier else ".")
    )
