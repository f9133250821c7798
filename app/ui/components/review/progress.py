"""What was done today, and by whom; who has rows that nobody else gets meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from app.core.review import Kind
from app.services.read_models.reviews import Queue, ReviewStanding
from app.ui.components import wording
from app.ui.components.html import Html, element

KINDS = {Kind.AUDIT: "Random audit", Kind.UNCERTAIN: "Uncertain", Kind.NOVEL: "Novel"}


def today(standing: ReviewStanding, kind: Kind, who: str) -> Html:
    """One line: rows that wait, those done today by author, and those that others have."""
    queue = standing.queues[kind]
    done: Counter[str] = Counter()
    for one in standing.today:
        if one.kind is kind:
            done[one.author] += one.answered + one.skipped
    parts = [
        _fact("waiting", wording.count(queue.waiting)),
        _fact("done today (UTC)", f"{wording.count(done.total())}{_by(done, who)}"),
    ]
    others = _others(queue, who)
    if others:
        parts.append(_fact("with others", others))
    return element("div", *parts, class_="wk-review-progress")


def _fact(label: str, value: str) -> Html:
    return element("span", element("b", value), f" {label}")


def _by(done: Mapping[str, int], who: str) -> str:
    names = sorted(done, key=lambda name: (name != who, -done[name], name))
    shown = [f"{'you' if name == who else name} {wording.count(done[name])}" for name in names[:4]]
    more = [f"{len(names) - 4} others"] if len(names) > 4 else []
    return f" ({', '.join(shown + more)})" if names else ""


def _others(queue: Queue, who: str) -> str:
    held = [(name, one) for name, one in queue.held.items() if name != who]
    return ", ".join(f"{name} {wording.count(one.rows)} until {one.until:%H:%M} UTC" for name, one in held[:3])


def nothing_waits(standing: ReviewStanding, kind: Kind, who: str) -> str:
    """Why there is no row of that kind for somebody, and where there are some."""
    others = _others(standing.queues[kind], who)
    if others:
        return f"The last rows are with others: {others}. What they do not answer until then is for you."
    elsewhere = [
        f"{wording.count(queue.waiting)} under {KINDS[other]}"
        for other, queue in standing.queues.items()
        if other is not kind and queue.waiting
    ]
    there = f" {' and '.join(elsewhere)} may be for you." if elsewhere else ""
    return (
        f"Nothing waits here.{there} The worker looks at every prediction that comes, and puts what is worth it here."
    )
