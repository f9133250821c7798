"""The demo's collector as a process: Watchkeeper's own, but for its clock."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from app.api.run import serve
from app.demo.clock import Clock
from app.settings import Settings

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    serve(Settings.from_environment(os.environ), Clock(Path(sys.argv[1])))
