"""What people are told of a run: that it waits for them, or how it ended."""

from __future__ import annotations

import uuid
from datetime import datetime
from urllib.parse import urlencode

from app.core.messages import Kind, Line, Message
from app.core.retraining_run import RunState
from app.core.severity import Severity
from app.storage.retraining_runs import StoredRun

CHECK = "retraining"

_SAID = {
    RunState.WAITING: "a retraining waits for approval",
    RunState.SUCCEEDED: "retraining succeeded",
    RunState.FAILED: "retraining failed",
    RunState.TIMED_OUT: "retraining timed out",
    RunState.CANCELLED: "retraining was cancelled",
}
_CALM = frozenset({RunState.SUCCEEDED, RunState.CANCELLED})


def news(run: StoredRun, reason: str, now: datetime, public_url: str) -> Message:
    """The message about the state that the run is in now."""
    return Message(
        id=uuid.uuid4().hex,
        thread=run.webhook_id[-32:],
        kind=Kind.NEWS,
        severity=Severity.INFO if run.state in _CALM else Severity.WARNING,
        title=f"{run.model} {run.version}: {_SAID[run.state]}",
        model=run.model,
        version=run.version,
        check=CHECK,
        at=now,
        since=None,
        window=None,
        lines=(Line("", "", None, None, "", reason),),
        advice=_advice(run),
        link=f"{public_url.rstrip('/')}/retraining?{urlencode({'run': run.webhook_id})}" if public_url else "",
    )


def _advice(run: StoredRun) -> str:
    if run.state is RunState.WAITING:
        return f"Let it go or not: `watchkeeper retraining approve {run.webhook_id}`, or `reject`."
    if run.state is RunState.FAILED and run.known.undelivered:
        return f"Mend the target, then `watchkeeper retraining send-again {run.webhook_id}`."
    if run.state is RunState.TIMED_OUT:
        return "See whether the pipeline runs still, and whether it reports to the callback address."
    return ""
