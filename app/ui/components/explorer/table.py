"""What was found, as a table of which a row can be opened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from app.core.model import Model, Task
from app.ui.components import link

MOST_ROWS_SEEN, FEW_ROWS_SEEN = 14, 6
_ROW, _HEAD = 35, 38
_SOURCES = {"ground_truth": "ground truth", "audit": "audit", "user": "user"}


def verdict(model: Model, row: Mapping[str, Any]) -> str:
    """What the label says of the prediction, in a word."""
    if model.task is Task.REGRESSION:
        if row["predicted_value"] is None or row["label_value"] is None:
            return ""
        return f"{row['predicted_value'] - row['label_value']:+.4g}"
    if row["predicted_class"] is None or row["label_class"] is None:
        return ""
    if model.task is Task.BINARY:
        positive = model.positive_label
        right = (row["predicted_class"] == positive) == (row["label_class"] == positive)
    else:
        right = row["predicted_class"] == row["label_class"]
    return "✓ correct" if right else "✗ wrong"


def label(row: Mapping[str, Any]) -> str:
    """The effective label and who says so."""
    if row["label_source"] is None:
        return ""
    said = row["label"] if isinstance(row["label"], str) else f"{row['label']:.6g}"
    return f"{said} · {_SOURCES[row['label_source']]}"


def frame(model: Model, rows: Sequence[Mapping[str, Any]], features: Sequence[str], *, versions: bool) -> pd.DataFrame:
    """The rows as columns; a feature's name never hides a column of ours."""
    columns: dict[str, list[Any]] = {
        "Time (UTC)": [row["event_time"].replace(tzinfo=None) for row in rows],
        "Id": [row["prediction_id"] for row in rows],
    }
    if versions:
        columns["Version"] = [row["version"] for row in rows]
    columns["Prediction"] = [row["prediction"] for row in rows]
    if any(row["score"] is not None for row in rows):
        columns["Score"] = [row["score"] for row in rows]
    columns["Label"] = [label(row) for row in rows]
    columns["Error" if model.task is Task.REGRESSION else "Correct?"] = [verdict(model, row) for row in rows]
    columns["Latency (ms)"] = [row["latency_ms"] for row in rows]
    served = [json.loads(row["features"]) for row in rows] if features else []
    for name in features:
        shown = f"{name} (feature)" if name in columns else name
        columns[shown] = _as_one_kind([row.get(name) for row in served])
    return pd.DataFrame(columns)


def _as_one_kind(values: list[Any]) -> list[Any]:
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        return values
    return [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]


def show(
    model: Model, rows: Sequence[Mapping[str, Any]], features: Sequence[str], *, versions: bool, seen: int, key: str
) -> None:
    """Draw the table; a click on a row puts its prediction into the address.

    A click is of the rows that were drawn: by the time it is read, the page may have been found anew, with others.
    """
    key = f"{key} {hash(tuple(row['id'] for row in rows))}"
    st.dataframe(
        frame(model, rows, features, versions=versions),
        hide_index=True,
        height=_HEAD + _ROW * min(len(rows), seen),
        on_select=partial(_open, key, [(row["prediction_id"], row["version"]) for row in rows]),
        selection_mode=["single-row", "single-cell"],
        key=key,
        column_config={
            "Time (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss"),
            "Score": st.column_config.NumberColumn(format="%.3f"),
            "Latency (ms)": st.column_config.NumberColumn(format="%.1f"),
        },
    )


def _open(key: str, drawn: Sequence[tuple[str, str]]) -> None:
    """Open the prediction that was clicked, of those that were drawn."""
    at = _row_of(st.session_state[key])
    if at is not None and at < len(drawn):
        name, version = drawn[at]
        link.remember(id=name, of=version)


def _row_of(chosen: Any) -> int | None:
    selection = chosen.selection
    if selection.rows:
        return int(selection.rows[0])
    cells = selection.get("cells") or []
    return int(cells[0][0]) if cells else None
