"""A running dashboard and a headless Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Error,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
PATIENCE_MS = 20_000
# Streamlit looks for its server beneath the page's own path before it finds it at the root.
_PROBES = ("/_stcore/health", "/_stcore/host-config")


@contextmanager
def dashboard(environment: Mapping[str, str]) -> Iterator[str]:
    """`watchkeeper dashboard` with these settings on a free port; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.cli", "dashboard", "--port", str(port)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    process = subprocess.Popen(command, cwd=ROOT, env={**clean, **environment})
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the dashboard ended with {process.returncode}")
        try:
            if httpx.get(f"{address}/healthz").text == "ok\n":
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError(f"no answer from {address} within {PATIENCE_SECONDS:g} s")


def system_chromium() -> str | None:
    """The Chromium of this machine; None where only Playwright's own may be there."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium. Raises playwright's Error where there is none."""
    with sync_playwright() as playwright:
        # In a container root has no sandbox to put the browser into.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=arguments)
        yield browser
        browser.close()


def opened(menu: Locator, item: Locator) -> Locator:
    """The item, once a press of the menu shows it; pressed again where a page that was drawn anew has closed it."""
    for _ in range(5):
        if not item.is_visible():
            menu.click()
        try:
            expect(item).to_be_visible(timeout=PATIENCE_MS / 2)
        except AssertionError:
            continue
        return item
    raise AssertionError(f"{menu} does not show {item}")


def settled(page: Page, *, charts: int = 0) -> None:
    """Wait until the page stands, with at least that many charts: they mount after the script has ended."""
    expect(page.locator(".wk-title").first).to_be_visible(timeout=PATIENCE_MS)
    if charts:
        expect(page.get_by_test_id("stPlotlyChart").nth(charts - 1)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible(timeout=PATIENCE_MS)
    # Streamlit loads the code of each kind of element when one is first shown; until then a grey bar stands for it.
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE_MS)


class Watched:
    """A page, and everything about it that should not be."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.problems: list[str] = []
        page.on("request", self._check_target)
        page.on("response", self._check_status)
        page.on("pageerror", self._note_error)
        page.on("console", self._check_console)
        page.on("dialog", self._note_dialog)

    def _check_target(self, request: Request) -> None:
        url = request.url
        if urlsplit(url).scheme in {"http", "https", "ws", "wss"} and urlsplit(url).hostname != "127.0.0.1":
            self.problems.append(f"request to the outside: {url}")

    def _check_status(self, response: Response) -> None:
        if response.status >= 400 and not urlsplit(response.url).path.endswith(_PROBES):
            self.problems.append(f"{response.status}: {response.url}")

    def _note_error(self, error: Error) -> None:
        self.problems.append(f"script error: {error}")

    def _note_dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _check_console(self, message: ConsoleMessage) -> None:
        # What could not be loaded is judged by its status: a probe beneath the page's path may fail.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.problems.append(f"console: {message.text}")

    def assert_well(self) -> None:
        """Nothing went wrong: no exception on the page, nothing in the console, no request to the outside."""
        assert self.page.get_by_test_id("stException").count() == 0
        assert self.problems == []

    def leave(self) -> None:
        """Nobody was here: what comes from now on is another visitor's."""
        self.page.goto(f"{self.address}/healthz")  # of the same origin, so that the tab keeps what it compiled
        self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.page.context.clear_cookies()
        self.page.remove_listener("request", self._check_target)
        self.page.remove_listener("response", self._check_status)
        self.page.remove_listener("pageerror", self._note_error)
        self.page.remove_listener("console", self._check_console)
        self.page.remove_listener("dialog", self._note_dialog)

    def open(self, path: str, *, charts: int = 0) -> Page:
        self.page.goto(self.address + path)
        settled(self.page, charts=charts)
        return self.page
