"""A stranger with the README alone: connects a model of scikit-learn, sees its first breach, corrects a prediction."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, expect
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sqlalchemy import URL, select

from app.storage import tables
from app.storage.engine import engine_for, read
from tests.e2e.browser import PATIENCE_MS, PATIENCE_SECONDS, ROOT, Watched, settled
from tests.e2e.test_up import free_port

pytestmark = pytest.mark.browser

FEATURES = ["amount", "country"]
FENCE = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_OURS = ("make ", ". ", "watchkeeper up")
"""What the README says that is done here already: the installation, and the server that runs."""


def steps() -> list[tuple[str, str]]:
    """The blocks of the README's way to a first model, in order, each with its language."""
    text = (ROOT / "README.md").read_text().partition("## Connect a model")[2].partition("\n## ")[0]
    return FENCE.findall(text)


def payments(days: range, a_day: int, rng: np.random.Generator, *, dearer: float = 0.0) -> pd.DataFrame:
    """Payments of so many days ago; `dearer`: by how much the logarithm of the amount has moved."""
    n = len(days) * a_day
    today = pd.Timestamp.now("UTC").normalize()
    ago = pd.to_timedelta(np.repeat(days, a_day) * 86_400 - rng.uniform(0, 86_000, n), unit="s")
    amount, country = rng.lognormal(3.5 + dearer, 1, n), rng.choice(["FI", "SE", "US"], n, p=[0.6, 0.3, 0.1])
    risk = 1.2 * (np.log(amount) - 4.2) + (country == "US") - 1
    fraud = (rng.random(n) < 1 / (1 + np.exp(-risk))).astype(int)
    names = [f"c{i}" for i in rng.integers(0, 9_999, n)]
    return pd.DataFrame(
        {"at": today - ago, "customer_id": names, "amount": amount, "country": country, "is_fraud": fraud}
    )


def trained(rows: pd.DataFrame) -> Pipeline:
    columns = make_column_transformer((StandardScaler(), ["amount"]), (OneHotEncoder(), ["country"]))
    return make_pipeline(columns, LogisticRegression()).fit(rows[FEATURES], rows["is_fraud"])


class Stranger:
    """Somebody in a directory of their own, with Watchkeeper up."""

    def __init__(self, home: Path) -> None:
        self.home, self.collector, self.dashboard = home, free_port(), free_port()
        rng = np.random.default_rng(7)
        model = trained(payments(range(60, 40, -1), 150, rng))
        self.names: dict[str, object] = {"model": model, "validation": payments(range(40, 6, -1), 150, rng)}
        week = [payments(range(7, 3, -1), 150, rng), payments(range(3, 0, -1), 150, rng, dearer=0.8)]
        served = pd.concat(week).drop(columns="is_fraud")
        served.assign(score=model.predict_proba(served[FEATURES])[:, 1]).to_csv(home / "last_week.csv", index=False)

    @property
    def environment(self) -> Mapping[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
        ports = {"WATCHKEEPER_PORT": str(self.collector), "WATCHKEEPER_DASHBOARD_PORT": str(self.dashboard)}
        return {**clean, **ports, "WATCHKEEPER_DATA_DIR": str(self.home / "data"), "PYTHONPATH": str(ROOT)}

    def types(self, block: str) -> str:
        """Run the commands of a block; gives what they print."""
        lines = [line.split("  #")[0] for line in block.replace("\\\n", " ").splitlines()]
        printed = ""
        for line in filter(None, lines):
            if not line.startswith(NOT_OURS):
                command = [sys.executable, "-m", "app.cli", *shlex.split(line)[1:]]
                done = subprocess.run(
                    command, cwd=self.home, env=self.environment, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, (line, done.stdout, done.stderr)
                printed += done.stdout
        return printed

    def writes(self, block: str) -> None:
        """Run a block of Python, with the names that earlier ones left."""
        before = Path.cwd()
        os.chdir(self.home)
        try:
            exec(block.replace(":8600", f":{self.collector}"), self.names)
        finally:
            os.chdir(before)


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    found = Stranger(tmp_path)
    process = subprocess.Popen([sys.executable, "-m", "app.cli", "up"], cwd=tmp_path, env=found.environment)
    deadline = time.monotonic() + PATIENCE_SECONDS
    for url in (f"http://127.0.0.1:{found.collector}/readyz", f"http://127.0.0.1:{found.dashboard}/healthz"):
        while not _answers(url):
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)
    yield found
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_the_readme_alone_leads_to_a_breach_and_a_correction(stranger: Stranger, browser: Browser) -> None:
    printed = ""
    for language, block in steps():
        if language == "console":
            printed += stranger.types(block)
        else:
            stranger.writes(block)
    assert re.search(r"training_serving_skew +amount .* breach", printed)
    assert "customer_id" not in printed

    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    watched = Watched(context.new_page(), f"http://127.0.0.1:{stranger.dashboard}")
    page = watched.open("/")
    page.get_by_role("link", name="fraud").first.click()
    expect(page.get_by_role("heading", name="fraud", level=1)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Skew against training").first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Review").first.click()
    page.get_by_label("Your name").fill("ann")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start reviewing").click()
    answer = page.get_by_role("button", name="It is 1")
    expect(answer).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    page.keyboard.press("1")
    expect(page.get_by_text("Saved:")).to_be_visible(timeout=PATIENCE_MS)
    watched.assert_well()
    context.close()

    _c = tables.correction.c
    engine = engine_for(URL.create("sqlite", database=str(stranger.home / "data" / "watchkeeper.sqlite3")))
    with read(engine) as connection:
        said = connection.execute(select(_c.source, _c.label_class, _c.author).order_by(_c.id)).all()
    engine.dispose()
    assert list(map(tuple, said)) == [("user", "0", "ann"), ("audit", "1", "ann")]
