"""Why: the likely causes of the worst breach, the likeliest first."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.causes import EXPLAINED, cause_text, likely
from app.services.causes import Explanation
from app.services.read_models.model_view import Judged
from app.ui.components import wording
from app.ui.components.html import Html, element, join

MOST = 3


def to_explain(breaches: Sequence[Judged]) -> Judged | None:
    """What matters most of what the headline says and whose causes can be ranked; None without any."""
    known = [judged for judged in breaches if judged.check in EXPLAINED]
    return min(known, key=lambda judged: wording.check_order(judged.check), default=None)


def section(found: Explanation | None) -> Html:
    """The three likeliest causes with the window they were seen in; nothing where there is no breach to explain."""
    if found is None:
        return join()
    what = wording.check_title(found.check).lower()
    where = f"{what}, window of {wording.start_of_window(found.window_start)}"
    causes = likely(found.causes, MOST)
    said = element("ol", *(element("li", cause_text(cause)) for cause in causes))
    if not causes:
        said = element("p", _none(found))
    return element(
        "div",
        element("h2", "Likely causes", class_="wk-answer"),
        element("p", f"For {where}", class_="wk-facts"),
        said,
        element("p", f"{found.note[:1].upper()}{found.note[1:]}.", class_="wk-quiet") if found.note else None,
        class_="wk-why",
    )


def _none(found: Explanation) -> str:
    """What an empty list of causes means."""
    if found.causes:
        moved = ", ".join(cause.subject for cause in found.causes)
        return f"None that is measured: what left its normal range ({moved}) does not matter to the model."
    if found.check == "concept_drift":
        return "No input is out of its normal range in that window: how the truth follows from the inputs has changed."
    return "None that is measured: in that window everything else was in its normal range."
