"""Targets: one configurable HTTP request, told as data, that hands an event to whatever is to act on it.

A template is JSON whose texts may name values: `"{model}"` alone becomes the value with its JSON type, and
`"retrain-{model}"` a text with the value in it. There is nothing else: no expressions, no evaluation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import InvalidError
from app.core.retraining_run import RunState

EVENT_VALUES = (
    "id",
    "type",
    "timestamp",
    "model",
    "version",
    "reason",
    "measurements",
    "new_labels",
    "training_set_url",
    "callback_url",
    "data",
    "event",
)
"""What a template may name of the event. What an event does not have is an empty text."""

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""What stands for itself in an address (RFC 3986, 2.3)."""

_NAME = re.compile(r"\{([a-z_]+)\}")
_REFERENCE = re.compile(r"(env|file):.+")
HIDDEN = "(not shown)"


@dataclass(frozen=True, slots=True)
class Field:
    """A value that a target of some preset is given. `default` None: it must be given."""

    name: str
    help: str
    default: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request as templates. `body` None sends the event itself, byte for byte as it was decided."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class Taken:
    """By what an answer shows that the service has taken the request. Paths are keys and indices with dots between.

    `success` are the statuses of an answer that does (none named: every 2xx), `already` those which say that an earlier
    attempt arrived. At `proof` = (path, value) the answer must hold the value. At `run_id` it names what it started,
    which is `needed` or not. At one of `errors` it says what is wrong.
    """

    success: tuple[int, ...] = ()
    already: tuple[int, ...] = ()
    proof: tuple[str, str] | None = None
    run_id: str = ""
    needed: bool = True
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Poll:
    """How the service is asked what became of a run, and what its words for it mean.

    The first of the paths `state` that holds a key of `states` counts. `call` may name `{run_id}`.
    """

    call: Call
    state: tuple[str, ...]
    states: Mapping[str, RunState]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """A request that fetches a token, where none is given: its answer's `token` becomes the value `token`."""

    call: Call
    needs: str
    token: str


@dataclass(frozen=True, slots=True)
class Preset:
    """How one kind of service is asked. `signing_field` names the field whose secret signs the request.

    `starts_run`: whatever is sent starts something, a test too. `once`: a request that comes twice does so only once.
    """

    name: str
    title: str
    fields: tuple[Field, ...]
    call: Call
    taken: Taken = field(default_factory=Taken)
    poll: Poll | None = None
    login: Login | None = None
    signing_field: str = ""
    starts_run: bool = False
    once: bool = False


def names_in(template: Any) -> set[str]:
    """Every name that the template mentions."""
    if isinstance(template, str):
        return set(_NAME.findall(template))
    if isinstance(template, Mapping):
        return names_in([*template, *template.values()])
    return set().union(*map(names_in, template)) if isinstance(template, list | tuple) else set()


def render(template: Any, values: Mapping[str, Any]) -> Any:
    """The JSON value that the template stands for."""
    if isinstance(template, str):
        alone = _NAME.fullmatch(template)
        return values[alone[1]] if alone else render_text(template, values)
    if isinstance(template, Mapping):
        return {render_text(key, values): render(item, values) for key, item in template.items()}
    return [render(item, values) for item in template] if isinstance(template, list | tuple) else template


def render_text(template: str, values: Mapping[str, Any]) -> str:
    """The template with each named value in it: texts as they are, anything else as JSON."""
    return _NAME.sub(lambda match: as_text(values[match[1]]), template)


def render_url(template: str, values: Mapping[str, Any]) -> str:
    """The address: a value at its beginning is the base address; each other one is escaped into a part of it."""
    base = _NAME.match(template)
    start = base.end() if base else 0
    rest = _NAME.sub(lambda match: escaped(as_text(values[match[1]])), template[start:])
    return (as_text(values[base[1]]).rstrip("/") if base and rest else as_text(values[base[1]]) if base else "") + rest


def escaped(text: str) -> str:
    """The text as a part of an address."""
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def as_text(value: Any) -> str:
    """A value as text: a text itself, anything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def event_values(webhook_id: str, payload: str) -> dict[str, Any]:
    """What templates may name of an event whose body is `payload`, an envelope of Standard Webhooks."""
    event = json.loads(payload)
    data: Mapping[str, Any] = event["data"]
    known = {name: data.get(name, "") for name in EVENT_VALUES}
    described = {"type": event["type"], "timestamp": event["timestamp"], "data": data, "event": event}
    return known | {"id": webhook_id, **described}


def configured(preset: Preset, config: Mapping[str, str]) -> dict[str, str]:
    """The target's values with the preset's defaults.

    Raises InvalidError for a value that is unknown or missing.
    """
    names = [one.name for one in preset.fields]
    for name in config:
        if name not in names:
            raise InvalidError(name, HIDDEN, f"the fields of {preset.name} are {', '.join(names)}")
    for one in preset.fields:
        if not config.get(one.name) and one.default is None:
            raise InvalidError(one.name, None, f"{preset.name} needs the {one.help}")
    return {one.name: config.get(one.name) or one.default or "" for one in preset.fields}


def is_reference(value: str) -> bool:
    """Whether a value says where it stands instead of what it is."""
    return _REFERENCE.fullmatch(value) is not None


def check_names(call: Call, fields: Iterable[str], *more: str) -> None:
    """Raise InvalidError when a template names something that there is not."""
    known = {*EVENT_VALUES, *fields, *more}
    for where, template in (("url", call.url), ("headers", call.headers), ("body", call.body)):
        for name in sorted(names_in(template) - known):
            raise InvalidError(where, f"{{{name}}}", f"known are {', '.join(sorted(known))}")
