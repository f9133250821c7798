"""Our style sheets, read once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "static" / "styles"


@cache
def sheets() -> str:
    """All of them in the order of their names: `base.css` is the first."""
    found = sorted(_FOLDER.glob("*.css"), key=lambda path: (path.stem != "base", path.stem))
    return "\n".join(sheet.read_text() for sheet in found)
