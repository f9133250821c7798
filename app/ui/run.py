"""Start the dashboard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.settings import PREFIX, Settings, is_loopback
from app.ui import origins, theme
from app.ui.readiness import readiness
from app.ui.visits import Visits

MAIN = Path(__file__).with_name("main.py")


def serve(settings: Settings) -> None:
    """Serve the dashboard in this process until it is stopped. `/healthz` says that it lives."""
    _export(settings)
    app = st.App(MAIN, routes=[Route("/healthz", _healthz)], middleware=[Middleware(Visits)])
    readiness.start()
    app.run(config=options(settings))


def options(settings: Settings) -> Mapping[str, Any]:
    """Streamlit's options: our look, the address to listen on, and nothing that leaves this machine."""
    return {
        **theme.options(),
        "server.address": settings.dashboard_host,
        "server.port": settings.dashboard_port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.allowedHosts": _allowed_hosts(settings),
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "logger.hideWelcomeMessage": True,
        "runner.magicEnabled": False,  # or it would show the texts below constants of main.py
        "runner.postScriptGC": False,  # it goes through every object there is after each click, while nothing else runs
    }


def _export(settings: Settings) -> None:
    """Hand the settings to the pages, which read them from the environment as any entry point does."""
    origins.remember(settings, os.environ)
    for spec in fields(settings):
        name = PREFIX + spec.name.upper()
        os.environ.pop(name + "_FILE", None)
        os.environ[name] = str(getattr(settings, spec.name))
    os.environ["DO_NOT_TRACK"] = "1"


def _allowed_hosts(settings: Settings) -> list[str]:
    """On loopback only this machine's own names are answered, or any web page could read along (DNS rebinding).

    Elsewhere every name is answered, since only the proxy in front knows them.
    """
    host = settings.dashboard_host
    if not is_loopback(host):
        return []
    public = urlsplit(settings.public_url).hostname
    return sorted({"localhost", "127.0.0.1", "[::1]", host} | ({public} if public else set()))


async def _healthz(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok\n")
