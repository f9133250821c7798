"""Which breach is explained, by which measurements, and that alerts carry the causes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, update

from app.core.causes import CauseKind
from app.core.checks.multivariate_drift import TOGETHER
from app.core.codec import encode_counts
from app.core.errors import InvalidError, NotFoundError
from app.core.importance import importance_of
from app.core.model import Task
from app.core.profile import Profile
from app.core.sample import Sample
from app.services.alerting import alert
from app.services.causes import NO_IMPORTANCE, explain
from app.storage import tables
from app.storage.engine import write
from app.storage.profiles import PackedProfile, save_profile
from app.storage.references import Reference, ReferenceProfile, replace
from app.storage.samples import PackedSample, replace_sample
from tests.core.checks.test_multivariate_drift import given, torn_apart
from tests.services.measured import DAY, START, add_version, measure, rows_of

NOW = START + 100 * DAY


@pytest.fixture
def version_id(engine: Engine) -> int:
    """A version whose score depends on `age` a lot, on `wind` a little, and not on `noise`."""
    identity = add_version(engine)
    rng = np.random.default_rng(1)
    age, wind, noise, other = rng.normal(size=(4, 4000))
    score = (1 / (1 + np.exp(-(2 * age + 0.5 * wind + 0.5 * other)))).tolist()
    features: dict[str, Any] = {"age": age.tolist(), "wind": wind.tolist(), "noise": noise.tolist()}
    sample = Sample(4000, features, ["1" if one > 0.5 else "0" for one in score], score, [None] * 4000)
    with write(engine) as connection:
        replace_sample(connection, identity, PackedSample.of(sample, importance_of(sample, Task.BINARY)))
    return identity


def test_causes_are_ranked_by_what_the_model_depends_on(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "oobb", check="performance", subject="accuracy", value=0.7, limit=0.8)
    for subject, value in (("noise", 0.9), ("age", 0.3), ("wind", 0.4)):
        measure(engine, version_id, "oobb", subject=subject, value=value)

    found = explain(engine, "delay")

    assert found is not None
    assert (found.check, found.window_start, found.note) == ("performance", START + 3 * DAY, "")
    assert [cause.subject for cause in found.causes] == ["age", "wind", "noise"]
    assert [row["rank"] for row in found.rows()] == [1, 2, 3]
    assert found.rows()[0]["text"].startswith("age: 3.0 times its limit (importance 0.9")


def test_another_check_and_window_can_be_asked_for(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "bbbo", check="performance", subject="accuracy", value=0.7, limit=0.8)
    measure(engine, version_id, "bbbb", subject="age")

    noon = START + timedelta(days=1, hours=12)
    by_skew = explain(engine, "delay", "1", "training_serving_skew", noon)
    by_quality = explain(engine, "delay", "1", "performance")

    assert by_skew is not None
    assert by_quality is not None
    assert (by_skew.check, by_skew.window_start) == ("training_serving_skew", START + DAY)
    assert by_quality.window_start == START + 2 * DAY
    assert explain(engine, "delay", "1", "performance", START + 3 * DAY) is None


def test_a_breach_of_long_ago_does_not_outrank_one_of_now(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "bb" + "o" * 18, check="performance", subject="accuracy")
    measure(engine, version_id, "o" * 18 + "bb", subject="age")

    found = explain(engine, "delay")

    assert found is not None
    assert found.check == "training_serving_skew"


def test_without_a_sample_the_ranking_says_what_it_lacks(engine: Engine) -> None:
    measure(engine, add_version(engine), "bb", subject="age")
    found = explain(engine, "delay")
    assert found is not None
    assert found.note == NO_IMPORTANCE
    assert [cause.importance for cause in found.causes] == [None]


def test_healthy_and_unknown_ones(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "oooo")
    assert explain(engine, "delay") is None
    with pytest.raises(NotFoundError, match="no model 'x'"):
        explain(engine, "x")
    with pytest.raises(NotFoundError, match="no version '9'"):
        explain(engine, "delay", "9")
    with pytest.raises(InvalidError, match="staleness"):
        explain(engine, "delay", check="staleness")


def test_labels_that_became_few_are_a_cause(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "oooob", check="performance", subject="accuracy", value=0.7, limit=0.8)
    measure(engine, version_id, "ooooo", check="label_coverage", subject="", value=0.2, limit=0.8, normal=0.9)

    found = explain(engine, "delay")

    assert found is not None
    [cause] = found.causes
    assert (cause.kind, cause.value, cause.normal) == (CauseKind.LABELS, 0.2, 0.9)
    assert cause.excess == pytest.approx(7.0)


def test_features_that_no_longer_go_together_are_explained_by_those_that_moved(engine: Engine) -> None:
    case = torn_apart(given()).case()  # `a` and `b` went together, and from the first day served do not
    assert case.training is not None
    assert case.calibration is not None
    version_id = add_version(engine)
    reference = Reference(case.layout, 9600, False, True, "torn apart", START)
    counts = encode_counts(case.outcomes[:1].sum()), encode_counts(case.features[:1].sum())
    with write(engine) as connection:
        replace(connection, version_id, reference, [ReferenceProfile(None, Profile(case.training, case.calibration))])
        assert save_profile(connection, PackedProfile(version_id, "", START + DAY, 0, 300, *counts), START)
    measure(engine, version_id, "bbb", check="multivariate_drift", subject=TOGETHER)

    found = explain(engine, "delay", window=START + DAY)

    assert found is not None
    assert found.check == "multivariate_drift"
    assert {cause.subject for cause in found.causes} == {"a", "b"}
    assert all("of what no longer fits the other features" in row["text"] for row in found.rows())
    # Of a window whose profile is no longer kept nothing is known but the measurements.
    gone = explain(engine, "delay", window=START)
    assert gone is not None
    assert gone.causes == ()


def test_an_alert_names_its_three_likeliest_causes(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "obb", check="performance", subject="accuracy", value=0.7, limit=0.8)
    for subject, value in (("noise", 0.9), ("age", 0.3), ("wind", 0.4)):
        measure(engine, version_id, "obb", subject=subject, value=value)

    alert(engine, NOW)

    messages: dict[str, Any] = {str(row["check"]): row["message"] for row in rows_of(engine, "notification")}
    causes = messages["performance"]["causes"]
    assert [text.partition(":")[0] for text in causes] == ["age", "wind"]
    measure(engine, version_id, "o", check="performance", subject="accuracy", first_day=3)
    alert(engine, NOW)
    assert rows_of(engine, "notification")[-1]["message"]["causes"] == []  # type: ignore[index]


def test_a_label_delay_keeps_the_newest_breach_of_quality_in_sight(engine: Engine, version_id: int) -> None:
    """Quality is judged days after skew is: its newest breach is older, and still the present one."""
    measure(engine, version_id, "obb???", check="performance", subject="accuracy")
    measure(engine, version_id, "obbbbb", subject="age")
    with write(engine) as connection:
        connection.execute(update(tables.model).values(label_delay_seconds=3 * 86_400))

    found = explain(engine, "delay")

    assert found is not None
    assert (found.check, found.window_start) == ("performance", START + 2 * DAY)
