"""What the process around a client decides: where the collector is, the key, and when there is a fork."""

import os
import weakref
from pathlib import Path
from typing import Any

from collectors.client.endpoint import Endpoint

DEFAULT_URL = "http://127.0.0.1:8600"


def find_endpoint(url: str | None, key: str | None, timeout: float) -> Endpoint:
    """The collector as it is given, else as WATCHKEEPER_URL, WATCHKEEPER_KEY and WATCHKEEPER_KEY_FILE say.

    Raises ValueError for what could never work.
    """
    return Endpoint(url or os.environ.get("WATCHKEEPER_URL") or DEFAULT_URL, _key(key), timeout)


def _key(given: str | None) -> str | None:
    if given is not None:
        return given.strip() or None
    value, path = os.environ.get("WATCHKEEPER_KEY", ""), os.environ.get("WATCHKEEPER_KEY_FILE", "")
    if value and path:
        raise ValueError("WATCHKEEPER_KEY and WATCHKEEPER_KEY_FILE are both set; allowed is one of them")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"WATCHKEEPER_KEY_FILE: {path!r} cannot be read: {error}") from error
    return value.strip() or None


def after_fork(start_afresh: "weakref.WeakMethod[Any]") -> None:
    """Have a client that still lives in a forked child start afresh there (systems without fork have nothing to do)."""

    def in_child() -> None:
        if (method := start_afresh()) is not None:
            method()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)
