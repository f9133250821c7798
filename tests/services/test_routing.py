"""Routes on real databases: kept in order, explained, and followed by what is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import URL, Engine, select, update

from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.routing import Route, RouteMatch, differences
from app.core.severity import Severity
from app.services.alerting import alert
from app.services.channels import remove_channel, switch_off
from app.services.route_preview import Draft, preview
from app.services.routing import (
    add_route,
    explain,
    find_route,
    in_words,
    list_routes,
    move_route,
    remove_route,
    set_route,
)
from app.storage import tables
from app.storage.engine import engine_for, read, write
from tests.services.measured import DAY, START, add_channels, add_version, measure

NOW = START + 20 * DAY
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def channels(engine: Engine) -> Engine:
    add_channels(engine, [(name, name.upper()) for name in ("mail", "ops", "pager")])
    return engine


def add(engine: Engine, *to: str, position: int | None = None, **given: object) -> int:
    names = RouteMatch.__dataclass_fields__
    match = RouteMatch(**{name: value for name, value in given.items() if name in names})  # type: ignore[arg-type]
    options = {name: value for name, value in given.items() if name not in names}
    row = add_route(engine, START, Route(match, to, **options), author="ann", position=position)  # type: ignore[arg-type]
    return int(row["id"])


def heard(engine: Engine) -> list[tuple[str, str]]:
    """(kind, channel) of every delivery, oldest first; the channels have got them all."""
    with write(engine) as connection:
        connection.execute(update(tables.delivery).values(state="delivered", delivered_at=START))
    n, d, c = tables.notification.c, tables.delivery.c, tables.channel.c
    query = select(n.kind, c.name).join_from(tables.delivery, tables.notification).join(tables.channel)
    with read(engine) as connection:
        return [tuple(row) for row in connection.execute(query.order_by(d.id))]


def test_rules_keep_their_order_through_every_change(channels: Engine) -> None:
    first, second = add(channels, "ops"), add(channels, "mail", "ops", model="f*", repeat=8 * HOUR)
    third = add(channels, "pager", position=1, severity=Severity.CRITICAL)
    assert [row["id"] for row in list_routes(channels)] == [third, first, second]

    move_route(channels, second, 1)
    remove_route(channels, first)

    assert [(row["position"], row["id"], row["takes"], row["channels"]) for row in list_routes(channels)] == [
        (1, second, "model=f*", ["mail", "ops"]),
        (2, third, "severity>=critical", ["pager"]),
    ]
    assert (list_routes(channels)[0]["repeat"], list_routes(channels)[0]["author"]) == (8 * HOUR, "ann")


def test_what_is_no_rule_is_refused(channels: Engine) -> None:
    with pytest.raises(NotFoundError, match="no channel 'opps'; known are: ops"):
        add(channels, "opps")
    with pytest.raises(InvalidError, match=r"channels: .* is not allowed"):
        add(channels)
    with pytest.raises(InvalidError, match="position: 3 is not allowed; allowed is 1 to 1"):
        add(channels, "ops", position=3)
    with pytest.raises(InvalidError, match=r"repeat: .* allowed is a minute or longer"):
        add(channels, "ops", repeat=timedelta(seconds=5))
    with pytest.raises(InvalidError, match="escalate_after is missing; say after"):
        add(channels, "ops", escalate_to=("pager",))
    with pytest.raises(NotFoundError, match="there is no route yet"):
        remove_route(channels, 9)
    with pytest.raises(NotFoundError, match="there is no route yet"):
        move_route(channels, 9, 1)


def test_a_route_whose_channel_is_gone_says_so_and_takes_nothing(channels: Engine) -> None:
    add(channels, "pager")
    remove_channel(channels, "pager")

    assert list_routes(channels)[0]["missing"] == ["pager"]
    assert explain(channels, "m", "volume", Severity.WARNING, digests=False)["at_once"] == ("mail", "ops")


def test_explain_names_the_rule_and_the_channels(channels: Engine) -> None:
    add_version(channels)
    with write(channels) as connection:
        connection.execute(update(tables.model).values(owner="flights"))
    route = add(channels, "ops", owner="flights", escalate_after=15 * MINUTE, escalate_to=("pager",))

    found = explain(channels, "delay", "volume", Severity.WARNING, digests=False)

    assert found["why"] == [f"route {route}: owner=flights"]
    assert (found["at_once"], found["escalate_to"]) == (("ops",), ("pager",))
    assert explain(channels, "other", "volume", Severity.WARNING, digests=False)["why"] == [
        "no route takes it: every channel that is on hears of it"
    ]


def test_alerts_go_where_the_first_rule_says_and_their_end_to_who_heard(channels: Engine) -> None:
    version_id = add_version(channels)
    add(channels, "ops", check="training_serving_skew")
    measure(channels, version_id, "ob")
    measure(channels, version_id, "ob", check="volume", subject="", value=5, limit=50, normal=100)
    alert(channels, NOW)
    assert sorted(heard(channels)) == [("firing", "mail"), ("firing", "ops"), ("firing", "ops"), ("firing", "pager")]

    remove_route(channels, list_routes(channels)[0]["id"])
    measure(channels, version_id, "o", first_day=2)
    alert(channels, NOW + HOUR)

    assert [one for one in heard(channels) if one[0] == "resolved"] == [("resolved", "ops")]


def test_a_storm_is_one_message_for_each_channel_of_the_check(channels: Engine) -> None:
    version_id = add_version(channels)
    add(channels, "ops", "mail", severity=Severity.WARNING)
    for n in range(30):
        measure(channels, version_id, "ob", subject=f"f{n}")

    alert(channels, NOW)

    assert heard(channels) == [("firing", "mail"), ("firing", "ops")]


def test_a_rule_has_its_own_pace_and_escalates_to_others(channels: Engine) -> None:
    version_id = add_version(channels)
    add(channels, "ops", repeat=HOUR, escalate_after=20 * MINUTE, escalate_to=("pager",))
    measure(channels, version_id, "ob")
    times = [0, 10, 20, 50, 80, 90, 150]
    told = []
    for minutes in times:
        before = len(heard(channels))
        alert(channels, NOW + minutes * MINUTE)
        told.append(heard(channels)[before:])

    assert told[0] == [("firing", "ops")]
    assert told[1] == []
    assert told[2] == [("escalated", "ops"), ("escalated", "pager")]
    assert told[3] == []
    assert told[4] == [("repeated", "ops")]
    assert told[5] == []
    assert told[6] == [("repeated", "ops")]


def test_a_rule_is_changed_where_it_stands_or_at_another_place(channels: Engine) -> None:
    first, second = add(channels, "ops", repeat=HOUR), add(channels, "mail")
    new = Route(RouteMatch(model="f*"), ("pager",), digest=False)

    row = set_route(channels, NOW, first, new, author="bob")
    assert (row["position"], row["takes"], row["channels"], row["repeat"]) == (1, "model=f*", ["pager"], None)
    assert (row["author"], row["created_at"]) == ("bob", NOW)
    assert find_route(channels, second).channels == ("mail",)
    assert set_route(channels, NOW, first, new, author="bob", position=2)["position"] == 2
    assert [one["id"] for one in list_routes(channels)] == [second, first]

    with pytest.raises(NotFoundError, match="no channel 'gone'"):
        set_route(channels, NOW, first, Route(RouteMatch(), ("gone",)), author="bob")
    with pytest.raises(InvalidError, match="position: 3 is not allowed"):
        set_route(channels, NOW, first, new, author="bob", position=3)
    with pytest.raises(NotFoundError, match="no route '9'"):
        set_route(channels, NOW, 9, new, author="bob")
    assert find_route(channels, first).channels == ("pager",)


def test_a_preview_says_who_would_hear_and_changes_nothing(channels: Engine) -> None:
    version_id = add_version(channels)
    measure(channels, version_id, "ob")
    measure(channels, version_id, "ob", check="volume", subject="", value=5, limit=50, normal=100)
    alert(channels, NOW)
    measure(channels, version_id, "o", first_day=2)
    alert(channels, NOW + HOUR)
    rule = add(channels, "ops", check="volume", repeat=8 * HOUR)

    def told(draft: Draft, now: timedelta = HOUR) -> list[tuple[str, bool, bool, str, str]]:
        found = preview(channels, NOW + now, draft, digests=False)
        return [(one.check, one.fires, one.changes, in_words(one.now), in_words(one.then)) for one in found]

    volume, skew, everyone = "ops, again every 8 h", "training_serving_skew", "mail, ops, pager"
    assert told(Draft(None, Route(RouteMatch(check="training*"), ("mail",)))) == [
        (skew, False, True, everyone, "mail"),
        ("volume", True, False, volume, volume),
    ]
    first = Draft(None, Route(RouteMatch(), ("pager",), escalate_after=15 * MINUTE), position=1)
    assert told(first) == [
        (skew, False, True, everyone, "pager, after 15 min to the same, too"),
        ("volume", True, True, volume, "pager, after 15 min to the same, too"),
    ]
    assert told(Draft(rule, None))[0] == ("volume", True, True, volume, everyone)
    assert told(Draft(rule, Route(RouteMatch(check="volume"), ("ops",))))[0] == ("volume", True, True, volume, "ops")
    # What is over for long is of no interest; what still fires is, however old.
    assert told(Draft(rule, None), now=40 * DAY) == [("volume", True, True, volume, everyone)]
    assert [row["id"] for row in list_routes(channels)] == [rule]

    with pytest.raises(NotFoundError, match="no channel 'gone'"):
        told(Draft(None, Route(RouteMatch(), ("gone",))))
    with pytest.raises(InvalidError, match="position: 7 is not allowed; allowed is 1 to 2"):
        told(Draft(None, Route(RouteMatch(), ("ops",)), position=7))
    with pytest.raises(NotFoundError, match="no route '9'"):
        told(Draft(9, None))


def test_a_rule_that_is_passed_over_is_named(channels: Engine) -> None:
    rule = add(channels, "pager")
    switch_off(channels, NOW, "pager", author="ann")

    found = explain(channels, "m", "volume", Severity.WARNING, digests=False)

    assert (found["passed_over"], found["words"]) == ([rule], "mail, ops")


def test_of_two_who_change_a_rule_the_later_one_is_told_what_the_other_changed(channels: Engine) -> None:
    identity = add(channels, "ops")
    seen = find_route(channels, identity)
    quick = Route(RouteMatch(owner="shop"), ("pager", "mail"), digest=False, go_on=True, repeat=HOUR)
    set_route(channels, NOW + HOUR, identity, quick, author="bob", seen=seen)

    with pytest.raises(ConflictError) as refused:
        set_route(channels, NOW + 2 * HOUR, identity, replace(seen, escalate_after=HOUR), author="cid", seen=seen)

    assert str(refused.value) == (
        f"route {identity} was changed meanwhile, by bob at {NOW + HOUR:%Y-%m-%d %H:%M:%S} UTC: owner not set before, "
        "now shop; channels ops before, now pager, mail; go_on no before, now yes; repeat not set before, now 1:00:00. "
        "Look again"
    )
    assert find_route(channels, identity) == replace(quick, id=identity)
    set_route(channels, NOW + 2 * HOUR, identity, seen, author="cid", seen=find_route(channels, identity))
    assert find_route(channels, identity) == seen


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (Route(RouteMatch(segment=""), ("ops",), repeat=timedelta(seconds=90)), "segment not set before, now empty"),
        (Route(RouteMatch(), ("ops",), repeat=timedelta(seconds=70)), "repeat 0:01:30 before, now 0:01:10"),
    ],
)
def test_the_smallest_change_of_a_rule_is_one(now: Route, said: str) -> None:
    assert differences(Route(RouteMatch(), ("ops",), repeat=timedelta(seconds=90)), now) == [said]


def test_a_rule_that_was_changed_meanwhile_is_not_removed(channels: Engine) -> None:
    identity = add(channels, "ops")
    seen = find_route(channels, identity)
    set_route(channels, NOW, identity, Route(RouteMatch(owner="shop"), ("ops",)), author="bob", seen=seen)
    with pytest.raises(ConflictError, match="owner not set before, now shop"):
        remove_route(channels, identity, seen=seen)
    remove_route(channels, identity, seen=find_route(channels, identity))
    assert list_routes(channels) == []


@pytest.mark.postgres
def test_of_two_who_change_rules_and_move_them_none_waits_for_the_other(postgres_url: URL) -> None:
    engine = engine_for(postgres_url)
    add_channels(engine, [("ops", "OPS")])
    rules = [add(engine, "ops") for _ in range(3)]

    def change(number: int) -> None:
        rule, position = rules[number % 3], number % 2 * 2 + 1
        set_route(engine, NOW, rule, Route(RouteMatch(), ("ops",)), author="ann", position=position)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(60)))
    assert {row["position"] for row in list_routes(engine)} == {1, 2, 3}
    engine.dispose()


@pytest.mark.postgres
def test_of_two_who_change_a_rule_at_the_same_moment_one_is_refused(postgres_url: URL) -> None:
    engine = engine_for(postgres_url)
    add_channels(engine, [(name, name.upper()) for name in ("ops", "pager")])
    identity = add(engine, "ops")
    seen = find_route(engine, identity)

    def change(name: str) -> bool:
        try:
            set_route(engine, NOW, identity, Route(RouteMatch(owner=name), ("ops",)), author=name, seen=seen)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(change, ["ann", "bob", "cid", "dan"])) == 1
    engine.dispose()
