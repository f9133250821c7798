"""API keys: shown once, stored as a digest, refused once revoked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from app.core.errors import InvalidError, NotFoundError
from app.services.keys import Scope, create_key, digest, list_keys, revoke_key, scopes
from app.storage import tables
from app.storage.engine import read

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_a_key_is_256_random_bits_and_only_its_digest_is_stored(engine: Engine) -> None:
    made = [create_key(engine, "service", "ingest", NOW) for _ in range(2)]

    assert all(re.fullmatch(r"wk_[\w-]{43}", key.secret) for key in made)
    assert made[0].secret != made[1].secret
    with read(engine) as connection:
        row = connection.execute(select(tables.api_key)).mappings().first()
    assert row is not None
    assert row["digest"] == digest(made[0].secret)
    assert made[0].secret not in map(str, row.values())
    assert made[0].secret.startswith(row["hint"])


def test_good_keys_have_their_scope_and_revoked_ones_none(engine: Engine) -> None:
    ingest, admin = create_key(engine, "service", "ingest", NOW), create_key(engine, "ops", "admin", NOW)

    revoke_key(engine, ingest.key.id, NOW)

    assert scopes(engine).reload() == {digest(admin.secret): Scope.ADMIN}
    assert [(key.name, key.revoked_at) for key in list_keys(engine)] == [("service", NOW), ("ops", None)]


def test_revoking_again_keeps_the_first_time(engine: Engine) -> None:
    key = create_key(engine, "service", "ingest", NOW).key

    revoke_key(engine, key.id, NOW)

    assert revoke_key(engine, key.id, NOW + timedelta(days=1)).revoked_at == NOW


def test_what_is_no_key_cannot_be_made_or_revoked(engine: Engine) -> None:
    with pytest.raises(InvalidError, match="allowed are ingest, train, admin"):
        create_key(engine, "service", "root", NOW)
    with pytest.raises(InvalidError, match="name"):
        create_key(engine, "", "admin", NOW)
    with pytest.raises(NotFoundError, match="there is no key yet"):
        revoke_key(engine, 1, NOW)
