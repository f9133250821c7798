"""The false alerts that the present limits let us expect, beside the model's budget."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from app.core.backtest import per_month
from app.core.fold import WHOLE
from app.core.model import Model
from app.storage import tables

_measurement = tables.measurement.c


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """False alerts a month of 30 days: expected under the limits that hold (None: none is known), and the budget.

    `segments`: those of `expected` that the limits of segments may cause; None where no segment is judged.
    """

    expected: float | None
    budget: float
    segments: float | None = None

    @property
    def words(self) -> str:
        """As people read it."""
        if self.expected is None:
            return f"expected false alerts a month: not known yet; the budget is {self.budget:g}"
        parts = ""
        if self.segments is not None:
            parts = f" ({self.expected - self.segments:.2g} from all rows, {self.segments:.2g} from segments)"
        return f"expected false alerts a month: {self.expected:.2g} of the budget {self.budget:g}{parts}"


def false_alarms(connection: Connection, model: Model, version_id: int) -> FalseAlarms:
    """What the limits of the version's newest judged window let us expect: the sum over all of them."""
    newest = select(func.max(_measurement.window_start)).where(_measurement.version_id == version_id).scalar_subquery()
    in_segment = _measurement.segment != WHOLE
    query = (
        select(in_segment, func.sum(_measurement.expected_rate))
        .where(
            _measurement.version_id == version_id,
            _measurement.window_start == newest,
            _measurement.expected_rate.is_not(None),
        )
        .group_by(in_segment)
    )
    rates = {bool(segment): per_month(rate, model.window.delta) for segment, rate in connection.execute(query)}
    return FalseAlarms(sum(rates.values()) if rates else None, model.false_alarms_per_month, rates.get(True))
