"""What each version of a model did, before and after one took over from another."""

from __future__ import annotations

from collections.abc import Sequence

from app.services.read_models.version_records import VersionRecord
from app.ui.components import wording
from app.ui.components.html import Html, join, table, title

NOTE = "Each on the requests that it answered itself in this range, which are not the same ones."
_NUMBERS = (4, 5, 6)


def section(found: Sequence[VersionRecord]) -> Html:
    """A table of the versions that answered anything, in the order in which they began to."""
    head = ("Version", "Stage", "First window", "Last window", "Predictions", "With a label")
    measure = wording.subject_title("performance", found[0].measure)
    return join(title("Versions", NOTE), table((*head, measure), map(_row, found), numbers=_NUMBERS))


def _row(one: VersionRecord) -> tuple[str, ...]:
    quality = wording.number("performance", one.measure, one.quality)
    days = (wording.start_of_window(one.first), wording.start_of_window(one.last))
    return (one.version, one.stage, *days, wording.count(one.predictions), wording.count(one.labelled), quality)
