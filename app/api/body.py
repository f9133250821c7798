"""Request bodies, read and unpacked within a limit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request

MIB = 1 << 20
MOST_MEMBERS = 100
"""Gzip files strung together in one body. Each costs a copy of all that follow, so that many would hold us up."""
_GZIP = 16 + zlib.MAX_WBITS  # tells zlib to expect gzip's frame


async def read_body(request: Request, limit: int) -> bytes:
    """The body as it was sent. Raises HTTPException 413 when it is larger than `limit` bytes."""
    return b"".join([chunk async for chunk in limited(request, limit)])


async def limited(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The chunks of the body; what is announced as too large is not read at all."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large(limit)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        yield chunk


def encoding_of(request: Request) -> str:
    """The body's encoding, gzip or identity. Raises HTTPException 415 for any other Content-Encoding."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower() or "identity"
    if encoding not in {"gzip", "identity"}:
        raise HTTPException(415, f"Content-Encoding: {encoding!r} is not allowed; allowed are gzip and identity")
    return encoding


def gunzip(packed: bytes, limit: int) -> bytes:
    """The unpacked bytes; never more than `limit` of them are made, whatever the body claims to hold.

    Raises HTTPException 413 beyond the limit, 400 for what is not gzip, ends too early or has too many members.
    """
    pieces: list[bytes] = []
    room = limit
    while packed:
        if len(pieces) == MOST_MEMBERS:
            raise HTTPException(400, f"the gzip body has too many members; allowed are {MOST_MEMBERS}")
        unpacker = zlib.decompressobj(_GZIP)
        try:
            pieces.append(unpacker.decompress(packed, room + 1))
        except zlib.error as error:
            raise HTTPException(400, f"the body is not valid gzip: {error}") from None
        room -= len(pieces[-1])
        if room < 0:
            raise too_large(limit)
        if not unpacker.eof:
            raise HTTPException(400, "the gzip body ends too early")
        packed = unpacker.unused_data
    return b"".join(pieces)


def too_large(limit: int) -> HTTPException:
    """The answer to a body beyond the limit."""
    return HTTPException(413, f"the body is too large; allowed are {limit / MIB:g} MiB, unpacked")
