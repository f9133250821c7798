"""The versions of a model and what happened to them, as tables."""

from __future__ import annotations

from app.core.environments import Difference
from app.core.model import Stage
from app.services.read_models.versions import ModelVersions, VersionRow
from app.ui.components import wording
from app.ui.components.html import Html, element, join, table, title

MOST_DIFFERENCES = 5
NONE = "-"


def section(found: ModelVersions) -> Html:
    """Where each version stands."""
    live = f"Live: {', '.join(found.live)}." if found.live else "No version is live."
    rows = [_row(one) for one in found.versions]
    head = ("Version", "Stage", "Since", "By", "Why", "Last predictions", "Other than the live one")
    return join(
        element("h1", f"Versions of {found.model}", class_="wk-title"),
        element("p", live, class_="wk-lead"),
        table(head, rows),
    )


def history(found: ModelVersions) -> Html:
    """What happened, the newest first."""
    rows = [
        (
            wording.moment(row["at"]),
            row["version"],
            f"{row['from_stage'] or NONE} → {row['to_stage']}",
            row["kind"],
            row["author"] or NONE,
            row["reason"] or NONE,
        )
        for row in found.history
    ]
    return join(title("What happened"), table(("When", "Version", "Stage", "Kind", "By", "Why"), rows))


def _row(one: VersionRow) -> tuple[str, ...]:
    return (
        one.name,
        f"● {one.stage}" if one.stage is Stage.LIVE else f"○ {one.stage}",
        wording.moment(one.since) if one.since else NONE,
        one.author or NONE,
        "; ".join(text for text in (one.reason, one.lacks) if text) or NONE,
        f"window of {wording.start_of_window(one.newest_window)}" if one.newest_window else NONE,
        _differs(one),
    )


def _differs(one: VersionRow) -> Html:
    shown = [element("div", _difference(each)) for each in one.differs[:MOST_DIFFERENCES]]
    more = len(one.differs) - len(shown)
    return join(*shown, element("div", f"and {more} more") if more else None if shown else NONE)


def _difference(each: Difference) -> str:
    return f"{each.field.replace('_', ' ')}: {each.before or 'none'} → {each.after or 'none'}"
