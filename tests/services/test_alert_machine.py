"""The life of alerts on a real database, in any order: nothing is lost, nothing told twice, every alarm has its end."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import URL, insert

from app.core.delivery import Answer, Failed, Retry, Sent
from app.core.messages import Kind, Message, from_json
from app.core.model import Outcome
from app.core.silences import Matcher, Silence
from app.services.acknowledging import acknowledge, resolve, unacknowledge
from app.services.alerting import alert
from app.services.sending import settle
from app.services.silences import add_silence, end_silence, list_silences
from app.storage import outbox, tables
from app.storage.engine import engine_for, write
from app.storage.outbox import ClaimedDelivery
from tests.services.measured import DAY, START, add_channels, add_version, rows_of

SUBJECTS = ("age", "fare")
CHECK = "training_serving_skew"
MINUTE = timedelta(minutes=1)
VALUES = {"ok": 0.05, "mild": 0.2, "bad": 0.9, "better": -0.1, "unknown": None, "missing": None}
"""What the newest window may find, against a limit of 0.1 and a normal of 0."""
OPEN = {"firing", "acknowledged"}


class AlertLife(RuleBasedStateMachine):
    """Windows are judged, time passes, people acknowledge and silence, workers run and die, channels take or refuse."""

    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "watchkeeper.sqlite3"
        shutil.copy(self.template, path)
        self.engine = engine_for(URL.create("sqlite", database=str(path)))
        add_channels(self.engine, [("ops", "OPS"), ("oncall", "ONCALL")])
        self.version_id = add_version(self.engine)
        self.now, self.day = START + 90 * DAY, 0
        self.received: dict[int, list[Message]] = defaultdict(list)  # by channel, as they arrived
        self.died: set[str] = set()  # ids of messages whose sender died before it could mark them

    def teardown(self) -> None:
        try:
            self.everything_heals_and_is_told()
        finally:
            self.engine.dispose()
            self.folder.cleanup()

    @rule(found=st.tuples(*(st.sampled_from(sorted(VALUES)) for _ in SUBJECTS)))
    def a_window_is_judged(self, found: tuple[str, ...]) -> None:
        window = {"window_start": START + self.day * DAY, "window_end": START + (self.day + 1) * DAY}
        common = {"version_id": self.version_id, "check": CHECK, "limit": 0.1, "normal": 0.0, "statistic": "W1"}
        outcomes = {"ok": Outcome.OK, "unknown": Outcome.NOT_EVALUATED}
        rows: list[dict[str, Any]] = [
            {
                **common,
                **window,
                "subject": subject,
                "value": VALUES[what],
                "outcome": outcomes.get(what, Outcome.BREACH).value,
                "reason": what,
                "evaluated_at": self.now,
            }
            for subject, what in zip(SUBJECTS, found, strict=True)
            if what != "missing"
        ]
        self.day += 1
        if rows:
            with write(self.engine) as connection:
                connection.execute(insert(tables.measurement), rows)

    @rule(minutes=st.sampled_from([1, 6, 31, 241]))
    def time_passes(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule()
    def a_worker_runs(self) -> None:
        alert(self.engine, self.now)

    @rule(n=st.integers(0, 1), group=st.booleans())
    def somebody_takes_it_in_hand(self, n: int, group: bool) -> None:
        firing = [row["id"] for row in self.alerts() if row["state"] == "firing"]
        if firing:
            acknowledge(self.engine, self.now, [firing[n % len(firing)]], author="ann", group=group)

    @rule()
    def somebody_gives_it_back(self) -> None:
        held = [row["id"] for row in self.alerts() if row["state"] == "acknowledged"]
        if held:
            unacknowledge(self.engine, self.now, held[:1], author="ann")

    @rule(group=st.booleans())
    def somebody_resolves_it(self, group: bool) -> None:
        open_ = [row["id"] for row in self.alerts() if row["state"] in OPEN]
        if open_:
            resolve(self.engine, self.now, open_[:1], author="ann", comment="mended", group=group)

    @rule(subject=st.sampled_from([*SUBJECTS, "*"]), minutes=st.sampled_from([5, 300]))
    def somebody_wants_silence(self, subject: str, minutes: int) -> None:
        until = self.now + minutes * MINUTE
        add_silence(self.engine, self.now, Silence(Matcher(subject=subject), self.now, until, "ann", "quiet"))

    @rule()
    def somebody_ends_a_silence(self) -> None:
        for row in list_silences(self.engine, self.now)[:1]:
            end_silence(self.engine, self.now, row["id"], "ann")

    @rule(channel=st.sampled_from([1, 2]), fate=st.sampled_from(["taken", "died", "later", "never"]))
    def a_message_is_sent(self, channel: int, fate: str) -> None:
        self.send(channel, fate)

    def send(self, channel: int, fate: str) -> bool:
        """One delivery of what is due to the channel; whether there was one."""
        with write(self.engine) as connection:
            claimed = outbox.claim_delivery(connection, channel, self.now)
        if claimed is None:
            return False
        if fate in ("taken", "died"):
            self.received[channel].append(claimed.message)
        if fate == "died":
            self.died.add(claimed.message.id)
        else:
            answers: dict[str, Answer] = {"taken": Sent(), "later": Retry("busy"), "never": Failed("gone")}
            self.answer(claimed, answers[fate])
        return True

    def answer(self, claimed: ClaimedDelivery, answer: Answer) -> None:
        with write(self.engine) as connection:
            settle(connection, tables.delivery, claimed.id, claimed.attempts, answer, self.now)

    def alerts(self) -> list[dict[str, Any]]:
        return rows_of(self.engine, "alert")

    @invariant()
    def nothing_is_told_twice(self) -> None:
        """Each beginning, acknowledgement and end of a subject is told in at most one message."""
        subjects = {row["id"]: row["subject"] for row in self.alerts()}
        changes = Counter(
            (subjects[row["alert_id"]], row["new_state"]) for row in rows_of(self.engine, "alert_transition")
        )
        said = Counter[tuple[object, str]]()
        for row in rows_of(self.engine, "notification"):
            message = from_json(row["message"])  # type: ignore[arg-type]
            begins = message.kind is Kind.FIRING or (message.kind is Kind.NEWS and "better" in message.title)
            ends = message.kind is Kind.RESOLVED or (message.kind is Kind.NEWS and not begins)
            state = "firing" if begins else "resolved" if ends else message.kind.value
            said.update((line.subject, state) for line in message.lines)
        for (subject, state), times in said.items():
            if state in ("firing", "resolved", "acknowledged"):
                assert times <= changes[subject, state], (subject, state)

    @invariant()
    def nothing_arrives_twice_unless_a_sender_died(self) -> None:
        for messages in self.received.values():
            twice = [identity for identity, times in Counter(m.id for m in messages).items() if times > 1]
            assert set(twice) <= self.died

    @invariant()
    def what_people_know_has_been_told(self) -> None:
        for row in self.alerts():
            assert (row["told_state"] is None) == (row["heard_at"] is None)
            assert row["told_state"] in (None, "firing", "acknowledged")

    @rule()
    def a_worker_catches_up(self) -> None:
        """After the time that changes are gathered for, people know of all that fires and is not silenced."""
        alert(self.engine, self.now)
        self.now += 6 * MINUTE
        alert(self.engine, self.now)
        silenced = {row["subject"] for row in list_silences(self.engine, self.now) if row["status"] == "active"}
        if "*" in silenced:
            return
        for row in self.alerts():
            if row["subject"] in silenced:
                continue
            if row["state"] == "firing":
                assert row["told_state"] == "firing", row
            elif row["state"] not in OPEN:
                assert row["told_state"] is None, row

    def everything_heals_and_is_told(self) -> None:
        """At last all is well, no silence holds, and the channels take what is left: every alarm has its end."""
        self.a_window_is_judged(("ok", "ok"))
        self.now += timedelta(days=2)
        alert(self.engine, self.now)
        for channel in (1, 2):
            while self.send(channel, "taken"):
                pass
        assert {row["told_state"] for row in self.alerts()} <= {None}
        threads = {row["id"]: (row["thread"], row["kind"]) for row in rows_of(self.engine, "notification")}
        last: dict[tuple[object, object], tuple[object, object]] = {}
        for row in rows_of(self.engine, "delivery"):
            thread, kind = threads[row["notification_id"]]
            if row["state"] == "delivered" and kind != "resolved":
                last[row["channel_id"], thread] = (kind, None)
            elif kind in ("resolved", "news") and (row["channel_id"], thread) in last:
                last[row["channel_id"], thread] = (kind, row["state"])
        for (channel_id, _), (kind, state) in last.items():
            assert kind == "news" or state in ("delivered", "dead"), (channel_id, kind, state)


def test_alert_life(sqlite_template: Path) -> None:
    AlertLife.template = sqlite_template
    budget = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(AlertLife, settings=budget)
