"""Files of lines, plain or compressed, in bounded bites."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from app.core.errors import InvalidError

LONGEST_LINE = 2**20
CHUNK_BYTES = 16 * 2**20
"""A bite of very wide rows ends here, so that memory stays bounded whatever the file holds."""
_GZIP_MAGIC = b"\x1f\x8b"


class TextFile:
    """An open file. Compression is told by the content, since an uploaded file has no suffix."""

    def __init__(self, path: Path) -> None:
        self._name, self._size = path.name, max(1, path.stat().st_size)
        self._raw = path.open("rb")
        compressed = self._raw.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
        self._stream = gzip.GzipFile(fileobj=self._raw) if compressed else self._raw

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._raw.close()

    @property
    def share(self) -> float:
        """How much of the file has been read, 0..1."""
        return min(1.0, self._raw.tell() / self._size)

    def line(self) -> bytes:
        """The next line with its end, or b"" at the end of the file.

        Raises InvalidError for a line longer than any row, and for an archive that is cut off or damaged.
        """
        try:
            line = self._stream.readline(LONGEST_LINE)
        except (EOFError, OSError, zlib.error) as error:
            raise InvalidError("file", self._name, f"it must be readable to its end: {error}") from error
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            raise InvalidError("file", self._name, f"a line of text is at most {LONGEST_LINE} bytes long")
        return line

    def lines(self, most: int) -> list[bytes]:
        """Up to `most` lines and about CHUNK_BYTES; empty at the end of the file."""
        taken: list[bytes] = []
        size = 0
        while len(taken) < most and size < CHUNK_BYTES and (line := self.line()):
            taken.append(line)
            size += len(line)
        return taken

    def __iter__(self) -> Iterator[bytes]:
        while line := self.line():
            yield line
