"""Requests that several versions answered, found in a temporary file: memory does not grow with their number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TypeAlias

from app.core.training_set import LeftOut

Answer: TypeAlias = tuple[int, int, str, str, int, str]
"""id of the prediction, id of its version, request, prediction id, strength of the label's source, the label."""


class SameRequests(AbstractContextManager["SameRequests"]):
    """Which predictions are to be left out, because another version answered the same request.

    `add` all, then `settle`, then ask. Of the answers to one request those with the strongest label count: the first of
    them stays where they agree, and none where they do not. Rows of one version are never taken for each other.
    """

    def __init__(self) -> None:
        self._file = sqlite3.connect("")  # a file of its own, deleted when it is closed; small ones stay in memory
        self._file.execute(
            "CREATE TABLE answer (id INTEGER PRIMARY KEY, version INTEGER, request TEXT, prediction TEXT, "
            "strength INTEGER, label TEXT)"
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, answers: Iterable[Answer]) -> None:
        """Remember answers."""
        self._file.executemany("INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)", answers)

    def settle(self) -> None:
        """Decide which are left out."""
        self._file.execute("CREATE INDEX by_request ON answer (request, version)")
        self._file.execute("CREATE TABLE left_out (id INTEGER PRIMARY KEY, reason TEXT)")
        self._file.execute(_DECIDE, {"same": LeftOut.SAME_REQUEST, "disagree": LeftOut.VERSIONS_DISAGREE})

    def left_out(self, first: int, last: int) -> dict[int, LeftOut]:
        """The predictions with ids from `first` to `last` that stay out, and why."""
        rows = self._file.execute("SELECT id, reason FROM left_out WHERE id BETWEEN ? AND ?", (first, last))
        return {id_: LeftOut(reason) for id_, reason in rows}


# One request may hold several rows; then it is their own ids that tell them apart.
_DECIDE = """
    INSERT INTO left_out
    WITH several AS (SELECT request FROM answer GROUP BY request, version HAVING count(*) > 1),
    keyed AS (
        SELECT id, strength, label,
            CASE WHEN request IN several THEN request || char(10) || prediction ELSE request END AS key
        FROM answer
    ),
    strongest AS (SELECT key, max(strength) AS strength FROM keyed GROUP BY key HAVING count(*) > 1),
    kept AS (
        SELECT key, min(id) AS id, count(DISTINCT label) AS labels FROM keyed JOIN strongest USING (key, strength)
        GROUP BY key
    )
    SELECT keyed.id, CASE WHEN kept.labels > 1 THEN :disagree ELSE :same END FROM keyed JOIN kept USING (key)
    WHERE kept.labels > 1 OR keyed.id <> kept.id
"""
