"""The false alerts that the present limits let us expect, beside the model's budget."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from app.core.backtest import per_month
from app.core.model import Model
from app.storage import tables

_measurement = tables.measurement.c


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """False alerts a month of 30 days: expected under the limits that hold (None: none is known), and the budget."""

    expected: float | None
    budget: float

    @property
    def words(self) -> str:
        """As people read it."""
        known = "not known yet" if self.expected is None else f"{self.expected:.2g}"
        return f"expected false alerts a month: {known} of the budget {self.budget:g}"


def false_alarms(connection: Connection, model: Model, version_id: int) -> FalseAlarms:
    """What the limits of the version's newest judged window let us expect: the sum over all of them."""
    newest = select(func.max(_measurement.window_start)).where(_measurement.version_id == version_id).scalar_subquery()
    rate = connection.scalar(
        select(func.sum(_measurement.expected_rate)).where(
            _measurement.version_id == version_id, _measurement.window_start == newest
        )
    )
    expected = None if rate is None else per_month(rate, model.window.delta)
    return FalseAlarms(expected, model.false_alarms_per_month)
