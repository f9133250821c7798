"""A simulated model through the real pipeline: rows, profiles, cases, every check, and the alerts people would get."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from app.core.alerting import AlertState, Finding, State, decide
from app.core.budget import allowed_rate
from app.core.case import EARLY_WINDOWS, Case, Series, full_windows, lookback
from app.core.fold import Rows, fold
from app.core.layout import Layout, build_layout
from app.core.model import Measurement, Model, Outcome, Task, Version, Window, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.core.reservoir import Reservoir, with_gaps
from app.services.checks import all_checks, feature_lookback
from app.services.loss_models import fit_losses
from benchmarks.simulation import CLASSES, DAY, Change, World, blocks

SAMPLED = 20_000
"""Rows of the reference that the bins are learnt from."""
SCORE, LABEL = "(score)", "(label)"
PORTION = 61
"""Windows that are judged at a time, each with the windows before it that the services would give it."""
CLASS_NAMES = {Task.BINARY: ["0", "1"], Task.MULTICLASS: CLASSES, Task.REGRESSION: []}


@dataclass(frozen=True, slots=True)
class Alert:
    """A message that people would get: on `day` of production `check` began to fire about `subjects`."""

    check: str
    day: int
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of watching one model. `judged`: per check, the days on which it could tell of some subject."""

    alerts: list[Alert]
    judged: dict[str, int]
    measurements: list[Measurement]
    open_days: int
    """Days at whose end some alert fired."""


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """The windows of one model in order of time: the reference's and production's."""

    layout: Layout
    reference: Series
    served: Series


def profile(world: World, change: Change, seed: int) -> Profiles:
    """Rows of the simulation, folded as stored rows are."""
    reference: list[Rows] = []
    served: list[dict[datetime, Profile]] = []
    for of_reference, rows in blocks(world, change, seed):
        if of_reference:
            reference.append(rows)
            continue
        if not served:
            layout = layout_of(world.task, reference)
        served.append(fold(layout, rows, WindowLength.DAY))
    return Profiles(layout, _series(fold(layout, rows, WindowLength.DAY) for rows in reference), _series(served))


def layout_of(task: Task, reference: Sequence[Rows]) -> Layout:
    """The bins, and for a regression model the expected errors, that a sample of the reference's rows gives."""
    names = list(reference[0].features)
    sample = Reservoir([*names, SCORE, LABEL], SAMPLED)
    for rows in reference:
        score = rows.predicted_value if task is Task.REGRESSION else rows.score
        sample.add({**rows.features, SCORE: score, LABEL: rows.truth.label_value}, rows.times.size)
    columns = sample.columns()
    features = {name: columns[name] for name in names}
    scores = columns[SCORE]
    layout = build_layout(
        task,
        {name: with_gaps(part) for name, part in features.items()},
        scores=scores,
        classes=CLASS_NAMES[task],
        threshold=0.5,
        confident=0.9,
    )
    if task is not Task.REGRESSION:
        return layout
    return msgspec.structs.replace(layout, losses=fit_losses(layout, features, scores, columns[LABEL]))


def _series(parts: Iterable[Mapping[datetime, Profile]]) -> Series:
    profiles = {start: profile for part in parts for start, profile in part.items()}
    starts = sorted(profiles)
    return Series(
        tuple(Window(start, start + DAY) for start in starts),
        OutcomeCounts.stack([profiles[start].outcomes for start in starts]),
        FeatureCounts.stack([profiles[start].features for start in starts]),
    )


def watch(task: Task, profiles: Profiles) -> Watched:
    """Every check on every day of production, and the rule that makes alerts of what they find."""
    found = [one for case in cases(task, profiles) for one in _measured(case)]
    return _told(profiles.served.windows, found)


def cases(task: Task, profiles: Profiles) -> Iterator[Case]:
    """The cases that the services would build, a portion of days at a time."""
    served, model, version = profiles.served, Model("simulated", task), Version(1, "1")
    full = full_windows(profiles.reference.outcomes.rows)
    reference = Series(
        tuple(profiles.reference.windows[at] for at in full),
        profiles.reference.outcomes[full],
        profiles.reference.features[full],
    )
    outcomes, training = profiles.reference.outcomes.sum(), reference.features.sum()
    for start in range(0, len(served), PORTION):
        end = min(start + PORTION, len(served))
        begin = max(0, start - lookback(model.window))
        features = max(0, start - feature_lookback())
        early = slice(0, min(end, EARLY_WINDOWS))
        yield Case(
            model=model,
            version=version,
            layout=profiles.layout,
            windows=served.windows[begin:end],
            first=start - begin,
            outcomes=served.outcomes[begin:end],
            features=served.features[features:end],
            first_features=features - begin,
            reference=reference,
            calibration=outcomes,
            training=training,
            early=Series(served.windows[early], served.outcomes[early], served.features[early]),
            now=served.windows[end - 1].end,
            allowed_rate=allowed_rate(model, all_checks().values()),
        )


def _measured(case: Case) -> Iterator[Measurement]:
    for check in all_checks().values():
        if case.model.task in check.tasks:
            yield from check.evaluate(case)


@dataclass(slots=True)
class _Ledger:
    """The states of all alerts as the days go by."""

    states: dict[tuple[str, str, str], AlertState] = field(default_factory=dict)

    def take(self, findings: Iterable[Finding]) -> dict[str, list[str]]:
        """The subjects that begin to fire, by check."""
        began: dict[str, list[str]] = defaultdict(list)
        for finding in findings:
            known = self.states.get(finding.series)
            decision = decide(known, finding)
            if decision.changed:
                self.states[finding.series] = AlertState(
                    decision.state, finding.window.start, severity=decision.severity
                )
                if decision.state is State.FIRING and not (known and known.state.open):
                    began[finding.check].append(finding.subject)
        return began

    @property
    def firing(self) -> bool:
        return any(known.state is State.FIRING for known in self.states.values())


def _told(windows: Sequence[Window], found: Sequence[Measurement]) -> Watched:
    by_window: dict[Window, list[Measurement]] = defaultdict(list)
    for one in found:
        by_window[one.window].append(one)
    ledger, judged, open_days = _Ledger(), Counter[str](), 0
    alerts: list[Alert] = []
    for day, window in enumerate(windows):
        for check in {one.check for one in by_window[window] if one.outcome is not Outcome.NOT_EVALUATED}:
            judged[check] += 1
        began = ledger.take(_finding(one) for one in by_window[window])
        alerts += [Alert(check, day, tuple(subjects)) for check, subjects in began.items()]
        open_days += ledger.firing
    return Watched(alerts, dict(judged), list(found), open_days)


def _finding(one: Measurement) -> Finding:
    return Finding(
        one.check,
        one.subject,
        one.segment or "",
        one.outcome,
        one.window,
        one.value,
        one.limit,
        one.statistic,
        one.reason,
        one.expected_rate,
    )
