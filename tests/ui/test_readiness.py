"""What is made ready before anybody asks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest
from sqlalchemy import event

from app.ui import data, readiness
from app.ui.readiness import Readiness


def test_every_part_of_a_page_is_imported() -> None:
    """In a process of its own, since this one has them by other tests."""
    told = "import sys; from app.ui import readiness; readiness.load_pages(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    folder = Path(readiness.__file__).parent / "components"
    expected = {
        "app.ui.components." + ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if path.name != "__init__.py"
    }
    expected.add("app.core.checks.concept_drift")
    assert len(expected) > 100
    assert expected <= set(done.stdout.split())


def test_the_look_at_the_fleet_stands_ready_and_nothing_is_asked_while_nobody_is_here(
    fleet_template: Path, use_database: Callable[[Path | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_database(fleet_template)
    asked: list[str] = []
    event.listen(data.connection.engine(), "before_cursor_execute", lambda *said: asked.append(said[2]))
    monkeypatch.setattr(readiness, "_EVERY", readiness._EVERY * 0)
    clock = [0.0]
    monkeypatch.setattr(readiness, "monotonic", lambda: clock[0])
    one = Readiness()
    one.start()
    wait_until(lambda: len(asked) > 0)
    clock[0] += 2 * readiness.STAYS.total_seconds()
    wait_until(lambda: quiet(asked))
    before = len(asked)
    one.somebody_came()
    wait_until(lambda: len(asked) > before)
    clock[0] += 2 * readiness.STAYS.total_seconds()
    wait_until(lambda: quiet(asked))


def test_a_database_that_cannot_be_asked_does_not_end_it(
    use_database: Callable[[Path | None], None],
) -> None:
    use_database(None)
    readiness.renew()
    with pytest.raises(Exception, match="no such table"):
        data.fleet.overview()


def quiet(asked: list[str]) -> bool:
    """Whether nothing more is asked for a while."""
    before = len(asked)
    sleep(0.3)
    return len(asked) == before


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = monotonic() + seconds
    while not holds():
        assert monotonic() < deadline, "it did not come true in time"
        sleep(0.02)
