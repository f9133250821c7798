"""Which predictions have a label, from whom, and which are still waited for."""

from __future__ import annotations

import streamlit as st

from app.core.label_delay import duration
from app.core.model import Source
from app.services.read_models.labels import ModelLabels
from app.services.read_models.quality_view import QualityView
from app.ui.components import wording
from app.ui.components.html import element, join, table, title

_WORDS = {
    Source.GROUND_TRUTH: "ground truth",
    Source.AUDIT: "audit of a random sample",
    Source.USER: "users' corrections",
}
_USE = "Quality is measured by ground truth and audits alone: what users correct is a biased choice of rows."


def section(found: QualityView, labels: ModelLabels | None) -> None:
    """Facts and a table by source."""
    total = max(found.labels.predictions, 1)
    lead = (
        f"{wording.share(found.labels.judged / total)} of {wording.count(found.labels.predictions)} predictions of "
        "this range have a label that quality is measured by."
    )
    st.html(title("Labels", lead))
    counts = found.labels.by_source
    rows = [
        (words, wording.count(counts[source]), wording.share(counts[source] / total))
        for source, words in _WORDS.items()
    ]
    st.html(
        join(
            table(("Effective label from", "Predictions", "Share"), rows, numbers={1, 2}),
            element("p", _USE, class_="wk-facts"),
        )
    )
    if labels is not None:
        st.html(join(*(element("p", text, class_="wk-facts") for text in _delay(labels))))


def _delay(labels: ModelLabels) -> list[str]:
    waiting = sum(not window.final for window in labels.windows)
    said = [f"Declared delay: {duration(labels.model.label_delay)}; {labels.verdict}."]
    if labels.quantiles:
        said.append(f"Labels that came: {wording.delays(labels.quantiles)}.")
    state = (
        f"{wording.plural(waiting, 'window')} provisional: labels are still due" if waiting else "all windows are final"
    )
    said.append(f"Of the newest {wording.plural(len(labels.windows), 'window')}, {state}.")
    return said
