"""Secrets by reference: what is stored is `env:NAME` or `file:PATH`, and the secret is looked up when it is needed."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from app.core.errors import InvalidError, WatchkeeperError

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/?[^\0\r\n]+")
_SHORTEST_PART = 6


class SecretError(WatchkeeperError):
    """A reference leads to no secret; the text names the reference."""


def check_reference(field: str, text: str) -> None:
    """Raise InvalidError unless `text` is a reference. The value is not repeated: it may be the secret itself."""
    if not _REFERENCE.fullmatch(text):
        raise InvalidError(field, "(not shown)", "a secret is given as env:NAME or file:PATH, never itself")


class Secrets:
    """Looks references up, and takes the secrets it has handed out back out of any text. For one thread."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._known: set[str] = set()

    def __repr__(self) -> str:
        return f"Secrets({len(self._known)} looked up)"

    def resolve(self, reference: str) -> str:
        """The secret behind a reference. Raises SecretError when there is none."""
        kind, _, name = reference.partition(":")
        secret = self._environment.get(name, "") if kind == "env" else _read(name)
        if not secret:
            raise SecretError(f"the secret {reference} is {'not set' if kind == 'env' else 'empty'}")
        if not (secret.isascii() and secret.isprintable()):  # no header, URL or login can carry it
            raise SecretError(f"the secret {reference} holds what is no printable ASCII character")
        self._known.add(secret)
        return secret

    def keep(self, secret: str) -> str:
        """A secret that was handed out elsewhere, such as by a login; it is taken out of texts like the others."""
        self._known.add(secret)
        return secret

    def redact(self, text: str) -> str:
        """`text` without the secrets handed out so far: neither whole, nor in base64, nor a part of it."""
        for part in sorted({part for secret in self._known for part in _spellings(secret)}, key=len, reverse=True):
            text = text.replace(part, "[secret]")
        return text


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"the secret file:{path} cannot be read ({type(error).__name__})") from None


def _spellings(secret: str) -> list[str]:
    # Of a web address what follows the host, of another one such as tgram://token/chat all, of `Bearer abc` each word.
    address = re.fullmatch(r"(?:https?://[^/?]*|[\w+.-]+://)(.*)", secret)
    parts = re.split(r"[/?&=:@]+", address[1]) if address else secret.split()
    return [
        secret,
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode(),
        *(part for part in parts if len(part) >= _SHORTEST_PART and part != "Bearer"),
    ]
