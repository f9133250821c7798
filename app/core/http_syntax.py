"""What a request may carry (RFC 9110, sections 5 and 9.1), as far as one that is told as data can get it wrong."""

from __future__ import annotations

import re

METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_FRAMING = frozenset({"content-length", "transfer-encoding"})


def header_fault(name: str, value: str) -> str:
    """Why no request can carry the header; empty when one can. The value, which may be a secret, is not repeated."""
    if name.lower() in _FRAMING:
        return f"the header {name} is set by the length of the body"
    if not _NAME.fullmatch(name):
        return f"{name!r} is no name of a header"
    allowed = "printable ASCII, without a space at either end"
    return "" if _VALUE.fullmatch(value) else f"the header {name} holds what no header may; allowed is {allowed}"
