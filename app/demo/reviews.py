"""What is said about predictions after the fact: real outcomes, and the simulated people who look at predictions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from app.core.model import Source
from app.demo.questions import Question

SEED = 1302
AUDIT_SHARE = 0.01
SHOWN_SHARE = 0.2
"""Part of the predictions that is put before users."""

CORRECTED_SHARE = 0.2
"""Part of the wrong predictions that users saw and took the trouble to correct."""

CONFIRMED_SHARE = 0.02
"""The same for right ones, which they confirm."""

AUDITOR, USER = "simulated-auditor", "simulated-user"
_REVIEW_DELAY = timedelta(hours=1)


def corrections(flights: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Everything that is said about the predictions, in the order of `said_at`.

    Columns: `prediction_id`, `said_at`, `value` (a truth, or missing: looked at, nothing said), `source`, `author`,
    `shown`, and the `probability` with which an audit drew it. Outcomes are real and known on arrival. Audits are a
    random sample of all flights, an hour later, or where there is no arrival a day after departure. The users are
    simulated: they see a random part, an hour after arrival.
    """
    random = np.random.default_rng(SEED)
    said = [_outcomes(flights), _audits(flights, random), _users(flights, question, random)]
    return pd.concat(said, ignore_index=True).sort_values(["said_at", "prediction_id", "source"], ignore_index=True)


def _outcomes(flights: pd.DataFrame) -> pd.DataFrame:
    landed = flights[flights["arrival"].notna()]
    return _said(landed, landed["arrival"], landed["truth"], Source.GROUND_TRUTH, None, shown=False)


def _audits(flights: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    chosen = flights[random.random(len(flights)) < AUDIT_SHARE]
    at = (chosen["arrival"] + _REVIEW_DELAY).fillna(chosen["departure"] + timedelta(days=1))
    return _said(chosen, at, chosen["truth"], Source.AUDIT, AUDITOR, shown=True).assign(probability=AUDIT_SHARE)


def _users(flights: pd.DataFrame, question: Question, random: np.random.Generator) -> pd.DataFrame:
    seen = flights[(random.random(len(flights)) < SHOWN_SHARE) & flights["arrival"].notna()]
    wrong = question.is_wrong(seen["prediction"], seen["truth"])
    speaks = random.random(len(seen)) < np.where(wrong, CORRECTED_SHARE, CONFIRMED_SHARE)
    return _said(seen, seen["arrival"] + _REVIEW_DELAY, seen["truth"].where(speaks), Source.USER, USER, shown=True)


def _said(
    flights: pd.DataFrame,
    at: pd.Series[pd.Timestamp],
    value: pd.Series[Any],
    source: Source,
    author: str | None,
    *,
    shown: bool,
) -> pd.DataFrame:
    columns = {"prediction_id": flights["id"], "said_at": at, "value": value}
    return pd.DataFrame(columns).assign(source=source.value, author=author, shown=shown, probability=np.nan)
