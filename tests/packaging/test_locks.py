"""The lock files are complete, hashed, and say nothing about the machine that made them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "requirements-build.lock"
RUNTIME = ROOT / "requirements.lock"
DEVELOPMENT = ROOT / "requirements-dev.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def entries(lock: Path) -> list[str]:
    """Each requirement with its hashes as one line; comments left out."""
    lines = (line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#"))
    return [entry.strip() for entry in "\n".join(lines).replace("\\\n", " ").splitlines() if entry.strip()]


def pins(lock: Path) -> dict[str, set[Version]]:
    """Versions by name: a universal lock may hold several, for different interpreters."""
    pinned: dict[str, set[Version]] = {}
    for entry in entries(lock):
        requirement = Requirement(entry.split(" --hash")[0])
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{entry!r} is no exact pin"
        pinned.setdefault(canonicalize_name(requirement.name), set()).add(Version(specifier.version))
    return pinned


def declared(group: str) -> list[Requirement]:
    """Requirements of a dependency group, with those of the groups that it includes."""
    found = []
    for item in PROJECT["dependency-groups"][group]:
        found += declared(item["include-group"]) if isinstance(item, dict) else [Requirement(item)]
    return found


def runtime_requirements() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"]
    return [Requirement(text) for text in [*PROJECT["project"]["dependencies"], *extras["server"], *extras["demo"]]]


@pytest.mark.parametrize("lock", [BUILD, RUNTIME, DEVELOPMENT], ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_and_hashed(lock: Path) -> None:
    assert entries(lock)
    for entry in entries(lock):
        assert re.fullmatch(r"[\w.\-]+(\[[\w,\-]+\])?==\S+( *; .+?)?( +--hash=sha256:[0-9a-f]{64})+", entry), entry


@pytest.mark.parametrize("lock", [BUILD, RUNTIME, DEVELOPMENT], ids=lambda lock: lock.name)
def test_lock_holds_no_address_and_no_path(lock: Path) -> None:
    telling = re.compile(r"https?:|file:|--(extra-)?index-url|--find-links|(^|\s)[./~]*/")

    assert [line for line in lock.read_text().splitlines() if telling.search(line)] == []


@pytest.mark.parametrize("requirement", runtime_requirements(), ids=str)
def test_runtime_lock_satisfies_the_project(requirement: Requirement) -> None:
    versions = pins(RUNTIME)[canonicalize_name(requirement.name)]

    assert all(requirement.specifier.contains(version, prereleases=True) for version in versions)


@pytest.mark.parametrize("requirement", declared("dev"), ids=str)
def test_development_lock_satisfies_the_project(requirement: Requirement) -> None:
    versions = pins(DEVELOPMENT)[canonicalize_name(requirement.name)]

    assert all(requirement.specifier.contains(version, prereleases=True) for version in versions)


@pytest.mark.parametrize("requirement", declared("build"), ids=str)
def test_build_lock_satisfies_the_project(requirement: Requirement) -> None:
    versions = pins(BUILD)[canonicalize_name(requirement.name)]

    assert all(requirement.specifier.contains(version, prereleases=True) for version in versions)


def test_build_tools_are_the_ones_the_project_declares() -> None:
    backend = {Requirement(text).name for text in PROJECT["build-system"]["requires"]}

    assert backend <= {requirement.name for requirement in declared("build")}


def test_locks_agree_on_every_version() -> None:
    runtime = pins(RUNTIME)

    assert {name: runtime.get(name) for name in pins(BUILD)} == pins(BUILD)


def test_development_lock_contains_the_runtime_lock() -> None:
    development = pins(DEVELOPMENT)

    assert {name: development.get(name) for name in pins(RUNTIME)} == pins(RUNTIME)
