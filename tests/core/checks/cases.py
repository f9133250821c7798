"""Cases from raw rows, through the real layout and the real fold, so that a test can recompute everything from rows.

A frame of rows has a column `time` (datetime64, UTC), the columns of its features, and any of `score`, `predicted`
(class or value), `label` (class or value, None where unknown), `delay` of the label (s), `source`, `shown`,
`corrected`, `audited`, `latency` (ms), `input` (the features as text) and `unknown` (how many features the layout does
not know).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.core.budget import allowed_rate
from app.core.case import EARLY_WINDOWS, ENOUGH_WINDOWS, Case, Check, Series, full_windows
from app.core.derived import recognise
from app.core.fold import NEVER, UNKNOWN, Rows, Truth, fold, fold_whole
from app.core.layout import Layout, build_layout, default_layout
from app.core.model import Measurement, Model, Outcome, Source, Task, Version, Window, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.core.reservoir import Reservoir
from app.core.seasons import learn_seasons
from app.services.checks import all_checks, feature_lookback
from app.services.loss_models import fit_losses

START = datetime(2026, 1, 1, tzinfo=UTC)
LIVE = datetime(2026, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLASSES = {Task.BINARY: ["0", "1"], Task.MULTICLASS: ["ant", "bee", "cow"], Task.REGRESSION: []}
ROLES = (
    "time",
    "score",
    "predicted",
    "label",
    "source",
    "shown",
    "corrected",
    "audited",
    "delay",
    "latency",
    "input",
    "unknown",
)


def days(count: int, rows: int | Sequence[int], start: datetime = START) -> pd.DataFrame:
    """Times only: so many rows (or one number for each day), spread over each of `count` days."""
    sizes = [rows] * count if isinstance(rows, int) else list(rows)
    times = [start + day * DAY + i * DAY / size for day, size in enumerate(sizes) for i in range(size)]
    return pd.DataFrame({"time": pd.DatetimeIndex(times, tz=UTC) if times else pd.DatetimeIndex([], tz=UTC)})


def binary(times: pd.DataFrame, rng: np.random.Generator, shift: Any = 0.0) -> pd.DataFrame:
    """A calibrated model of two features: its score is the probability that its label is "1"."""
    x = rng.normal(size=len(times)) + shift
    kind = rng.choice(["a", "b", "c"], len(times), p=[0.6, 0.3, 0.1])
    score = 1 / (1 + np.exp(-1.5 * x + np.where(kind == "a", 0.3, -0.5)))
    positive = rng.uniform(size=len(times)) < score
    predicted = np.where(score >= 0.5, "1", "0")
    return times.assign(
        x=x, kind=kind, score=score, predicted=predicted, label=np.where(positive, "1", "0"), **_sent(x)
    )


def multiclass(times: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A calibrated model of three classes: the score is the probability of the class that it predicts."""
    x = rng.normal(size=(len(times), 3))
    chances = np.exp(1.2 * x) / np.exp(1.2 * x).sum(axis=1, keepdims=True)
    names = np.array(CLASSES[Task.MULTICLASS])
    label = (rng.uniform(size=(len(times), 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    best = chances.argmax(axis=1)
    answers = {"score": chances.max(axis=1), "predicted": names[best], "label": names[label]}
    return times.assign(x=x[:, 0], y=x[:, 1], **answers, **_sent(x[:, 0]))


def regression(times: pd.DataFrame, rng: np.random.Generator, noise: float = 1.0) -> pd.DataFrame:
    """A model that knows the target up to noise."""
    x = rng.normal(size=len(times))
    return times.assign(x=x, predicted=3 * x, label=3 * x + rng.normal(0, noise, len(times)), **_sent(x))


def with_every_kind(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The rows with a feature of every other kind: a number that goes with x, a text, a list, a vector, a code."""
    size, words = len(frame), ["late", "again", "no train", "Zug", "42"]
    comments = [" ".join(words[n] for n in chosen) for chosen in rng.integers(0, 5, (size, 8)).tolist()]
    return frame.assign(
        y=0.9 * frame["x"] + 0.4 * rng.normal(size=size),
        comment=pd.Series(comments, index=frame.index, dtype=object),
        readings=pd.Series([rng.normal(size=n).tolist() for n in rng.integers(1, 5, size)], frame.index, object),
        vector=pd.Series(rng.normal(size=(size, 8)).tolist(), frame.index, object),
        shop=pd.Series([f"shop-{n}" for n in rng.integers(0, 160, size)], frame.index, object),
    )


def _sent(x: NDArray[np.float64]) -> dict[str, Any]:
    """Latencies of 20 to about 60 ms, and inputs that are all different."""
    return {"latency": 20 + 4 * x**2, "input": [f"{value}" for value in x]}


SIMULATED = {Task.BINARY: binary, Task.MULTICLASS: multiclass, Task.REGRESSION: regression}


def features_of(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in ROLES]


def rows_of(frame: pd.DataFrame, task: Task) -> Rows:
    """The frame as the fold takes it."""
    size = len(frame)
    predicted = _column(frame, "predicted", None)
    regression = task is Task.REGRESSION
    return Rows(
        times=_times(frame),
        predicted_class=[None] * size if regression else predicted,
        predicted_value=predicted if regression else [None] * size,
        score=_column(frame, "score", None),
        latency_ms=np.array(_column(frame, "latency", np.nan), dtype=np.float64),
        truth=_truth(frame, task),
        features={name: _column(frame, name, None) for name in features_of(frame)},
        inputs=_column(frame, "input", "{}"),
        unknown=np.array(_column(frame, "unknown", 0), dtype=np.int64),
    )


def _truth(frame: pd.DataFrame, task: Task) -> Truth:
    truth = Truth.unknown(len(frame))
    label = _column(frame, "label", None)
    known = np.array([one is not None and one == one for one in label], dtype=np.bool_)
    if task is Task.REGRESSION:
        truth.label_value[known] = [one for one, is_known in zip(label, known, strict=True) if is_known]
    else:
        truth.label_class[:] = label
    source = np.array([Source(one).strength for one in _column(frame, "source", Source.GROUND_TRUTH)], np.int8)
    shown, corrected, audited = (
        np.array(_column(frame, name, False), dtype=np.bool_) for name in ("shown", "corrected", "audited")
    )
    delay = np.array(_column(frame, "delay", np.nan), dtype=np.float64) * 1e6
    told = known & np.isfinite(delay)
    labelled_at = np.where(told, _times(frame) + np.where(told, delay, 0).astype(np.int64), NEVER)
    source = np.where(known, source, UNKNOWN).astype(np.int8)
    return Truth(truth.label_class, truth.label_value, source, shown, corrected, audited, labelled_at)


def _times(frame: pd.DataFrame) -> NDArray[np.int64]:
    """[rows] microseconds since 1970."""
    return frame["time"].astype("datetime64[us, UTC]").to_numpy(dtype="datetime64[us]").astype(np.int64)


def _column(frame: pd.DataFrame, name: str, default: Any) -> list[Any]:
    """Values as they would come from JSON: a missing text is None, a NaN among numbers stays a NaN."""
    if name not in frame:
        return [default] * len(frame)
    values: list[Any] = frame[name].tolist()
    text = isinstance(frame[name].dtype, pd.StringDtype)
    return [None if value is pd.NA or value != value else value for value in values] if text else values


def layout_of(reference: pd.DataFrame | None, model: Model, version: Version) -> Layout:
    """The layout that the reference's rows give, or that of a version without one."""
    threshold, confident = version.decision_threshold, model.confident_threshold
    if reference is None:
        return default_layout(model.task, positive_label="1", threshold=threshold, confident=confident)
    scores = reference["predicted" if model.task is Task.REGRESSION else "score"].to_numpy(dtype=float)
    features = {name: _column(reference, name, None) for name in features_of(reference)}
    recognised = {name: recognise(name, column) for name, column in features.items()}
    plain = {name: column for name, column in features.items() if recognised[name] is None}
    layout = build_layout(
        model.task,
        plain,
        scores=scores[np.isfinite(scores)],
        classes=CLASSES[model.task],
        threshold=threshold,
        confident=confident,
        derived=[(feature, feature.derive(features[name])) for name, feature in recognised.items() if feature],
    )
    if model.task is not Task.REGRESSION or "label" not in reference:
        return layout
    kept = Reservoir(list(plain), len(reference))
    kept.add(plain, len(reference))
    labels = reference["label"].to_numpy(dtype=float)
    return msgspec.structs.replace(layout, losses=fit_losses(layout, kept.columns(), scores, labels))


def folded(
    layout: Layout, frame: pd.DataFrame, task: Task, length: WindowLength = WindowLength.DAY
) -> dict[datetime, Profile]:
    """The profiles of the frame's windows."""
    return fold(layout, rows_of(frame, task), length) if len(frame) else {}


def series(profiles: dict[datetime, Profile], windows: Iterable[Window], layout: Layout) -> Series:
    """The profiles of these windows, an empty one where there is none."""
    windows, empty = tuple(windows), Profile.empty(layout)
    found = [profiles.get(window.start, empty) for window in windows] or [empty]
    outcomes = OutcomeCounts.stack([profile.outcomes for profile in found])
    features = FeatureCounts.stack([profile.features for profile in found])
    return Series(windows, outcomes[: len(windows)], features[: len(windows)])


def chosen(series: Series, which: NDArray[np.intp]) -> Series:
    """Some of the windows, by their indices."""
    return Series(tuple(series.windows[at] for at in which.tolist()), series.outcomes[which], series.features[which])


def run_of_days(start: datetime, count: int, length: timedelta = DAY) -> tuple[Window, ...]:
    return tuple(Window(start + i * length, start + (i + 1) * length) for i in range(count))


@dataclass(frozen=True)
class Given:
    """What a case is made of. The windows to judge are the days (or the model's hours) `first` .. `count - 1` since
    `since`. With `seasonal`, as it knows seasons.

    Without `budget`, limits are what was seen and a quarter more: no budget of false alarms widens them.
    """

    reference: pd.DataFrame | None
    served: pd.DataFrame
    count: int
    task: Task = Task.BINARY
    since: datetime = LIVE
    first: int = 0
    timed: bool = True
    model: Model | None = None
    version: Version | None = None
    now: datetime | None = None
    budget: bool = False
    seasonal: bool = True

    def case(self) -> Case:
        model = self.model or Model("m", self.task)
        version = self.version or Version(1, "v")
        layout = layout_of(self.reference, model, version)
        length = model.window.delta
        windows = run_of_days(self.since, self.count, length)
        profiles = folded(layout, self.served, self.task, model.window)
        served = series(profiles, windows, layout)
        now = self.now or windows[-1].end
        first_features = max(0, self.first - feature_lookback())
        whole = None if self.reference is None else fold_whole(layout, rows_of(self.reference, self.task))
        early = run_of_days(self.since, min(EARLY_WINDOWS, (now - self.since) // length), length)
        normal = self._reference(layout, model.window)
        return Case(
            model=model,
            version=version,
            layout=layout,
            windows=windows,
            first=self.first,
            outcomes=served.outcomes,
            features=served.features[slice(first_features, None)],
            first_features=first_features,
            reference=None if normal is None else chosen(normal, full_windows(normal.outcomes.rows)),
            calibration=None if whole is None else whole.outcomes,
            training=None if whole is None else whole.features,
            early=series(profiles, early, layout),
            now=now,
            allowed_rate=allowed_rate(model, all_checks().values()) if self.budget else math.inf,
            seasons=self._seasons(normal, model.window) if normal is not None and self.seasonal else {},
        )

    def _reference(self, layout: Layout, length: WindowLength) -> Series | None:
        if self.reference is None or not self.timed:
            return None
        profiles = folded(layout, self.reference, self.task, length)
        return series(profiles, [Window(start, start + length.delta) for start in sorted(profiles)], layout)

    @staticmethod
    def _seasons(normal: Series, length: WindowLength) -> dict[int, Series]:
        starts = [window.start for window in normal.windows]
        found = learn_seasons(starts, normal.outcomes.rows, length, ENOUGH_WINDOWS)
        return {season: chosen(normal, mine) for season, mine in found.windows.items()}

    def but(self, **changes: Any) -> Given:
        return replace(self, **changes)


def usual(
    task: Task = Task.BINARY, *, seed: int = 0, reference_days: int = 40, count: int = 5, rows: int = 200
) -> Given:
    """A healthy model: production is like the reference."""
    rng = np.random.default_rng(seed)
    simulate = SIMULATED[task]
    return Given(
        simulate(days(reference_days, rows), rng), simulate(days(count, rows, LIVE), rng), count=count, task=task
    )


def measured(check: Check, case: Case) -> pd.DataFrame:
    """What the check found, a row for each measurement, with `day` counted from the case's first window."""
    found = list(check.evaluate(case))
    frame = pd.DataFrame([{name: getattr(one, name) for name in Measurement.__slots__} for one in found])
    return frame.assign(day=[case.windows.index(one.window) for one in found])


def by_day(check: Check, case: Case, subject: str = "") -> pd.DataFrame:
    """The measurements of one subject, indexed by day."""
    found = measured(check, case)
    return found[found.subject == subject].set_index("day")


def day_of(frame: pd.DataFrame, since: datetime) -> pd.Series[int]:
    """[rows] the number of the day that each row belongs to."""
    return (frame["time"] - pd.Timestamp(since)) // pd.Timedelta(DAY)


def per_day(frame: pd.DataFrame, since: datetime) -> list[pd.DataFrame]:
    """The rows of each day that has any."""
    return [part for _, part in frame.groupby(day_of(frame, since))]


def two_of_three(exceeds: Sequence[bool]) -> list[Outcome]:
    """The rule by its text: a breach when at least two of a window and the two before it exceed."""
    return [Outcome.BREACH if sum(exceeds[max(0, i - 2) : i + 1]) >= 2 else Outcome.OK for i in range(len(exceeds))]


def learnt(values: Sequence[float], floor: float) -> tuple[float, float]:
    """Mean, and tolerance max(floor, 1.25 max |x_r - mean of the others|), of a single series, by its text."""
    deviations = [abs(x - float(np.mean([*values[:r], *values[r + 1 :]]))) for r, x in enumerate(values)]
    return float(np.mean(values)), max(floor, 1.25 * max(deviations))
