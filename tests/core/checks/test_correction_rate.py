"""Corrected shares from raw rows, and the audited error against its formula and against the hidden truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app.core.checks.correction_rate import AUDIT_WINDOWS, PLUGIN
from app.core.model import Outcome, Task
from tests.core.checks import oracles
from tests.core.checks.cases import (
    LIVE,
    START,
    Given,
    binary,
    by_day,
    days,
    learnt,
    measured,
    multiclass,
    per_day,
    two_of_three,
)

NOBODY = "no prediction was shown to people or corrected in this window"


def reviewed(count: int, rates: list[float], *, seed: int = 70, rows: int = 400) -> pd.DataFrame:
    """Half of the predictions are shown, of which people correct that share; there are no labels but theirs."""
    rng = np.random.default_rng(seed)
    frame = days(count, rows, LIVE)
    shown = rng.uniform(size=len(frame)) < 0.5
    corrected = shown & (rng.uniform(size=len(frame)) < np.repeat(rates, rows))
    label = pd.Series(np.where(corrected, "0", "-")).where(corrected, None)
    return frame.assign(score=0.7, predicted="1", shown=shown, corrected=corrected, label=label, source="user")


@pytest.mark.parametrize("subject", ["shown", "predictions"])
def test_shares_limits_and_outcomes_are_those_of_the_raw_rows(subject: str) -> None:
    frame = reviewed(36, [0.05] * 32 + [0.05, 0.3, 0.05, 0.3])
    base = "shown" if subject == "shown" else "score"
    shares = [float(part["corrected"].sum() / (part[base] > 0).sum()) for part in per_day(frame, LIVE)]
    mean, tolerance = learnt(shares[:30], floor=0.01)
    found = by_day(PLUGIN, Given(None, frame, count=36).case(), subject)
    assert found.value.tolist() == pytest.approx(shares)
    assert found.limit.tolist()[30:] == pytest.approx([mean + tolerance] * 6, rel=0.2)  # widened for fewer shown
    assert set(found.outcome[:30]) == {Outcome.NOT_EVALUATED}
    assert found.outcome.tolist()[30:] == two_of_three([s > mean + tolerance for s in shares[30:]])
    assert found.outcome.tolist()[-1] == Outcome.BREACH


def test_corrections_without_knowing_what_was_shown_give_a_lower_bound_only() -> None:
    frame = reviewed(33, [0.1] * 33).assign(shown=False)
    case = Given(None, frame, count=33).case()
    assert set(by_day(PLUGIN, case, "shown").reason) == {NOBODY}
    assert by_day(PLUGIN, case, "predictions").value.notna().all()


def test_more_corrections_than_shown_predictions_are_no_share() -> None:
    frame = reviewed(33, [1.0] * 33)
    frame["shown"] &= frame.index % 3 == 0
    found = by_day(PLUGIN, Given(None, frame, count=33).case(), "shown")
    assert found.value.isna().all()
    assert found.reason.str.contains("send shown=true with what people were shown").all()


def test_fewer_corrections_than_ever_are_no_alarm_and_no_reviews_are_no_news() -> None:
    frame = reviewed(34, [0.2] * 31 + [0.0] * 3)
    last = frame["time"] >= pd.Timestamp(LIVE) + pd.Timedelta(days=33)
    frame["shown"] &= ~last
    found = by_day(PLUGIN, Given(None, frame, count=34).case(), "predictions")
    assert found.outcome.tolist()[30:] == [Outcome.OK] * 3 + [Outcome.NOT_EVALUATED]
    assert found.reason[33] == NOBODY


def audited(frame: pd.DataFrame, rng: np.random.Generator, share: float) -> pd.DataFrame:
    """Only what a uniform random audit chose has a label."""
    chosen = rng.uniform(size=len(frame)) < share
    return frame.assign(label=frame["label"].where(chosen, None), source="audit", audited=chosen)


def interval(layout: object, reference: pd.DataFrame, pooled: pd.DataFrame) -> tuple[float, float, float]:
    """statistics.md, section 4: err = mean_all(m) + mean_audit(l - m), SE^2 = Var(m)/N + Var(l - m)/n."""
    chance = oracles.wrong(layout, reference, pooled)  # type: ignore[arg-type]
    chosen = pooled["audited"].to_numpy()
    surprise = (pooled["predicted"] != pooled["label"]).to_numpy()[chosen] - chance[chosen]
    error = chance.mean() + surprise.mean()
    unseen = (1.96 / chosen.sum()) ** 2  # Wilson's: audits without any surprise are no certainty
    half = 1.96 * np.sqrt(chance.var() / len(pooled) + surprise.var() / chosen.sum() + unseen)
    return error, max(0.0, error - half), error + half


def test_the_audited_error_is_the_prediction_powered_one_of_the_last_30_windows() -> None:
    rng = np.random.default_rng(71)
    reference = binary(days(40, 300), rng)
    served = audited(binary(days(40, 300, LIVE), rng), rng, 0.05)
    case = Given(reference, served, count=40, first=33).case()
    found = by_day(PLUGIN, case, "audited_error")
    parts = per_day(served, LIVE)
    expected = [
        interval(case.layout, reference, pd.concat(parts[max(0, end - AUDIT_WINDOWS) : end])) for end in range(34, 41)
    ]
    assert found[["value", "lower", "upper"]].to_numpy() == pytest.approx(np.array(expected), abs=1e-5)
    usually = [float((part["predicted"] != part["label"]).mean()) for part in per_day(reference, START)]
    mean, tolerance = learnt(usually, floor=0.01)
    assert found.limit.tolist() == pytest.approx([mean + tolerance] * 7)


@pytest.mark.parametrize("calibrated", [True, False], ids=["with a reference", "without one"])
def test_the_interval_holds_the_true_error_19_times_of_20_even_when_the_calibration_is_wrong(calibrated: bool) -> None:
    rng = np.random.default_rng(72)
    reference = binary(days(30, 60), rng) if calibrated else None
    covered = []
    for _ in range(100):
        truth = binary(days(5, 400, LIVE), rng)
        truth["label"] = truth["label"].where(rng.uniform(size=len(truth)) < 0.7, "1")  # not what the reference knew
        error = (truth["predicted"] != truth["label"]).mean()
        given = Given(reference, audited(truth, rng, 0.1), count=5, first=4)
        found = by_day(PLUGIN, given.case(), "audited_error").iloc[0]
        covered.append(found.lower <= error <= found.upper)
    assert 0.9 <= np.mean(covered) <= 1.0


def test_the_interval_holds_the_true_error_of_several_classes_too() -> None:
    rng = np.random.default_rng(75)
    reference = multiclass(days(30, 60), rng)
    covered = []
    for _ in range(60):
        truth = multiclass(days(5, 400, LIVE), rng)
        truth["label"] = truth["label"].where(rng.uniform(size=len(truth)) < 0.7, "ant")  # not what the reference knew
        error = (truth["predicted"] != truth["label"]).mean()
        given = Given(reference, audited(truth, rng, 0.1), count=5, first=4, task=Task.MULTICLASS)
        found = by_day(PLUGIN, given.case(), "audited_error").iloc[0]
        covered.append(found.lower <= error <= found.upper)
    assert 0.9 <= np.mean(covered) <= 1.0


def test_a_rising_audited_error_is_a_breach_also_when_windows_are_judged_one_at_a_time() -> None:
    rng = np.random.default_rng(73)
    reference = binary(days(40, 300), rng)
    truth = binary(days(6, 300, LIVE), rng)
    served = audited(truth.assign(label=np.where(truth["predicted"] == "1", "0", "1")), rng, 0.3)
    at_once = by_day(PLUGIN, Given(reference, served, count=6).case(), "audited_error")
    alone = [
        by_day(PLUGIN, Given(reference, served, count=day + 1, first=day).case(), "audited_error").iloc[0]
        for day in range(6)
    ]
    assert [one.outcome for one in alone] == at_once.outcome.tolist() == [Outcome.OK] + [Outcome.BREACH] * 5
    assert [one.value for one in alone] == at_once.value.tolist()


def test_too_few_audits_say_how_to_get_more() -> None:
    rng = np.random.default_rng(74)
    served = audited(binary(days(3, 200, LIVE), rng), rng, 0.01)
    found = by_day(PLUGIN, Given(None, served, count=3).case(), "audited_error")
    assert found.value.isna().all()
    assert found.reason.str.endswith(
        "send reviews of randomly chosen predictions as corrections with source audit"
    ).all()


def test_regression_has_no_audited_error() -> None:
    frame = reviewed(3, [0.1] * 3).assign(predicted=1.0, label=0.0)
    found = measured(PLUGIN, Given(None, frame, count=3, task=Task.REGRESSION).case())
    assert set(found.subject) == {"shown", "predictions"}
