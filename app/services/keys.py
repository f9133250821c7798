"""API keys: made once and shown once, stored as a digest, revoked by their number."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Engine

from app.core.errors import InvalidError, NotFoundError
from app.services.snapshot import Snapshot
from app.storage import api_keys
from app.storage.api_keys import ApiKey
from app.storage.engine import read, write

PREFIX = "wk_"
NAME_LENGTH = 100
_HINT_LENGTH = 9
MAX_AGE_SECONDS = 5.0
"""How long a revoked key may still be taken."""


class Scope(StrEnum):
    """What a key is good for: sending records, training new versions, or everything."""

    INGEST = "ingest"
    TRAIN = "train"
    ADMIN = "admin"


class CreatedKey(NamedTuple):
    """A new key; its secret is known here and to whom it is shown, and nowhere else."""

    key: ApiKey
    secret: str


def create_key(engine: Engine, name: str, scope: str, now: datetime) -> CreatedKey:
    """Make a key of 256 random bits. Raises InvalidError for an unknown scope or a name that is empty or too long."""
    if scope not in tuple(Scope):
        raise InvalidError("scope", scope, f"allowed are {', '.join(Scope)}")
    if not 0 < len(name) <= NAME_LENGTH or "\0" in name:
        raise InvalidError("name", name, f"allowed are 1 to {NAME_LENGTH} characters that say who uses the key")
    secret = PREFIX + secrets.token_urlsafe(32)
    with write(engine) as connection:
        key = api_keys.add_key(connection, name, scope, digest(secret), secret[:_HINT_LENGTH], now)
    return CreatedKey(key, secret)


def list_keys(engine: Engine) -> list[ApiKey]:
    """All keys, revoked ones too, oldest first."""
    with read(engine) as connection:
        return api_keys.list_keys(connection)


def revoke_key(engine: Engine, key_id: int, now: datetime) -> ApiKey:
    """Take a key out of use: collectors stop taking it within MAX_AGE_SECONDS. Revoking twice changes nothing.

    Raises NotFoundError for a number that no key has.
    """
    with write(engine) as connection:
        api_keys.revoke_key(connection, key_id, now)
        known = api_keys.list_keys(connection)
    for key in known:
        if key.id == key_id:
            return key
    raise NotFoundError("key", str(key_id), [str(key.id) for key in known])


def digest(secret: str) -> str:
    """What is stored of a key. A plain hash is enough: nobody guesses 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def scopes(engine: Engine) -> Snapshot[dict[str, Scope]]:
    """Digest -> scope of every key that is good, held in memory for MAX_AGE_SECONDS."""
    return Snapshot(lambda: _good_keys(engine), max_age=MAX_AGE_SECONDS)


def _good_keys(engine: Engine) -> dict[str, Scope]:
    with read(engine) as connection:
        return {key_digest: Scope(scope) for key_digest, scope in api_keys.good_keys(connection)}
