"""Which label a training set takes, what the row weighs, and when it is contested: a table in sentences."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.errors import InvalidError
from app.core.model import Source, Task
from app.core.training_set import AsOf, Exclusion, Selection, columns_of, training_label
from app.core.truth import Correction, Decision
from tests.services.served import layout_of

USER, AUDIT, TRUTH = Source.USER, Source.AUDIT, Source.GROUND_TRUTH
ALL, SAMPLED, CHOSEN = Selection.ALL, Selection.SAMPLED, Selection.CHOSEN
BINARY = Decision(Task.BINARY, "yes")


def said(
    source: Source, label: str | None, author: str | None = None, *, at: int = 1, p: float | None = None
) -> Correction:
    return Correction(at, at, source, label, None, author=author, probability=p)


CASES = [
    ("ground truth stands for itself", [said(TRUTH, "yes")], ("yes", 1, ALL, 1.0, False)),
    ("an audit stands for those that were not drawn", [said(AUDIT, "yes", p=0.05)], ("yes", 1, SAMPLED, 20.0, False)),
    ("an audit of which nobody knows how it drew", [said(AUDIT, "no")], ("no", 1, CHOSEN, 1.0, False)),
    ("a user chose", [said(USER, "no", "ann")], ("no", 1, CHOSEN, 1.0, False)),
    (
        "ground truth after an audit stands for itself",
        [said(AUDIT, "no", p=0.05), said(TRUTH, "yes", at=2)],
        ("yes", 1, ALL, 1.0, False),
    ),
    (
        "a user's row would be in the set without the audit, too",
        [said(USER, "no", "ann"), said(AUDIT, "yes", "bob", at=2, p=0.05)],
        ("yes", 1, SAMPLED, 1.0, False),
    ),
    (
        "two users who agree",
        [said(USER, "no", "ann"), said(USER, "no", "bob", at=2)],
        ("no", 2, CHOSEN, 1.0, False),
    ),
    (
        "two users who do not",
        [said(USER, "no", "ann"), said(USER, "yes", "bob", at=2)],
        ("yes", 1, CHOSEN, 1.0, True),
    ),
    (
        "a user who changed her mind contradicts nobody",
        [said(USER, "no", "ann"), said(USER, "yes", "ann", at=2)],
        ("yes", 1, CHOSEN, 1.0, False),
    ),
    (
        "two users who came to agree",
        [said(USER, "no", "ann"), said(USER, "yes", "bob", at=2), said(USER, "yes", "ann", at=3)],
        ("yes", 2, CHOSEN, 1.0, False),
    ),
    (
        "an audit that a user contradicts is not contested",
        [said(AUDIT, "yes", "ann", p=0.5), said(USER, "no", "bob", at=2)],
        ("yes", 1, SAMPLED, 1.0, False),
    ),
    (
        "two auditors who do not agree",
        [said(AUDIT, "yes", "ann", p=0.5), said(AUDIT, "no", "bob", at=2, p=0.5)],
        ("no", 1, SAMPLED, 2.0, True),
    ),
    (
        "ground truth that was mended",
        [said(TRUTH, "yes"), said(TRUTH, "no", at=2)],
        ("no", 1, ALL, 1.0, False),
    ),
    (
        "binary: neither is the positive class",
        [said(USER, "no", "ann"), said(USER, "other", "bob", at=2)],
        ("other", 2, CHOSEN, 1.0, False),
    ),
    (
        "who took it back contradicts nobody",
        [said(USER, "no", "ann"), said(USER, "yes", "bob", at=2), Correction(3, 3, USER, withdraws=1)],
        ("yes", 1, CHOSEN, 1.0, False),
    ),
]


@pytest.mark.parametrize(("corrections", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_label_and_what_it_weighs(corrections: list[Correction], expected: tuple[object, ...]) -> None:
    found = training_label(BINARY, corrections)
    assert found is not None
    assert (found.label.label_class, found.authors, found.selection, found.weight, found.contested) == expected


@pytest.mark.parametrize(
    "corrections", [[], [said(AUDIT, None)], [said(USER, "no"), Correction(2, 2, USER, withdraws=1)]]
)
def test_without_a_label_there_is_no_row(corrections: list[Correction]) -> None:
    assert training_label(BINARY, corrections) is None


def test_an_exclusion_holds_for_its_span_or_for_its_ids() -> None:
    noon, evening = (datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (12, 18))
    span = Exclusion(1, "ann", "why", noon, noon, evening)
    assert [span.holds("p", at) for at in (noon, evening)] == [True, False]
    named = Exclusion(1, "ann", "why", noon, prediction_ids=frozenset({"p"}))
    assert [named.holds(key, evening) for key in ("p", "q")] == [True, False]


def test_as_of_reads_back_and_refuses_anything_else() -> None:
    assert AsOf.parse(str(AsOf(1841, 3))) == AsOf(1841, 3)
    for text in ("", "1841", "1841-", "-3", "1841-3 ", "1841-3-4", "٣-٣x"):
        with pytest.raises(InvalidError):
            AsOf.parse(text)


def test_features_are_typed_by_the_reference_and_raw_without_one() -> None:
    typed = columns_of(layout_of(Task.REGRESSION), regression=True)
    assert [(one.name, one.type) for one in typed[-2:]] == [("feature.x", "number"), ("feature.kind", "text")]
    assert {one.name: one.type for one in typed}["label"] == "number"
    assert columns_of(None, regression=False)[-1].name == "features"
