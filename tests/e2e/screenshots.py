"""Pictures of every page: `make screenshots`; of a demo that was run already with ARGS="--data-dir D".

All of them, wide and narrow, light and dark, go to `build/screenshots` to be looked at; the best (`BEST`) stand in the
documentation.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.e2e.browser import PATIENCE_MS, ROOT, chromium, dashboard, settled
from tests.e2e.pages import PATHS

ALL = ROOT / "build" / "screenshots"
IMAGES = ROOT / "docs" / "images"
WIDTHS = {"wide": 1440, "narrow": 375}
SCHEMES = ("light", "dark")
TALLEST = 3000
BEST = {
    "fleet-wide-light",
    "fleet-narrow-light",
    "model-wide-light",
    "model-wide-dark",
    "model-narrow-dark",
    "model.drift-wide-light",
}


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a page in full, down to `TALLEST` pixels."""

    page: str
    width: str
    scheme: str

    @property
    def name(self) -> str:
        return f"{self.page}-{self.width}-{self.scheme}"


def shots() -> Iterator[Shot]:
    """Every page, wide and narrow, light and dark."""
    for page in PATHS:
        for width in WIDTHS:
            for scheme in SCHEMES:
                yield Shot(page, width, scheme)


def take(browser: Browser, url: str, shot: Shot, folder: Path) -> Path:
    """Open the page, wait for its charts, and keep the picture."""
    context = browser.new_context(
        viewport={"width": WIDTHS[shot.width], "height": 1000},
        color_scheme=shot.scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    settled(page)
    # Charts are drawn when they come into view; a window as tall as the page shows them all.
    height = page.get_by_test_id("stMain").evaluate("element => element.scrollHeight")
    page.set_viewport_size({"width": WIDTHS[shot.width], "height": min(int(height), TALLEST)})
    settled(page)
    for chart in page.get_by_test_id("stPlotlyChart").all():
        expect(chart.locator(".main-svg").first).to_be_visible(timeout=PATIENCE_MS)
    path = folder / f"{shot.name}.png"
    page.screenshot(path=path)
    context.close()
    return path


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="of a demo; without it one is run first")
    parser.add_argument("--model", default="flight-delays", help="the model whose pages are shown")
    parser.add_argument("--only", nargs="*", default=list(PATHS), choices=list(PATHS), help="these pages alone")
    parser.add_argument("--output", type=Path, default=ALL)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = options.data_dir or _demo(Path(scratch) / "demo")
        with dashboard({"WATCHKEEPER_DATA_DIR": str(data_dir)}) as address, chromium() as browser:
            for shot in shots():
                if shot.page not in options.only:
                    continue
                taken = take(browser, address + PATHS[shot.page].format(model=options.model), shot, options.output)
                if shot.name in BEST:
                    shutil.copy(taken, IMAGES)


def _demo(folder: Path) -> Path:
    """What `watchkeeper demo` leaves behind; it takes some minutes."""
    subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", "--no-serve", "--data-dir", str(folder)], cwd=ROOT, check=True
    )
    return folder


if __name__ == "__main__":
    main()
