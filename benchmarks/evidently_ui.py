"""Evidently's own UI on a comparable project: one model of 100 features, a report of each of seven days.

A project of a year would take Evidently an hour to compute; fewer reports only make its pages faster.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pandas as pd

FEATURES, ROWS, DAYS = 100, 1_000, 7
PANELS, ROWS_OF_A_REPORT = 8, 10
"""Features that have a chart on the dashboard; and of those in a report's table, as many as it shows at once."""
START = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_SECONDS = 120.0


@contextmanager
def served_project(folder: Path) -> Iterator[tuple[str, str]]:
    """The addresses of the project's dashboard and of one of its reports, while its UI runs."""
    project, report = _workspace(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("evidently")), "ui", "--workspace", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "DO_NOT_TRACK": "1"}, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address)
        yield f"{address}/projects/{project}", f"{address}/projects/{project}/reports/{report}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _workspace(folder: Path) -> tuple[str, str]:
    """A workspace of one project with its reports; its dashboard shows the drifted features and some of them all."""
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import counter_panel, line_plot_panel
    from evidently.ui.workspace import Workspace

    workspace = Workspace.create(str(folder))
    project = workspace.create_project("flights")
    rng = np.random.default_rng(5)
    reference = Dataset.from_pandas(_frame(rng))
    for day in range(DAYS):
        run = Report([DataDriftPreset()]).run(
            Dataset.from_pandas(_frame(rng)), reference, timestamp=START + timedelta(days=day)
        )
        workspace.add_run(project.id, run)
    drifted = PanelMetric(metric="DriftedColumnsCount", legend="share of drifted features")
    project.dashboard.add_panel(counter_panel(title="Drifted features", values=[drifted], size="full"))
    project.dashboard.add_panel(line_plot_panel(title="Drifted features", values=[drifted], size="full"))
    for i in range(PANELS):
        drift = PanelMetric(metric="ValueDrift", metric_labels={"column": f"feature_{i:03d}"}, legend="drift")
        project.dashboard.add_panel(line_plot_panel(title=f"feature_{i:03d}", values=[drift], size="half"))
    project.save()
    return str(project.id), str(workspace.list_runs(project.id)[-1])


def _frame(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame({f"feature_{i:03d}": rng.normal(size=ROWS) for i in range(FEATURES)})


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/api/version").raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise TimeoutError(f"no answer from {address} within {PATIENCE_SECONDS:g} s")
