"""The channels that alerts go to, the routes to them, and a message to try one out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import MISSING, dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.severity import Severity
from app.services import channels as services
from app.services import route_preview, routing
from app.services.channels import ChannelStatus, Revival, Switched
from app.services.route_preview import Draft, Heard
from app.services.trials import Trial, try_channel
from app.ui.data import alerts, health, versions
from app.ui.data.connection import FRESH, attempt, engine, settings

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a kind of channel. `default` is None where it must be given."""

    name: str
    help: str
    secret: bool
    default: str | None


@st.cache_data(ttl=FRESH, show_spinner=False)
def channels() -> list[ChannelStatus]:
    """All channels, by name, with how their deliveries stand."""
    return services.list_channels(engine())


@st.cache_data(ttl=FRESH, show_spinner=False)
def routes() -> list[dict[str, Any]]:
    """The routes, in order."""
    return routing.list_routes(engine())


def preview(draft: Draft) -> list[Heard] | str:
    """Who hears of the alerts of late, and who would by that change; or what is wrong with it."""
    try:
        return route_preview.preview(engine(), datetime.now(UTC), draft, digests=bool(settings().digest))
    except WatchkeeperError as error:
        return str(error)


def explain(model: str, check: str, severity: Severity) -> dict[str, Any]:
    """Who hears of such an alert, and why."""
    return routing.explain(engine(), model, check, severity, digests=bool(settings().digest))


def save_route(draft: Draft, author: str, seen: Mapping[str, Any] | None) -> str:
    """Make the draft's route, or let the one that was seen be what the draft says; what is wrong with that, or ""."""
    new, now = draft.new, datetime.now(UTC)
    if not author or new is None:
        return "give your name."
    said: dict[str, Any] = {"author": author, "position": draft.position}
    if seen is None:
        return _attempt(lambda: routing.add_route(engine(), now, new, **said))
    stood = routing.as_route(seen)
    return _attempt(lambda: routing.set_route(engine(), now, stood.id, new, **said, seen=stood))


def remove_route(rule: Mapping[str, Any]) -> str:
    """Remove a route that was seen so; what is wrong with that, or ""."""
    return _attempt(lambda: routing.remove_route(engine(), int(rule["id"]), seen=routing.as_route(rule)))


def kinds() -> list[str]:
    """Every kind of channel."""
    return sorted(services.kinds())


def fields(kind: str) -> list[Field]:
    """What is to be said of a channel of that kind; nothing of a kind that is no more."""
    plugin: Any = services.kinds().get(kind)
    if plugin is None:
        return []
    return [
        Field(
            one.name,
            one.metadata["help"],
            bool(one.metadata.get("secret")),
            None if one.default is MISSING else str(one.default),
        )
        for one in dataclasses.fields(plugin)
    ]


def add(name: str, kind: str, config: Mapping[str, str]) -> str:
    """Add a channel; what is wrong with that, or ""."""
    now = datetime.now(UTC)
    return _attempt(lambda: services.add_channel(engine(), now, name, kind, config, from_dashboard=True))


def change(name: str, config: Mapping[str, str], unset: Collection[str]) -> str:
    """Give a channel's fields these values, or their defaults; what is wrong with that, or ""."""
    return _attempt(lambda: services.set_channel(engine(), name, config, unset, from_dashboard=True))


def remove(name: str) -> str:
    """Remove a channel and what waits for it; what is wrong with that, or ""."""
    return _attempt(lambda: services.remove_channel(engine(), name))


def switch_off(name: str, author: str, reason: str) -> Switched | str:
    """Send nothing to a channel until it is on again; what came of it, or what is wrong with that."""
    return _switched(lambda: services.switch_off(engine(), datetime.now(UTC), name, author=author, reason=reason))


def switch_on(name: str) -> Switched | str:
    """Send to a channel again; what came of it, or what is wrong with that."""
    return _switched(lambda: services.switch_on(engine(), name))


def _switched(act: Callable[[], Switched]) -> Switched | str:
    done: list[Switched] = []
    problem = _attempt(lambda: done.append(act()))
    return problem or done[0]


def retry(name: str) -> Revival | str:
    """Let what was given up be sent again; what became of it, or what is wrong with that."""
    done = alerts.retry_channel(name)
    channels.clear()
    return done


def try_out(name: str) -> list[Trial] | str:
    """Send a real message through the channel, in a thread; what was answered, or why there is no answer."""
    pool = ThreadPoolExecutor(1, "try a channel")
    sent = pool.submit(try_channel, engine(), datetime.now(UTC), settings(), name, environment=os.environ)
    try:
        return sent.result(PATIENCE_SECONDS)
    except Late:
        return f"no answer within {PATIENCE_SECONDS:g} seconds"
    except WatchkeeperError as error:
        return str(error)
    finally:
        pool.shutdown(wait=False)


def _attempt(act: Callable[[], object]) -> str:
    told = (alerts.channels_on, alerts.alerts, alerts.alert_page, alerts.undelivered, versions.told, health.work)
    return attempt(act, channels, routes, *told)
