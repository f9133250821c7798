"""What holds for every file of the project, whoever wrote it."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FUNCTION = 60
LONGEST_MODULE = 500

# Spelled in pieces, so that this file does not find itself.
REGISTRY_HOSTS = re.compile(
    "|".join(("py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.org", "deb" + r"\.debian\.org"))
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.$}])/(" + "|".join(("ro" + "ot", "wo" + "rk", "ho" + r"me/\w+", "Us" + r"ers/\w+")) + ")/"
)

TOO_LONG_BUT_ACCEPTED: frozenset[str] = frozenset()


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that is in the repository or about to be."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the project cannot be told")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    """`file:line: text` of each line of a text file that the pattern finds."""
    found = []
    for path in project_files():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode().splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return found


def shipped_modules() -> list[Path]:
    return [
        path
        for path in project_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in {"app", "collectors"}
    ]


def test_no_file_names_a_package_registry() -> None:
    assert lines_matching(REGISTRY_HOSTS) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_matching(MACHINE_PATHS) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("see /ro" + "ot/.cache", True),
        ("'/wo" + "rk/main/app'", True),
        ("COPY . /ho" + "me/alice/app", True),
        ("docs/wo" + "rk/in-progress.md", False),
        ("https://example.org/ro" + "ot/", False),
    ],
)
def test_machine_paths_are_recognised(line: str, found: bool) -> None:
    assert bool(MACHINE_PATHS.search(line)) is found


def test_functions_are_short() -> None:
    too_long = {
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in shipped_modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of(node) > LONGEST_FUNCTION
    }

    assert too_long == TOO_LONG_BUT_ACCEPTED


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: explaining is free."""
    end = node.end_lineno or node.lineno
    first = node.body[0]
    described = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if described else 0
    return end - node.lineno + 1 - docstring


def test_modules_are_short() -> None:
    too_long = [
        path.relative_to(ROOT) for path in shipped_modules() if len(path.read_text().splitlines()) > LONGEST_MODULE
    ]

    assert too_long == []
