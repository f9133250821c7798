"""A snapshot is fresh for a while, and a flood of misses costs one load per pause."""

from __future__ import annotations

from app.services.snapshot import Snapshot


class World:
    """A clock, and something to load that counts how often it is asked for."""

    def __init__(self) -> None:
        self.now, self.loads = 100.0, 0
        self.snapshot = Snapshot(self.load, max_age=5.0, pause=0.1, clock=lambda: self.now)

    def load(self) -> int:
        self.loads += 1
        return self.loads


def test_nothing_is_held_before_the_first_load() -> None:
    assert World().snapshot.fresh() is None


def test_what_was_loaded_is_fresh_until_it_is_too_old() -> None:
    world = World()
    world.snapshot.reload()

    world.now += 5.0
    assert world.snapshot.fresh() == 1
    world.now += 0.01
    assert world.snapshot.fresh() is None


def test_a_flood_of_reloads_costs_one_load_per_pause() -> None:
    world = World()

    assert [world.snapshot.reload() for _ in range(1_000)] == [1] * 1_000
    world.now += 0.11
    assert [world.snapshot.reload() for _ in range(1_000)] == [2] * 1_000


def test_what_is_known_to_have_changed_is_loaded_at_once() -> None:
    world = World()
    world.snapshot.reload()

    world.snapshot.forget()

    assert world.snapshot.fresh() is None
    assert world.snapshot.reload() == 2
