"""The demo's clock goes on from where it was set, and whoever reads its file tells the same time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.demo.clock import Clock

NOON = datetime(2026, 4, 24, 12, tzinfo=UTC)


def test_it_goes_on_as_fast_as_real_time(tmp_path: Path) -> None:
    clock, other = Clock(tmp_path / "clock"), Clock(tmp_path / "clock")
    clock.set(NOON)
    began = datetime.now(UTC)
    first, second = clock(), other()
    passed = datetime.now(UTC) - began
    assert NOON <= first < second <= NOON + passed + timedelta(seconds=1)


def test_it_can_be_set_again(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    clock.set(NOON)
    clock.set(NOON + timedelta(days=1))
    assert clock() >= NOON + timedelta(days=1)


def test_before_it_is_set_there_is_no_time(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Clock(tmp_path / "clock")()
