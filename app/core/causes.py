"""Why a check is in breach: what else left its normal range in the same window, the likeliest cause first.

A ranking, not a proof. What moved far beyond its limit and matters to the model comes first: strength = excess x
weight, where the excess says how many times its limit a measurement lies away from normal, and the weight says how
much that matters (for a feature, its importance relative to the most important one).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.core.checks.multivariate_drift import TOGETHER
from app.core.importance import Importance
from app.core.model import Outcome

MOST_EXCESS = 100.0
"""Where a limit allows no deviation at all, any is infinitely beyond it; such a one counts as this far."""
UNKNOWN_WEIGHT = 0.5
"""The weight of a feature whose importance is not known."""


class CauseKind(StrEnum):
    """What a cause is about."""

    CONCEPT = "concept_drift"
    FEATURE = "feature"
    TOGETHER = "multivariate_drift"
    MISSING = "missing_values"
    SCHEMA = "schema"
    LABELS = "label_coverage"
    VOLUME = "volume"
    SEGMENT = "segment"


_KINDS = {
    "concept_drift": CauseKind.CONCEPT,
    "training_serving_skew": CauseKind.FEATURE,
    "data_drift": CauseKind.FEATURE,
    "feature_parity": CauseKind.FEATURE,
    "multivariate_drift": CauseKind.TOGETHER,
    "missing_values": CauseKind.MISSING,
    "schema": CauseKind.SCHEMA,
    "label_coverage": CauseKind.LABELS,
    "volume": CauseKind.VOLUME,
}
"""What the measurements of a check may be a cause of; those of other checks explain nothing."""
_WEIGHTS = {CauseKind.CONCEPT: 1.0, CauseKind.LABELS: 0.5, CauseKind.TOGETHER: UNKNOWN_WEIGHT, CauseKind.VOLUME: 0.25}
"""Of causes that are about no single feature: the truth itself; which rows are judged; several features; who asks."""

_INPUTS = frozenset({CauseKind.FEATURE, CauseKind.TOGETHER, CauseKind.MISSING, CauseKind.SCHEMA, CauseKind.VOLUME})
EXPLAINED: Mapping[str, frozenset[CauseKind]] = {
    "performance": frozenset(CauseKind),
    "concept_drift": frozenset(CauseKind) - {CauseKind.CONCEPT},
    "calibration": frozenset(CauseKind),
    "correction_rate": frozenset(CauseKind),
    "estimated_performance": _INPUTS | {CauseKind.SEGMENT},
    "confident_share": _INPUTS,
    "prediction_drift": _INPUTS,
    "training_serving_skew": _INPUTS,
    "data_drift": _INPUTS,
    "multivariate_drift": _INPUTS - {CauseKind.TOGETHER},
}
"""The checks whose breaches have causes to rank, what matters most first, and the kinds of cause each may have."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a check measured for one subject; `normal` is None for a distance, whose normal is 0.

    Of a `segment`, which holds that `share` of the rows, or of all rows. Of `multivariate_drift` it may also be about a
    feature: `part_of_misfit`.
    """

    check: str
    subject: str
    outcome: Outcome
    value: float | None
    limit: float | None
    normal: float | None = None
    segment: str = ""
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Cause:
    """One likely cause. `importance` is None where it is not known, or where the cause is about no feature.

    A segment's importance is its share of the rows, and its `check` is the one in breach.
    """

    kind: CauseKind
    subject: str
    check: str
    value: float
    limit: float
    normal: float | None
    excess: float
    importance: float | None
    strength: float


def part_of_misfit(feature: str, share: float, least: float) -> Reading:
    """That a feature makes up this share of what no longer fits together; one of `least` is the first that counts."""
    outcome = Outcome.BREACH if share >= least else Outcome.OK
    return Reading("multivariate_drift", feature, outcome, share, least)


def rank(breached: str, readings: Iterable[Reading], importance: Mapping[str, Importance]) -> list[Cause]:
    """The likely causes of a breach of the check `breached`, the strongest first.

    `readings` are of one window. Each subject is named once per kind, by the reading that is furthest beyond its limit.
    """
    allowed = EXPLAINED.get(breached, frozenset())
    weights = {name: found.weight for name, found in importance.items()}
    largest = max((weight for weight in weights.values() if weight), default=None)
    strongest: dict[tuple[CauseKind, str], Cause] = {}
    for reading in readings:
        cause = _segment_cause(reading) if reading.segment else _cause(reading, weights.get(reading.subject), largest)
        if cause is None or cause.kind not in allowed:
            continue
        key = (cause.kind, cause.subject)
        if key not in strongest or strongest[key].excess < cause.excess:
            strongest[key] = cause
    return sorted(strongest.values(), key=lambda cause: (-cause.strength, -cause.excess, cause.kind, cause.subject))


def likely(causes: Iterable[Cause], most: int) -> list[Cause]:
    """The first `most` of ranked causes, without features that neither the score nor the error depends on."""
    return [cause for cause in causes if cause.strength > 0][:most]


def excess_of(reading: Reading) -> float | None:
    """How many times its limit the value lies away from normal; None where nothing was judged.

    The evidence for concept drift multiplies from window to window, so its logarithm is what grows with time.
    """
    value, limit = reading.value, reading.limit
    if reading.outcome is Outcome.NOT_EVALUATED or value is None or limit is None:
        return None
    if math.isnan(value) or math.isnan(limit):
        return None
    if reading.check == "concept_drift":
        return min(MOST_EXCESS, math.log(max(value, 1.0)) / math.log(limit)) if limit > 1 else None
    normal = reading.normal or 0.0
    if (value - normal) * (limit - normal) < 0:
        return 0.0  # away from normal on the side that does no harm
    deviation, allowed = abs(value - normal), abs(limit - normal)
    if not allowed:
        return MOST_EXCESS if deviation else 0.0
    return min(MOST_EXCESS, deviation / allowed)


def _cause(reading: Reading, importance: float | None, largest: float | None) -> Cause | None:
    """None for what is in its normal range, or explains nothing.

    A breach of two windows in three may have its third within the limit, and is a cause all the same.
    """
    kind, excess = _kind(reading), excess_of(reading)
    if kind is None or excess is None or reading.value is None or reading.limit is None:
        return None
    if reading.outcome is not Outcome.BREACH and excess <= 1:
        return None
    if kind in _WEIGHTS:
        weight, importance = _WEIGHTS[kind], None
    else:
        weight = UNKNOWN_WEIGHT if importance is None or largest is None else importance / largest
    return Cause(
        kind,
        reading.subject,
        reading.check,
        reading.value,
        reading.limit,
        reading.normal,
        excess,
        importance,
        excess * weight,
    )


def _kind(reading: Reading) -> CauseKind | None:
    kind = _KINDS.get(reading.check)
    return CauseKind.FEATURE if kind is CauseKind.TOGETHER and reading.subject != TOGETHER else kind


def _segment_cause(reading: Reading) -> Cause | None:
    """None for a segment that is as good as it usually is, by its own limit."""
    excess, value, limit = excess_of(reading), reading.value, reading.limit
    if excess is None or value is None or limit is None or (reading.outcome is not Outcome.BREACH and excess <= 1):
        return None
    strength = excess * reading.share
    return Cause(
        CauseKind.SEGMENT,
        reading.segment,
        reading.check,
        value,
        limit,
        reading.normal,
        excess,
        reading.share,
        strength,
    )


def cause_text(cause: Cause) -> str:
    """The cause in words, e.g. `hour: 3.1 times its limit (importance 0.62)`."""
    match cause.kind:
        case CauseKind.CONCEPT:
            return "the truth no longer follows the score (concept drift)"
        case CauseKind.LABELS:
            return f"labels are few: {_percent(cause.value)} of the rows, usually {_percent(cause.normal)}"
        case CauseKind.VOLUME:
            return f"the traffic changed: {cause.value:.0f} predictions, usually {cause.normal or 0:.0f}"
        case CauseKind.TOGETHER:
            beyond = f": {cause.excess:.1f} times the limit" if cause.excess > 1 else " in the windows before"
            return f"features no longer go together as they did{beyond}"
        case CauseKind.SEGMENT:
            beyond = f"{cause.excess:.1f} times its own limit" if cause.excess > 1 else "beyond its own limit lately"
            return f"{cause.subject}: {beyond} ({_percent(cause.importance)} of the rows)"
        case CauseKind.MISSING:
            said = f"{cause.subject}: {_percent(cause.value)} missing, usually {_percent(cause.normal)}"
        case CauseKind.SCHEMA:
            said = f"{cause.subject}: its schema changed"
        case CauseKind.FEATURE:
            said = f"{cause.subject}: {_moved(cause)}"
    known = "importance unknown" if cause.importance is None else f"importance {cause.importance:.2f}"
    return f"{said} ({known})"


def _moved(cause: Cause) -> str:
    """What was seen of the feature."""
    match cause.check:
        case "multivariate_drift":
            return f"{_percent(cause.value)} of what no longer fits the other features"
        case "feature_parity":
            return f"{_percent(cause.value)} of the values differ from the offline pipeline's"
        case _:
            return (
                f"{cause.excess:.1f} times its limit" if cause.excess > 1 else "beyond its limit in the windows before"
            )


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.1f} %"
