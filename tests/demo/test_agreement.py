"""What Watchkeeper measured on the demo agrees with an independent computation on the same rows."""

from __future__ import annotations

import pandas as pd
import pytest

from app.core.budget import allowed_rate
from app.core.model import Model, Task
from app.core.stats.false_alarms import fit_tail, limit_for_rate
from app.demo.flights import CATEGORIES, FEATURES
from app.services.checks import all_checks
from tests.demo import independent
from tests.demo.conftest import Demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXACT = 1e-9
BINNED_ACCURACY = 0.003
"""128 bins of about 400 reference rows each against raw scores, on days of about 900 flights."""

BINNED_ACCURACY_MEAN = 0.0005

BINNED_DISTANCE = 0.01
"""In standard deviations: each bin's mass at its mean against raw values."""


@pytest.fixture(scope="session")
def served(demo: Demo) -> pd.DataFrame:
    return independent.served_rows(demo.database)


@pytest.fixture(scope="session")
def reference(demo: Demo) -> pd.DataFrame:
    return independent.reference_rows(demo.reference)


def compare(ours: pd.DataFrame, theirs: pd.DataFrame, tolerance: float) -> None:
    """Values and limits agree within the tolerance; so do the verdicts, but for days as close as that to the limit."""
    told = ours[ours["outcome"] != "not_evaluated"]
    assert len(told) > 0.9 * len(theirs)
    theirs = theirs.loc[told.index]
    assert (told["value"] - theirs["value"]).abs().max() <= tolerance
    assert (told["limit"] - theirs["limit"]).abs().max() <= 1.25 * 2 * tolerance
    differ = (told["outcome"] == "breach") != theirs["breach"]
    near = (theirs["value"] - theirs["limit"]).abs() <= 4 * tolerance
    assert not (differ & ~near.rolling(3, min_periods=1).max().astype(bool)).any()


def least(demo: Demo, check: str, deviations: pd.DataFrame) -> dict[str, float]:
    """What the budget of false alarms asks the limits of some of a check's subjects to be; a column for each.

    All rows and the airports one by one share the budget, and so do the check's subjects. What such a share asks is
    held by simulations; here it is taken from the raw rows' own deviations.
    """
    parts = 1 + demo.reference["origin"].nunique()
    share = allowed_rate(Model("flights", Task.BINARY), all_checks().values()) / parts
    limits = limit_for_rate(fit_tail(deviations.to_numpy()), share / len(independent.subjects(demo.database, check)))
    return dict(zip(deviations.columns, limits.tolist(), strict=True))


def judged(demo: Demo, check: str, usual: pd.DataFrame, days: pd.DataFrame, harm: int) -> pd.DataFrame:
    """A series of shares, with the limit that its own deviations and the budget make."""
    asked = least(demo, check, independent.deviations(usual).to_frame("all"))["all"]
    return independent.judged(usual, days, harm=harm, least=asked)


def breach_months(days: pd.DataFrame, demo: Demo) -> list[str]:
    breached = pd.DatetimeIndex(days.index[days["breach"]])
    return sorted(set((breached - pd.Timedelta(demo.state.shift)).strftime("%Y-%m")))


def said_months(demo: Demo, series: str) -> list[str]:
    """The months that the command printed for a series."""
    (line,) = [line for line in demo.output.splitlines() if line.strip().startswith(f"{series}:")]
    months = line.split(":", 1)[1].strip()
    return [] if months == "none" else months.split(", ")


def test_every_flight_is_there(served: pd.DataFrame) -> None:
    # 336,688 flights in whole UTC days of 2013, 51,801 of them before March; all but the cancelled have an outcome.
    assert len(served) == 336_688 - 51_801
    assert served["label"].notna().mean() > 0.95


def test_realised_accuracy(demo: Demo, served: pd.DataFrame, reference: pd.DataFrame) -> None:
    usual = independent.by_day(reference, independent.hits(reference))
    served_days = independent.by_day(served, independent.hits(served))
    days = judged(demo, "performance", usual, served_days, harm=-1)
    ours = independent.measured(demo.database, "performance", "accuracy")
    compare(ours, days, EXACT)
    assert breach_months(days, demo) == said_months(demo, "realised accuracy")


def test_estimated_accuracy(demo: Demo, served: pd.DataFrame, reference: pd.DataFrame) -> None:
    usual = independent.by_day(reference, independent.chances(reference, reference))
    estimates = independent.by_day(served, independent.chances(reference, served))
    days = judged(demo, "estimated_performance", usual, estimates, harm=-1)
    ours = independent.measured(demo.database, "estimated_performance", "accuracy")
    compare(ours, days, BINNED_ACCURACY)
    assert (ours["value"] - days["value"]).abs().mean() <= BINNED_ACCURACY_MEAN
    assert breach_months(days, demo) == said_months(demo, "estimated accuracy")


def test_confident_share(demo: Demo, served: pd.DataFrame, reference: pd.DataFrame) -> None:
    def sure(rows: pd.DataFrame) -> pd.DataFrame:
        return independent.by_day(rows, ((rows["score"] >= 0.8) | (1 - rows["score"] >= 0.8)).astype(float))

    days = judged(demo, "confident_share", sure(reference), sure(served), harm=0)
    ours = independent.measured(demo.database, "confident_share", "")
    assert (ours["value"] - days["value"]).abs().max() <= EXACT
    # Winter days differ so much that no share at all would be out of the ordinary, and nothing is said.
    assert set(days["limit"]) == {0.0, 1.0}
    assert set(ours["outcome"]) == {"not_evaluated"}


def test_skew(demo: Demo, served: pd.DataFrame, reference: pd.DataFrame) -> None:
    breached: set[str] = set()
    numeric = [feature for feature in FEATURES if feature not in CATEGORIES]
    normal = [independent.normal_distances(reference, kind) for kind in (numeric, CATEGORIES)]
    usual = pd.concat(normal, axis=1)
    asked = {name: limit for one in normal for name, limit in least(demo, "training_serving_skew", one).items()}
    for feature in FEATURES:
        days = independent.skew(reference, served, feature, usual[feature], asked[feature])
        ours = independent.measured(demo.database, "training_serving_skew", feature)
        compare(ours, days, EXACT if feature in CATEGORIES else BINNED_DISTANCE)
        breached.update(breach_months(days, demo))
    assert sorted(breached) == said_months(demo, "skew")
