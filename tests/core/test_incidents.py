"""From changes of alerts to incidents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.core.incidents import AlertChange, Incident, incidents, time_in_breach

START = datetime(2026, 11, 1, tzinfo=UTC)


def change(
    alert: int,
    hours: float,
    new: str,
    *,
    old: str = "resolved",
    reason: str = "seen",
    what: str = "",
    severity: str = "warning",
) -> AlertChange:
    at = START + timedelta(hours=hours)
    return AlertChange(alert, 1, "2", "schema", what or f"feature {alert}", severity, old, new, reason, at, START)


def test_alerts_of_one_check_that_overlap_are_one_incident() -> None:
    [one] = incidents(
        [
            change(1, 0, "firing", reason="lost"),
            change(2, 2, "firing", severity="critical"),
            change(1, 3, "resolved", old="firing"),
            change(2, 5, "resolved", old="firing"),
        ]
    )

    assert (one.began, one.ended) == (START, START + timedelta(hours=5))
    assert one.whats == ("feature 1", "feature 2")
    assert (one.why, one.severity, one.alert_id) == ("lost", "critical", 1)


def test_what_comes_after_all_have_ended_is_another_one_and_the_newest_comes_first() -> None:
    found = incidents(
        [change(1, 0, "firing"), change(1, 1, "resolved", old="firing"), change(1, 4, "firing", reason="again")]
    )

    assert [one.why for one in found] == ["again", "seen"]
    assert [one.ended is None for one in found] == [True, False]


def test_who_handled_it_is_what_people_did_and_not_what_the_worker_did() -> None:
    [one] = incidents(
        [
            change(1, 0, "firing"),
            change(1, 1, "acknowledged", old="firing", reason="acknowledged by ann: looking"),
            change(1, 2, "firing", old="acknowledged", reason="given back by ann"),
            change(1, 3, "resolved", old="firing", reason="within its limit again"),
        ]
    )

    assert one.handled == ("acknowledged by ann: looking", "given back by ann")
    assert one.lasted(START + timedelta(days=9)) == timedelta(hours=3)


def test_the_end_of_what_began_before_is_no_incident_of_its_own() -> None:
    assert incidents([change(1, 0, "resolved", old="firing")]) == []


def test_the_time_in_breach_counts_no_hour_twice() -> None:
    def lasting(began: float, ended: float | None) -> Incident:
        end = None if ended is None else START + timedelta(hours=ended)
        return Incident(1, "2", "schema", (), "warning", START + timedelta(hours=began), end, "", START, (), 1)

    until = START + timedelta(hours=20)
    assert time_in_breach([lasting(-5, 2), lasting(1, 4), lasting(18, None)], START, until) == timedelta(hours=6)
    assert time_in_breach([], START, until) == timedelta(0)
