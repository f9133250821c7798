"""One side of the benchmark of a window in memory, in a process and, where it asks for one, an environment of its own.

What a reference gives is made beforehand; the clock runs over a window of the same size. Only numpy and pandas are
imported at the top: in the environments of others nothing of ours is installed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import add
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from app.core.case import Case
    from app.core.fold import Rows
    from app.core.layout import Layout
    from app.core.model import Measurement
    from app.core.profile import Profile

FEATURES = 20
SAMPLE = 100_000
SLICE = 100_000
REFERENCE_WINDOWS = 40
THREADS = 2
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MOST_ROUNDS, ENOUGH_SECONDS = 5, 10.0
Judge: TypeAlias = Callable[[pd.DataFrame], Any]


def frames(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reference and a window whose first feature has moved by half a standard deviation."""
    rng = np.random.default_rng(11)
    reference, window = ({f"f{i}": rng.normal(size=rows) for i in range(FEATURES)} for _ in range(2))
    window["f0"] += 0.5
    return pd.DataFrame(reference), pd.DataFrame(window)


def univariate(reference: pd.DataFrame) -> Judge:
    """Ours, every feature on its own, as those that it is compared with do."""
    import msgspec

    layout = msgspec.structs.replace(_layout(reference), multivariate=None, latent=[])
    return _judge(reference, layout, ("training_serving_skew",))


def everything(reference: pd.DataFrame) -> Judge:
    """Ours, with the reconstruction error of every row."""
    return _judge(reference, _layout(reference), ("training_serving_skew", "multivariate_drift"))


def _layout(reference: pd.DataFrame) -> Layout:
    """The bins come from a sample, as they do when a reference is stored."""
    from app.core.layout import build_layout
    from app.core.model import Task

    sample = np.random.default_rng(1).choice(len(reference), min(len(reference), SAMPLE), replace=False)
    return build_layout(
        Task.REGRESSION,
        {name: column[sample] for name, column in _columns(reference).items()},
        scores=np.array([]),
        classes=[],
        threshold=0.5,
        confident=0.9,
    )


def _judge(reference: pd.DataFrame, layout: Layout, names: tuple[str, ...]) -> Judge:
    from app.services.checks import all_checks

    known = [all_checks()[name] for name in names]
    parts = [profile(layout, part) for part in _parts(reference, len(reference) // REFERENCE_WINDOWS)]
    case_of = _cases(layout, parts)

    def judge(frame: pd.DataFrame) -> list[Measurement]:
        case = case_of(profile(layout, frame))
        return [found for check in known for found in check.evaluate(case)]

    judge(reference.head(1_000))  # the limits are learnt once, as in the worker
    return judge


def _cases(layout: Layout, reference: list[Profile]) -> Callable[[Profile], Case]:
    """What the checks are given of a window after these of the reference."""
    from app.core.budget import allowed_rate
    from app.core.case import Case, Series
    from app.core.model import Model, Version, Window
    from app.core.profile import FeatureCounts, OutcomeCounts
    from app.services.checks import all_checks

    model, version = Model("bench", layout.task), Version(1, "1")
    windows = tuple(Window(START + at * DAY, START + (at + 1) * DAY) for at in range(len(reference) + 1))
    features = FeatureCounts.stack([one.features for one in reference])
    outcomes = OutcomeCounts.stack([one.outcomes for one in reference])
    usual, none = Series(windows[:-1], outcomes, features), Series((), outcomes[:0], features[:0])
    training, calibration, rate = features.sum(), outcomes.sum(), allowed_rate(model, all_checks().values())

    def case(window: Profile) -> Case:
        return Case(
            model=model,
            version=version,
            layout=layout,
            windows=windows[-1:],
            first=0,
            outcomes=OutcomeCounts.stack([window.outcomes]),
            features=FeatureCounts.stack([window.features]),
            first_features=0,
            reference=usual,
            calibration=calibration,
            training=training,
            early=none,
            now=windows[-1].end,
            allowed_rate=rate,
        )

    return case


def profile(layout: Layout, frame: pd.DataFrame) -> Profile:
    """Slices on threads: parts add to the whole exactly, and a slice's columns fit into the cache."""
    from app.core.fold import fold_whole

    rows = _without_outcomes(min(SLICE, len(frame)))
    with ThreadPoolExecutor(THREADS) as threads:
        return reduce(add, threads.map(lambda part: fold_whole(layout, rows(part)), _parts(frame, SLICE)))


def _without_outcomes(most: int) -> Callable[[pd.DataFrame], Rows]:
    """What the fold takes of a frame of at most so many rows, which has features alone."""
    from app.core.fold import Rows, Truth

    times, nothing, classes, truth = np.zeros(most, np.int64), np.full(most, np.nan), [None] * most, Truth.unknown(most)

    def rows(frame: pd.DataFrame) -> Rows:
        n = len(frame)
        cut = Truth(*(getattr(truth, field.name)[:n] for field in fields(Truth)))
        return Rows(times[:n], classes[:n], *(nothing[:n],) * 3, cut, _columns(frame))

    return rows


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    return {name: frame[name].to_numpy() for name in map(str, frame)}


def _parts(frame: pd.DataFrame, rows: int) -> Iterator[pd.DataFrame]:
    return (frame.iloc[at : at + rows] for at in range(0, len(frame), rows))


def evidently(reference: pd.DataFrame) -> Judge:
    """Evidently's preset with its defaults; it keeps nothing of a reference, and reads it every time."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    return lambda frame: Report([DataDriftPreset()]).run(frame, reference).dict()


def whylogs(reference: pd.DataFrame) -> Judge:  # noqa: ARG001  it profiles, and judges nothing
    """A whylogs profile with its defaults."""
    import whylogs as why  # type: ignore[import-not-found]

    return lambda frame: why.log(frame).view().to_pandas()


def nannyml(reference: pd.DataFrame) -> Judge:
    """NannyML's univariate drift with its default methods, fitted to the reference, of one chunk."""
    from nannyml import UnivariateDriftCalculator  # type: ignore[import-not-found]

    calculator = UnivariateDriftCalculator(column_names=[*map(str, reference)], chunk_size=len(reference))
    calculator.fit(reference)
    return lambda frame: calculator.calculate(frame).to_df()


SIDES: dict[str, Callable[[pd.DataFrame], Judge]] = {
    "univariate": univariate,
    "everything": everything,
    "evidently": evidently,
    "whylogs": whylogs,
    "nannyml": nannyml,
}


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


def measure(side: str, rows: int) -> dict[str, float]:
    """Median seconds, by the clock and of the processors, and the most memory (MB) that a window takes.

    A window is judged up to MOST_ROUNDS times, until ENOUGH_SECONDS are over; `prepared` are the seconds before.
    """
    reference, window = frames(rows)
    SIDES[side](reference.head(10_000))(window.head(10_000))  # imports and first-call costs are no part of it
    began = time.perf_counter()
    judge = SIDES[side](reference)
    prepared = time.perf_counter() - began
    rounds: list[tuple[float, float]] = []
    with _PeakMemory() as memory:
        while len(rounds) < MOST_ROUNDS and sum(wall for wall, _ in rounds) < ENOUGH_SECONDS:
            start, busy = time.perf_counter(), time.process_time()
            judge(window)
            rounds.append((time.perf_counter() - start, time.process_time() - busy))
    seconds, processor = (median(kind) for kind in zip(*rounds, strict=True))
    found = {"prepared": prepared, "seconds": seconds, "processor": processor, "memory": memory.grown}
    return {**found, **bandwidth(rows)}


def bandwidth(rows: int) -> dict[str, float]:
    """Bytes per second that numpy reads to sum an array of the window's size, and reads and writes to copy it."""
    array, other = np.ones(rows * FEATURES), np.zeros(rows * FEATURES)
    summing, copying = (min(_seconds(work) for _ in range(5)) for work in (array.sum, lambda: np.copyto(other, array)))
    return {"sum": array.nbytes / summing, "copy": 2 * array.nbytes / copying}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
