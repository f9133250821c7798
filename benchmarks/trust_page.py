"""The page docs/trust.md: what was simulated, the tables of the trials' records, and how to read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias

import numpy as np
from scipy.stats import chi2

from app.core import budget
from app.core.model import Model, Task
from app.services.checks import all_checks
from benchmarks.simulation import name_of
from benchmarks.trials import Cell, Record

Group: TypeAlias = Sequence[tuple[Cell, Sequence[Record]]]
Results: TypeAlias = Mapping[str, Group]

MONTH = budget.MONTH / timedelta(days=1)
"""Days."""
BUDGET = Model("any", Task.BINARY).false_alarms_per_month
CHECKS = len(budget.sharing_checks(Model("any", Task.BINARY), all_checks().values()))
SHARE = BUDGET / CHECKS
"""Of one check of a binary model."""
WITHIN = 14
"""Days after a change within which it counts as found."""
OFTEN = 0.15
"""Share of the models from which on a check has a column of its own in the table of power."""
MAIN_FEATURES, MAIN_REFERENCE = 20, 60

INTRODUCTION = """# Can the alarms be believed?

Simulated models, watched by the real pipeline: rows are folded into profiles, every check judges every day, and the
rule that sends messages decides. `python -m benchmarks.trust` does it again with the same seed (`--quick` in about a
minute; a run that is stopped goes on when it is started anew), and `--write` renews this page.

## What was simulated

* A model with labels whose reference is 60 days of about 800 rows, then 122 days of production without any change,
  unless a table says otherwise. One in four features is missing now and then. A month is 30 days.
* Features of five kinds in equal numbers: normal, lognormal, Student's t with 3 degrees of freedom, counts, and a
  category of five values. A common factor makes up 30 % of their variance. The score depends on the first five.
* Days differ. Each feature, the label rate (in logits), the volume (in logarithms), the latency, the share of missing
  values and how often people look at predictions move every day by a normal effect with a standard deviation of .15;
  today's effect is correlated with yesterday's by .5 or .8 where a table says so. Where *days are alike*, only chance
  makes them differ.
* An **alert** is a message: on that day one or more subjects of one check began to fire. Intervals are exact Poisson
  intervals of 95 %.

"""

READING = """## How to read it

* *Alerts a month* are those of one model, over all of its checks and subjects together. A fault that goes on is one
  alert; one that stops and comes back is two.
* The line *nothing* says how often a check alarms within 14 days although nothing changed, on the same models; what
  exceeds it is the power.
* Alerts come in clusters: a reference that happens to be calmer than the model's usual days causes several. So an
  interval of a few dozen models is rather too narrow.

## What falls short

* The simulated days have no rhythm of the week, no trend and no late labels, every model sees about 800 rows a day, and
  windows are days. Nothing is said here about hourly models or segments.
* Thirty reference days that resemble each other strongly show too little of what is normal for a check of one subject,
  such as volume, which always learns from the first thirty days of production.
* What limits gain in trust they lose in power: compare a shift of .25 sd, or days of lag .8.
* A simulation is not your model. `watchkeeper backtest` replays your own history.
"""


def page(results: Results) -> str:
    """The whole page in Markdown."""
    sections = [
        _verdict(results["quiet"]),
        _false_alarms(results["quiet"]),
        _by_check(results["quiet"]),
        _power(results["power"]),
        _estimates(results["estimates"]),
        _chunk_rule(results["quiet"]),
        _evidently(results["evidently"]),
    ]
    return INTRODUCTION + "\n".join(section for section in sections if section) + "\n" + READING


def _table(title: str, words: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A section with a table; "" without rows. The first column is text, all others are figures."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if not lines:
        return ""
    rule = "|---|" + "---:|" * (len(header) - 1)
    return "\n".join([f"## {title}", "", words, "", "| " + " | ".join(header) + " |", rule, *lines]) + "\n"


def rate(events: int, exposure: float) -> tuple[float, float, float]:
    """Events per unit of exposure, and the ends of its exact Poisson interval of 95 %."""
    lower = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    upper = chi2.ppf(0.975, 2 * events + 2) / 2
    return events / exposure, float(lower / exposure), float(upper / exposure)


def _rate_text(events: int, exposure: float) -> str:
    value, lower, upper = rate(events, exposure)
    return f"{value:.2f} ({lower:.2f} to {upper:.2f})"


def _months(records: Sequence[Record]) -> float:
    return sum(record.days for record in records) / MONTH


def _false_alarms(group: Group) -> str:
    header = [
        "production",
        "task",
        "features",
        "reference days",
        "model-months",
        "false alerts a month",
        "days with one firing",
        "most of them",
    ]
    rows = [_false_alarms_of(cell, records) for cell, records in group if records]
    return _table("False alarms without drift", "Nothing changes, so every alert is false.", header, rows)


def _false_alarms_of(cell: Cell, records: Sequence[Record]) -> list[str]:
    months, alerts = _months(records), sum(len(record.alerts) for record in records)
    open_share = sum(record.open for record in records) / sum(record.days for record in records)
    by_check = Counter(alert.check for record in records for alert in record.alerts)
    return [
        cell.name,
        str(cell.world.task),
        str(cell.world.features),
        str(cell.world.reference_days),
        f"{months:.0f}",
        _rate_text(alerts, months),
        f"{open_share:.1%}",
        ", ".join(f"{check} {count / months:.2f}" for check, count in by_check.most_common(2)),
    ]


def _main(group: Group) -> Group:
    """The lines of binary models of the usual size, which tables by check put side by side."""
    return [
        (cell, records)
        for cell, records in group
        if records
        and (cell.world.task, cell.world.features, cell.world.reference_days)
        == (Task.BINARY, MAIN_FEATURES, MAIN_REFERENCE)
    ]


def _columns(group: Group) -> dict[str, Sequence[Record]]:
    """What the table by check puts side by side: the main lines, then all lines whose days are alike so much."""
    columns = {cell.name: records for cell, records in _main(group)}
    for lag in (0.5, 0.8):
        alike = [records for cell, records in group if cell.world.lag == lag]
        columns[f"all lines of lag {lag:g}".replace("0.", ".")] = [record for records in alike for record in records]
    return {name: records for name, records in columns.items() if records}


def _of_check(check: str, records: Sequence[Record]) -> tuple[int, float]:
    """Its alerts, and the months in which it judged."""
    alerts = sum(alert.check == check for record in records for alert in record.alerts)
    return alerts, sum(record.judged.get(check, 0) for record in records) / MONTH


def _checks(group: Group) -> list[str]:
    return sorted({check for _, records in group for record in records for check in record.judged})


def _by_check(group: Group) -> str:
    """Alerts of each check a month in which it could tell."""
    columns = _columns(group)
    rows = []
    for check in _checks(group):
        counts = [_of_check(check, records) for records in columns.values()]
        rows.append([check, *(_rate_text(alerts, months) if months else "not evaluated" for alerts, months in counts)])
    words = (
        f"Alerts of each check in a month in which it judges, with {MAIN_FEATURES} features and {MAIN_REFERENCE} "
        "reference days; in the last columns all lines of the table above together."
    )
    return _table("False alarms by check", words, ["check", *columns], rows)


def _verdict(group: Group) -> str:
    """Whether the figures keep what is promised, and where they do not."""
    above = []
    for cell, records in group:
        if records and (value := sum(len(record.alerts) for record in records) / _months(records)) > BUDGET:
            world = cell.world
            what = f"{cell.name}, {world.task}, {world.features} features, {world.reference_days} reference days"
            above.append(f"{what}: {value:.2f}")
    lines = sum(1 for _, records in group if records)
    worse = []
    for name, records in _columns(group).items():
        for check in _checks(group) if "lag" in name else []:
            alerts, months = _of_check(check, records)
            if months and alerts / months > 2 * SHARE:
                worse.append(f"{check}, {name}: {_rate_text(alerts, months)}")
    return "\n".join(
        [
            "## What is promised, and what holds",
            "",
            f"* At the default budget, at most one false alert per model and month: held in {lines - len(above)} of "
            f"{lines} settings." + _listed(" Above it: ", above),
            f"* Each of the {CHECKS} checks that can alarm by chance has an equal part of the budget, {SHARE:.3f} a "
            "month. None takes more than twice its part where days resemble their neighbours: "
            + ("held." if not worse else "not held." + _listed(" Above it: ", worse)),
            "",
        ]
    )


def _listed(begin: str, items: Sequence[str]) -> str:
    return f"{begin}{'; '.join(items)}." if items else ""


def _power(group: Group) -> str:
    """A column for each check that finds some change often."""
    checks = _checks(group)
    finds = {cell: {check: _finds(cell, records, check) for check in checks} for cell, records in group if records}
    models = {cell: len(records) for cell, records in group}
    often = [
        check for check in checks if any(len(found[check]) >= OFTEN * models[cell] for cell, found in finds.items())
    ]
    rows = [
        [cell.name, str(models[cell]), *(_delay_text(found[check], models[cell]) for check in often)]
        for cell, found in finds.items()
    ]
    words = (
        f"From one day on something is different. Binary models of {MAIN_FEATURES} features and {MAIN_REFERENCE} "
        "reference days, days of lag .5, unless the line says otherwise. For each check, the share of models in which "
        f"an alert begins within {WITHIN} days, and the median of the days until then: 0 is the first day of the "
        "change. Where a feature moved, alerts about other features do not count."
    )
    return _table("Power and delay", words, ["what changes", "models", *often], rows)


def _finds(cell: Cell, records: Sequence[Record], check: str) -> list[int]:
    """Days from the change to the check's first alert about it, of the models in which there is one."""
    moved = {name_of(feature) for feature in range(cell.change.shifted)} if cell.change.shift else set()
    others = {name_of(feature) for feature in range(cell.world.features)} - moved if moved else set()
    delays = []
    for record in records:
        told = [
            alert.day - cell.change.start
            for alert in record.alerts
            if alert.check == check and set(alert.subjects) - others
        ]
        after = [delay for delay in told if 0 <= delay < WITHIN]
        delays += [min(after)] if after else []
    return delays


def _delay_text(delays: Sequence[int], models: int) -> str:
    return f"{len(delays) / models:.0%}, {np.median(delays):.0f} d" if delays else "0%"


def _estimates(group: Group) -> str:
    rows = []
    for cell, records in group:
        for measure in sorted({name for record in records for name in record.gaps}):
            gaps = [record.gaps[measure] for record in records if measure in record.gaps]
            rows.append(
                [
                    f"{cell.name}",
                    measure,
                    str(len(gaps)),
                    f"{np.mean([gap.realised for gap in gaps]):+.3f}",
                    f"{np.mean([gap.bias for gap in gaps]):+.4f}",
                    f"{np.mean([gap.error for gap in gaps]):.4f}",
                    f"{np.mean([gap.unmoved for gap in gaps]):.4f}",
                ]
            )
    words = (
        "The estimate of each day after the change against what the labels of that day say. The realised measure of "
        "one day is itself uncertain: 800 rows leave an accuracy of .75 a standard deviation of .015, and the day's "
        "effect comes on top. An estimate from scores cannot see a change of the truth at equal scores: its error is "
        "then the change itself, which concept_drift is there to find. (20 % more noise: the truth moves 20 % of the "
        "way to a coin toss; a regression's errors grow by 20 %.)"
    )
    header = [
        "task and change",
        "measure",
        "models",
        "realised change",
        "estimate minus realised",
        "mean absolute difference",
        "the same without an estimate",
    ]
    return _table("Error of the estimates without labels", words, header, rows)


def _chunk_rule(quiet: Group) -> str:
    rows = []
    for cell, records in _main(quiet):
        months = _months(records)
        begun = sum(len(days) for record in records for days in record.chunks.values())
        days = sum(record.days for record in records)
        rows.append(
            [
                f"nothing, {cell.name}",
                f"{sum(len(record.alerts) for record in records) / months:.2f}",
                f"{begun / months:.2f}",
                f"{sum(record.open for record in records) / days:.0%}",
                f"{sum(record.chunk_days for record in records) / days:.0%}",
            ]
        )
    words = (
        "NannyML's rule, computed by us as its documentation describes it: a day alerts when a statistic leaves the "
        "mean of the reference's days by more than three standard deviations. The statistics are the distance of each "
        "feature from the reference (Wasserstein for numbers, Jensen-Shannon for categories), the estimated and the "
        "realised accuracy. An alert is a day on which a new series leaves its band, counted once for each of these "
        "three kinds."
    )
    header = [
        "what changes",
        "our alerts a month",
        "theirs",
        "our days with one firing",
        "their days with one",
    ]
    return _table("Beside NannyML's chunk rule, on the same data", words, header, rows)


def _evidently(group: Group) -> str:
    rows = []
    for cell, records in group:
        reports = sum(record.days for record in records)
        if not reports:
            continue
        drifted = [count for record in records for count in record.drifted]
        columns = records[0].columns
        rows.append(
            [
                cell.name,
                str(reports),
                f"{np.mean(drifted):.1f} of {columns}",
                f"{np.mean(np.array(drifted) > 0):.0%}",
                f"{sum(record.datasets for record in records) / reports:.0%}",
            ]
        )
    words = (
        "Evidently's `DataDriftPreset` itself, with its defaults, on the raw rows: single days against the whole "
        "reference. Its data set drifts when half of its columns do."
    )
    header = ["what changes", "days", "columns that drift", "days with any", "days on which the data set drifts"]
    return _table("Beside Evidently's defaults, on the same data", words, header, rows)
