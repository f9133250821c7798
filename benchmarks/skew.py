"""A window of 1,000,000 x 20 in memory against a stored reference: profiled and judged, beside what others do with it.

Each side runs in a process of its own, so that its peak memory is its own. whylogs and NannyML get an environment of
their own, in a temporary folder, for they cannot live with our packages. A side that cannot be installed says why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.table import Line

FEATURES = 20
Figures: TypeAlias = dict[str, float]

ENVIRONMENT = {
    **os.environ,
    "DO_NOT_TRACK": "1",  # Evidently
    "WHYLOGS_NO_ANALYTICS": "True",
    "NML_DISABLE_USAGE_LOGGING": "True",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True, slots=True)
class Rival:
    """Another tool. `packages`: what its own environment needs beyond what it asks for itself; none: it is in ours."""

    side: str
    name: str
    wanted: str
    packages: tuple[str, ...] = ()


RIVALS = (
    Rival("evidently", "Evidently DataDriftPreset", "<= 1/100"),
    Rival("whylogs", "whylogs profile", "<= 1/20", ("whylogs==1.6.4", "numpy==1.26.4", "pandas==2.3.3")),
    Rival(
        "nannyml",
        "NannyML univariate calculate, fitted before",
        "<= 1/3",
        # It imports statsmodels and does not ask for it.
        ("nannyml==0.13.1", "statsmodels==0.15.0", "numpy==1.26.4", "pandas==2.3.3", "scipy==1.15.3"),
    ),
)


def main(rows: int = 1_000_000) -> list[Line]:
    """All sides in turn, ours anew before each of the others: the machine may have other work meanwhile."""
    full = run(sys.executable, "everything", rows)
    pairs = {rival.side: (run(sys.executable, "univariate", rows), _theirs(rival, rows)) for rival in RIVALS}
    return lines(rows, full, pairs)


def _theirs(rival: Rival, rows: int) -> Figures | str:
    """What the rival took, or why that is not known."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            python = environment(Path(folder), rival.packages) if rival.packages else sys.executable
            return run(python, rival.side, rows)
        except subprocess.CalledProcessError as error:
            return reason(error)


def environment(folder: Path, packages: tuple[str, ...]) -> str:
    """The interpreter of a new environment with these packages. Raises CalledProcessError when one cannot be had."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=True)
    python = str(folder / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    subprocess.run(command, capture_output=True, text=True, check=True)
    return python


def run(python: str, side: str, rows: int) -> Figures:
    """One side in a process of that interpreter."""
    command = [python, "-m", "benchmarks.in_memory", side, str(rows)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT, cwd=root)
    result: Figures = json.loads(done.stdout.splitlines()[-1])
    return result


def reason(error: subprocess.CalledProcessError) -> str:
    """The last line that a program which failed left, fit for a cell of a table."""
    said = [line for line in (error.stderr or "").splitlines() if line.strip()]
    return (said[-1] if said else f"exit code {error.returncode}").strip().replace("|", "/")[:200]


def lines(rows: int, full: Figures, pairs: Mapping[str, tuple[Figures, Figures | str]]) -> list[Line]:
    """The table of what every side took; a rival that is not known has its reason there."""
    what = f"window of {rows:,} x {FEATURES}, profiled and judged"
    found = []
    for rival in RIVALS:
        mine, other = pairs[rival.side]
        if isinstance(other, str):
            found.append(Line(what, mine["seconds"], None, "s", f"{rival.name}: {other}", rival.wanted))
            continue
        found.append(Line(what, mine["seconds"], other["seconds"], "s", rival.name, rival.wanted))
        found.append(Line(f"{what}: processor time", mine["processor"], other["processor"], "s", rival.name))
    mine, evidently = pairs[RIVALS[0].side]
    memory = None if isinstance(evidently, str) else evidently["memory"]
    speed = max(mine["sum"], mine["copy"])
    share = rows * FEATURES * 8 / speed / mine["seconds"]
    limit = f"the memory bandwidth of one thread, {speed / 1e9:.3g} GB/s (the faster of numpy's sum and copy)"
    also = f"{what}, the reconstruction error of every row with it: processor time"
    return [
        *found,
        Line(also, full["processor"], mine["processor"], "s", "the same without"),
        Line(f"{what}: share of the limit that reading it sets", share * 100, 100.0, "%", limit),
        Line(f"{what}: memory on top of the frames", mine["memory"], memory, "MB", RIVALS[0].name, "<= 1/10"),
    ]
