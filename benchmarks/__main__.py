"""`python -m benchmarks [NAME ...]`: run the benchmarks one after the other and print their tables.

`--write` keeps the tables in docs/benchmarks.md, each under the machine, its load and the day; those of benchmarks that
were not run stay.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from benchmarks.table import markdown

TITLES = {
    "ingest": "Ingestion over HTTP",
    "fold": "From stored rows to profiles",
    "evaluate": "From profiles to verdicts",
    "alert": "A storm of alerts",
    "skew": "A window in memory",
    "import_csv": "Import of a large file",
    "training_set": "Export of a training set",
    "dashboard": "The dashboard on a large fleet",
}
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

What we claim, measured side by side with what a user would take instead. Single seconds depend on the machine; the
ratios are of one run and hold better. `make bench` measures again, `make bench ARGS=--write` renews this page, and
`make bench ARGS="skew --write"` one section (of ingest, fold, evaluate, alert, skew, import_csv, training_set,
dashboard).

"""


def main() -> None:
    """Run the chosen benchmarks, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(TITLES)}; all by default")
    parser.add_argument("--write", action="store_true", help="keep the tables in docs/benchmarks.md")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - TITLES.keys()
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(TITLES)}")
    for name in chosen.names or TITLES:
        lines = import_module(f"benchmarks.{name}").main()
        section = markdown(TITLES[name], lines, _circumstances())
        print(section, flush=True)
        if chosen.write:
            PAGE.write_text(renewed(PAGE.read_text(), TITLES[name], section))


def renewed(page: str, title: str, section: str) -> str:
    """The page with that section in place of an older one of its title, in the order of TITLES."""
    _, *old = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    parts = {**{part.splitlines()[0].removeprefix("## "): part for part in old}, title: section}
    return INTRODUCTION + "\n".join(parts[one].rstrip("\n") + "\n" for one in TITLES.values() if one in parts)


def _circumstances() -> str:
    load = os.getloadavg()[0]
    return (
        f"Run on {datetime.now(UTC):%d %B %Y}: {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}; the load average was {load:.1f} at the end."
    )


if __name__ == "__main__":
    main()
