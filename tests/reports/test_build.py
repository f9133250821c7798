"""Reports hold Evidently's figures, say what they rest on, and cannot reach anything."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import wasserstein_distance
from sklearn.metrics import accuracy_score, mean_absolute_error, roc_auc_score

from app.core.model import Task
from app.core.reports import ReportKind, ReportOrder
from app.core.sample import Sample
from app.reports.build import Built, NotPossibleError, build
from app.reports.page import POLICY, finished
from tests.reports.samples import HOSTILE, order


def figures(built: Built) -> dict[str, Any]:
    """The values of the report by the start of their metric's name."""
    metrics = json.loads(built.json)["evidently"]["metrics"]
    return {metric["metric_name"]: metric["value"] for metric in metrics}


def figure(built: Built, start: str) -> Any:
    [value] = [value for name, value in figures(built).items() if name.startswith(start)]
    return value


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("kind", list(ReportKind))
def test_each_kind_is_made_for_each_task_and_says_what_it_rests_on(kind: ReportKind, task: Task) -> None:
    built = build(order(kind, task))

    about = json.loads(built.json)["watchkeeper"]
    assert about["reference_rows"] == {"sampled": 400, "of": 800}
    assert about["current_rows"] == {"sampled": 400, "of": 800}
    assert about["left_out"] == ["empty"]
    assert figures(built)
    top = built.html.partition('<div id="watchkeeper"')[2][:2000]
    assert "m&lt;b&gt; 1: " in top
    assert "400 of 800" in top
    assert "chosen uniformly at random (seed 0)" in top
    assert "2026-01-01 00:00 UTC to 2026-02-01 00:00 UTC" in top


def test_drift_is_that_of_the_rows() -> None:
    """Oracle: scipy on the same rows, over the reference's standard deviation."""
    given = order(ReportKind.DRIFT, rows=1200)  # with 1,000 rows and fewer Evidently takes another statistic

    reference, current = (np.array(one.features["x"], dtype=float) for one in (given.reference, given.current))
    expected = wasserstein_distance(reference, current) / reference.std()
    assert figure(build(given), "ValueDrift(column=x,") == pytest.approx(expected, rel=1e-3)


def test_quality_is_that_of_the_rows() -> None:
    """Oracle: scikit-learn."""
    given = order(ReportKind.QUALITY)
    said, label, score = given.current.predicted, given.current.label, given.current.score
    built = build(given)
    assert figure(built, "Accuracy(") == pytest.approx(accuracy_score(label, said))
    positive = [one == "yes" for one in label]
    assert figure(built, "RocAuc(") == pytest.approx(roc_auc_score(positive, score), abs=1e-6)


def test_errors_are_those_of_the_rows() -> None:
    given = order(ReportKind.QUALITY, Task.REGRESSION)
    expected = mean_absolute_error(given.current.label, given.current.predicted)
    assert figure(build(given), "MAE(")["mean"] == pytest.approx(expected)


def test_rows_without_a_label_take_no_part_in_quality() -> None:
    given = order(ReportKind.QUALITY)
    half = msgspec.structs.replace(
        given.current, label=[one if i % 2 else None for i, one in enumerate(given.current.label)]
    )
    said, label = given.current.predicted[1::2], given.current.label[1::2]
    assert figure(build(msgspec.structs.replace(given, current=half)), "Accuracy(") == pytest.approx(
        accuracy_score(label, said)
    )


@pytest.mark.parametrize(
    ("kind", "rows", "labelled", "words"),
    [
        (ReportKind.QUALITY, 400, False, "the window range has 0 rows with a label"),
        (ReportKind.DRIFT, 0, True, "the window range has 0 rows"),
        (ReportKind.SUMMARY, 29, True, "needs 30"),
    ],
)
def test_too_few_rows_are_refused_with_the_reason(kind: ReportKind, rows: int, labelled: bool, words: str) -> None:
    given = order(kind)
    one = given.current
    few = Sample(
        rows,
        {name: values[:rows] for name, values in one.features.items()},
        one.predicted[:rows],
        one.score[:rows],
        one.label[:rows] if labelled else [None] * rows,
    )
    with pytest.raises(NotPossibleError, match=words):
        build(msgspec.structs.replace(given, current=few))


def test_names_from_outside_end_no_script() -> None:
    hostile = order(ReportKind.SUMMARY)
    harmless = msgspec.json.decode(msgspec.json.encode(hostile).replace(HOSTILE.encode(), b"kind"), type=ReportOrder)

    page = build(hostile).html

    assert HOSTILE not in page
    assert page.count("</script>") == build(harmless).html.count("</script>")


def test_the_page_may_reach_nothing() -> None:
    page = finished("<html><head></head><body class='a'>text</body></html>", title="<t>", notes=["<n>"])
    assert page.index("Content-Security-Policy") < page.index("<body")
    assert "default-src &#x27;none&#x27;" in page
    assert "http" not in POLICY
    assert "&lt;t&gt;" in page
    assert "&lt;n&gt;" in page
    assert "<n>" not in page


def test_a_page_of_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="no <head>"):
        finished("<p>", title="t", notes=[])
