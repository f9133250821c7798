"""What is new since one's last visit, in a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from app.services.read_models.news import News
from app.ui.components import wording
from app.ui.components.html import Html, element

MOST_NAMES = 3


def line(found: News, last_visit: datetime, now: datetime) -> Html:
    """Such as `since your last visit 3 hours ago: alerts began to fire for 2 models (a, b)`."""
    said = "; ".join(_clauses(found)) or "no alert began or ended, and no other version went live"
    ago = element("span", f"Since your last visit {wording.duration(now - last_visit)} ago: ", class_="wk-news-when")
    return element("p", ago, f"{said}.", class_="wk-news", title=f"last visit: {wording.moment(last_visit)}")


def _clauses(found: News) -> Iterator[str]:
    if found.began:
        yield f"alerts began to fire for {_models(found.began)}"
    if found.ended:
        yield f"{_models(found.ended)} recovered: all alerts are over"
    live = [
        f"{one.model} {'went back to' if one.back else 'runs'} version {one.version}" for one in found.live[:MOST_NAMES]
    ]
    if live:
        more = (
            f" and {len(found.live) - MOST_NAMES} more have other versions live" if len(found.live) > MOST_NAMES else ""
        )
        yield ", ".join(live) + more


def _models(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return shown + more if len(names) == 1 else f"{wording.plural(len(names), 'model')} ({shown}{more})"
