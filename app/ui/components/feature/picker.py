"""Which feature is looked at and by which check, the worst first, and the way to the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app.core.checks.schema import NEW_FEATURES
from app.core.derived import SEPARATOR
from app.core.model import Outcome
from app.services.read_models.feature_view import SubjectStanding
from app.services.read_models.standings import Standing
from app.ui import data
from app.ui.components import choice, link, wording
from app.ui.components.html import element
from app.ui.components.scope import Scope


@dataclass(frozen=True, slots=True)
class Picked:
    """A feature, or a column that is derived from one, and a check of it. `standing` None: it was not asked."""

    feature: str
    check: str
    standing: SubjectStanding | None

    @property
    def served_name(self) -> str:
        """The name under which it is served: whether it is missing is asked of that."""
        return self.feature.partition(SEPARATOR)[0]


def choose(chosen: Scope) -> Picked | None:
    """The choices in a row; None, which the page then says, where there is no feature."""
    asked = [one.check for one in chosen.view.checks]
    checks = [name for name in wording.FEATURE_CHECKS if name in asked] or [wording.FEATURE_CHECKS[0]]
    standings = {one.check: one.standing for one in chosen.view.checks}
    wrong = [name for name in checks if standings.get(name) is Standing.BREACH]
    check = choice.buttons(
        "check",
        "Check",
        checks,
        (wrong or checks)[0],
        words=lambda name: f"{wording.state_mark(standings.get(name, Standing.NO_DATA))} {wording.check_title(name)}",
        key="check of the feature",
    )
    found = data.features.subjects(chosen.view.version.id, check, chosen.until, chosen.segment)
    subjects = {one.name: one for one in found if one.name != NEW_FEATURES}
    columns = data.models.features(chosen.view.version.id)
    names = [*subjects, *(name for name in columns if name not in subjects)]
    if not names:
        st.html(element("p", "The reference of this version has no features.", class_="wk-lead"))
        return None
    wanted = st.query_params.get("feature")
    if wanted is not None and wanted not in names:
        said = f"Version {chosen.version} has no feature “{wanted}” here; this is the one furthest from normal."
        st.html(element("p", said, class_="wk-quiet", role="status"))
    feature = _feature(chosen, names, subjects)
    return Picked(feature, check, subjects.get(feature))


def _feature(chosen: Scope, names: Sequence[str], standings: dict[str, SubjectStanding]) -> str:
    def words(name: str) -> str:
        standing = standings.get(name)
        mark = wording.outcome_text(standing.outcome if standing else Outcome.NOT_EVALUATED).split()[0]
        return f"{mark} {name}"

    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = f"feature of {chosen.view.version.id}"
        feature = choice.select("feature", "Feature, the worst first", names, names[0], words=words, width=320, key=key)
        at = names.index(feature)
        for text, to in (("Previous", at - 1), ("Next", at + 1)):
            st.button(
                text,
                key=f"{text} feature",
                icon=":material/chevron_left:" if to < at else ":material/chevron_right:",
                help=f"{text} feature in this order",
                disabled=not 0 <= to < len(names),
                on_click=_go_to,
                args=(names[to % len(names)],),
            )
        st.html(element("p", f"{at + 1} of {len(names)}", class_="wk-facts wk-position"), width="content")
    return feature


def _go_to(feature: str) -> None:
    link.remember(feature=feature)
