"""What a training set is made of: the label of each row, what it weighs, and which rows stay out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from app.core.derived import DerivedKind
from app.core.errors import InvalidError
from app.core.layout import Layout
from app.core.model import Source
from app.core.truth import Correction, Decision, effective_truth, standing


class Selection(StrEnum):
    """How a row came to have its label."""

    ALL = "all"
    """Ground truth, which comes for every row sooner or later."""
    SAMPLED = "sampled"
    """An audit that drew it with a known probability."""
    CHOSEN = "chosen"
    """Somebody picked it, and nobody knows how likely that was."""


class LeftOut(StrEnum):
    """Why a labelled row is not in the set."""

    CONTESTED = "contested"
    EXCLUDED = "excluded"
    SAME_REQUEST = "same_request"
    VERSIONS_DISAGREE = "versions_disagree"


@dataclass(frozen=True, slots=True)
class TrainingLabel:
    """The label of one row. `authors` agree on it; `contested`: as many sources as strong say otherwise."""

    label: Correction
    authors: int
    selection: Selection
    weight: float
    probability: float | None
    contested: bool


def training_label(decision: Decision, corrections: Sequence[Correction]) -> TrainingLabel | None:
    """What a training set takes from everything that was said about a prediction; None where that is no label.

    Contested is what two authors of the strongest source that gave a label say differently, each by their last word.
    """
    label = effective_truth(corrections).label
    if label is None:
        return None
    said = [one for one in standing(corrections) if one.has_label]
    words = _last_words(said, label.source).values()
    agreeing = sum(decision.verdict(one) == decision.verdict(label) for one in words)
    probability = label.probability if label.source is Source.AUDIT else None
    selection = _selection(label.source, probability)
    return TrainingLabel(label, agreeing, selection, _weight(said, probability), probability, agreeing < len(words))


def _last_words(said: Iterable[Correction], source: Source) -> dict[str | None, Correction]:
    """What each author of the source said last."""
    ordered = sorted((one for one in said if one.source is source), key=lambda one: (one.said_at, one.id))
    return {one.author: one for one in ordered}


def _selection(source: Source, probability: float | None) -> Selection:
    if source is Source.GROUND_TRUTH:
        return Selection.ALL
    return Selection.CHOSEN if probability is None else Selection.SAMPLED


def _weight(said: Iterable[Correction], probability: float | None) -> float:
    """How many rows it stands for: the inverse of how likely it was to be in the set.

    A row that a user corrected is in the set whether or not an audit drew it as well, so it stands for itself alone;
    the audited rows stand for those that no user corrected (Horvitz and Thompson 1952).
    """
    if probability is None or any(one.source is Source.USER for one in said):
        return 1.0
    return 1.0 / probability


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Rows that somebody wants to stay out: those of events in [since, until), or those of the prediction ids.

    `ended_by` and `ended_at` say who took it back, and when.
    """

    id: int
    author: str
    comment: str
    created_at: datetime
    since: datetime | None = None
    until: datetime | None = None
    prediction_ids: frozenset[str] = frozenset()
    ended_by: str = ""
    ended_at: datetime | None = None

    def holds(self, prediction_id: str, event_time: datetime) -> bool:
        """Whether the row stays out."""
        if self.prediction_ids:
            return prediction_id in self.prediction_ids
        return (self.since is None or self.since <= event_time) and (self.until is None or event_time < self.until)


class AsOf(msgspec.Struct, frozen=True):
    """What of the database a set rests on: everything up to this batch and this exclusion, and nothing later."""

    batch: int
    exclusion: int

    def __str__(self) -> str:
        return f"{self.batch}-{self.exclusion}"

    @classmethod
    def parse(cls, text: str) -> AsOf:
        """Raises InvalidError for a text that no manifest holds."""
        match = re.fullmatch(r"(\d{1,18})-(\d{1,18})", text)
        if match is None:
            raise InvalidError("as_of", text[:50], "allowed is the as_of of a manifest, such as 1841-3")
        return cls(int(match[1]), int(match[2]))


class Column(msgspec.Struct, frozen=True):
    """A column of the set. `type`: text, number, numbers (a list) or time."""

    name: str
    type: str


FEATURE = "feature."
"""What the names of features begin with, so that none of them hides a column of ours."""
RAW = "features"
"""The only column of features where no reference says what they are: JSON, as received."""


def columns_of(layout: Layout | None, *, regression: bool) -> list[Column]:
    """The columns of a set, in their order; the features are typed by the reference's layout."""
    answer = "number" if regression else "text"
    about = [
        *(("prediction_id", "text"), ("request_id", "text"), ("version", "text"), ("event_time", "time")),
        *(("label", answer), ("label_source", "text"), ("label_authors", "number"), ("selection", "text")),
        *(("probability", "number"), ("weight", "number"), ("prediction", answer), ("score", "number")),
    ]
    if layout is None or not layout.feature_names:
        return [*(Column(*one) for one in about), Column(RAW, "text")]
    types = feature_types(layout)
    return [*(Column(*one) for one in about), *(Column(FEATURE + name, types[name]) for name in layout.feature_names)]


def feature_types(layout: Layout) -> dict[str, str]:
    """The type of each feature of the layout."""
    types = {feature.name: "number" for feature in layout.numbers}
    types |= {one.name: "text" if one.kind is DerivedKind.TEXT else "numbers" for one in layout.derived}
    types |= {feature.name: "text" for feature in layout.categorical}
    return types | {feature.name: "numbers" for feature in layout.embeddings}


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a training set holds and how to get the very same one again. Times are in UTC."""

    model: str
    version: str | None
    """The version that was asked for; None: all of them."""
    versions: list[str]
    """Those that the rows are of."""
    since: datetime
    until: datetime
    as_of: str
    rows: int
    weight: float
    """The sum of the weights: how many predictions the rows stand for."""
    rows_by_source: Mapping[str, int]
    rows_by_selection: Mapping[str, int]
    left_out: Mapping[str, int]
    unreadable: Mapping[str, int]
    """Values by feature that are not of its type, and missing in the set."""
    columns: list[Column]
    content_sha256: str
    oldest_row: datetime
    newest_row: datetime
    created_at: datetime
    watchkeeper: str
