"""The panel of the worst segments: what it says, and that a segment without a verdict never looks healthy."""

from __future__ import annotations

from app.core.causes import Reading
from app.core.model import Outcome
from app.core.segment_ranking import rank_segments
from app.services.read_models.segments import Attribute, ModelSegments
from app.ui.components.alerts import section as notices
from app.ui.components.model.segments import ranking

BREACH = Reading("training_serving_skew", "<b>x</b>", Outcome.BREACH, 0.5, 0.1, None, "country=FI")


def of(count: int, attribute: Attribute) -> ModelSegments:
    rows = {"country=FI": 10, **{f"country={n}": 1 for n in range(count)}}
    return ModelSegments("m", "1", None, None, (attribute,), tuple(rank_segments([BREACH], [], rows, 10 + count)))


def test_the_ranking_names_the_breach_the_rest_and_the_overflow() -> None:
    found = ranking(of(12, Attribute("country", None, 20, 300, 7)))
    assert "Skew against training: &lt;b&gt;x&lt;/b&gt;" in found
    assert "◌ no verdict" in found
    assert ">none<" not in found
    assert 'href="model?model=m&amp;version=1&amp;segment=country%3DFI"' in found
    assert "3 more segments: see watchkeeper segments." in found
    assert "About 300 other values of country (7 rows) are counted together as country=(other)." in found


def test_how_far_beyond_a_limit_that_allows_nothing_is_not_said_in_times() -> None:
    lost = Reading("schema", "dewp", Outcome.BREACH, 1.0, 0.0, 0.0, "country=FI")
    found = tuple(rank_segments([lost], [], {"country=FI": 10}, 10))
    attribute = Attribute("country", None, 1, 0, 0)
    assert ">over 100</td>" in ranking(ModelSegments("m", "1", None, None, (attribute,), found))


def test_a_notice_counts_features_and_lists_their_segments() -> None:
    row = {"check": "schema", "subject": "dest", "value": 0.5, "limit": 0.1, "reason": "new", "since": None}
    rows = [
        {
            **row,
            "id": 1,
            "severity": "warning",
            "state": "firing",
            "silenced_by": None,
            "segment": segment,
            "changed_at": 0,
            "notified_at": None,
            "deliveries": [],
        }
        for segment in (None, "origin=JFK")
    ]
    found = str(notices(rows, lambda _check: ""))
    assert "Schema: 1 feature<" in found
    assert "All 2, the worst first" in found


def test_without_a_verdict_the_panel_says_so() -> None:
    nothing = ModelSegments("m", "1", None, None, (Attribute("country", None, 0, 0, 0),), ())
    assert "Nothing has been judged by segments yet" in ranking(nothing)
