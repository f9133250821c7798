"""Skew of 1,000,000 x 20 in memory: profile both frames and measure the distance, against Evidently's preset.

Each side runs in a process of its own, so that its peak memory is its own; the frames are made before the clock starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.table import Line

FEATURES = 20
SAMPLE = 100_000
SLICE = 100_000


def frames(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reference and a window whose first feature has moved by half a standard deviation."""
    rng = np.random.default_rng(11)
    names = [f"f{i}" for i in range(FEATURES)]
    reference = pd.DataFrame(rng.normal(size=(rows, FEATURES)), columns=names)
    current = pd.DataFrame(rng.normal(size=(rows, FEATURES)), columns=names)
    current["f0"] += 0.5
    return reference, current


def ours(reference: pd.DataFrame, current: pd.DataFrame) -> float:
    """The skew of the first feature, after everything that a first comparison of two frames takes."""
    from app.core.layout import build_layout
    from app.core.model import Task
    from app.core.stats.distances import normed_wasserstein

    # The bins come from a sample, as they do when a reference is stored.
    sample = np.random.default_rng(1).choice(len(reference), min(len(reference), SAMPLE), replace=False)
    layout = build_layout(
        Task.REGRESSION,
        {name: reference[name].to_numpy()[sample] for name in map(str, reference)},
        scores=np.array([]),
        classes=[],
        threshold=0.5,
        confident=0.9,
    )
    base, now = _profile(layout, reference), _profile(layout, current)
    distances = normed_wasserstein(now.numeric, now.means(layout), base.numeric, base.means(layout), layout.scales)
    return float(distances[0])


def _profile(layout: Any, frame: pd.DataFrame) -> Any:
    """Slices on two threads: parts add to the whole exactly, and a slice's columns fit into the cache."""
    columns = {name: frame[name].to_numpy() for name in map(str, frame)}
    slices = [slice(at, at + SLICE) for at in range(0, len(frame), SLICE)]
    with ThreadPoolExecutor(2) as threads:
        parts = threads.map(
            lambda part: _fold({name: column[part] for name, column in columns.items()}, layout), slices
        )
        return reduce(add, parts)


def _fold(columns: dict[str, Any], layout: Any) -> Any:
    from app.core.fold import Rows, Truth, fold_whole

    n = len(columns["f0"])
    nothing = np.full(n, np.nan)
    rows = Rows(np.zeros(n, np.int64), [None] * n, nothing, nothing, nothing, Truth.unknown(n), columns)
    return fold_whole(layout, rows).features


def evidently(reference: pd.DataFrame, current: pd.DataFrame) -> float:
    """The same frames through Evidently's preset with its defaults."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    result = Report([DataDriftPreset()]).run(current, reference).dict()
    return float(next(m["value"] for m in result["metrics"] if "ValueDrift" in str(m) and "f0" in str(m)))


SIDES: dict[str, Callable[[pd.DataFrame, pd.DataFrame], float]] = {"ours": ours, "evidently": evidently}


class _PeakMemory:
    """Highest resident memory of this process while it is watched, above what it was at the start, in MB."""

    def __enter__(self) -> _PeakMemory:
        self._base = self.highest = self._now()
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._run, daemon=True)
        self._watch.start()
        return self

    def _run(self) -> None:
        while not self._done.wait(0.005):
            self.highest = max(self.highest, self._now())

    @staticmethod
    def _now() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()
        self.grown = self.highest - self._base


def _measure(side: str, rows: int) -> dict[str, float]:
    reference, current = frames(rows)
    small = (reference.head(1_000), current.head(1_000))
    SIDES[side](*small)  # imports and first-call costs are no part of it
    with _PeakMemory() as memory:
        began = time.perf_counter()
        found = SIDES[side](reference, current)
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "memory": memory.grown, "found": found}


def _in_process(side: str, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.skew", side, str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "DO_NOT_TRACK": "1"})
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main(rows: int = 1_000_000) -> list[Line]:
    """Both sides in turn."""
    mine, theirs = _in_process("ours", rows), _in_process("evidently", rows)
    what = f"skew of {rows:,} x {FEATURES}"
    return [
        Line(what, mine["seconds"], theirs["seconds"], "s", "Evidently DataDriftPreset", "<= 1/50"),
        Line(f"{what}, memory on top of the frames", mine["memory"], theirs["memory"], "MB", "the same", "<= 1/10"),
    ]


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
