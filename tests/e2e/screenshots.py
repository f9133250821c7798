"""The pictures of the documentation: `make screenshots`, or of a demo that was run already, `... --data-dir D`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page

from tests.e2e.browser import ROOT, chromium, dashboard, settled

IMAGES = ROOT / "docs" / "images"


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture. `height` None: the whole page; `section`: from that title on."""

    name: str
    path: str
    width: int = 1440
    height: int | None = 1000
    scheme: str = "light"
    charts: int = 0
    section: str = ""


def shots(model: str) -> list[Shot]:
    """Every page, wide and narrow, light and dark."""
    page = f"/model?model={model}&days=365&check=performance"
    return [
        Shot("overview-wide-light", "/", height=None),
        Shot("overview-wide-dark", "/", height=None, scheme="dark"),
        Shot("overview-narrow-light", "/", width=375, height=812),
        Shot("model-wide-light", page, height=1750, charts=2),
        Shot("model-wide-dark", page, height=1750, charts=2, scheme="dark"),
        Shot("model-narrow-dark", page, width=375, height=812, charts=2, scheme="dark"),
        Shot(
            "features-wide-light", f"/model?model={model}&days=365&tab=drift", height=1000, charts=1, section="Features"
        ),
    ]


def take(browser: Browser, address: str, shot: Shot, folder: Path) -> None:
    """Open the page, wait for its charts, and keep the picture."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height or 1000},
        color_scheme=shot.scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address + shot.path)
    settled(page, charts=shot.charts)
    _draw_whole_page(page, shot)
    if shot.section:
        page.get_by_role("heading", name=shot.section, exact=True).scroll_into_view_if_needed()
    page.screenshot(path=folder / f"{shot.name}.png", clip=_clip(page, shot))
    context.close()


def _draw_whole_page(page: Page, shot: Shot) -> None:
    """Charts are drawn when they come into view; a window as tall as the page shows them all."""
    height = page.get_by_test_id("stMain").evaluate("element => element.scrollHeight")
    page.set_viewport_size({"width": shot.width, "height": int(height)})
    page.wait_for_timeout(1500)


def _clip(page: Page, shot: Shot) -> FloatRect:
    top = 0.0
    if shot.section:
        box = page.get_by_role("heading", name=shot.section, exact=True).bounding_box()
        assert box is not None
        top = box["y"] - 24
    viewport = page.viewport_size
    assert viewport is not None
    content = page.get_by_test_id("stMainBlockContainer").evaluate("element => element.lastElementChild.scrollHeight")
    bottom = min(viewport["height"], top + shot.height if shot.height else content + 110)
    return FloatRect(x=0, y=top, width=shot.width, height=bottom - top)


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="of a demo; without it one is run first")
    parser.add_argument("--model", default="flight-delays", help="the model whose page is shown")
    parser.add_argument("--output", type=Path, default=IMAGES)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = options.data_dir or _demo(Path(scratch) / "demo")
        with dashboard({"WATCHKEEPER_DATA_DIR": str(data_dir)}) as address, chromium() as browser:
            for shot in shots(options.model):
                take(browser, address, shot, options.output)


def _demo(folder: Path) -> Path:
    """What `watchkeeper demo` leaves behind; it takes some minutes."""
    subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", "--no-serve", "--data-dir", str(folder)], cwd=ROOT, check=True
    )
    return folder


if __name__ == "__main__":
    main()
