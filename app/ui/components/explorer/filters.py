"""What is looked for: controls that stand in the address, and the search that they amount to."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import streamlit as st

from app.core.errors import InvalidError, WatchkeeperError
from app.core.feature_condition import FeatureCondition, Operator, parse
from app.core.model import Task
from app.core.prediction_filter import Labelled, PredictionFilter, Verdict
from app.services.explorer import Search
from app.ui import data
from app.ui.components import choice, link
from app.ui.components.html import element, markdown_text
from app.ui.components.scope import Scope

NAMES = ("find", "request", "predicted", "low", "high", "verdict", "label", "corrected", "among", "features")
"""Of the parameters that are filters."""
PLACES = ("id", "of", "before", "after")
"""Of the parameters that a new search makes meaningless."""

_LABELS = {
    "": "Any",
    Labelled.ANY.value: "Labelled",
    Labelled.NONE.value: "Not labelled",
    Labelled.GROUND_TRUTH.value: "By ground truth",
    Labelled.AUDIT.value: "By an audit",
    Labelled.USER.value: "By a user",
}
_VERDICTS = {"": "Any", Verdict.WRONG.value: "Wrong", Verdict.CORRECT.value: "Correct"}
_CORRECTED = {"": "Any", "yes": "Corrected", "no": "Not corrected"}
_AMONG = {"": "This version", "all": "All versions"}
_NEW = "new condition"


def choose(scope: Scope) -> Search:
    """Draw the controls; what they ask for. Raises WatchkeeperError for what cannot be asked."""
    regression = scope.view.model.task is Task.REGRESSION
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        name = choice.text("find", "Prediction id", placeholder="order-17, or order-*", width=190)
        verdict = "" if regression else _one("verdict", "Outcome", _VERDICTS)
        label = _one("label", "Label", _LABELS)
        corrected = _one("corrected", "Corrected", _CORRECTED)
        among = _one("among", "Among", _AMONG)
        with st.popover("More filters", icon=":material/tune:"):
            request = choice.text("request", "Request id")
            predicted = "" if regression else choice.text("predicted", "Predicted class")
            what = "Predicted value" if regression else "Score"
            low, high = choice.text("low", f"{what} from"), choice.text("high", f"{what} up to")
    features = _conditions(scope)
    wanted = PredictionFilter(
        prediction_id=name,
        request_id=request,
        predicted=predicted,
        score_from=_number("low", low),
        score_to=_number("high", high),
        verdict=Verdict(verdict) if verdict else None,
        labelled=Labelled(label) if label else None,
        corrected={"": None, "yes": True, "no": False}[corrected],
        segment=scope.segment,
        features=tuple(parse(one) for one in features),
    )
    pinned = "until" in st.query_params
    return Search(
        scope.model,
        () if among else (scope.version,),
        scope.since,
        scope.until if pinned else None,  # what came since the newest window is not to be hidden
        wanted,
    )


def clear() -> None:
    """Ask for everything in the range."""
    for name in (*NAMES, *PLACES):
        st.query_params.pop(name, None)


def _one(name: str, label: str, words: dict[str, str]) -> str:
    return choice.select(name, label, [*words], "", words=words.__getitem__, width=140)


def _number(name: str, text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise InvalidError(name, text, "a score is a number, such as 0.8") from None


# --- Conditions on features ------------------------------------------------------------------------------------------


class _Kind(StrEnum):
    """How the operators are called on the page."""

    EQUAL = "is"
    MORE = "is more than"
    LESS = "is less than"
    BETWEEN = "is between"
    MISSING = "is missing"


def _conditions(scope: Scope) -> list[str]:
    """The conditions on features, each with a button that takes it away."""
    conditions = [one for one in st.query_params.get("features", "").split("\n") if one]
    with st.container(horizontal=True, vertical_alignment="bottom", key="feature-filters"):
        for i, one in enumerate(conditions):
            # A condition that cannot be read is shown, so that it can be taken away.
            st.button(
                markdown_text(one),
                key=f"without {i} {one}",
                icon=":material/close:",
                help="Take this condition away",
                on_click=_keep,
                args=([*conditions[:i], *conditions[i + 1 :]],),
            )
        with st.popover("Filter by a feature", icon=":material/filter_alt:"):
            _form(scope, conditions)
    return conditions


def _form(scope: Scope, conditions: Sequence[str]) -> None:
    names = data.models.features(scope.view.version.id)
    served = [name for name in names if "::" not in name]
    with st.form("a condition", border=False):
        name = (
            st.selectbox("Feature", served, accept_new_options=True, key=f"{_NEW} of {scope.view.version.id}")
            if served
            else st.text_input("Feature", key=f"{_NEW} of any")
        )
        kind = _Kind(st.selectbox("What it is", [one.value for one in _Kind]))
        value = st.text_input("Value", help="A number or a text; NaN and Infinity are values, too.")
        other = st.text_input("And, for “between”")
        if st.form_submit_button("Add the filter"):
            try:
                added = _condition((name or "").strip(), kind, value.strip(), other.strip())
            except WatchkeeperError as error:
                st.html(element("p", str(error), class_="wk-explorer-problem", role="alert"))
                return
            _keep([*conditions, str(added)])
            st.rerun()


def _condition(name: str, kind: _Kind, value: str, other: str) -> FeatureCondition:
    if not name:
        raise InvalidError("feature", None, "name the feature")
    shown = str(FeatureCondition(name, Operator.MISSING)).removesuffix(" is missing")
    match kind:
        case _Kind.MISSING:
            return FeatureCondition(name, Operator.MISSING)
        case _Kind.BETWEEN:
            return parse(f"{shown} between {value or '?'} and {other or '?'}")
        case _Kind.LESS:
            return parse(f"{shown} < {value}")
        case _Kind.MORE:
            return parse(f"{shown} > {value}")
    return FeatureCondition(name, Operator.EQUAL, text=value)


def _keep(conditions: Sequence[str]) -> None:
    link.remember(features="\n".join(conditions), **dict.fromkeys(PLACES, ""))
