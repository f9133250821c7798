"""The background thread: takes batches from the buffer, posts them, and tries again where that can help."""

import math
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from collectors.client.answers import Drop, Retry, Settled, TooLarge, Verdict, judge
from collectors.client.buffer import Batch, Buffer
from collectors.client.complaints import Complaints
from collectors.client.endpoint import THREAD_NAME, Endpoint, Parcel
from collectors.client.reports import Reporter

RetryDelay = Callable[[int], float]
"""Seconds to wait after so many failed attempts in a row, the first being 1."""

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0


def full_jitter(failures: int) -> float:
    """Exponential back-off with full jitter: uniform between 0 and 0.5 s, 1 s, 2 s ... 30 s.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(failures - 1, 10))
    return random.uniform(0, ceiling)  # noqa: S311  # spreads requests, keeps no secret


class Delivery:
    """Sends what is in the buffer, one batch at a time, from a daemon thread of its own.

    An attempt that failed for the collector's absence (not reachable, 429, 502, 503) is repeated for as long as the
    buffer lives; one that may be the batch's fault (a timeout, 500, an answer without sense) at most max_attempts
    times, so that a batch which the collector cannot digest does not keep the others waiting for ever.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        buffer: Buffer,
        complaints: Complaints,
        max_attempts: int,
        retry_delay: RetryDelay,
        report_interval: float = math.inf,
    ) -> None:
        """report_interval is in seconds; without one, only the last report is sent."""
        self._endpoint = endpoint
        self._buffer = buffer
        self._complaints = complaints
        self._max_attempts = max_attempts
        self._retry_delay = retry_delay
        self._reporter = Reporter(buffer, report_interval)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last_chance = threading.Event()
        self._chance_taken = False
        self._stopped = threading.Event()
        self._unheard = False  # the newest batch was given up without an answer

    def ensure_running(self) -> None:
        """Start the thread unless it runs; where none can be started, the records wait for a later call."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is not None and self._thread.is_alive():
                return
            thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads allowed, or the interpreter is going down
                self._complaints.say("thread", f"the sending thread cannot start: {error}")
                return
            self._thread = thread

    def hurry(self) -> None:
        """The end is near: cut a back-off short for one more attempt (but not a wait that the collector asked for)."""
        self._last_chance.set()

    def stop(self, timeout: float) -> None:
        """Attempt nothing more; wait at most timeout seconds for the thread to end."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        with self._endpoint.connect() as http:
            while (batch := self._buffer.next_batch()) is not None:
                self._deliver(http, batch)
                if not self._unheard:
                    self._reporter.tell(http)
            if not self._unheard:
                self._reporter.tell(http, last=True)

    def _deliver(self, http: httpx.Client, batch: Batch) -> None:
        parts = [batch]
        while parts:
            part = parts.pop()
            match self._insist(http, part):
                case Settled() as settled:
                    self._settle(part, settled)
                case TooLarge() if len(part) > 1:
                    first, second = part.halves()
                    parts += [second, first]
                case TooLarge(why):
                    self._drop(part, Drop("rejected", why))
                case Drop() as drop:
                    self._drop(part, drop)

    def _insist(self, http: httpx.Client, batch: Batch) -> Settled | TooLarge | Drop:
        """Post until there is an answer that waiting would not improve."""
        parcel = Parcel.of(batch)
        failures = blamed = 0
        while isinstance(verdict := self._attempt(http, parcel, len(batch)), Retry):
            self._complaints.say(verdict.why, verdict.why)
            failures += 1
            blamed += not verdict.away
            if blamed >= self._max_attempts:
                return Drop("gave_up", f"gave up after {blamed} attempts: {verdict.why}")
            if not self._pause(verdict.after, self._retry_delay(failures)):
                return Drop("closed", f"closed before it could be sent: {verdict.why}")
        return verdict

    def _attempt(self, http: httpx.Client, parcel: Parcel, records: int) -> Verdict:
        try:
            answer = parcel.post(http)
        except httpx.RequestError as error:
            away = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            return Retry(f"no answer from {self._endpoint.url}: {type(error).__name__}: {error}", away=away)
        return judge(answer.status, answer.headers, answer.body, records=records, now=datetime.now(UTC))

    def _pause(self, asked: float | None, delay: float) -> bool:
        """Wait for what the collector asked and the jitter on top; False if there is to be no other attempt."""
        if asked is None and not self._chance_taken:
            self._chance_taken = self._last_chance.wait(delay)
            return not self._stopped.is_set()
        return not self._stopped.wait((asked or 0.0) + delay)

    def _settle(self, batch: Batch, settled: Settled) -> None:
        # The complaint first: whoever waits in flush() for the account to be settled may then read last_error.
        if settled.rejected:
            self._complaints.say(f"rejected {settled.field}", settled.complaint)
        self._buffer.settle(batch, sent=settled.sent, duplicates=settled.duplicates, rejected=settled.rejected)

    def _drop(self, batch: Batch, drop: Drop) -> None:
        self._unheard = drop.reason == "closed"
        if drop.reason != "closed":  # close() says itself how much was left
            self._complaints.say(drop.why, f"{len(batch)} records dropped: {drop.why}")
        self._buffer.drop(batch, drop.reason)
