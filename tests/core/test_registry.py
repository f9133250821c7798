"""A plugin package is as it must be, or the program says what is wrong with it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from app.core.registry import RegistryError, plugins

GOOD = "class Plugin:\n    name = {name!r}\nPLUGIN = Plugin\n"


@pytest.fixture
def package_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "plugin_package"
    path.mkdir()
    (path / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield path
    for name in [name for name in sys.modules if name.split(".")[0] == "plugin_package"]:
        del sys.modules[name]


def package(path: Path, modules: Mapping[str, str]) -> ModuleType:
    for name, source in modules.items():
        (path / f"{name}.py").write_text(source)
    return importlib.import_module("plugin_package")


def test_finds_the_plugin_of_each_module(package_path: Path) -> None:
    found = plugins(package(package_path, {name: GOOD.format(name=name) for name in ("two", "one")}))

    assert list(found) == ["one", "two"]
    assert found["one"].__module__ == "plugin_package.one"


def test_an_empty_package_has_none(package_path: Path) -> None:
    assert plugins(package(package_path, {})) == {}


@pytest.mark.parametrize(
    ("modules", "complaint"),
    [
        pytest.param({"one": ""}, "plugin_package.one has no PLUGIN", id="missing"),
        pytest.param({"one": "PLUGIN = object()"}, "has no name", id="nameless"),
        pytest.param({"one": GOOD.format(name="two")}, "named 'two', not 'one'", id="ill-named"),
        pytest.param(
            {"one": GOOD.format(name="one"), "two": "from plugin_package.one import PLUGIN"},
            "both plugin_package.one and two offer 'one'",
            id="double",
        ),
    ],
)
def test_says_what_is_wrong(package_path: Path, modules: Mapping[str, str], complaint: str) -> None:
    with pytest.raises(RegistryError, match=complaint):
        plugins(package(package_path, modules))


def test_a_module_that_does_not_load_is_an_error(package_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        plugins(package(package_path, {"one": "import no_such_library"}))
