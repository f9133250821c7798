"""The client that a serving process holds: log predictions and corrections, and go on at once."""

import atexit
import logging
import uuid
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self, get_args

from collectors.client import records
from collectors.client.buffer import Buffer, Kind, OnFull, Reason, Stats
from collectors.client.complaints import Complaints
from collectors.client.delivery import Delivery, RetryDelay, full_jitter
from collectors.client.environment import after_fork, find_endpoint
from collectors.client.records import Source

_logger = logging.getLogger("watchkeeper.client")

# Seconds: enough for a thread that waits to end and settle its account, too few to matter when it is in a request.
_FAREWELL = 0.2

_ADVICE: Mapping[Reason, str] = {
    "queue_full": "a record was dropped, as the queue is full: the collector is slower than the service, or away",
    "closed": "a record was dropped, as the client is closed: log before close()",
}


class Client:
    """Sends predictions and corrections to a Watchkeeper collector from a background thread.

    Make one per process and keep it. `log` and `correct` never wait for the network and never raise for its faults; a
    wrong argument raises TypeError or ValueError at once. Safe to use from many threads and after a fork.

        client = Client()
        prediction_id = client.log("fraud", "3", {"age": 31}, prediction=1, score=0.93)
        client.correct("fraud", prediction_id, 0, source="user")
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        enabled: bool = True,
        batch_size: int = 500,
        batch_interval: float = 1.0,
        max_records: int = 10_000,
        max_bytes: int = 16 * 1024 * 1024,
        on_full: OnFull = "drop_newest",
        request_timeout: float = 10.0,
        max_attempts: int = 8,
        exit_timeout: float = 2.0,
        retry_delay: RetryDelay = full_jitter,
        report_interval: float = 60.0,
    ) -> None:
        """Check the settings; the connection and the thread come with the first record.

        url              the collector; else WATCHKEEPER_URL; else http://127.0.0.1:8600
        key              an API key of scope `ingest`; else WATCHKEEPER_KEY, or the content of WATCHKEEPER_KEY_FILE
        enabled          False makes every method do nothing, for tests
        batch_size       records that are sent together at the most
        batch_interval   seconds for which a record waits for company
        max_records      records in memory, waiting or on their way
        max_bytes        their size as JSON, before compression
        on_full          "drop_newest" keeps the start of an outage, "drop_oldest" its end
        request_timeout  seconds for each of connecting, sending and waiting for the answer
        max_attempts     attempts for a batch that the collector fails on; its absence is waited out
        exit_timeout     seconds for which the end of the process waits for what is unsent
        retry_delay      seconds to wait after so many failed attempts, the first being 1
        report_interval  seconds between two reports of its counts to the collector

        Raises ValueError for a setting that could not work.
        """
        self._enabled = enabled
        if not enabled:
            return
        if on_full not in get_args(OnFull):
            raise ValueError(f"on_full: {on_full!r}; allowed is one of {', '.join(get_args(OnFull))}")
        _check_positive(
            batch_size=batch_size,
            batch_interval=batch_interval,
            max_records=max_records,
            max_bytes=max_bytes,
            request_timeout=request_timeout,
            max_attempts=max_attempts,
            exit_timeout=exit_timeout,
            report_interval=report_interval,
        )
        self._endpoint = find_endpoint(url, key, request_timeout)
        self._new_buffer = partial(Buffer, max_records, max_bytes, on_full, batch_size, batch_interval)
        self._new_delivery = partial(
            Delivery,
            self._endpoint,
            max_attempts=max_attempts,
            retry_delay=retry_delay,
            report_interval=report_interval,
        )
        self._closed = False
        self._start_afresh()
        atexit.register(self.close, exit_timeout)
        after_fork(weakref.WeakMethod(self._start_afresh))

    def log(
        self,
        model: str,
        version: str,
        features: Mapping[str, object],
        prediction: object = None,
        score: object = None,
        *,
        scores: Mapping[Any, object] | None = None,
        latency_ms: object = None,
        prediction_id: str | None = None,
        timestamp: datetime | None = None,
        request_id: str | None = None,
        unit_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> str:
        """Queue one prediction and return its id at once.

        features       name -> number, string, boolean, date, list of numbers or None; numpy and others as they are
        prediction     the class, or the number of a regression; may be left out where a score decides it
        score          P(positive) of a binary model, the probability of the top class of a multiclass one
        scores         class -> probability, for a multiclass model
        latency_ms     how long the model took, in milliseconds
        prediction_id  1 to 200 characters, unique within the version; a new UUID if not given
        timestamp      when it was predicted, with a time zone; now if not given
        request_id     pairs the versions that answered one request
        unit_id        what a rollout randomises: a user, an account
        attributes     name -> string, the segments to look at apart

        Raises TypeError or ValueError naming the field, what it was and what is allowed.
        """
        chosen = uuid.uuid4().hex if prediction_id is None else prediction_id
        if self._enabled:
            body = records.prediction(
                model,
                version,
                chosen,
                datetime.now(UTC) if timestamp is None else timestamp,
                features,
                value=prediction,
                score=score,
                scores=scores,
                latency_ms=latency_ms,
                request_id=request_id,
                unit_id=unit_id,
                attributes=attributes,
            )
            self._put(Kind.PREDICTION, body)
        return chosen

    def correct(
        self,
        model: str,
        prediction_id: str,
        value: object,
        *,
        source: Source,
        version: str | None = None,
        author: str | None = None,
        shown: bool = False,
        probability: float | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """Queue what turned out to be true for a prediction; it may be sent before the prediction is.

        value        the true class or number; None if the prediction was shown and nobody said anything
        source       "ground_truth", "audit" (a randomly drawn review) or "user"
        version      without it, the correction counts for every version of the model that has this prediction
        author       who said it
        shown        the prediction was put before a person for review
        probability  how likely the prediction was to be drawn for the audit, where that is known
        timestamp    when it was said, with a time zone; now if not given

        Raises TypeError or ValueError naming the field, what it was and what is allowed.
        """
        if not self._enabled:
            return
        said = datetime.now(UTC) if timestamp is None else timestamp
        body = records.correction(
            model,
            prediction_id,
            said,
            value,
            source,
            version=version,
            author=author,
            shown=shown,
            probability=probability,
        )
        self._put(Kind.CORRECTION, body)

    def log_offline_features(
        self, model: str, prediction_id: str, features: Mapping[str, object], *, version: str | None = None
    ) -> None:
        """Queue what the offline pipeline computes for a prediction; it may be sent before the prediction is.

        features  name -> number, string, boolean, date, list of numbers or None; those left out are not compared
        version   may be left out where the model has one version

        Raises TypeError or ValueError naming the field, what it was and what is allowed.
        """
        if self._enabled:
            self._put(Kind.OFFLINE_FEATURES, records.offline_features(model, prediction_id, features, version=version))

    def served(self, predictions: int = 1) -> None:
        """Count predictions that the service answered with, logged or not, so that Watchkeeper sees whether all arrive.

        predictions  how many; 0 or more

        Call it where an answer leaves the service, apart from `log`. Raises ValueError for a negative number.
        """
        if predictions < 0:
            raise ValueError(f"predictions: {predictions!r}; allowed is 0 or more")
        if self._enabled:
            self._buffer.serve(predictions)

    def flush(self, timeout: float = 5.0) -> bool:
        """Send what waits; True when the collector has answered for all of it, False after timeout seconds."""
        return not self._enabled or self._buffer.flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Send what waits for at most timeout seconds and end; True if nothing was left unsent.

        What is left is counted in stats.dropped["closed"] and told to the log. Happens by itself at the end of the
        process, with exit_timeout, and at the end of a `with`. Records logged afterwards are dropped.
        """
        if not self._enabled:
            return True
        atexit.unregister(self.close)
        self._closed = True
        self._buffer.close()
        self._delivery.hurry()
        self._buffer.flush(timeout)
        left = self._buffer.abandon()
        self._delivery.stop(_FAREWELL)
        if left:
            _logger.warning("closed with %d records unsent; %s", left, self._complaints.last or "there was no time")
        return left == 0

    @property
    def stats(self) -> Stats:
        """What became of the records logged so far in this process."""
        return self._buffer.stats(self._complaints.last) if self._enabled else Stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._endpoint.url!r})" if self._enabled else "Client(enabled=False)"

    def _start_afresh(self) -> None:
        """Empty queue, no thread, new locks: for a new client, and for the copy of one that a fork makes.

        In the child the parent's thread does not exist, its locks may be held for ever, and its records are the
        parent's to send.
        """
        self._complaints = Complaints(self._endpoint.key)
        self._buffer = self._new_buffer()
        self._delivery = self._new_delivery(buffer=self._buffer, complaints=self._complaints)
        if self._closed:
            self._buffer.close()

    def _put(self, kind: Kind, body: bytes) -> None:
        dropped = self._buffer.put(kind, body)
        if dropped is not None:
            self._complaints.say(dropped, _ADVICE[dropped])
        if dropped != "closed":
            self._delivery.ensure_running()


def _check_positive(**settings: float) -> None:
    for name, value in settings.items():
        if not value > 0:
            raise ValueError(f"{name}: {value!r}; allowed is a number above 0")
