"""The newest runs of a job as bars: how long each took, and which failed."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from app.storage.job_history import PastRun
from app.storage.jobs import RunState
from app.ui.components.html import Html, element
from app.ui.theme import Palette

WIDTH, HEIGHT, LEAST = 240.0, 26.0, 2.0
MOST = 30


def strip(runs: Sequence[PastRun], palette: Palette) -> Html | None:
    """One bar a run, the newest on the right; a failed one is a full bar with a gap. None without two runs."""
    if len(runs) < 2:
        return None
    took = [run.took.total_seconds() if run.took else 0.0 for run in runs]
    longest, step = max(*took, 1e-9), WIDTH / MOST
    bars = [
        _bar((MOST - len(runs) + i) * step, step * 0.7, _height(run, seconds / longest), run, palette)
        for i, (run, seconds) in enumerate(zip(runs, took, strict=True))
    ]
    failed = sum(run.state is RunState.FAILED for run in runs)
    label = f"The last {len(runs)} runs: the longest took {longest:.2g} s, {failed} failed"
    svg = element(
        "svg",
        *bars,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        preserveAspectRatio="none",
    )
    return element("img", src=f"data:image/svg+xml,{quote(svg)}", alt=label, title=label, class_="wk-spark")


def _height(run: PastRun, share: float) -> float:
    return HEIGHT if run.state is RunState.FAILED else max(LEAST, share * HEIGHT * 0.85)


def _bar(x: float, width: float, height: float, run: PastRun, palette: Palette) -> Html:
    failed = run.state is RunState.FAILED
    colour = palette.breach if failed else palette.unknown if run.state is RunState.RUNNING else palette.accent
    size = {"x": f"{x:.1f}", "y": f"{HEIGHT - height:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    # Dashed at the edge as well: colour alone says nothing to some eyes.
    dashed = {"stroke": palette.background, "stroke-width": "1.5", "stroke-dasharray": "2 2"} if failed else {}
    return element("rect", fill=colour, **size, **dashed)
