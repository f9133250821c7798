"""Errors a person can act on: each names the thing, its value and what is allowed."""

from __future__ import annotations


class WatchkeeperError(Exception):
    """The base of every error that is the caller's to mend; its text is fit to be shown."""


class NotFoundError(WatchkeeperError):
    """Something named does not exist; `known` lists what does."""

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        shown = ", ".join(known[:10]) + (" ..." if len(known) > 10 else "")
        super().__init__(f"no {kind} {name!r}; " + (f"known are: {shown}" if known else f"there is no {kind} yet"))
        self.kind, self.name, self.known = kind, name, known


class ConflictError(WatchkeeperError):
    """Something of that name exists already with other values."""


class InvalidError(WatchkeeperError):
    """A field holds a value that is not allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field}: {value!r} is not allowed; {allowed}")
        self.field, self.value, self.allowed = field, value, allowed
