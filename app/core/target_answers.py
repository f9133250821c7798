"""What a service's answer means: whether it has taken a request, and how a run stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from app.core.delivery import LONGEST_WAIT, Answer, Failed, HttpAnswer, Retry, Sent, judge, retry_after
from app.core.retraining_run import RunState
from app.core.targets import Poll, Taken

LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Progress:
    """How the service says a run stands."""

    state: RunState
    message: str = ""


def judge_taken(taken: Taken, answer: HttpAnswer) -> Answer:
    """Whether the service has taken the request. An answer that is not what its documentation promises is no yes."""
    if answer.status in taken.already:
        return Sent("an earlier attempt had arrived already")
    body = _json(answer.body)
    judged = _limited(answer) or judge(answer)
    if not isinstance(judged, Sent):
        return _with_words(judged, body, taken.errors)
    if taken.success and answer.status not in taken.success:
        allowed = " or ".join(map(str, taken.success))
        return Retry(f"answered HTTP {answer.status}, where {allowed} was to be expected")
    if taken.proof and at(body, taken.proof[0]) != taken.proof[1]:
        said = _text(at(body, taken.proof[0])) or "something that is no answer of this service"
        return _with_words(Failed(f"answered HTTP {answer.status} with {said}"), body, taken.errors)
    return _started(taken, answer, body)


def _started(taken: Taken, answer: HttpAnswer, body: Any) -> Answer:
    run_id = _text(at(body, taken.run_id)) if taken.run_id else ""
    if taken.run_id and not run_id:
        missing = f"answered HTTP {answer.status} without {taken.run_id}"
        return Retry(missing) if taken.needed else Sent(f"{missing}, so the run cannot be followed by asking")
    return Sent(receipt=run_id[:LONGEST_WORDS])


def judge_progress(poll: Poll, answer: HttpAnswer) -> Progress | Retry | Failed:
    """How the run stands; Retry or Failed when the answer does not tell."""
    judged, body = _limited(answer) or judge(answer), _json(answer.body)
    if not isinstance(judged, Sent):
        return judged
    for path in poll.state:
        said = at(body, path)
        if isinstance(said, str) and said in poll.states:
            return Progress(poll.states[said], _text(at(body, poll.message))[:LONGEST_WORDS])
    words = ", ".join(f"{path}={_text(at(body, path))!r}"[:LONGEST_WORDS] for path in poll.state)
    return Retry(f"answered HTTP {answer.status} with no state that is known ({words})")


def at(value: Any, path: str) -> Any:
    """What stands at the path, such as `data.runs.0.id`; None when there is nothing, or no path."""
    for step in path.split(".") if path else ():
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value if path else None


def at_in(body: bytes, path: str) -> str:
    """The text that stands at the path of a JSON body; empty when there is none."""
    return _text(at(_json(body), path))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str:
    """A text or a number as a text that every database can hold; empty for anything else."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    return str(value).replace("\0", "").encode(errors="replace").decode()


def _with_words(judged: Retry | Failed, body: Any, errors: Iterable[str]) -> Answer:
    """The judgement with the service's own words, where it has any."""
    words = next((said for path in errors if (said := _text(at(body, path)))), "")
    why = f"{judged.why}: {' '.join(words.split())[:LONGEST_WORDS]}" if words else judged.why
    return Retry(why, judged.after) if isinstance(judged, Retry) else Failed(why)


def _limited(answer: HttpAnswer) -> Retry | None:
    """A 403 that says when to come back is a rate limit (GitHub's docs, `Rate limits for the REST API`)."""
    if answer.status not in {403, 429}:
        return None
    after = retry_after(answer.headers)
    if after is None and answer.headers.get("x-ratelimit-remaining") == "0":
        after = _until_reset(answer.headers)
    return None if after is None else Retry(f"answered HTTP {answer.status}: too many requests", after)


def _until_reset(headers: Mapping[str, str]) -> timedelta | None:
    reset = headers.get("x-ratelimit-reset", "")
    if not (reset.isascii() and reset.isdecimal()):
        return None
    try:
        sent = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    until = datetime.fromtimestamp(int(reset[:11]), UTC) - sent if sent.tzinfo else timedelta(0)
    return min(max(until, timedelta(0)), LONGEST_WAIT)
