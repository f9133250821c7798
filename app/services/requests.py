"""One request to a target: its templates filled in, its secrets looked up, signed where the preset says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.core.delivery import Answer, judge
from app.core.ports import Network
from app.core.presets import find_preset
from app.core.targets import Call, Preset, event_values, is_reference, names_in, render, render_text, render_url
from app.core.webhooks import signed_headers, signing_key
from app.services.secrets import SecretError, Secrets
from app.storage.targets import StoredTarget


def send(target: StoredTarget, webhook_id: str, payload: str, network: Network, secrets: Secrets) -> Answer:
    """Send the event to the target once. Errors of `network` and `secrets` pass through."""
    preset = find_preset(target.preset)
    values = event_values(webhook_id, payload) | _resolved(target.config, secrets)
    call = preset.call
    body = payload.encode() if call.body is None else json.dumps(render(call.body, values)).encode()
    headers = _headers(call, values) | _signature(preset, target, values, webhook_id, body)
    return judge(network.request(call.method, render_url(call.url, values), body=body, headers=headers))


def _resolved(config: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    return {name: secrets.resolve(value) if is_reference(value) else value for name, value in config.items()}


def _headers(call: Call, values: Mapping[str, Any]) -> dict[str, str]:
    """The headers; one that names a value which was not given is left out."""
    given = {name: text for name, text in call.headers.items() if all(values[known] for known in names_in(text))}
    return {name: render_text(text, values) for name, text in given.items()}


def _signature(
    preset: Preset, target: StoredTarget, values: Mapping[str, Any], webhook_id: str, body: bytes
) -> dict[str, str]:
    if not preset.signing_field:
        return {}
    try:
        key = signing_key(values[preset.signing_field])
    except ValueError as error:
        raise SecretError(f"the secret {target.config[preset.signing_field]} {error}") from None
    # The wall clock whatever the worker's is: receivers refuse what was signed minutes ago, against replays.
    return signed_headers(key, webhook_id, datetime.now(UTC), body)
