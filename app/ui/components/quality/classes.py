"""Which classes are taken for which, and how good the model is at each."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.core.reliability import Confusion
from app.services.read_models.quality_view import QualityView
from app.ui.components import wording
from app.ui.components.html import Html, element, join, table, title


def section(found: QualityView) -> None:
    """The confusion matrix, or why there is none."""
    now = found.confusion[1]
    st.html(title("Classes", "Of the rows of each true class, what was predicted. Labelled rows of this range."))
    if now is None:
        st.html(element("p", "Cannot tell: no prediction of this range has a label yet.", class_="wk-quiet"))
        return
    st.html(matrix(now))


def by_class(found: QualityView) -> None:
    """A table of the classes; nothing without labels."""
    reference, now = found.confusion
    if now is not None:
        st.html(join(title("By class", "Labelled rows of this range, beside the reference's."), _table(reference, now)))


def matrix(found: Confusion) -> Html:
    """True classes down, predicted ones across: the share of the row, and how many rows that is."""
    heads = [element("th", "True class", scope="col")]
    heads += [element("th", f"predicted {name}", scope="col", class_="wk-number") for name in found.classes]
    rows = []
    for i, name in enumerate(found.classes):
        cells = [_cell(found, i, j) for j in range(len(found.classes))]
        rows.append(element("tr", element("th", name, scope="row"), *cells))
    whole = element(
        "table", element("thead", element("tr", *heads)), element("tbody", *rows), class_="wk-table wk-confusion"
    )
    return element("div", whole, class_="wk-scroll", tabindex=0, role="region", aria_label="Confusion matrix")


def _cell(found: Confusion, i: int, j: int) -> Html:
    share, count = float(found.shares[i, j]), float(found.counts[i, j])
    said = wording.NO_VALUE if np.isnan(share) else wording.share(share)
    depth = 0 if np.isnan(share) else round(share * 40)
    colour = "var(--wk-ok)" if i == j else "var(--wk-breach)"
    style = f"background:color-mix(in srgb, {colour} {depth}%, transparent)"
    class_ = "wk-number wk-right" if i == j else "wk-number"
    return element("td", said, element("span", wording.count(count), class_="wk-count"), class_=class_, style=style)


def _table(reference: Confusion | None, now: Confusion) -> Html:
    """Precision, recall and F1 of each class, with the reference's beside them where it has labels."""
    before = {} if reference is None else {name: at for at, name in enumerate(reference.classes)}

    def numbers(side: Confusion, at: int) -> list[str]:
        return [wording.number("performance", name, float(getattr(side, name)[at])) for name in _MEASURES]

    rows = []
    for at, name in enumerate(now.classes):
        mine = numbers(now, at)
        theirs = [wording.NO_VALUE] * len(mine)
        if reference is not None and name in before:
            theirs = numbers(reference, before[name])
        pairs = [cell for pair in zip(mine, theirs, strict=True) for cell in pair]
        rows.append((name, wording.count(float(now.support[at])), *pairs))
    heads = [text for name in ("Precision", "Recall", "F1") for text in (name, "reference")]
    return table(("Class", "Labelled rows", *heads), rows, numbers=set(range(1, 8)))


_MEASURES = ("precision", "recall", "f1")
