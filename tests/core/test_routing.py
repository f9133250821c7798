"""Where a message goes: a table of sentences, and what holds for any rules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.routing import Facts, Route, RouteMatch, Routing, routed
from app.core.severity import Severity

CHANNELS = ["mail", "pager", "slack"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WARNING = Facts("default", "fraud-eu", "volume", Severity.WARNING, owner="payments")
CRITICAL = Facts("default", "fraud-eu", "volume", Severity.CRITICAL, owner="payments")
INFO = Facts("default", "fraud-eu", "volume", Severity.INFO, owner="payments")
ITSELF = Facts("default", "", "jobs", Severity.CRITICAL)


def rule(*channels: str, id_: int = 1, digest: bool = False, go_on: bool = False, **match: object) -> Route:
    return Route(RouteMatch(**match), channels, id=id_, digest=digest, go_on=go_on)  # type: ignore[arg-type]


PAGER = rule("pager", severity=Severity.CRITICAL)


@pytest.mark.parametrize(
    ("facts", "rules", "at_once"),
    [
        pytest.param(WARNING, [], CHANNELS, id="without a rule everybody hears of it"),
        pytest.param(WARNING, [rule("slack")], ["slack"], id="a rule that asks for nothing takes everything"),
        pytest.param(WARNING, [rule("slack", model="fraud-*")], ["slack"], id="a star stands for the rest of a name"),
        pytest.param(WARNING, [rule("slack", model="fraud")], CHANNELS, id="a name without a star is the whole name"),
        pytest.param(WARNING, [rule("slack", owner="payments")], ["slack"], id="the owner's team hears of it"),
        pytest.param(WARNING, [rule("slack", owner="growth")], CHANNELS, id="another team's rule does not take it"),
        pytest.param(WARNING, [rule("slack", check="vol?me")], ["slack"], id="a question mark is one character"),
        pytest.param(WARNING, [PAGER], CHANNELS, id="what no rule takes goes to everybody"),
        pytest.param(CRITICAL, [PAGER], ["pager"], id="severe enough"),
        pytest.param(CRITICAL, [rule("slack", severity=Severity.WARNING)], ["slack"], id="severity is the least"),
        pytest.param(CRITICAL, [PAGER, rule("slack")], ["pager"], id="the first rule that fits is the only one"),
        pytest.param(WARNING, [PAGER, rule("slack")], ["slack"], id="a rule that does not fit is passed by"),
        pytest.param(
            CRITICAL,
            [rule("pager", go_on=True, severity=Severity.CRITICAL), rule("slack")],
            ["pager", "slack"],
            id="one that goes on adds to the next that fits",
        ),
        pytest.param(
            WARNING, [rule("slack", segment="country=*")], CHANNELS, id="of all rows is no segment of a country"
        ),
        pytest.param(
            Facts("default", "m", "c", Severity.WARNING, segments=("", "country=FI")),
            [rule("slack", segment="country=*")],
            ["slack"],
            id="one fitting segment among several is enough",
        ),
        pytest.param(WARNING, [rule("gone")], CHANNELS, id="a rule whose channels are all gone takes nothing"),
        pytest.param(WARNING, [rule("gone", "slack")], ["slack"], id="a channel that is gone is left out"),
        pytest.param(ITSELF, [rule("slack", model="*")], ["slack"], id="a star takes alerts about Watchkeeper too"),
        pytest.param(ITSELF, [rule("slack", model="f*")], CHANNELS, id="a model's rule does not"),
        pytest.param(ITSELF, [rule("pager", model="")], ["pager"], id="they can be had alone by the empty name"),
    ],
)
def test_who_hears_of_it_at_once(facts: Facts, rules: list[Route], at_once: list[str]) -> None:
    assert list(routed(facts, rules, CHANNELS, digests=False).at_once) == at_once


@pytest.mark.parametrize(
    ("facts", "rules", "at_once", "in_digest"),
    [
        pytest.param(WARNING, [rule("mail", digest=True)], [], ["mail"], id="a digest rule lets it wait"),
        pytest.param(INFO, [], [], CHANNELS, id="what is no alarm waits wherever it goes"),
        pytest.param(INFO, [rule("slack")], [], ["slack"], id="also by a rule"),
        pytest.param(
            WARNING,
            [rule("mail", digest=True, go_on=True), rule("slack", "mail")],
            ["mail", "slack"],
            [],
            id="who hears of it at once need not read it again",
        ),
    ],
)
def test_who_hears_of_it_in_the_digest(
    facts: Facts, rules: list[Route], at_once: list[str], in_digest: list[str]
) -> None:
    found = routed(facts, rules, CHANNELS, digests=True)
    assert (list(found.at_once), list(found.in_digest)) == (at_once, in_digest)


def test_without_digests_nothing_waits_for_one() -> None:
    assert routed(WARNING, [rule("mail", digest=True)], CHANNELS, digests=False).at_once == ("mail",)
    assert routed(INFO, [], CHANNELS, digests=False).at_once == tuple(CHANNELS)


def test_news_that_are_no_alert_wait_for_no_digest() -> None:
    news = Facts("default", "fraud", "", Severity.INFO, alert=False)
    assert routed(news, [], CHANNELS, digests=True).at_once == tuple(CHANNELS)


def test_of_several_rules_the_shortest_times_count_and_all_escalate() -> None:
    slow = Route(RouteMatch(), ("slack",), go_on=True, repeat=DAY, escalate_after=HOUR, escalate_to=("mail",), id=1)
    fast = Route(RouteMatch(), ("mail",), repeat=HOUR, escalate_after=DAY, escalate_to=("pager", "gone"), id=2)

    assert routed(WARNING, [slow, fast], CHANNELS, digests=False) == Routing(
        ("mail", "slack"), (), ("mail", "pager"), HOUR, HOUR, (1, 2)
    )


def test_what_a_rule_takes_in_words() -> None:
    assert RouteMatch().words == "everything"
    assert RouteMatch(model="f*", severity=Severity.CRITICAL).words == "model=f* severity>=critical"


_patterns = st.sampled_from([None, "*", "fraud*", "other", ""])
_rules = st.builds(
    Route,
    st.builds(RouteMatch, model=_patterns, owner=_patterns, severity=st.sampled_from([None, *Severity])),
    st.lists(st.sampled_from([*CHANNELS, "gone"]), max_size=3).map(tuple),
    digest=st.booleans(),
    go_on=st.booleans(),
)


@given(st.lists(_rules, max_size=5), st.sampled_from([WARNING, CRITICAL, INFO, ITSELF]), st.booleans())
def test_nothing_is_lost_and_nobody_hears_twice(rules: list[Route], facts: Facts, digests: bool) -> None:
    found = routed(facts, rules, CHANNELS, digests=digests)

    assert found.at_once or found.in_digest
    assert not set(found.at_once) & set(found.in_digest)
    assert set(found.at_once) | set(found.in_digest) <= set(CHANNELS)
