"""The table of rows as a data frame: what is edited, what is shown, and what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from app.core.model import Task
from app.core.row_comparison import Reading, Typical, not_compared
from app.ui.components.readings import place_text, value_text

LABEL, SKIP, SAID, SCORE, UNUSUAL = "Label", "Cannot be told", "The model says", "Score", "Unusual"
TIME, PREDICTION = "Time (UTC)", "Prediction"
EDITABLE = (LABEL, SKIP)
_MOST_UNUSUAL = 3


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into a row: a label, that it cannot be told, or both, which is refused."""

    label: str | float | None
    skip: bool

    @property
    def both(self) -> bool:
        return self.label is not None and self.skip


def build(
    rows: Sequence[Mapping[str, Any]],
    typed: Mapping[int, Typed],
    typical: Mapping[str, Typical | None],
    task: Task,
    *,
    shown: bool,
) -> pd.DataFrame:
    """One line a row; the features stand in the order of how much they tell. `shown`: with the model's answer."""
    before = [typed.get(row["item"], Typed(None, skip=False)) for row in rows]
    readings = [_readings(typical[row["version"]], row["features"]) for row in rows]
    found: dict[str, Any] = {
        LABEL: pd.Series([one.label for one in before], dtype="float64" if task is Task.REGRESSION else "object"),
        SKIP: [one.skip for one in before],
    }
    if shown:
        found |= {SAID: [value_text(row["prediction"]) for row in rows], SCORE: [row["score"] for row in rows]}
    found[UNUSUAL] = ["; ".join(_unusual(one)) for one in readings]
    for name in _by_weight(readings):
        column = name if name not in found else f"{name} (feature)"
        found[column] = [row["features"].get(name) for row in rows]
        if any(isinstance(value, list | dict | bool | str) for value in found[column]):  # one type a column
            found[column] = [None if value is None else value_text(value) for value in found[column]]
    found[TIME] = [row["event_time"] for row in rows]
    found[PREDICTION] = [row["prediction_id"] for row in rows]
    return pd.DataFrame(found)


def _readings(typical: Typical | None, row: Mapping[str, Any]) -> list[Reading]:
    return typical.compare(row) if typical else not_compared(row)


def _unusual(readings: Sequence[Reading]) -> list[str]:
    strange = [one for one in readings if one.strange][:_MOST_UNUSUAL]
    return [f"{one.name} {value_text(one.value)}: {place_text(one)}" for one in strange]


def _by_weight(readings: Sequence[Sequence[Reading]]) -> list[str]:
    weights = {one.name: one.weight or 0.0 for row in readings for one in row}
    return sorted(weights, key=lambda name: (-weights[name], name))


def columns(table: pd.DataFrame, task: Task, classes: Sequence[str]) -> dict[str, Any]:
    """How each column is edited and shown."""
    label: Any = st.column_config.TextColumn(LABEL, help="What is true", max_chars=200, pinned=True)
    if task is Task.REGRESSION:
        label = st.column_config.NumberColumn(LABEL, help="The true value", pinned=True)
    elif classes:
        label = st.column_config.SelectboxColumn(LABEL, help="What is true", options=list(classes), pinned=True)
    shown = {
        LABEL: label,
        SKIP: st.column_config.CheckboxColumn(SKIP, help="Nobody can know what is true"),
        SCORE: st.column_config.NumberColumn(SCORE, format="%.3f"),
        UNUSUAL: st.column_config.TextColumn(
            UNUSUAL, help="Values that the reference rarely or never has", width="medium"
        ),
        TIME: st.column_config.DatetimeColumn(TIME, format="YYYY-MM-DD HH:mm", timezone="UTC"),
    }
    return {name: one for name, one in shown.items() if name in table.columns}


def typed(edited: pd.DataFrame, items: Sequence[int]) -> dict[int, Typed]:
    """What was typed, by the rows' ids in the table's order; rows that were left alone are not there."""
    found = {}
    for item, label, skip in zip(items, edited[LABEL], edited[SKIP], strict=True):
        given = None if pd.isna(label) or label == "" else label
        if given is not None or skip:
            found[item] = Typed(given if isinstance(given, str | None) else float(given), skip=bool(skip))
    return found
