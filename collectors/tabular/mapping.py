"""Which column of a file is what. Nothing is guessed: a column that is not named is a feature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from app.core.errors import InvalidError, NotFoundError
from app.core.layout import MOST_FEATURES
from app.core.model import Source, Task
from collectors.tabular.cells import Kind

NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The columns of a file of predictions or of a reference, by what they mean.

    `exclude` is left out; `texts` are features that hold free text, whatever they look like; `attributes` are no
    features, and say which segments a row is in.
    """

    id: str | None = None
    timestamp: str | None = None
    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    latency: str | None = None
    request_id: str | None = None
    exclude: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    def named(self) -> list[str]:
        """The columns that have a meaning, without the excluded ones."""
        return _named(self)

    def features(self, columns: Sequence[str]) -> list[str]:
        """The names of the features, in the order of the file.

        Raises NotFoundError for a mapped column that the file does not have, InvalidError for a feature's bad name.
        """
        check_columns([*self.named(), *self.exclude, *self.texts], columns)
        taken = {*self.named(), *self.exclude}
        if twice := taken & set(self.texts):
            raise InvalidError("text column", min(twice), "a feature; this column has another meaning or is excluded")
        features = [name for name in columns if name not in taken]
        for name in features:
            if not 1 <= len(name) <= NAME_LENGTH or "\0" in name:
                raise InvalidError(
                    "column", name, f"a feature's name has 1 to {NAME_LENGTH} characters; name the column or exclude it"
                )
        if len(features) > MOST_FEATURES:
            raise InvalidError("columns", len(features), f"at most {MOST_FEATURES} may be features; exclude the others")
        return features

    def kinds(self, task: Task) -> dict[str, Kind]:
        """How the texts of the named columns are to be read."""
        answer = Kind.NUMBER if task is Task.REGRESSION else Kind.TEXT
        roles: dict[str | None, Kind] = {
            **dict.fromkeys((self.id, self.timestamp, self.request_id), Kind.TEXT),
            **dict.fromkeys((self.prediction, self.label), answer),
            **dict.fromkeys((self.score, self.latency), Kind.NUMBER),
            **dict.fromkeys((*self.texts, *self.attributes), Kind.TEXT),
        }
        return {name: kind for name, kind in roles.items() if name is not None}


@dataclass(frozen=True, slots=True)
class CorrectionMapping:
    """The columns of a file of corrections; others are ignored. Without `source` all rows have `default_source`."""

    id: str
    label: str
    timestamp: str | None = None
    source: str | None = None
    author: str | None = None
    default_source: Source = Source.GROUND_TRUTH

    def named(self) -> list[str]:
        """The columns that have a meaning."""
        return [name for name in (self.id, self.label, self.timestamp, self.source, self.author) if name is not None]

    def kinds(self, task: Task) -> Mapping[str, Kind]:
        """How the texts of the named columns are to be read."""
        return {
            **dict.fromkeys(self.named(), Kind.TEXT),
            self.label: Kind.NUMBER if task is Task.REGRESSION else Kind.TEXT,
        }


def _named(mapping: ColumnMapping) -> list[str]:
    lists = ("exclude", "texts", "attributes")
    values = (getattr(mapping, field.name) for field in fields(mapping) if field.name not in lists)
    return [*(value for value in values if value is not None), *mapping.attributes]


def check_columns(wanted: Iterable[str], columns: Sequence[str]) -> None:
    """Raise NotFoundError, with the columns that there are, for the first wanted one that is missing."""
    for name in wanted:
        if name not in columns:
            raise NotFoundError("column", name, list(columns))
