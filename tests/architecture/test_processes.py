"""Each process loads its own part and no more, seen in a fresh interpreter.

The import contracts look at the source. This looks at what happens: a library may load another one, and an import
inside a function may run at import time after all.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]

IMPORT_ALL = """
import importlib, json, pkgutil, sys

def import_tree(name):
    module = importlib.import_module(name)
    for child in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
        importlib.import_module(child.name)

{statement}
print(json.dumps(sorted(sys.modules)))
"""

SERVER_ONLY = {"apscheduler", "evidently", "fastapi", "plotly", "sklearn", "streamlit"}

PROCESSES = [
    pytest.param("import app.cli", SERVER_ONLY | {"pandas"}, id="the command line before it runs a command"),
    pytest.param("import app.api.app", {"apscheduler", "evidently", "plotly", "sklearn", "streamlit"}, id="collector"),
    pytest.param(
        "import app.jobs.worker", {"evidently", "fastapi", "plotly", "streamlit"}, id="worker: Evidently is its child's"
    ),
    pytest.param("import app.ui.data", {"apscheduler", "evidently", "fastapi", "sklearn"}, id="dashboard"),
    pytest.param("import_tree('app.core')", SERVER_ONLY | {"pandas", "pyarrow", "sqlalchemy"}, id="core"),
    pytest.param("import_tree('app.channels')", SERVER_ONLY, id="channels"),
    pytest.param("import_tree('collectors')", SERVER_ONLY | {"sqlalchemy"}, id="collectors"),
    pytest.param(
        "import_tree('collectors.client')",
        SERVER_ONLY | {"app", "migrations", "numpy", "pandas", "pyarrow", "scipy", "sqlalchemy"},
        id="client",
    ),
]


def loaded_by(statement: str) -> set[str]:
    """Names of all modules in a fresh interpreter after the statement."""
    program = IMPORT_ALL.format(statement=statement)
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def top_level(modules: Iterable[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


@pytest.mark.parametrize(("statement", "unwanted"), PROCESSES)
def test_process_loads_only_its_own_part(statement: str, unwanted: set[str]) -> None:
    assert top_level(loaded_by(statement)) & unwanted == set()


BASE_INSTALL_ONLY = """
import importlib.abc, sys

class BaseInstallOnly(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] not in sys.stdlib_module_names | {allowed}:
            raise ModuleNotFoundError(fullname + " is not part of the base install", name=fullname)

sys.meta_path.insert(0, BaseInstallOnly())
"""


def test_the_client_needs_the_base_install_only() -> None:
    """The base install is what `dependencies` in pyproject.toml names, with what those need in turn.

    Everything else is hidden from the import, since a library such as httpx takes more where it finds more.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = with_dependencies({canonical(Requirement(text).name) for text in project["dependencies"]})
    owners_of = metadata.packages_distributions()
    allowed = {module for module, owners in owners_of.items() if {canonical(owner) for owner in owners} & installed}

    modules = loaded_by(BASE_INSTALL_ONLY.format(allowed=allowed | {"collectors"}) + "import_tree('collectors.client')")

    assert "collectors.client" in modules
    assert allowed & top_level(modules), (
        "the client uses neither of its own libraries: the test looks in the wrong place"
    )


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def with_dependencies(names: set[str]) -> set[str]:
    """The distributions and everything they require here, without extras."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        requirements = map(Requirement, metadata.requires(name) or [])
        applicable = {canonical(r.name) for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})}
        waiting |= applicable - found
    return found
