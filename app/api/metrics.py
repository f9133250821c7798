"""The collector's own heartbeat, in Prometheus' format; in a registry of its own, so that nothing else gets in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.core.records import Receipt
from app.services.self_watch import Work

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000)


class Metrics:
    """What is counted and timed."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._records = Counter(
            "watchkeeper_records",
            "Records received, by what became of them",
            ["kind", "outcome"],
            registry=self._registry,
        )
        self._requests = Histogram(
            "watchkeeper_request_seconds",
            "From the first byte of a request to the last of its answer",
            ["route", "method", "status"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.queue_depth = Gauge("watchkeeper_queue_records", "Records that wait for a commit", registry=self._registry)
        self.queue_bytes = Gauge("watchkeeper_queue_bytes", "Bytes they were sent as", registry=self._registry)
        self.waiting = Gauge(
            "watchkeeper_live_waiting", "Requests that wait for a change of what is live", registry=self._registry
        )
        self._commit_seconds = Histogram(
            "watchkeeper_commit_seconds", "Duration of a commit", buckets=_SECONDS, registry=self._registry
        )
        self._commit_records = Histogram(
            "watchkeeper_commit_records", "Records of a commit", buckets=_SIZES, registry=self._registry
        )

    def watch_work(self, work: Callable[[], Work | None]) -> None:
        """Tell of the worker too; `work` says how its work goes on, or None when nobody knows."""
        self._registry.register(_WorkCollector(work))

    def received(self, kind: str, receipt: Receipt) -> None:
        """Count a batch of `kind` (prediction | correction | offline_features) once it is answered."""
        self._records.labels(kind, "accepted").inc(receipt.accepted)
        self._records.labels(kind, "duplicate").inc(receipt.duplicates)
        self._records.labels(kind, "rejected").inc(len(receipt.rejected))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Time a request."""
        self._requests.labels(route, method, str(status)).observe(seconds)

    def committed(self, records: int, seconds: float) -> None:
        """Time a commit."""
        self._commit_records.observe(records)
        self._commit_seconds.observe(seconds)

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self._registry)


class _WorkCollector(Collector):
    """What the database knows of the worker. It is asked at every scrape, so `work` shall hold on to what it found."""

    def __init__(self, work: Callable[[], Work | None]) -> None:
        self._work = work

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # nothing is asked for while the registry is made

    def collect(self) -> Iterator[GaugeMetricFamily]:
        work = self._work()
        if work is None:
            return
        done = GaugeMetricFamily(
            "watchkeeper_job_last_success_timestamp_seconds", "When each job last went well", labels=["job"]
        )
        failing = GaugeMetricFamily("watchkeeper_job_failing", "1 if the last run of the job failed", labels=["job"])
        for job in work["jobs"]:
            done.add_metric([job.job], _seconds(job.done_at))
            failing.add_metric([job.job], float(job.outcome == "failed"))
        yield done
        yield failing
        outboxes = (*work["channels"], *work["retraining"])
        oldest = min((place.pending_since for place in outboxes if place.pending_since), default=None)
        for name, about, value in (
            ("worker_leading", "1 if a worker leads", float(work["worker_leads"])),
            ("unfolded_batches", "Batches that wait to be counted", work["backlog"].batches),
            ("unfolded_oldest_timestamp_seconds", "Since when; 0 if none waits", _seconds(work["backlog"].since)),
            ("sends_given_up", "Messages and requests given up", sum(place.dead for place in outboxes)),
            ("sends_oldest_timestamp_seconds", "Since when one waits; 0 if none does", _seconds(oldest)),
        ):
            yield GaugeMetricFamily(f"watchkeeper_{name}", about, value=value)


def _seconds(time: datetime | None) -> float:
    return time.timestamp() if time else 0.0
