"""Requests to a target: their templates filled in, their secrets looked up, signed where the preset says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.core.delivery import Answer, Failed, HttpAnswer, Retry, Sent, judge
from app.core.ports import Network
from app.core.presets import preset_of
from app.core.target_answers import Progress, at_in, judge_progress, judge_taken
from app.core.targets import Call, Preset, event_values, is_reference, names_in, render, render_text, render_url
from app.core.webhooks import signed_headers, signing_key
from app.services.secrets import SecretError, Secrets
from app.storage.targets import StoredTarget

_AGENT = {"User-Agent": "watchkeeper"}


def send(target: StoredTarget, webhook_id: str, payload: str, network: Network, secrets: Secrets) -> Answer:
    """Send the event to the target once. Errors of `network` and `secrets` pass through."""
    preset = preset_of(target.preset, target.config)
    values = event_values(webhook_id, payload) | _resolved(target.config, secrets)
    refused = _log_in(preset, values, network, secrets)
    if refused:
        return refused
    body = payload.encode() if preset.call.body is None else _body(preset.call, values)
    signature = _signature(preset, target, values, webhook_id, body)
    answer = judge_taken(preset.taken, _exchange(preset.call, values, body, network, signature))
    # What a run is called is shown: a service that calls it by our own token is not to give that away.
    return Sent(answer.note, secrets.redact(answer.receipt)) if isinstance(answer, Sent) else answer


def can_poll(target: StoredTarget, run_id: str) -> bool:
    """Whether the target can be asked how a run stands."""
    poll = preset_of(target.preset, target.config).poll
    return poll is not None and (bool(run_id) or "run_id" not in names_in([poll.call.url, poll.call.body or ""]))


def ask(
    target: StoredTarget, webhook_id: str, payload: str, run_id: str, network: Network, secrets: Secrets
) -> Progress | Retry | Failed:
    """How the run that an event has started stands. Errors of `network` and `secrets` pass through."""
    preset = preset_of(target.preset, target.config)
    if preset.poll is None:
        return Failed(f"a {preset.name} cannot be asked")
    values = event_values(webhook_id, payload) | _resolved(target.config, secrets) | {"run_id": run_id}
    refused = _log_in(preset, values, network, secrets)
    if refused:
        return refused
    call = preset.poll.call
    body = b"" if call.body is None else _body(call, values)
    return judge_progress(preset.poll, _exchange(call, values, body, network))


def _resolved(config: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    return {name: secrets.resolve(value) if is_reference(value) else value for name, value in config.items()}


def _log_in(preset: Preset, values: dict[str, Any], network: Network, secrets: Secrets) -> Retry | Failed | None:
    """Fetch the token where none is given; what went wrong, or None."""
    login = preset.login
    if login is None or values["token"] or not values[login.needs]:
        return None
    answer = _exchange(login.call, values, _body(login.call, values), network)
    judged = judge(answer)
    if not isinstance(judged, Sent):
        why = f"the login {judged.why}"
        return Retry(why, judged.after) if isinstance(judged, Retry) else Failed(why)
    token = at_in(answer.body, login.token)
    if not token:
        return Retry(f"the login answered HTTP {answer.status} without {login.token}")
    values["token"] = secrets.keep(token)
    return None


def _body(call: Call, values: Mapping[str, Any]) -> bytes:
    return json.dumps(render(call.body, values)).encode()


def _exchange(
    call: Call, values: Mapping[str, Any], body: bytes, network: Network, more: Mapping[str, str] | None = None
) -> HttpAnswer:
    headers = _AGENT | _headers(call, values) | dict(more or {})
    return network.request(call.method, render_url(call.url, values), body=body, headers=headers)


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
