"""How fast the dashboard is on a large fleet, on SQLite and PostgreSQL, in a headless Chromium.

    python -m benchmarks.dashboard [URL ...]

Both databases are filled first (see `dashboard_fleet`), which takes many minutes; with URLs, the filled databases of
these addresses are measured, and get predictions that are taken away again. First paint is that of a browser that was
just started, and compared with that of a Streamlit page of one chart in the same run. `page_times` says when a page
stands.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import httpx
from playwright.sync_api import Page
from sqlalchemy import Engine

from app.storage.engine import engine_for
from benchmarks import evidently_ui, fold
from benchmarks.dashboard_fleet import build
from benchmarks.dashboard_predictions import predictions
from benchmarks.page_times import after, browser, charts_stand, first_paint, open_page, visitor
from benchmarks.table import Line, markdown

ROOT = Path(__file__).parents[1]
DAILY, HOURLY = "model-02", "model-03"  # they drift, so that every part of a page has something to show
PAGES = {
    "Fleet": "/",
    "Model": f"/model?model={DAILY}",
    "Model, a year": f"/model?model={DAILY}&days=365",
    "Model by the hour, 30 days": f"/model?model={HOURLY}&days=30",
    "Feature": f"/feature?model={DAILY}&feature=feature_003",
    "Alerts": "/alerts",
    "Alert": "/alert?id=1",
    "Runbook": f"/runbook?check=performance&model={DAILY}",
    "Timeline": f"/timeline?model={DAILY}",
    "Explorer": f"/explorer?model={DAILY}",
    "Review": f"/review?model={DAILY}",
    "Retraining": f"/retraining?model={DAILY}",
    "Versions": f"/versions?model={DAILY}",
    "Scorecard": f"/scorecard?model={DAILY}",
    "Reports": "/reports",
    "Limits": f"/limits?model={DAILY}",
    "Channels": "/channels",
    "Settings and health": "/health",
}
WALK = (
    *("Alerts", "Model", "Feature", "Timeline", "Explorer", "Scorecard", "Reports", "Review", "Retraining"),
    *("Versions", "Limits", "Channels", "Settings and health", "Fleet"),
)
BESIDE_PREDICTIONS = ("Model", "Feature", "Timeline", "Explorer", "Alerts", "Fleet")
"""Feature and Explorer show some of the predictions, the others only what was counted of them."""
PREDICTIONS = 1_000_000
REPEATS, VISITORS = 3, 10
MOST_MEGABYTES, MOST_SECONDS = 600.0, 0.5
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    address: str
    process: int


def main(*urls: str) -> list[Line]:
    """Both databases, or those of the addresses."""
    lines: list[Line] = []
    script = str(ROOT / "benchmarks" / "bare_page.py")
    with _served(["streamlit", "run", script, "--server.headless", "true", "--server.port"], "/_stcore/health") as bare:
        for url in urls:
            lines += measure(engine_for(url), bare.address)
        for empty in () if urls else (fold.empty_sqlite, fold.empty_postgres):
            with empty() as engine:
                build(engine, datetime.now(UTC))
                lines += measure(engine, bare.address)
        lines += _evidently(bare.address)
    return lines


def _evidently(bare: str) -> list[Line]:
    """Evidently's own UI: the dashboard of a project, and the report of one day."""
    charts = {"dashboard": evidently_ui.PANELS + 1, "report": 2 * evidently_ui.ROWS_OF_A_REPORT}
    with tempfile.TemporaryDirectory() as folder, evidently_ui.served_project(Path(folder)) as addresses:
        floor = median(first_paint(bare) for _ in range(REPEATS))
        return [
            Line(f"Evidently's UI: a {name}, first paint", median(times), floor, "s", "a bare page of one chart")
            for (name, count), address in zip(charts.items(), addresses, strict=True)
            for times in [[first_paint(address, charts_stand(count)) for _ in range(REPEATS)]]
        ]


def measure(engine: Engine, bare: str) -> list[Line]:
    """Every page of the dashboard on that database, the way between them, and what ten people take."""
    environment = {"WATCHKEEPER_DATABASE_URL": engine.url.render_as_string(hide_password=False)}
    name, lines = engine.dialect.name, []
    with _served(["app.cli", "dashboard", "--port"], "/healthz", environment) as ours:
        floor = median(first_paint(bare) for _ in range(REPEATS))
        for page, path in PAGES.items():
            seconds = median(first_paint(ours.address + path) for _ in range(REPEATS))
            lines.append(
                Line(f"{name}: {page}, first paint", seconds, floor, "s", "a bare page of one chart", "<= 1.5")
            )
        for act, seconds in {**_walks(ours.address), **_changes(ours.address)}.items():
            lines.append(Line(f"{name}: {act}", seconds, MOST_SECONDS, "s", "what is promised", "<= 1"))
        lines += _with_predictions(engine, ours.address)
        said = f"{name}: memory with {VISITORS} people on it"
        lines.append(Line(said, _memory(ours), MOST_MEGABYTES, "MB", "what is promised", "<= 1"))
    return lines


def _walks(address: str, pages: Sequence[str] = WALK) -> dict[str, float]:
    """Median seconds to each page of the side bar's, by somebody who came from another and has seen a chart before."""
    taken: dict[str, list[float]] = {f"going to {page}": [] for page in pages}
    with browser() as started, visitor(started) as page:
        open_page(page, address + PAGES["Feature"])
        for _ in range(REPEATS):
            for name in pages:
                taken[f"going to {name}"].append(_go(page, name))
    return {name: median(times) for name, times in taken.items()}


def _changes(address: str) -> dict[str, float]:
    """Median seconds until the charts stand again once another range, or another feature, was chosen."""
    found = {}
    ranges = ("7 days", "30 days", "1 year")
    with browser() as started, visitor(started) as page:
        for name, path in (("drift", f"{PAGES['Model']}&tab=drift"), ("quality", f"{PAGES['Model']}&tab=quality")):
            open_page(page, address + path)
            times = [after(page, page.get_by_role("radio", name=one).click) for one in ranges]
            found[f"another range of a model's {name}"] = median(times)
        open_page(page, address + PAGES["Feature"])
        times = [after(page, page.get_by_role("button", name="Next", exact=True).click) for _ in range(REPEATS)]
        found["another feature"] = median(times)
    return found


def _go(page: Page, name: str) -> float:
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True)
    return after(page, link.click)


def _with_predictions(engine: Engine, address: str) -> list[Line]:
    """The same pages with a million raw predictions behind their model, and with none."""
    without = _walks(address, BESIDE_PREDICTIONS)
    with predictions(engine, DAILY, PREDICTIONS):
        beside = _walks(address, BESIDE_PREDICTIONS)
    said = f"the same with no raw prediction in place of {PREDICTIONS:,}"
    return [
        Line(f"{engine.dialect.name}: {act}, {PREDICTIONS:,} predictions", seconds, without[act], "s", said)
        for act, seconds in beside.items()
    ]


def _memory(ours: Served) -> float:
    """Megabytes of the dashboard's process while so many people are on it, each on a page of a model of its own."""
    with browser() as started, ExitStack() as people:
        for number in range(VISITORS):
            page = people.enter_context(visitor(started))
            open_page(page, f"{ours.address}/model?model=model-{number:02d}")
        status = Path(f"/proc/{ours.process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def _served(module: Sequence[str], health: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """A server of this Python's on a free port, the last argument; until it answers nobody is let in."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    others = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    settings = {**others, "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false", **(environment or {})}
    command = [sys.executable, "-m", *module, str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address + health)
        yield Served(address, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(address).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise TimeoutError(f"no answer from {address} within {PATIENCE_SECONDS:g} s")


if __name__ == "__main__":
    print(markdown("The dashboard", main(*sys.argv[1:])))
