"""Reports: what can be asked for, and the order that is handed to the process that makes one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from app.core.alerting import utc_text
from app.core.model import Task
from app.core.sample import SEED, Sample


class ReportKind(StrEnum):
    """What a report shows of the current rows beside the reference's."""

    DRIFT = "drift"
    SUMMARY = "summary"
    QUALITY = "quality"


class ReportState(StrEnum):
    """Where a report stands between being asked for and being there."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ReportOrder(msgspec.Struct, frozen=True):
    """Everything that making a report takes. `classes` are negative and positive, for a binary model alone.

    `numeric` names the features that are numbers; the others are categories.
    """

    id: int
    model: str
    version: str
    task: Task
    kind: ReportKind
    since: datetime
    until: datetime
    numeric: list[str]
    classes: list[str]
    reference: Sample
    current: Sample

    @property
    def title(self) -> str:
        """One line that says which report this is."""
        return f"{self.model} {self.version}: {self.kind.value} report {self.id}"

    @property
    def sampling(self) -> str:
        """Which rows the report rests on, and how they were chosen."""
        span = f"{utc_text(self.since)} to {utc_text(self.until)}"
        which = "labelled predictions" if self.kind is ReportKind.QUALITY else "predictions"
        return (
            f"Reference: {_share(self.reference)} rows. Current: {_share(self.current)} {which} of {span}. "
            f"Rows are chosen uniformly at random (seed {SEED}); figures of a sample differ from those of all rows."
        )


def _share(sample: Sample) -> str:
    every = "all" if sample.rows == sample.total else f"{sample.rows:,} of"
    return f"{every} {sample.total:,}"
