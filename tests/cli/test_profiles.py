"""`watchkeeper profile`, `compare` and `import profile`: files judged where they lie, and sent as counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.errors import WatchkeeperError
from app.core.portable import MAGIC
from app.services.profiling import read_profiles
from tests.cli.conftest import Run
from tests.cli.test_commands import COLUMNS, flights


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with 40 days of a reference, two days that are like it, and one whose `x` has moved."""
    flights(40, datetime(2026, 3, 1, tzinfo=UTC)).to_csv(tmp_path / "reference.csv", index=False)
    for day in (10, 11):
        flights(1, datetime(2026, 4, day, tzinfo=UTC)).to_csv(tmp_path / f"{day}.csv", index=False)
    flights(1, datetime(2026, 4, 12, tzinfo=UTC), shift=1.0).to_parquet(tmp_path / "moved.parquet")
    return tmp_path


def test_files_become_one_profile_and_can_be_merged_later(run: Run, data: Path) -> None:
    run("profile", str(data / "reference.csv"), *COLUMNS, "--out", str(data / "ref.wkp"))
    like = (*COLUMNS, "--like", str(data / "ref.wkp"))
    days = [str(data / "10.csv"), str(data / "11.csv")]
    summary = json.loads(run("profile", *days, *like, "--out", str(data / "both.wkp"), "--json").stdout)
    for day in ("10", "11"):
        run("profile", str(data / f"{day}.csv"), *like, "--out", str(data / f"{day}.wkp"))
    parts = [str(data / "10.wkp"), str(data / "11.wkp")]
    merged = json.loads(run("profile", "--merge", *parts, "--out", str(data / "merged.wkp"), "--json").stdout)

    assert summary == [{"rows": 200, "windows": 2, "features": 2, "rejected": 0, "warnings": [], "errors": []}]
    assert merged == [{"rows": 200, "windows": 2, "features": 2}]
    assert (data / "merged.wkp").read_bytes() == (data / "both.wkp").read_bytes()
    assert (data / "merged.wkp").read_bytes().startswith(MAGIC)
    assert not list(data.glob("*.part"))
    assert "same file" in _error(run, "profile", "--merge", *parts, parts[0], "--out", str(data / "no.wkp"))
    assert not (data / "no.wkp").exists()


def _error(run: Run, *arguments: str) -> str:
    with pytest.raises(WatchkeeperError) as error:
        run(*arguments)
    return str(error.value)


@pytest.mark.parametrize(("by", "windows"), [("day", 2), ("hour", 4), ("all", 1)])
def test_windows_are_as_long_as_asked(run: Run, data: Path, by: str, windows: int) -> None:
    """Each day's hundred rows stand in its first two hours."""
    out = data / "a.wkp"
    run("profile", str(data / "10.csv"), str(data / "11.csv"), *COLUMNS, "--by", by, "--out", str(out))

    assert len(read_profiles(out).windows) == windows


@pytest.mark.parametrize(("current", "verdict", "code"), [("10.csv", "healthy", 0), ("moved.parquet", "breach", 1)])
@pytest.mark.parametrize("kind", ["data", "profiles"])
def test_compare_says_by_its_exit_code_whether_they_are_alike(
    run: Run, data: Path, current: str, verdict: str, code: int, kind: str
) -> None:
    reference, other = data / "reference.csv", data / current
    options: tuple[str, ...] = COLUMNS
    if kind == "profiles":
        run("profile", str(reference), *COLUMNS, "--out", str(data / "ref.wkp"))
        run("profile", str(other), *COLUMNS, "--like", str(data / "ref.wkp"), "--out", str(data / "cur.wkp"))
        reference, other, options = data / "ref.wkp", data / "cur.wkp", ()

    text = run("compare", str(reference), str(other), *options, code=code).output
    found = json.loads(run("compare", str(reference), str(other), *options, "--json", code=code).stdout)

    beyond = sum(one["outcome"] == "breach" for one in found["features"])
    rows = "100 rows against 4,000 in 40 windows of normal variation"
    assert text.splitlines()[-1] == f"{verdict}: {beyond} of 2 beyond a limit; {rows}"
    assert (found["verdict"], found["exit_code"]) == (verdict, code)
    assert (found["reference_rows"], found["reference_windows"], found["current_rows"]) == (4_000, 40, 100)
    by_name = {row["feature"]: row for row in found["features"]}
    assert set(by_name) == {"x", "kind"}
    assert by_name["x"]["outcome"] == ("breach" if code else "ok")
    assert by_name["x"]["distance"] == pytest.approx(1.0 if code else 0.1, abs=0.25)


def test_what_cannot_be_compared_is_no_breach(run: Run, data: Path) -> None:
    run("profile", str(data / "reference.csv"), *COLUMNS, "--by", "all", "--out", str(data / "all.wkp"))
    run("profile", str(data / "10.csv"), *COLUMNS, "--out", str(data / "alone.wkp"))
    (data / "broken.wkp").write_bytes(b"nothing")

    def said(reference: str, current: str) -> str:
        return run("compare", str(data / reference), str(data / current), *COLUMNS, code=2).output

    assert "0 windows of normal variation in the reference, 30 are needed" in said("all.wkp", "10.csv")
    assert "has other bins" in said("all.wkp", "alone.wkp")
    assert "profile file" in said("broken.wkp", "10.csv")
    assert "does not exist" in said("nowhere.wkp", "10.csv")
    assert "no column" in run("compare", *[str(data / "10.csv")] * 2, "--timestamp-column", "when", code=2).output


def test_a_profile_stands_for_its_rows_without_a_server(run: Run, data: Path) -> None:
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    of = ("--model", "m", "--version", "1")
    run("import", "reference", str(data / "reference.csv"), *of, *COLUMNS, "--out-of-sample")
    run("profile", str(data / "moved.parquet"), *COLUMNS, *of, "--out", str(data / "moved.wkp"))
    first = json.loads(run("import", "profile", str(data / "moved.wkp"), *of, "--json").stdout)
    again = run("import", "profile", str(data / "moved.wkp"), *of)
    run("run", "--until", "2026-04-13")

    assert (first[0]["rows"], first[0]["windows"], first[0]["duplicate"]) == (100, 1, False)
    assert "nothing was changed" in again.output
    rows = json.loads(run("measurements", "--model", "m", "--check", "training_serving_skew", "--json").stdout)
    assert {row["subject"]: row["value"] > 0.5 for row in rows} == {"x": True, "kind": False}
    run("check", "--model", "m", code=0)  # one window beyond its limit is no breach yet


@pytest.mark.parametrize(
    "wrong",
    [
        ("--model", "m"),
        ("--version", "1"),
        ("--model", "m", "--version", "1", "--like", "10.csv"),
        ("--by", "week"),
    ],
)
def test_wrong_words_are_usage_errors(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...]
) -> None:
    monkeypatch.chdir(data)

    assert "Usage:" in run("profile", "10.csv", *COLUMNS, "--out", "a.wkp", *wrong, code=2).output
