"""Numbers, times and names as people read them, the same on every page."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.core import label_delay
from app.core.alerting import State
from app.core.checks.schema import NEW_FEATURES
from app.core.model import Outcome
from app.core.timeline import Event, EventKind
from app.services.read_models.standings import Standing

NO_VALUE = "\u2013"
FEATURE_CHECKS = ("training_serving_skew", "data_drift", "missing_values", "schema")
"""The checks whose subjects are features."""
# In the order in which they matter to somebody who asks what is wrong.
_CHECKS = {
    "performance": "Quality",
    "estimated_performance": "Estimated quality",
    "concept_drift": "Concept drift",
    "calibration": "Calibration",
    "label_coverage": "Labelled share",
    "training_serving_skew": "Skew against training",
    "data_drift": "Drift against recent windows",
    "multivariate_drift": "Features that no longer go together",
    "missing_values": "Missing values",
    "schema": "Schema",
    "feature_parity": "Parity with the offline pipeline",
    "prediction_drift": "Prediction drift",
    "numerical_stability": "Numerical stability",
    "latency": "Latency",
    "volume": "Volume",
    "throughput": "Daily change of the rate",
    "confident_share": "Confident share",
    "correction_rate": "Corrections",
    "staleness": "Staleness",
    "rollback_ready": "Way back to an earlier version",
}
_CONSTANT = "score_constant"
_SUBJECTS = {
    "auc": "AUC",
    "f1": "F1",
    "mae": "MAE",
    "rmse": "RMSE",
    "shown": "Corrected share of what was shown",
    "predictions": "Corrected share of predictions",
    "audited_error": "Error rate from audits",
    "training_data": "Age of the training data",
    "deployment": "Age of the deployment",
    "labels": "Age of the newest label",
    "score": "Scores",
    "value": "Predicted values",
    "class": "Predicted classes",
    "p50": "Median latency",
    "p95": "Latency that 5 % exceed",
    "p99": "Latency that 1 % exceed",
    "leak": "Daily growth of the latency that 5 % exceed",
    "score_non_finite": "Scores or predicted values that are NaN or infinite",
    "score_outside": "Scores outside of 0 to 1",
    "score_saturated": "Scores at exactly 0 or 1",
    _CONSTANT: "All scores or predicted values equal",
    "input_non_finite": "NaN or infinite values of the worst feature",
    "(features together)": "Reconstruction error",
    "previous_version": "Earlier versions that are ready",
    "drill_age": "Age of the last drill that passed",
    "failed_drills": "Failed drills since",
    "replay": "Repeated inputs that got different scores",
}
_STATES = {
    Standing.BREACH: ("◆", "Breach"),
    Standing.CANNOT_TELL: ("◌", "Cannot tell yet"),
    Standing.NO_DATA: ("▫", "No data"),
    Standing.OK: ("●", "Within limits"),
}
_OUTCOMES = {
    Outcome.BREACH: ("◆", "breach"),
    Outcome.OK: ("●", "ok"),
    Outcome.NOT_EVALUATED: ("◌", "no verdict"),
}
_SHARES = {
    "feature_parity",
    "missing_values",
    "confident_share",
    "correction_rate",
    "label_coverage",
    "schema",
    "numerical_stability",
}
_NO_SHARES = {NEW_FEATURES, _CONSTANT}
_DISTANCES = {"training_serving_skew", "data_drift", "multivariate_drift", "prediction_drift", "calibration"}
_QUALITY = {"accuracy", "precision", "recall", "f1", "auc"}
_QUALITY_CHECKS = {"performance", "estimated_performance"}


def check_title(check: str) -> str:
    """A check's name in words."""
    return _CHECKS.get(check, check.replace("_", " ").capitalize())


def check_order(check: str) -> tuple[int, str]:
    """What matters most sorts first; a check that is not known here comes last."""
    known = list(_CHECKS)
    return (known.index(check) if check in known else len(known), check)


def subject_title(check: str, subject: str) -> str:
    """A subject in words: measures and dates have names of ours, a feature keeps its own."""
    if check in FEATURE_CHECKS or check == "feature_parity":
        return subject
    measure, name = _measure_and_class(check, subject)
    if name:
        return f"{measure.capitalize()} of {name}"
    return _SUBJECTS.get(subject, subject.replace("_", " ").capitalize()) if subject else check_title(check)


def alert_subject(alert: Mapping[str, Any]) -> str:
    """What an alert is about, with the segment where it is of one."""
    title = subject_title(alert["check"], alert["subject"])
    return f"{title} ({alert['segment']})" if alert["segment"] else title


def _measure_and_class(check: str, subject: str) -> tuple[str, str]:
    """`precision[late]` in its parts; "" for the class where the measure is of no class."""
    measure, bracket, name = subject.partition("[")
    return (measure, name[:-1]) if bracket and check in _QUALITY_CHECKS else (subject, "")


def subject_order(subject: str) -> tuple[int, str]:
    """The measure that most people ask for first; features by name, figures of single classes last."""
    known = ["accuracy", "rmse", "mae", "training_data", *_SUBJECTS]
    of_class = "[" in subject  # figures of single classes stand behind those of all
    return (known.index(subject) if subject in known else len(known) + of_class, subject)


def state_mark(standing: Standing) -> str:
    """The shape of a state."""
    return _STATES[standing][0]


def state_word(standing: Standing) -> str:
    """The word for a state."""
    return _STATES[standing][1]


def outcome_text(outcome: Outcome) -> str:
    """Shape and word of a verdict."""
    return " ".join(_OUTCOMES[outcome])


def number(check: str, subject: str, value: float | None) -> str:
    """A measurement's value in the form its check is read in."""
    if value is None or math.isnan(value):
        return NO_VALUE
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if is_yes_or_no(subject):
        return "yes" if value else "no"
    if is_share(check, subject):
        return share(value)
    if check == "latency":
        return f"{short(value)} ms" + (" per day" if subject == "leak" else "")
    if check == "throughput":
        return f"{short(value)} per second, per day"
    if check == "volume":
        return count(value)
    if check == "staleness" or subject == "drill_age":
        return f"{value:.1f} days" if value < 10 else f"{value:.0f} days"
    if _is_quality(check, subject) or check in _DISTANCES:
        return f"{value:.3f}"
    return f"{value:.1f}" if check == "concept_drift" and value < 1000 else short(value)


def is_yes_or_no(subject: str) -> bool:
    """True where a measurement is a fact and no number, so that its limit goes without saying."""
    return subject == _CONSTANT


def is_share(check: str, subject: str) -> bool:
    """True where a measurement is a part of a whole, read in percent."""
    return check in _SHARES and subject not in _NO_SHARES


def is_rate(check: str, subject: str) -> bool:
    """True where no value lies below 0 or above 1."""
    return is_share(check, subject) or _is_quality(check, subject)


def _is_quality(check: str, subject: str) -> bool:
    return _measure_and_class(check, subject)[0] in _QUALITY


def share(value: float) -> str:
    """A share of the whole, in percent."""
    return f"{100 * value:.1f} %"


def whole_share(value: float) -> str:
    """A share in whole percent; never 0 or 100 % unless it is."""
    percent = round(100 * value)
    return f"{min(max(percent, 1), 99) if 0 < value < 1 else percent} %"


def rate(value: float) -> str:
    """A small share: to two digits, however small."""
    return f"{100 * value:.2g} %"


def times(ratio: float) -> str:
    """How many times its limit a value is."""
    return NO_VALUE if math.isnan(ratio) else "∞" if math.isinf(ratio) else f"{ratio:.2f}"


def count(value: float) -> str:
    """A whole number, with commas between its thousands."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """Any other number, to four digits; one next to zero, such as the edge above a bin of zeros, as 0."""
    if abs(value) < sys.float_info.min:
        return "0"
    return count(value) if abs(value) >= 10_000 else f"{value:.4g}"


def day(time: datetime) -> str:
    """A date in UTC, e.g. `3 Jul 2026`."""
    return f"{time.day} {time:%b %Y}"


def moment(time: datetime) -> str:
    """A time with its zone, e.g. `3 Jul 2026, 14:05 UTC`."""
    return f"{day(time)}, {time:%H:%M} UTC"


def start_of_window(time: datetime) -> str:
    """The start of a window: the day alone where it starts with the day."""
    return day(time) if (time.hour, time.minute) == (0, 0) else moment(time)


def duration(span: timedelta) -> str:
    """A span of time in its largest whole unit, e.g. `12 days`."""
    seconds = span.total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return plural(int(seconds // size), unit)
    return "less than a minute"


def event(one: Event) -> str:
    """What happened; of an alert the check's title, where other programs read its name."""
    if one.kind is not EventKind.ALERT:
        return one.what
    check, _, rest = one.what.partition(" ")
    return f"{check_title(check)} {rest}"


def is_resolved(one: Event) -> bool:
    """Whether an alert's event is that it was resolved."""
    return one.what.partition(" ")[2].startswith(State.RESOLVED.value)


def delays(shares: Mapping[float, timedelta]) -> str:
    """Which share of the labels was in after what time, e.g. `50 % within 3 h, 90 % within 8 h`."""
    return ", ".join(f"{whole_share(share)} within {label_delay.duration(time)}" for share, time in shares.items())


def plural(n: int, noun: str, several: str = "") -> str:
    """`1 feature`, `2 features`; `several` where it does not end in s alone."""
    return f"{count(n)} {noun}" if n == 1 else f"{count(n)} {several or noun + 's'}"
