"""What is made ready behind the scenes, so that nobody waits for it: the pages' code, and the look at the fleet."""

from __future__ import annotations

import gc
import logging
import pkgutil
from datetime import timedelta
from importlib import import_module
from threading import Event, Thread
from time import monotonic, sleep

import plotly.graph_objects as go
import plotly.io

from app.ui import components, data, theme
from app.ui.components import figures
from app.ui.data.connection import FRESH

STAYS = timedelta(minutes=10)
"""How long somebody who loaded a page is taken to look on."""
_EVERY = FRESH / 2
_CHARTS = (go.Scatter, go.Bar, go.Heatmap)
_log = logging.getLogger(__name__)


class Readiness:
    """A thread that ends with the process. While nobody is here, nothing is asked of the database."""

    def __init__(self) -> None:
        self._seen = monotonic()
        self._came = Event()

    def start(self) -> None:
        """Begin, and return at once."""
        Thread(target=self._run, name="readiness", daemon=True).start()

    def somebody_came(self) -> None:
        """Somebody loaded a page, or went to another one."""
        self._seen = monotonic()
        self._came.set()

    def _run(self) -> None:
        try:
            load_pages()
            _keep_what_is_loaded()
        except Exception:  # noqa: BLE001 - as below
            _log.warning("the pages could not be loaded before anybody comes", exc_info=True)
        while True:
            renew()
            sleep(_EVERY.total_seconds())
            self._wait_for_somebody()

    def _wait_for_somebody(self) -> None:
        if self._alone():
            gc.collect()  # what those who left leave behind, for while nothing happens nothing is collected
            self._came.clear()
            if self._alone():  # or whoever came meanwhile would not be noticed
                self._came.wait()

    def _alone(self) -> bool:
        return monotonic() - self._seen > STAYS.total_seconds()


readiness = Readiness()


def load_pages() -> None:
    """Import what pages and checks import when they are first asked for, and what Plotly does with a first chart."""
    for module in pkgutil.walk_packages(components.__path__, f"{components.__name__}."):
        import_module(module.name)
    data.checks.check_names()
    chart = figures.blank(theme.LIGHT, 100)
    chart.add_traces([kind(hovertemplate="") for kind in _CHARTS])
    plotly.io.to_json(chart)


def _keep_what_is_loaded() -> None:
    """Code stays for the life of the process, so the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


def renew() -> None:
    """Look at the fleet again before the last look is too old."""
    try:
        data.fleet.overview.renew(_EVERY)
    except Exception:  # noqa: BLE001 - a thread that goes on; the page itself says what is wrong with the database
        _log.debug("the fleet could not be looked at", exc_info=True)
