"""Orders for reports, of rows whose figures a test can compute by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from app.core.model import Task
from app.core.reports import ReportKind, ReportOrder
from app.core.sample import Sample, Values

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
HOSTILE = "</script><!--<b>"


def sample(rows: int, shift: float, task: Task, seed: int) -> Sample:
    """`x` is moved by `shift`; a category has a hostile name, one number has gaps, and one feature is empty."""
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1, rows)
    score = 1 / (1 + np.exp(-x))
    features: dict[str, Values] = {
        "x": x.tolist(),
        HOSTILE: rng.choice(["a", HOSTILE], rows).tolist(),
        "gaps": [None if i % 10 == 0 else float(i) for i in range(rows)],
        "constant": [1.0] * rows,
        "empty": [None] * rows,
        "label": rng.choice(["p", "q"], rows).tolist(),
    }
    return Sample(rows * 2, features, *_answers(task, x, score, rng))


def _answers(task: Task, x: Any, score: Any, rng: np.random.Generator) -> tuple[Values, Values, Values]:
    if task is Task.REGRESSION:
        return (3 * x).tolist(), [None] * x.size, (3 * x + rng.normal(size=x.size)).tolist()
    if task is Task.BINARY:
        said = np.where(score > 0.5, "yes", "no")
        return said.tolist(), score.tolist(), np.where(rng.random(x.size) < score, "yes", "no").tolist()
    said = rng.choice(["ant", "bee", "cow"], x.size)
    return said.tolist(), score.tolist(), np.where(rng.random(x.size) < 0.7, said, "ant").tolist()


def order(kind: ReportKind, task: Task = Task.BINARY, rows: int = 400) -> ReportOrder:
    """A report on rows that have moved by half a standard deviation."""
    return ReportOrder(
        id=7,
        model="m<b>",
        version="1",
        task=task,
        kind=kind,
        since=SINCE,
        until=UNTIL,
        numeric=["x", "gaps", "constant", "empty"],
        classes=["no", "yes"] if task is Task.BINARY else [],
        reference=sample(rows, 0.0, task, 1),
        current=sample(rows, 0.5, task, 2),
    )
