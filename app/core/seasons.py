"""The seasons of a model: hour of the day (UTC) by weekday or weekend, for daily models weekday or weekend alone.

Once the reference knows each of its seasons from enough windows, a window is compared with those of its own season:
what is usual by day may be an alarm by night. Otherwise it is compared with all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.core.model import WindowLength

MOST_WINDOWS = 60
"""Of a season's windows the newest count: three months of one hour on weekdays, half a year of one at weekends."""

_SATURDAY = 5


def season_of(start: datetime, length: WindowLength) -> int:
    """The season of the window that starts then (UTC): 0 to 23 and 24 to 47 for hours, 0 and 1 for days."""
    weekend = int(start.weekday() >= _SATURDAY)
    return weekend if length is WindowLength.DAY else start.hour + 24 * weekend


def season_name(season: int, length: WindowLength) -> str:
    """Such as "weekends, 03:00 UTC"."""
    if length is WindowLength.DAY:
        return "weekends" if season else "weekdays"
    return f"{'weekends' if season >= 24 else 'weekdays'}, {season % 24:02}:00 UTC"


@dataclass(frozen=True, slots=True, eq=False)
class Seasons:
    """Of each season the indices of the reference's windows that it is learnt from; none where not all are known.

    `lacking`: then, how many full windows the season with the fewest has, by its number.
    """

    windows: dict[int, NDArray[np.intp]] = field(default_factory=dict)
    lacking: tuple[int, int] | None = None

    def words(self, length: WindowLength, needed: int) -> str:
        """What is said of the limits."""
        if self.windows:
            hours = "" if length is WindowLength.DAY else "each hour of "
            return f"seasonal: {hours}weekdays and weekends apart"
        if self.lacking is None:
            return "not seasonal: there is no reference with timestamps"
        season, known = self.lacking
        return f"not seasonal: {known} of {needed} windows are known for {season_name(season, length)}"


def learn_seasons(starts: Sequence[datetime], rows: ArrayLike, length: WindowLength, enough: int) -> Seasons:
    """The seasons that windows with so many `rows` [R], in order of time, cover, where each has `enough` full ones.

    A window is full that holds at least half of the rows which are usual in its season.
    """
    rows, of = np.asarray(rows), np.array([season_of(start, length) for start in starts], dtype=np.intp)
    found: dict[int, NDArray[np.intp]] = {}
    for season in np.unique(of).tolist():
        mine = np.flatnonzero(of == season)
        found[season] = mine[rows[mine] >= np.median(rows[mine]) / 2]
    if not found:
        return Seasons()
    fewest = min(found, key=lambda season: len(found[season]))
    if len(found[fewest]) < enough:
        return Seasons(lacking=(fewest, len(found[fewest])))
    return Seasons({season: mine[-MOST_WINDOWS:] for season, mine in found.items()})
