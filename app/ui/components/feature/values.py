"""The values of a feature: the reference against now, and before against after."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app.services.read_models.histogram import Comparison, Side
from app.ui import data, theme
from app.ui.components import figures, wording
from app.ui.components.feature.picker import Picked
from app.ui.components.html import Html, element, join, table, title
from app.ui.components.scope import Scope
from app.ui.components.split import Split

NOW_WINDOWS = 7
"""How many of the newest windows stand for "now"."""


def section(chosen: Scope, picked: Picked, moment: Split) -> None:
    """Both comparisons, side by side where there is room."""
    st.html(title("Values", "Days in UTC; the last one is not part of a span."))
    left, right = st.columns(2, gap="large")
    now = (max(chosen.since, chosen.until - NOW_WINDOWS * chosen.view.model.window.delta), chosen.until)
    version_id, segment = chosen.view.version.id, chosen.segment
    with left:
        found = data.features.comparison(version_id, picked.feature, *now, segment)
        _comparison(found, ("reference", "now"), ("all of the reference", _span(now)))
    with right:
        found = data.features.comparison(version_id, picked.feature, *moment.after, segment, moment.before)
        spans = (_span(moment.before), _span(moment.after))
        _comparison(found, ("before", "after"), spans)


def _comparison(found: Comparison | None, names: tuple[str, str], spans: tuple[str, str]) -> None:
    if found is None:
        said = "This feature is counted by projections or by rules alone, so there are no values to draw."
        st.html(element("p", said, class_="wk-quiet"))
        return
    empty = [f"{name} ({span})" for name, span, side in _zip(found, names, spans) if not side.values]
    if empty:
        said = f"Nothing was served {' and '.join(empty)}; choose another moment or a longer range."
        st.html(
            join(element("p", headline(found, names), class_="wk-chart-title"), element("p", said, class_="wk-quiet"))
        )
        return
    said = headline(found, names)
    st.html(join(element("p", said, class_="wk-chart-title"), _legend(names, spans)))
    figures.show(figures.histogram(found, theme.current(), names), key=f"values {names[1]}", alt=said)
    st.html(_sides(found, names))


def _zip(found: Comparison, names: tuple[str, str], spans: tuple[str, str]) -> list[tuple[str, str, Side]]:
    return list(zip(names, spans, (found.reference, found.now), strict=True))


def headline(found: Comparison, names: tuple[str, str]) -> str:
    """What changed, in words."""
    left, right = found.reference, found.now
    if not left.values or not right.values:
        return f"{names[0].capitalize()} and {names[1]} cannot be compared"
    empty = [name for name, side in zip(names, (left, right), strict=True) if _is_empty(found, side)]
    if empty:
        return f"No value {' and '.join(empty)}: all are missing, NaN or infinite"
    if left.mean is not None and right.mean is not None:
        return f"Mean {wording.short(left.mean)} {names[0]}, {wording.short(right.mean)} {names[1]}"
    if not left.shares.any() and not right.shares.any():
        return f"No value {' and '.join(names)}: all are missing, NaN or infinite"
    changes = right.shares - left.shares
    most = int(abs(changes).argmax())
    return (
        f"{found.labels[most]} changed most: {wording.share(float(left.shares[most]))} {names[0]}, "
        f"{wording.share(float(right.shares[most]))} {names[1]}"
    )


def _is_empty(found: Comparison, side: Side) -> bool:
    """Whether a numeric feature has nothing to draw on that side."""
    is_numeric = found.edges is not None or found.reference.mean is not None or found.now.mean is not None
    return is_numeric and side.mean is None


def _span(span: tuple[datetime, datetime]) -> str:
    return f"{wording.start_of_window(span[0])} to {wording.start_of_window(span[1])}"


def _legend(names: tuple[str, str], spans: tuple[str, str]) -> Html:
    keys = [
        element("span", element("span", "■", class_=f"wk-key-{key}", aria_hidden="true"), f"{name}: {span} ")
        for key, name, span in zip(("reference", "now"), names, spans, strict=True)
    ]
    return element("p", *keys, class_="wk-facts wk-scale")


def _sides(found: Comparison, names: tuple[str, str]) -> Html:
    """What is not in the bars; what neither side has is left out."""
    sides = (found.reference, found.now)
    rows = [("predictions", *(wording.count(side.values) for side in sides))]
    for name in ("missing", "nan", "infinite"):
        shares = [float(getattr(side, name)) for side in sides]
        if any(shares) or name == "missing":
            rows.append((name if name != "nan" else "NaN", *(wording.share(one) for one in shares)))
    if found.beyond:
        rows.append(("outside of what is drawn", "", wording.share(found.beyond)))
    return table(("", *(name.capitalize() for name in names)), rows, numbers={1, 2})
