"""Trials of the trust benchmark: many simulated models for each cell of its tables, kept on disk as they are done.

A trial's record depends on the cell, its number and the program's own text alone, so a run that was cut off goes on
where it was, and records of a program that has changed are never mixed with those of the present one.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from app.core.model import Measurement
from benchmarks.rivals import chunk_rule, evidently_reports
from benchmarks.simulation import NONE, Change, World
from benchmarks.watching import Watched, profile, watch

SEED = 20260101
ROOT = Path(__file__).parents[1]
SOURCES = ("app/core", "benchmarks")


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of a table. `reported`: on how many days of each trial Evidently is asked, too; else nobody watches."""

    name: str
    world: World
    change: Change = NONE
    trials: int = 40
    reported: int = 0


class Begun(msgspec.Struct, frozen=True):
    """A message: on `day` of production `check` began to fire about `subjects`."""

    check: str
    day: int
    subjects: list[str]


class Gap(msgspec.Struct, frozen=True):
    """How far a measure estimated without labels was from the realised one, over the days since the change.

    `error` and `bias`: mean absolute and mean signed difference of a day's two values; `unmoved`: the mean absolute
    difference of the reference's own value from the realised one, which is what one would guess without any estimate.
    `realised`: how far the measure moved from the reference's value.
    """

    error: float
    bias: float
    unmoved: float
    realised: float


class Record(msgspec.Struct, frozen=True):
    """What one trial gave. Days are days of production; `judged` and `open` count them."""

    trial: int
    days: int
    alerts: list[Begun] = []
    judged: dict[str, int] = {}
    open: int = 0
    gaps: dict[str, Gap] = {}
    chunks: dict[str, list[int]] = {}
    chunk_days: int = 0
    drifted: list[int] = []
    columns: int = 0
    datasets: int = 0


def run(cell: Cell, trial: int) -> Record:
    """One simulated model, watched from its first day in production on."""
    seed = zlib.crc32(f"{SEED} {cell.world} {trial}".encode())  # the same models, whatever happens to them
    if cell.reported:
        days = range(cell.change.start, cell.change.start + cell.reported)
        reports = evidently_reports(cell.world, cell.change, seed, days)
        drifted = [report.drifted for report in reports]
        columns = reports[0].columns
        return Record(trial, cell.reported, drifted=drifted, columns=columns, datasets=sum(r.dataset for r in reports))
    profiles = profile(cell.world, cell.change, seed)
    watched = watch(cell.world.task, profiles)
    chunks = chunk_rule(cell.world.task, profiles)
    return Record(
        trial,
        len(profiles.served),
        alerts=[Begun(one.check, one.day, list(one.subjects)) for one in watched.alerts],
        judged=watched.judged,
        open=watched.open_days,
        gaps=_gaps(watched, profiles.served.windows[cell.change.start].start),
        chunks={one.kind: one.begun for one in chunks},
        chunk_days=int(np.any([one.any for one in chunks], axis=0).sum()),
    )


def _gaps(watched: Watched, since: datetime) -> dict[str, Gap]:
    estimated = _values(watched.measurements, "estimated_performance")
    realised = _values(watched.measurements, "performance")
    return {name: _gap(estimated[name], realised[name], since) for name in estimated.keys() & realised.keys()}


def _values(found: Sequence[Measurement], check: str) -> dict[str, dict[datetime, Measurement]]:
    """Subject -> start of the window -> what was measured."""
    values: dict[str, dict[datetime, Measurement]] = {}
    for one in found:
        if one.check == check and one.value is not None:
            values.setdefault(one.subject, {})[one.window.start] = one
    return values


def _gap(estimated: dict[datetime, Measurement], realised: dict[datetime, Measurement], since: datetime) -> Gap:
    days = sorted(start for start in estimated.keys() & realised.keys() if start >= since)
    said = np.array([estimated[day].value for day in days])
    true = np.array([realised[day].value for day in days])
    normal = realised[days[0]].normal
    assert normal is not None
    return Gap(
        float(np.abs(said - true).mean()),
        float((said - true).mean()),
        float(np.abs(normal - true).mean()),
        float(true.mean() - normal),
    )


def _program_digest() -> str:
    """What tells one text of the program from another."""
    digest = hashlib.sha256()
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            if not path.name.startswith("trust"):  # tables and words change no record
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of records, one file for each cell."""

    folder: Path
    digest: str = field(default_factory=_program_digest)

    def records(self, cell: Cell) -> list[Record]:
        """What is known of the cell, in the order of the trials."""
        path = self._path(cell)
        lines = path.read_bytes().splitlines() if path.exists() else []
        return sorted((msgspec.json.decode(line, type=Record) for line in lines), key=lambda record: record.trial)

    def add(self, cell: Cell, record: Record) -> None:
        """Keep a record; one process alone writes."""
        path = self._path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")

    def _path(self, cell: Cell) -> Path:
        identity = hashlib.sha256(f"{cell.world} {cell.change} {cell.reported}".encode()).hexdigest()[:12]
        return self.folder / self.digest / f"{identity}.jsonl"


def complete(cells: Sequence[Cell], store: Store, *, seconds: float, processes: int = 1) -> bool:
    """Run what is missing until the time is over; whether all is there."""
    until = time.monotonic() + seconds
    with ProcessPoolExecutor(processes) as pool:
        for batch in _batches(list(_missing(cells, store)), processes):
            if time.monotonic() > until:
                return False
            for (cell, _), record in zip(batch, pool.map(run, *zip(*batch, strict=True)), strict=True):
                store.add(cell, record)
    return True


def _missing(cells: Sequence[Cell], store: Store) -> Iterator[tuple[Cell, int]]:
    """A few trials of every cell before many of any, so that a short run shows all of the table."""
    known = {cell: {record.trial for record in store.records(cell)} for cell in cells}
    for trial in range(max(cell.trials for cell in cells)):
        yield from ((cell, trial) for cell in cells if trial < cell.trials and trial not in known[cell])


def _batches(work: Sequence[tuple[Cell, int]], size: int) -> Iterator[Sequence[tuple[Cell, int]]]:
    return (work[at : at + size] for at in range(0, len(work), size))
