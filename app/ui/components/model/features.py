"""Which features moved, when, and what they look like now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app.services.read_models.histogram import Comparison
from app.services.read_models.model_view import ModelView
from app.services.read_models.standings import CheckStanding
from app.ui import data, theme
from app.ui.components import charts, empty, figures, headline, link, wording
from app.ui.components.html import Html, element, join, table, title
from app.ui.theme import Palette

NOW_WINDOWS = 7
"""How many of the newest windows stand for "now" in the comparison with the reference."""


def section(view: ModelView, since: datetime, until: datetime) -> None:
    """The heat map of all features, and one of them in detail."""
    standings = {check.check: check for check in view.checks if check.check in wording.FEATURE_CHECKS}
    if view.reference is None:
        st.html(title("Features"))
        empty.no_reference(view.model.name, view.version.name)
        return
    if not standings:
        return
    st.html(title("Features", "Each value against its own limit; the worst features stand on top."))
    check = _check(standings)
    subjects = _heat_map(view, standings[check], since, until)
    if subjects:
        _detail(view, check, subjects, since, until)


def _check(standings: dict[str, CheckStanding]) -> str:
    names = [name for name in wording.FEATURE_CHECKS if name in standings]
    asked = link.asked("check", names, names[0])
    chosen = st.pills(
        "Check of the features",
        names,
        format_func=lambda name: f"{wording.state_mark(standings[name].standing)} {wording.check_title(name)}",
        default=asked,
        key="feature check",
        required=True,
        label_visibility="collapsed",
        on_change=_remember_check,
    )
    return chosen or asked


def _remember_check() -> None:
    link.remember(check=st.session_state["feature check"])


def _heat_map(view: ModelView, standing: CheckStanding, since: datetime, until: datetime) -> Sequence[str]:
    """Draw it, and give the subjects in its order."""
    found = data.models.heat_map(view.version.id, standing.check, since, until)
    said = headline.check(standing, features=True)
    st.html(join(element("p", element("b", said), ". ", data.checks.question(standing.check)), _scale(theme.current())))
    if not found.subjects:
        st.html(element("p", "Nothing was measured in this range; choose a longer one.", class_="wk-quiet"))
        return ()
    figures.show(figures.heat_map(found, theme.current()), key=f"heat map {standing.check}", alt=said)
    if found.hidden:
        st.html(
            element(
                "p", f"{wording.plural(found.hidden, 'feature')} further from the limit not shown.", class_="wk-quiet"
            )
        )
    return found.subjects


def _scale(palette: Palette) -> Html:
    """What the colours of the heat map mean."""
    words = ("far below its limit", "close to it", "beyond it", "far beyond it")
    keys = [
        element("span", element("span", class_="wk-key", style=f"background:{colour}"), word)
        for colour, word in zip(palette.scale, words, strict=True)
    ]
    return element("p", *keys, element("span", "◆ breach"), class_="wk-facts wk-scale")


def _detail(view: ModelView, check: str, subjects: Sequence[str], since: datetime, until: datetime) -> None:
    """One feature: its series, and its values now against the reference's."""
    names = [*subjects, *(name for name in data.models.features(view.version.id) if name not in subjects)]
    index = names.index(link.asked("feature", names, names[0]))
    feature = st.selectbox(
        "Feature",
        names,
        index,
        key=f"feature of {view.version.id}",
        on_change=_remember_feature,
        args=(view.version.id,),
        width=360,
    )
    left, right = st.columns(2, gap="large")
    with left:
        for series in data.models.check_series(view.version.id, check, since, until, (feature,)):
            if charts.has_values(series):
                charts.chart(series)
                charts.learnt_limit(view, [series])
    with right:
        _comparison(view, feature, until)


def _remember_feature(version_id: int) -> None:
    link.remember(feature=st.session_state[f"feature of {version_id}"])


def _comparison(view: ModelView, feature: str, until: datetime) -> None:
    length = view.model.window
    since = until - NOW_WINDOWS * length.delta
    found = data.models.comparison(view.version.id, feature, since, until)
    if found is None:
        return
    if not found.now.values:
        st.html(
            element(
                "p", f"Nothing was served in the last {wording.plural(NOW_WINDOWS, length.value)}.", class_="wk-quiet"
            )
        )
        return
    span = f"{wording.start_of_window(since)} to {wording.start_of_window(until)}"
    said = comparison_text(found)
    st.html(join(element("p", said, class_="wk-chart-title"), legend(span)))
    figures.show(figures.histogram(found, theme.current()), key=f"histogram {view.version.id}", alt=said)
    st.html(_sides(found))


def comparison_text(found: Comparison) -> str:
    """What the histogram shows, in words."""
    if found.reference.mean is not None and found.now.mean is not None:
        before, now = wording.short(found.reference.mean), wording.short(found.now.mean)
        return f"{found.feature}: mean {before} in the reference, {now} now"
    return f"{found.feature}: reference against now"


def legend(span: str) -> Html:
    """What stands for the reference, and what for now."""
    return element(
        "p",
        element("span", "■", class_="wk-key-reference", aria_hidden="true"),
        "reference ",
        element("span", "■", class_="wk-key-now", aria_hidden="true"),
        f"now, {span} UTC",
        class_="wk-facts",
    )


def _sides(found: Comparison) -> Html:
    """What is not in the bars."""
    sides = (found.reference, found.now)
    return table(
        ("", "Reference", "Now"),
        [
            ("values", *(wording.count(side.values) for side in sides)),
            ("missing", *(wording.share(side.missing) for side in sides)),
            ("NaN", *(wording.share(side.nan) for side in sides)),
            ("infinite", *(wording.share(side.infinite) for side in sides)),
        ],
        numbers={1, 2},
    )
