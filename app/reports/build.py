"""Reports by Evidently, on samples of rows. Importing it takes seconds and 300 MB: only a child process does."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import msgspec
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Regression, Report
from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset, RegressionPreset

from app.core.errors import WatchkeeperError
from app.core.messages import storable
from app.core.model import Task
from app.core.reports import ReportKind, ReportOrder
from app.core.sample import Sample, Values
from app.reports.page import finished

ENOUGH_ROWS = 30


class NotPossibleError(WatchkeeperError):
    """The rows do not give such a report; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Built:
    """A report as a page and as JSON."""

    html: str
    json: str


@dataclass(frozen=True, slots=True)
class _Columns:
    """How the columns are called; a feature keeps its name, ours give way."""

    prediction: str
    score: str
    label: str

    @classmethod
    def beside(cls, features: list[str]) -> _Columns:
        return cls(*(_free(name, features) for name in ("prediction", "score", "label")))


def build(order: ReportOrder) -> Built:
    """The report. Raises NotPossibleError when the rows cannot give it."""
    order = _harmless_order(order)
    columns = _Columns.beside(list(order.reference.features))
    reference, current = (_frame(order, sample, columns) for sample in (order.reference, order.current))
    names = [str(name) for name in reference.columns]
    left_out = [name for name in names if reference[name].isna().all() or current[name].isna().all()]
    reference, current = reference.drop(columns=left_out), current.drop(columns=left_out)
    _require_rows(order, reference, current)
    definition = _definition(order, columns, [name for name in names if name not in left_out])
    metrics = [_preset(order)]
    snapshot = Report(metrics).run(
        Dataset.from_pandas(current, data_definition=definition),
        Dataset.from_pandas(reference, data_definition=definition),
    )
    notes = [order.sampling]
    if left_out:
        notes.append(f"Left out, without any value on one side: {', '.join(left_out)}.")
    html = finished(snapshot.get_html_str(as_iframe=False), title=order.title, notes=notes)
    return Built(html, _json(order, notes, left_out, json.loads(snapshot.json())))


def _harmless_order(order: ReportOrder) -> ReportOrder:
    """Names and categories that cannot end the script they stand in: Evidently writes them into one as they are."""
    return msgspec.structs.replace(
        order,
        numeric=[_harmless(name) for name in order.numeric],
        classes=[_harmless(name) for name in order.classes],
        reference=_harmless_sample(order.reference),
        current=_harmless_sample(order.current),
    )


def _harmless_sample(sample: Sample) -> Sample:
    return msgspec.structs.replace(
        sample,
        features={_harmless(name): _harmless_values(values) for name, values in sample.features.items()},
        predicted=_harmless_values(sample.predicted),
        label=_harmless_values(sample.label),
    )


def _harmless_values(values: Values) -> Values:
    return [_harmless(value) if isinstance(value, str) else value for value in values]


def _harmless(text: str) -> str:
    """`</script>` and `<!--` with a space of no width in them; any other text as it is."""
    return text.replace("</", "<\u200b/").replace("<!", "<\u200b!")


def _frame(order: ReportOrder, sample: Sample, columns: _Columns) -> pd.DataFrame:
    """The sample's rows. For quality, those alone whose prediction and truth are known."""
    missing: Values = [None] * sample.rows
    names = list(order.reference.features)
    data = {name: _series(name in order.numeric, sample.features.get(name, missing)) for name in names}
    regression = order.task is Task.REGRESSION
    data[columns.prediction] = _series(regression, _named(order, sample.predicted))
    if not regression:
        data[columns.score] = _series(True, sample.score)
    if order.kind is not ReportKind.QUALITY:
        return pd.DataFrame(data)
    data[columns.label] = _series(regression, _named(order, sample.label))
    needed = [columns.prediction, columns.label]
    if order.task is Task.BINARY and data[columns.score].notna().any():
        needed.append(columns.score)
    return pd.DataFrame(data).dropna(subset=needed)


def _series(numeric: bool, values: Values) -> pd.Series[Any]:
    return pd.Series(values, dtype="float64" if numeric else "object")


def _named(order: ReportOrder, answers: Values) -> Values:
    """Binary: every class but the positive one is the negative one, as everywhere."""
    if order.task is not Task.BINARY:
        return answers
    negative, positive = order.classes
    return [None if answer is None else positive if answer == positive else negative for answer in answers]


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += " (model)"
    return name


def _require_rows(order: ReportOrder, reference: pd.DataFrame, current: pd.DataFrame) -> None:
    what = "rows with a label" if order.kind is ReportKind.QUALITY else "rows"
    for side, frame in (("reference", reference), ("window range", current)):
        if len(frame) < ENOUGH_ROWS:
            raise NotPossibleError(
                f"the {side} has {len(frame)} {what} in its sample; a {order.kind} report needs {ENOUGH_ROWS}"
            )


def _definition(order: ReportOrder, columns: _Columns, present: list[str]) -> DataDefinition:
    numeric = [name for name in present if name in order.numeric or name == columns.score]
    categorical = [name for name in present if name not in numeric]
    if order.task is Task.REGRESSION:
        numeric += [name for name in (columns.prediction, columns.label) if name in categorical]
        categorical = [name for name in categorical if name not in numeric]
    if order.kind is not ReportKind.QUALITY:
        return DataDefinition(numerical_columns=numeric, categorical_columns=categorical)
    ours = {columns.prediction, columns.score, columns.label}
    return DataDefinition(
        numerical_columns=[name for name in numeric if name not in ours],
        categorical_columns=[name for name in categorical if name not in ours],
        **_task(order, columns, present),
    )


def _task(order: ReportOrder, columns: _Columns, present: list[str]) -> dict[str, Any]:
    answers = {"target": columns.label}
    if order.task is Task.REGRESSION:
        return {"regression": [Regression(prediction=columns.prediction, **answers)]}
    answers["prediction_labels"] = columns.prediction
    if order.task is Task.MULTICLASS:
        return {"classification": [MulticlassClassification(**answers)]}
    scored = {"prediction_probas": columns.score} if columns.score in present else {}
    return {"classification": [BinaryClassification(pos_label=order.classes[1], **answers, **scored)]}


def _preset(order: ReportOrder) -> Any:
    if order.kind is ReportKind.DRIFT:
        return DataDriftPreset()
    if order.kind is ReportKind.SUMMARY:
        return DataSummaryPreset()
    return RegressionPreset() if order.task is Task.REGRESSION else ClassificationPreset()


def _json(order: ReportOrder, notes: list[str], left_out: list[str], found: object) -> str:
    """Evidently's figures, and beside them what they are about."""
    about = {
        "id": order.id,
        "model": order.model,
        "version": order.version,
        "kind": order.kind.value,
        "since": order.since.isoformat(),
        "until": order.until.isoformat(),
        "reference_rows": {"sampled": order.reference.rows, "of": order.reference.total},
        "current_rows": {"sampled": order.current.rows, "of": order.current.total},
        "left_out": left_out,
        "notes": notes,
    }
    return json.dumps({"watchkeeper": about, "evidently": _carried(found)}, allow_nan=False)


def _carried(value: object) -> object:
    """JSON has no NaN and no infinity: here as elsewhere they are strings."""
    if isinstance(value, dict):
        return {name: _carried(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_carried(one) for one in value]
    return storable(value) if isinstance(value, float) and not math.isfinite(value) else value
