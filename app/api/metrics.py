"""The collector's own heartbeat, in Prometheus' format; in a registry of its own, so that nothing else gets in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.core.records import Receipt

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
        self.waiting = Gauge(
            "watchkeeper_live_waiting", "Requests that wait for a change of what is live", registry=self._registry
        )
        self._commit_seconds = Histogram(
            "watchkeeper_commit_seconds", "Duration of a commit", buckets=_SECONDS, registry=self._registry
        )
        self._commit_records = Histogram(
            "watchkeeper_commit_records", "Records of a commit", buckets=_SIZES, registry=self._registry
        )

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
