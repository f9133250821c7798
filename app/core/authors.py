"""Who does something, as it is written down beside what was done."""

from __future__ import annotations

from app.core.errors import InvalidError

LONGEST_AUTHOR = 200
_SHOWN = 40  # letters of a name that is too long


def signed(author: str, *, needed: bool = True) -> str:
    """The name without spaces at its ends. Raises InvalidError for what cannot be written down, or is none."""
    name = author.strip()
    if needed and not name:
        raise InvalidError("author", author, "say who does it")
    if len(name) > LONGEST_AUTHOR:
        allowed = f"it has {len(name)} characters, allowed are at most {LONGEST_AUTHOR} printable ones"
        raise InvalidError("author", f"{name[:_SHOWN]}…", allowed)
    if not name.isprintable():
        raise InvalidError("author", name, f"allowed are at most {LONGEST_AUTHOR} printable characters")
    return name
