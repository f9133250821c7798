"""`python -m benchmarks.trust`: can alarms be believed? Simulated models, with and without drift, as tables.

It goes on where an earlier run stopped. `--write` keeps the tables in docs/trust.md once every trial is there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

from app.core.model import Task
from benchmarks.simulation import Change, World
from benchmarks.trials import Cell, Store, complete
from benchmarks.trust_page import Results, page

PAGE = Path(__file__).parents[1] / "docs" / "trust.md"
QUICK_TRIALS = 2

CHANGED_ON = 45
AFTER = 15
_CHANGING = World(served_days=CHANGED_ON + AFTER)


def _quiet(name: str, world: World, trials: int) -> Cell:
    return Cell(name, world, trials=trials)


QUIET = [
    _quiet("days alike", World(effect=0.0, lag=0.0), 30),
    _quiet("independent days", World(lag=0.0), 30),
    _quiet("days of lag .5", World(), 30),
    _quiet("days of lag .8", World(lag=0.8), 30),
    _quiet("days of lag .5", World(features=5), 16),
    _quiet("days of lag .8", World(features=5, lag=0.8), 16),
    _quiet("days of lag .5", World(features=50), 16),
    _quiet("days of lag .8", World(features=50, lag=0.8), 16),
    _quiet("independent days", World(features=200, lag=0.0), 6),
    _quiet("days of lag .5", World(features=200), 6),
    _quiet("days of lag .8", World(features=200, lag=0.8), 6),
    _quiet("days of lag .5", World(reference_days=30), 16),
    _quiet("days of lag .8", World(reference_days=30, lag=0.8), 16),
    _quiet("days of lag .5", World(reference_days=120), 16),
    _quiet("days of lag .8", World(reference_days=120, lag=0.8), 16),
    _quiet("days of lag .5", World(task=Task.MULTICLASS), 16),
    _quiet("days of lag .5", World(task=Task.REGRESSION), 16),
]

CHANGES = {
    "nothing": Change(),
    "one feature by .25 sd": Change(shift=0.25),
    "one feature by .5 sd": Change(shift=0.5),
    "one feature by 1 sd": Change(shift=1.0),
    "every feature by .25 sd": Change(shift=0.25, shifted=20),
    "features no longer go together": Change(unlinked=True),
    "5 % of the labels flipped": Change(flip=0.05),
    "10 % of the labels flipped": Change(flip=0.1),
    "20 % of the labels flipped": Change(flip=0.2),
    "truth 20 % nearer to a coin toss": Change(shrink=0.2),
    "truth 40 % nearer to a coin toss": Change(shrink=0.4),
}
POWER = [Cell(name, _CHANGING, replace(change, start=CHANGED_ON), trials=20) for name, change in CHANGES.items()]
POWER += [
    Cell(f"{name}, {what}", world, replace(CHANGES[name], start=CHANGED_ON), trials=trials)
    for what, world, trials in (
        ("days of lag .8", replace(_CHANGING, lag=0.8), 20),
        ("200 features", replace(_CHANGING, features=200), 6),
    )
    for name in ("nothing", "one feature by .5 sd", "one feature by 1 sd", "10 % of the labels flipped")
]

ESTIMATES = [
    Cell(f"{task}: {name}", replace(_CHANGING, task=task), replace(change, start=CHANGED_ON), trials=8)
    for task in Task
    for name, change in (
        ("no change", Change()),
        ("every feature by .5 sd", Change(shift=0.5, shifted=20)),
        ("every feature by 1 sd", Change(shift=1.0, shifted=20)),
        ("20 % more noise in the truth", Change(shrink=0.2)),
    )
]

REPORTED = 3
"""Days of each trial that Evidently is asked about: one takes it seconds."""
EVIDENTLY = [
    Cell(name, replace(world, served_days=CHANGED_ON + REPORTED), change, trials=2, reported=REPORTED)
    for name, world, change in (
        ("nothing, days alike", World(effect=0.0, lag=0.0), Change(start=CHANGED_ON)),
        ("nothing, days of lag .5", World(), Change(start=CHANGED_ON)),
        ("one feature by .5 sd, days of lag .5", World(), Change(shift=0.5, start=CHANGED_ON)),
        ("one feature by 1 sd, days of lag .5", World(), Change(shift=1.0, start=CHANGED_ON)),
    )
]

GROUPS = {"quiet": QUIET, "power": POWER, "estimates": ESTIMATES, "evidently": EVIDENTLY}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, print the tables, and keep them where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"which: {', '.join(GROUPS)}; all by default")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_TRIALS} trials of each line, without Evidently")
    parser.add_argument("--part", type=float, default=1.0, help="part of the trials of each line, 1 by default")
    parser.add_argument("--write", action="store_true", help="keep the tables in docs/trust.md; needs these trials")
    parser.add_argument("--minutes", type=float, default=600.0, help="start no trial after these; run again to go on")
    parser.add_argument("--processes", type=int, default=1, help="trials at a time")
    parser.add_argument("--folder", type=Path, default=Path(".trust"), help="where the trials' records are kept")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.groups) - GROUPS.keys()
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    store = Store(chosen.folder)
    groups = {
        name: _fewer(GROUPS[name], chosen.quick, chosen.part) for name in chosen.groups or _default_groups(chosen.quick)
    }
    done = complete(
        [cell for cells in groups.values() for cell in cells],
        store,
        seconds=60 * chosen.minutes,
        processes=chosen.processes,
    )
    results: Results = {
        name: [(cell, store.records(cell)[: cell.trials]) for cell in groups.get(name, [])] for name in GROUPS
    }
    print(page(results))
    if chosen.write:
        if not done or chosen.quick or groups.keys() != GROUPS.keys():
            parser.error("--write needs the trials of every group: run without --quick until all are done")
        PAGE.write_text(page(results))
    elif not done:
        print("Not every trial is there yet: run again to go on.")


def _default_groups(quick: bool) -> list[str]:
    return [name for name in GROUPS if not (quick and name == "evidently")]


def _fewer(cells: Sequence[Cell], quick: bool, part: float) -> Sequence[Cell]:
    """A part of the trials; for a quick look few, and none of the models with the most features."""
    if not quick:
        return [replace(cell, trials=ceil(part * cell.trials)) for cell in cells]
    return [replace(cell, trials=QUICK_TRIALS) for cell in cells if cell.world.features <= 50]


if __name__ == "__main__":
    main()
