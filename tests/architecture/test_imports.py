"""The import contracts of pyproject.toml hold, and the core rests on what it may rest on."""

import subprocess
import sys
import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
CORE_MAY_IMPORT = {"numpy", "scipy", "msgspec"}


def test_import_contracts_hold(tmp_path: Path) -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run(
        [lint_imports, "--no-logo", "--cache-dir", tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_top_level_package_is_under_contract() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = configuration["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert configuration["tool"]["importlinter"]["root_packages"] == shipped


def test_core_imports_numerical_libraries_only() -> None:
    graph = grimp.build_graph("app", include_external_packages=True, cache_dir=None)
    core = {"app.core", *graph.find_descendants("app.core")}

    imported = {name for module in core for name in graph.find_modules_directly_imported_by(module)}
    third_party = {
        name for name in imported if name.split(".")[0] != "app" and name.split(".")[0] not in sys.stdlib_module_names
    }

    assert third_party <= CORE_MAY_IMPORT
