"""Patterns for names: `*` stands for any characters, also none, and `?` for one; anything else is itself."""

from __future__ import annotations

import re
from functools import lru_cache


def fits(pattern: str | None, text: str) -> bool:
    """Whether the text is one that is meant. None means every text."""
    return pattern is None or _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.compile("".join(parts), re.DOTALL)
