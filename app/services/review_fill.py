"""Filling the review queue: every prediction is looked at once, in the order of its batches, and never again."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row

from app.core.layout import Layout
from app.core.model import Model, Source, Stage, Version
from app.core.review import MOST_WAITING, Kind, lot, margin, novelties
from app.storage import review_queue, tables
from app.storage.catalogue import list_models, list_versions
from app.storage.engine import read, write
from app.storage.references import find_reference
from app.storage.review_queue import NewItem, ReviewSetting
from app.storage.settled import newest_settled

SLICE_ROWS = 20_000
MOST_SLICES = 20
"""Of a model in one round; the rest is for the next."""


@dataclass(frozen=True, slots=True)
class FillSummary:
    """What one round looked at and put into queues."""

    predictions: int = 0
    audits: int = 0
    uncertain: int = 0
    novel: int = 0

    def __add__(self, other: FillSummary) -> FillSummary:
        return FillSummary(
            self.predictions + other.predictions,
            self.audits + other.audits,
            self.uncertain + other.uncertain,
            self.novel + other.novel,
        )


def fill_queues(engine: Engine, now: datetime, model: str | None = None) -> FillSummary:
    """Look at the predictions that came since the last time, of every model (or that one) that has a queue."""
    with read(engine) as connection:
        chosen = set(review_queue.reviewed_models(connection))
        models = [one for one in list_models(connection) if one.id in chosen and model in (None, one.name)]
    if not models:
        return FillSummary()
    newest = newest_settled(engine, tables.batch)
    return sum((_fill(engine, one, newest, now) for one in models), FillSummary())


def _fill(engine: Engine, model: Model, newest: int, now: datetime) -> FillSummary:
    done = FillSummary()
    for _ in range(MOST_SLICES):
        found = _fill_slice(engine, model, newest, now)
        if found is None:
            break
        done += found
    return done


def _fill_slice(engine: Engine, model: Model, newest: int, now: datetime) -> FillSummary | None:
    """Look at the next predictions; None when there are none, or somebody else is at it."""
    with read(engine) as connection:
        setting = review_queue.find_setting(connection, model.id)
        if setting is None or not (setting.audits_per_day or setting.uncertain or setting.novel):
            return None
        batches = review_queue.next_batches(connection, setting.position, newest, SLICE_ROWS)
        if not batches:
            return None
        versions = {one.id: one for one in list_versions(connection, model.id) if one.stage is not Stage.RETIRED}
        rows = review_queue.count_considered(connection, batches, list(versions))
        # By when the rows came, and not by when we look: a day's backlog, read at once, is no rush.
        came = review_queue.came_at(connection, batches[-1])
        chance, pace = setting.pace.next(setting.audits_per_day, came).step(setting.audits_per_day, rows)
        picker = _Picker(model, setting, versions, _layouts(connection, setting, versions), chance)
        for portion in review_queue.considered(connection, batches, list(versions), features=setting.novel):
            picker.look(portion)
    with write(engine) as connection:
        if not review_queue.move_on(connection, model.id, setting.position, batches[-1], pace):
            return None
        items = list(picker.items())
        review_queue.add_items(connection, model.id, items, now)
    counts = [sum(item.kind is kind for item in items) for kind in Kind]
    return FillSummary(rows, *counts)


def _layouts(connection: Connection, setting: ReviewSetting, versions: dict[int, Version]) -> dict[int, Layout]:
    if not setting.novel:
        return {}
    found = {id_: find_reference(connection, id_) for id_ in versions}
    return {id_: one.layout for id_, one in found.items() if one is not None}


@dataclass(slots=True)
class _Picker:
    """Picks from predictions, and holds no more than there is room for."""

    model: Model
    setting: ReviewSetting
    versions: dict[int, Version]
    layouts: dict[int, Layout]
    chance: float
    audits: list[NewItem] = field(default_factory=list)
    others: dict[Kind, list[tuple[float, int, NewItem]]] = field(default_factory=lambda: {k: [] for k in Kind})

    def look(self, rows: Sequence[Row[Any]]) -> None:
        left = [row for row in rows if row.label_source != Source.GROUND_TRUTH.value and not self._audit(row)]
        unlabelled = [row for row in left if row.label_source is None]
        if self.setting.uncertain:
            for row in unlabelled:
                self._uncertain(row)
        for version_id, layout in self.layouts.items():
            mine = [row for row in unlabelled if row.version_id == version_id]
            for row, found in zip(mine, novelties(layout, [row.features for row in mine]), strict=True):
                if found.features:
                    self._keep(NewItem(version_id, row.id, Kind.NOVEL, -found.features, found.reason))

    def items(self) -> Iterator[NewItem]:
        """What was picked, each prediction once."""
        yield from self.audits
        uncertain = {item.prediction: item for _, _, item in self.others[Kind.UNCERTAIN]}
        yield from uncertain.values()
        yield from (item for _, _, item in self.others[Kind.NOVEL] if item.prediction not in uncertain)

    def _audit(self, row: Row[Any]) -> bool:
        if lot(self.model.name, row.request_id or row.prediction_id) >= self.chance:
            return False
        reason = f"drawn at random, with probability {self.chance:.3g}"
        self.audits.append(NewItem(row.version_id, row.id, Kind.AUDIT, 0.0, reason, self.chance))
        return True

    def _uncertain(self, row: Row[Any]) -> None:
        threshold = self.versions[row.version_id].decision_threshold
        distance = margin(self.model.task, threshold, row.score, row.class_scores)
        if distance is not None:
            reason = f"{distance:.3g} from another decision"
            self._keep(NewItem(row.version_id, row.id, Kind.UNCERTAIN, distance, reason))

    def _keep(self, item: NewItem) -> None:
        """Remember the first MOST_WAITING by their rank."""
        heap, entry = self.others[item.kind], (-item.rank, -item.prediction, item)
        if len(heap) < MOST_WAITING:
            heapq.heappush(heap, entry)
        elif entry[:2] > heap[0][:2]:
            heapq.heapreplace(heap, entry)
