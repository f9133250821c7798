"""What Watchkeeper measured on the demo agrees with an independent computation on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import pytest

from app.core.budget import allowed_rate
from app.core.model import Model, Task
from app.core.stats.false_alarms import fit_tail, limit_for_rate
from app.demo.flights import CATEGORIES, FEATURES, PRODUCTION_START
from app.demo.folder import Folder
from app.demo.models import Models
from app.services.checks import all_checks
from tests.demo import independent
from tests.demo.conftest import Demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXACT = 1e-9
BINNED_ACCURACY = 0.003
"""128 bins of about 400 reference rows each against raw scores, on days of about 900 flights."""

BINNED_ACCURACY_MEAN = 0.0005
NUMBERS = [feature for feature in FEATURES if feature not in CATEGORIES]

BINNED_DISTANCE = 0.01
"""In standard deviations: each bin's mass at its mean against raw values."""


@dataclass(frozen=True)
class Watched:
    """A version: the rows of its reference, and those that it served."""

    demo: Demo
    name: str
    reference: pd.DataFrame
    served: pd.DataFrame

    def measured(self, check: str, subject: str) -> pd.DataFrame:
        return independent.measured(self.demo.database, self.name, check, subject)


@pytest.fixture(scope="session")
def served(demo: Demo) -> pd.DataFrame:
    return independent.served_rows(demo.database)


@pytest.fixture(scope="session")
def versions(demo: Demo, served: pd.DataFrame) -> list[Watched]:
    """All that were live, the first and the retrained ones."""
    return [
        Watched(demo, str(name), independent.reference_rows(demo.reference(str(name))), rows)
        for name, rows in served.groupby("version")
    ]


def compare(ours: pd.DataFrame, theirs: pd.DataFrame, tolerance: float) -> None:
    """Values and limits agree within the tolerance; so do the verdicts, but for days as close as that to the limit."""
    told = ours[ours["outcome"] != "not_evaluated"]
    assert len(told) > 0.7 * len(theirs)  # the gusts of calm days are too few for a verdict
    theirs = theirs.loc[told.index]
    assert (told["value"] - theirs["value"]).abs().max() <= tolerance
    assert (told["limit"] - theirs["limit"]).abs().max() <= 1.25 * 2 * tolerance
    differ = (told["outcome"] == "breach") != theirs["breach"]
    near = (theirs["value"] - theirs["limit"]).abs() <= 4 * tolerance
    assert not (differ & ~near.rolling(3, min_periods=1).max().astype(bool)).any()


def least(version: Watched, check: str, deviations: pd.DataFrame) -> dict[str, float]:
    """What the budget of false alarms asks the limits of some of a check's subjects to be; a column for each.

    All rows and the airports one by one share the budget, and so do the check's subjects. What such a share asks is
    held by simulations; here it is taken from the raw rows' own deviations.
    """
    parts = 1 + version.reference["origin"].nunique()
    share = allowed_rate(Model("flights", Task.BINARY), all_checks().values()) / parts
    subjects = independent.subjects(version.demo.database, check)
    limits = limit_for_rate(fit_tail(deviations.to_numpy()), share / len(subjects))
    return dict(zip(deviations.columns, limits.tolist(), strict=True))


def judged(version: Watched, check: str, share: Callable[[pd.DataFrame], pd.DataFrame], harm: int) -> pd.DataFrame:
    """A share by day of what was served, with the limits that the reference's own deviations and the budget make."""
    seasons = independent.seasons(version.reference, version.served)
    if len(seasons) > 1:
        ours = version.measured(check, "accuracy")["limit"]
        parts = [independent.held_to(share(served), ours, harm=harm) for _, served in seasons]
    else:
        usual = share(version.reference)
        asked = least(version, check, independent.deviations(usual).to_frame("all"))["all"]
        parts = [independent.judged(usual, share(version.served), harm=harm, least=asked)]
    return independent.with_breaches(parts, version.served)


def breach_months(days: pd.DataFrame, demo: Demo) -> set[str]:
    breached = pd.DatetimeIndex(days.index[days["breach"]])
    return set((breached - pd.Timedelta(demo.state.shift)).strftime("%Y-%m"))


def said_months(demo: Demo, series: str) -> set[str]:
    """The months that the command printed for a series."""
    (line,) = [line for line in demo.output.splitlines() if line.strip().startswith(f"{series}:")]
    months = line.split(":", 1)[1].strip()
    return set() if months == "none" else set(months.split(", "))


def test_every_flight_is_there_and_answered_by_who_was_live(
    demo: Demo, served: pd.DataFrame, year: pd.DataFrame
) -> None:
    flights = year["departure"] + demo.state.shift
    start = PRODUCTION_START + demo.state.shift
    assert len(served) == ((flights >= start) & (flights < served["day"].max() + pd.Timedelta(days=1))).sum()
    assert served["label"].notna().mean() > 0.95
    assert len(demo.state.terms) > 0
    for term in demo.state.terms:
        mine = served[served["version"] == term.version]["time"]
        assert mine.between(term.since, term.until, inclusive="left").all()
        assert len(mine) == served["time"].between(term.since, term.until, inclusive="left").sum()


def test_realised_accuracy(demo: Demo, versions: list[Watched]) -> None:
    breached: set[str] = set()
    for one in versions:
        days = judged(one, "performance", lambda rows: independent.by_day(rows, independent.hits(rows)), harm=-1)
        compare(one.measured("performance", "accuracy"), days, EXACT)
        breached |= breach_months(days, demo)
    assert breached == said_months(demo, "realised accuracy")


def test_estimated_accuracy(demo: Demo, versions: list[Watched]) -> None:
    breached: set[str] = set()
    for one in versions:
        reference = one.reference
        days = judged(
            one,
            "estimated_performance",
            lambda rows, reference=reference: independent.by_day(rows, independent.chances(reference, rows)),  # type: ignore[misc]
            harm=-1,
        )
        ours = one.measured("estimated_performance", "accuracy")
        compare(ours, days, BINNED_ACCURACY)
        assert (ours["value"] - days["value"]).abs().mean() <= BINNED_ACCURACY_MEAN
        breached |= breach_months(days, demo)
    assert breached == said_months(demo, "estimated accuracy")


def test_confident_share(versions: list[Watched]) -> None:
    def sure(rows: pd.DataFrame) -> pd.DataFrame:
        return independent.by_day(rows, ((rows["score"] >= 0.8) | (1 - rows["score"] >= 0.8)).astype(float))

    for one in versions:
        usual, days = sure(one.reference), sure(one.served)
        ours = one.measured("confident_share", "")
        assert (ours["value"] - days["value"]).abs().max() <= EXACT
        # Days differ so much that no share at all would be out of the ordinary, and nothing is said.
        asked = least(one, "confident_share", independent.deviations(usual).to_frame("all"))["all"]
        assert set(independent.judged(usual, days, harm=0, least=asked)["limit"]) == {0.0, 1.0}
        assert set(ours["outcome"]) == {"not_evaluated"}


def test_skew(demo: Demo, versions: list[Watched]) -> None:
    breached: set[str] = set()
    for one in versions:
        seasons = independent.seasons(one.reference, one.served)
        normal = [independent.normal_distances(one.reference, kind) for kind in (NUMBERS, CATEGORIES)]
        usual = pd.concat(normal, axis=1)
        asked = {name: limit for part in normal for name, limit in least(one, "training_serving_skew", part).items()}
        for feature in FEATURES:
            ours = one.measured("training_serving_skew", feature)
            parts = [
                independent.skew(one.reference, reference, served, feature, usual[feature], asked[feature])
                for reference, served in seasons
            ]
            if len(seasons) > 1:
                parts = [independent.held_to(part, ours["limit"], harm=1) for part in parts]
            days = independent.with_breaches(parts, one.served)
            compare(ours, days, EXACT if feature in CATEGORIES else BINNED_DISTANCE)
            breached |= breach_months(days, demo)
    assert breached == said_months(demo, "skew")


def test_a_new_version_learnt_from_what_was_labelled_when_it_was_asked_for(
    demo: Demo, served: pd.DataFrame, versions: list[Watched]
) -> None:
    said = independent.outcomes_said(demo.database)
    for done in demo.state.retrainings:
        round_ = done.request.requested_at.replace(minute=0, second=0, microsecond=0)  # sent was what there was by then
        known = said[(said["time"] < round_) & (said["said_at"] < round_)]
        reference = demo.reference(done.version)
        new = reference[reference["departure"] >= PRODUCTION_START + demo.state.shift]
        assert len(new) == done.new_rows == len(known)
        assert sorted(zip(new["departure"], new["truth"].astype(float), strict=True)) == sorted(
            zip(known["time"], known["label"].astype(float), strict=True)
        )


def test_what_version_1_would_have_said_is_what_its_model_says(demo: Demo, served: pd.DataFrame) -> None:
    first = Models(Folder(demo.path).models).load("1")
    for term in demo.state.terms:
        rows = served[served["time"].between(term.since, term.until, inclusive="left") & served["label"].notna()]
        alone = first.predict_proba(rows)[:, 1] >= 0.5
        assert term.first == pytest.approx((alone == rows["label"]).mean())
        assert term.served == pytest.approx((rows["predicted"] == rows["label"]).mean())
        assert term.flights == len(rows)
