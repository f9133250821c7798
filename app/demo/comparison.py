"""What other versions would have said of the same flights: computed offline, from answers that nobody was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
import pandas as pd

from app.demo.registration import FIRST
from app.demo.serving import Service, Takeover


class Term(msgspec.Struct, frozen=True):
    """The time in which a version was live: its quality, and what version 1 and its predecessor say of its flights."""

    version: str
    since: datetime
    until: datetime
    flights: int
    served: float
    first: float
    predecessor: str
    before: float


def terms(service: Service, takeovers: Sequence[Takeover], end: datetime) -> list[Term]:
    """The time of each version that took over from another one, until the next did, or until `end`."""
    ends = [*(takeover.since for takeover in takeovers[2:]), end]
    changes = zip(pairwise(takeovers), ends, strict=True) if takeovers[1:] else ()
    return [_term(service, old, new, until) for (old, new), until in changes]


def _term(service: Service, old: Takeover, new: Takeover, until: datetime) -> Term:
    rows = service.flights[service.flights["departure"].between(new.since, until, inclusive="left")]
    quality = {version: _alone(service, version, rows) for version in (new.version, FIRST, old.version)}
    return Term(
        *(new.version, new.since, until, int(rows["truth"].notna().sum())),
        *(quality[new.version], quality[FIRST], old.version, quality[old.version]),
    )


def _alone(service: Service, version: str, rows: pd.DataFrame) -> float:
    answers = service.alone[version].loc[rows.index, "prediction"]
    return service.question.quality(answers, rows["truth"])


def first_alone(service: Service, shift: timedelta) -> Mapping[str, float]:
    """The quality by month of the original year, had version 1 answered all flights."""
    months = (service.flights["departure"] - shift).dt.strftime("%Y-%m")
    return {str(month): _alone(service, FIRST, rows) for month, rows in service.flights.groupby(months)}
