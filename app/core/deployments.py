"""Which version is live, which ones were, and which one a rollback leads to: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.errors import ConflictError, NotFoundError
from app.core.model import Stage


class Kind(StrEnum):
    """Why a version's stage changed."""

    REGISTERED = "registered"
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    AUTOMATIC = "automatic"  # a rollback by policy
    SUPERSEDED = "superseded"  # another version took its place
    RETIRE = "retire"
    STAGE = "stage"  # any other change
    KNOWN = "known"  # from before changes were recorded: what the version itself says

    @property
    def goes_back(self) -> bool:
        return self in {Kind.ROLLBACK, Kind.AUTOMATIC}


@dataclass(frozen=True, slots=True)
class Change:
    """When a stage changed, by whom, why, and what kind of change it was."""

    at: datetime
    author: str
    reason: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Deployment:
    """One recorded change of a version's stage; `from_stage` None: there was none before, or none is known."""

    id: int
    version: str
    from_stage: Stage | None
    to_stage: Stage
    change: Change

    @property
    def takes_over(self) -> bool:
        return self.to_stage is Stage.LIVE

    @property
    def touches_live(self) -> bool:
        return Stage.LIVE in (self.from_stage, self.to_stage)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that could be made live again."""

    name: str
    stage: Stage
    has_reference: bool

    @property
    def why_not(self) -> str:
        """Why nobody should fall back on it unasked; empty when it is ready."""
        if self.stage is Stage.RETIRED:
            return "is retired"
        return "" if self.has_reference else "has no reference"


def lives(history: Iterable[Deployment]) -> list[str]:
    """The versions that were live and may be gone back to, in order, the present one last.

    A rollback takes away what it went back from: going back twice leads further back, never to the bad version.
    """
    stack: list[str] = []
    for one in history:
        if not one.takes_over:
            continue
        if one.change.kind.goes_back and one.version in stack:
            del stack[stack.index(one.version) + 1 :]
            continue
        if one.change.kind.goes_back and stack:
            stack.pop()
        if one.version in stack:
            stack.remove(one.version)
        stack.append(one.version)
    return stack


def fallbacks(history: Sequence[Deployment], live: str | None) -> list[str]:
    """The versions that were live before `live`, the last one first."""
    stack = lives(history)
    before = stack[: stack.index(live)] if live in stack else stack
    return before[::-1]


def rollback_target(
    model: str,
    history: Sequence[Deployment],
    candidates: Mapping[str, Candidate],
    live: str | None,
    wanted: str | None = None,
) -> str:
    """The version that a rollback makes live: the one asked for, else the last live one before `live` that is ready.

    Raises NotFoundError for a name that no version has, ConflictError where there is nothing to go back to.
    """
    if wanted is not None:
        return _asked_for(model, candidates, live, wanted)
    before = [name for name in fallbacks(history, live) if name in candidates]
    for name in before:
        if not candidates[name].why_not:
            return name
    if not before:
        now = f"version {live} is" if live else "no version is"
        raise ConflictError(f"model {model!r}: {now} live, and none was live before; name one with --to or `to`")
    reasons = "; ".join(f"{name} {candidates[name].why_not}" for name in before)
    raise ConflictError(f"model {model!r}: no version that was live before is ready: {reasons}")


def _asked_for(model: str, candidates: Mapping[str, Candidate], live: str | None, wanted: str) -> str:
    if wanted not in candidates:
        raise NotFoundError("version", wanted, list(candidates))
    if wanted == live:
        raise ConflictError(f"model {model!r}: version {wanted} is live already")
    if candidates[wanted].stage is Stage.RETIRED:
        mend = f"`watchkeeper version stage {model} {wanted} registered` lets it come back"
        raise ConflictError(f"model {model!r}: version {wanted} is retired; {mend}")
    return wanted
