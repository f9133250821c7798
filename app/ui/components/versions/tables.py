"""The versions of a model and what happened to them, as tables."""

from __future__ import annotations

from app.core.environments import FIELDS, Difference
from app.core.model import Stage
from app.services.read_models.versions import ModelVersions, VersionRow
from app.ui.components import wording
from app.ui.components.html import Html, element, join, table, title

MOST_DIFFERENCES = 5
NONE = wording.NO_VALUE


def section(found: ModelVersions) -> Html:
    """Where each version stands."""
    head = ("Version", "Stage", "Since", "By", "Why", "Newest window", "Other than the live one")
    return table(head, [_row(one) for one in found.versions])


def records(found: ModelVersions) -> Html:
    """The deployment record of each, to unfold; that of what is live is open."""
    return join(
        title("Deployment records", "What each was registered with."), *(_record(one) for one in found.versions)
    )


def _record(one: VersionRow) -> Html:
    packages = [f"{name} {release}" for name, release in sorted(one.record.dependencies.items())]
    listed = element("ul", *(element("li", each) for each in packages), class_="wk-packages")
    facts = [element("div", element("dt", name), element("dd", value or "not said")) for name, value in _facts(one)]
    return element(
        "details",
        element("summary", f"{one.name}, {one.stage}"),
        element("dl", *facts, class_="wk-record"),
        element("p", f"{wording.plural(len(packages), 'dependency', 'dependencies')}:") if packages else None,
        listed if packages else None,
        class_="wk-fold",
        open_="" if one.stage is Stage.LIVE else None,
    )


def _facts(one: VersionRow) -> list[tuple[str, str]]:
    record = one.record
    said = [(name.replace("_", " ").capitalize(), str(getattr(record, name))) for name in FIELDS]
    times = {
        "Newest training row": record.newest_training_row,
        "Deployed": record.deployed_at,
        "Registered": record.created_at,
    }
    dated = [(name, wording.moment(time) if time else "") for name, time in times.items()]
    reference = f"{wording.count(one.reference_rows)} rows" if one.reference_rows else "none: skew cannot be judged"
    return [*said, *dated, ("Training set", record.training_set), ("Reference", reference)]


def history(found: ModelVersions) -> Html:
    """What happened, the newest first."""
    rows = [
        (
            _fixed(wording.moment(row["at"])),
            row["version"],
            _fixed(f"{row['from_stage'] or NONE} → {row['to_stage']}"),
            row["kind"],
            _fixed(row["author"] or NONE),
            _words(row["reason"] or NONE),
        )
        for row in found.history
    ]
    return join(title("What happened"), table(("When", "Version", "Stage", "Kind", "By", "Why"), rows))


def _row(one: VersionRow) -> tuple[str, ...]:
    return (
        one.name,
        _fixed(f"{'●' if one.stage is Stage.LIVE else '○'} {one.stage}"),
        _fixed(wording.moment(one.since)) if one.since else NONE,
        _fixed(one.author) if one.author else NONE,
        _words("; ".join(text for text in (one.reason, one.lacks) if text) or NONE),
        _fixed(wording.start_of_window(one.newest_window)) if one.newest_window else NONE,
        _differs(one),
    )


def _fixed(text: str) -> Html:
    return element("span", text, class_="wk-fixed")


def _words(text: str) -> Html:
    return element("span", text, class_="wk-words")


def _differs(one: VersionRow) -> Html:
    shown = [element("div", _difference(each)) for each in one.differs[:MOST_DIFFERENCES]]
    more = len(one.differs) - len(shown)
    return join(*shown, element("div", f"and {more} more") if more else None if shown else NONE)


def _difference(each: Difference) -> str:
    return f"{each.field.replace('_', ' ')}: {each.before or 'none'} → {each.after or 'none'}"
