"""Errors a person can act on: each names the thing, its value and what is allowed."""

from __future__ import annotations

from difflib import SequenceMatcher, get_close_matches


class WatchkeeperError(Exception):
    """The base of every error that is the caller's to mend; its text is fit to be shown."""


MOST_NAMES = 30


class NotFoundError(WatchkeeperError):
    """Something named does not exist; `known` lists what does; None: they are too many.

    `advice`: what to do where there is none at all, or where they are too many.
    """

    def __init__(self, kind: str, name: str, known: list[str] | None, advice: str = "") -> None:
        self.kind, self.name, self.known = kind, name, known or []
        if known is None:
            super().__init__(f"no {kind} {name!r}: {advice}")
            return
        # The names alike first: the one that was meant is not to be hidden behind the others.
        close = set(get_close_matches(name, known, n=MOST_NAMES))
        # Those that are equally alike stay in the order in which they are known.
        alike = sorted(
            (other for other in known if other in close),
            key=lambda other: SequenceMatcher(None, other, name).ratio(),
            reverse=True,
        )
        listed = [*alike, *(other for other in known if other not in alike)][:MOST_NAMES]
        shown = ", ".join(listed) + (f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else "")
        none = f"there is no {kind} yet" + (f": {advice}" if advice else "")
        asked = f"no {kind} {name!r}; " if name or known else ""
        super().__init__(asked + (f"known are: {shown}" if known else none))


class ConflictError(WatchkeeperError):
    """Something of that name exists already with other values."""


class InvalidError(WatchkeeperError):
    """A field holds a value that is not allowed, or None or an empty text, though it needs one."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        if value is None or value == "":
            wrong = f"{field} is {'missing' if value is None else 'empty'}"
        else:
            wrong = f"{field}: {value!r} is not allowed"
        super().__init__(f"{wrong}; {allowed}")
        self.field, self.value, self.allowed = field, value, allowed
