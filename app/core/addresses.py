"""Web addresses that people configure."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.core.errors import InvalidError


def check_address(field: str, text: str) -> None:
    """Raise InvalidError unless `text` is an http or https address with a host, and without a user name or password.

    What it holds is shown to everybody who may see the configuration: it is no place for a secret.
    """
    try:
        parts = urlsplit(text)
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    else:
        right = right and text.isascii() and text.isprintable() and " " not in text and not parts.fragment
        if "@" in parts.netloc:
            raise InvalidError(field, "(not shown)", "must not hold a user name or password")
    if not right:
        raise InvalidError(field, text, "must be an address such as https://example.org/path")
