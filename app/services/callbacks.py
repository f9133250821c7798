"""Whether a report about a run was signed by whoever was asked: with the secret of its target."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine

from app.core.presets import preset_of
from app.core.webhooks import is_signed, signing_key
from app.services.secrets import SecretError, Secrets
from app.storage.engine import read
from app.storage.retraining_runs import find_run
from app.storage.targets import StoredTarget


def signed_by_target(
    engine: Engine,
    webhook_id: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    environment: Mapping[str, str],
) -> bool:
    """True when the run is known, its target has a signing secret, and that has signed the body not long ago.

    The id of the message, which is signed too, begins with the run's: what was said of one run counts for no other.
    """
    if not headers.get("webhook-id", "").startswith(webhook_id):
        return False
    with read(engine) as connection:
        run = find_run(connection, webhook_id)
    if run is None or run.target is None:
        return False
    try:
        key = _key(run.target, Secrets(environment))
    except (SecretError, ValueError):
        return False
    return key is not None and is_signed(key, headers, body, now)


def _key(target: StoredTarget, secrets: Secrets) -> bytes | None:
    field = preset_of(target.preset, target.config).signing_field
    return signing_key(secrets.resolve(target.config[field])) if field else None
