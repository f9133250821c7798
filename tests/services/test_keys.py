"""API keys: shown once, stored as a digest, refused once revoked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from app.core.errors import InvalidError, NotFoundError
from app.services.key_uses import WRITTEN_EVERY, KeyUses, last_use
from app.services.keys import Scope, create_key, digest, list_keys, revoke_key, scopes
from app.storage import migrate, tables
from app.storage.api_keys import ApiKey
from app.storage.engine import read, write

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


def used(engine: Engine) -> list[datetime | None]:
    return [key.last_used_at for key in list_keys(engine)]


def test_the_last_use_is_written_down_every_few_minutes_at_most(engine: Engine) -> None:
    first, second = (create_key(engine, name, "ingest", NOW) for name in ("first", "second"))
    uses, minute = KeyUses(engine), timedelta(minutes=1)
    uses.note(digest(first.secret), NOW)
    uses.store(NOW + minute)
    assert used(engine) == [NOW, None]

    uses.note(digest(first.secret), NOW + 2 * minute)
    uses.note(digest(second.secret), NOW + 2 * minute)
    uses.store(NOW + 3 * minute)
    assert used(engine) == [NOW, NOW + 2 * minute]

    uses.store(NOW + minute + WRITTEN_EVERY)
    assert used(engine) == [NOW + 2 * minute, NOW + 2 * minute]
    uses.note(digest(second.secret), NOW + 4 * minute)
    uses.store(NOW + 4 * minute, everything=True)
    assert used(engine) == [NOW + 2 * minute, NOW + 4 * minute]


def test_of_two_collectors_the_later_use_stays(engine: Engine) -> None:
    key, one, other = create_key(engine, "first", "ingest", NOW), KeyUses(engine), KeyUses(engine)
    one.note(digest(key.secret), NOW + timedelta(minutes=1))
    other.note(digest(key.secret), NOW)

    one.store(NOW)
    other.store(NOW)

    assert used(engine) == [NOW + timedelta(minutes=1)]


def test_what_the_database_does_not_take_is_kept(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    key, uses = create_key(engine, "first", "ingest", NOW), KeyUses(engine)
    uses.note(digest(key.secret), NOW)
    with write(engine) as connection:
        connection.exec_driver_sql("ALTER TABLE api_key RENAME TO gone")

    uses.store(NOW)
    assert "the last uses of keys could not be stored" in caplog.text
    assert key.secret not in caplog.text

    with write(engine) as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO api_key")
    uses.store(NOW)
    assert used(engine) == [NOW]


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("last", "known_since", "said"),
    [
        (None, None, "never used"),
        (None, NOW, "not since 2026-11-20 10:00 UTC; what was before is not known"),
        (NOW + 71 * HOUR, None, "within the last hour (2026-11-23 09:00 UTC)"),
        (NOW + 70.5 * HOUR, NOW, "1 hour ago (2026-11-23 08:30 UTC)"),
        (NOW + 30 * HOUR, NOW, "42 hours ago (2026-11-21 16:00 UTC)"),
        (NOW, NOW, "3 days ago (2026-11-20 10:00 UTC)"),
    ],
)
def test_the_last_use_in_words(last: datetime | None, known_since: datetime | None, said: str) -> None:
    key = ApiKey(1, "service", "ingest", "wk_12", NOW, None, last, known_since)

    assert last_use(key, NOW + 72 * HOUR - timedelta(seconds=1) if "within" in said else NOW + 72 * HOUR) == said


def test_of_a_key_that_is_older_than_the_record_the_uses_before_are_not_known(engine: Engine) -> None:
    create_key(engine, "old", "ingest", NOW)
    migrate.downgrade(engine, "0032")
    before = datetime.now(UTC)
    migrate.upgrade(engine)

    create_key(engine, "new", "ingest", NOW)

    old, new = list_keys(engine)
    assert old.uses_known_since
    assert before <= old.uses_known_since <= datetime.now(UTC)
    assert (old.last_used_at, new.last_used_at, new.uses_known_since) == (None, None, None)
