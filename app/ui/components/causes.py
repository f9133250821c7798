"""Why: the likely causes of the worst breach, the likeliest first."""

from __future__ import annotations

from app.core.causes import cause_text, likely
from app.services.causes import Explanation
from app.ui.components import wording
from app.ui.components.html import Html, element, join

MOST = 3


def section(found: Explanation | None) -> Html:
    """The three likeliest causes with the window they were seen in; nothing where there is no breach to explain."""
    if found is None:
        return join()
    what = wording.check_title(found.check).lower()
    where = f"{what}, window of {wording.start_of_window(found.window_start)}"
    causes = likely(found.causes, MOST)
    said = element("ol", *(element("li", cause_text(cause)) for cause in causes))
    if not causes:
        said = element("p", "Nothing else that the model depends on left its normal range in that window.")
    return element(
        "div",
        element("p", element("b", "Likely causes"), f" ({where})"),
        said,
        element("p", f"{found.note[:1].upper()}{found.note[1:]}.", class_="wk-quiet") if found.note else None,
        class_="wk-why",
    )
