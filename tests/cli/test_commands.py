"""Every command explains itself, and the way from a file to measurements works without a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from app.cli import main
from app.core.errors import ConflictError, InvalidError
from tests.cli.conftest import Run
from tests.docs.generated import walk

ALL = [(context.command_path, context.command) for context in walk()]


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_every_command_and_option_has_help(path: str, command: click.Command) -> None:
    assert command.help, path
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.name}"


def flights(days: int, first: datetime, shift: float = 0.0, per_day: int = 100) -> pd.DataFrame:
    """Rows with one number, one category, a score that is calibrated by construction, and its label."""
    rng = np.random.default_rng(7)
    n = days * per_day
    x = rng.normal(shift, 1, n)
    score = 1 / (1 + np.exp(-x))
    return pd.DataFrame(
        {
            "id": [f"{first:%Y%m%d}-{i}" for i in range(n)],
            "at": [first + timedelta(days=i // per_day, minutes=i % per_day) for i in range(n)],
            "x": x,
            "kind": rng.choice(["a", "b"], n),
            "score": score,
            "label": (rng.uniform(size=n) < score).astype(int),
        }
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A reference of 40 days, and five days of production whose `x` has moved by one standard deviation."""
    reference, served = tmp_path / "reference.csv", tmp_path / "served.parquet"
    flights(40, datetime(2026, 3, 1, tzinfo=UTC)).to_csv(reference, index=False)
    flights(5, datetime(2026, 4, 10, tzinfo=UTC), shift=1.0).to_parquet(served)
    return reference, served


COLUMNS = ("--id-column", "id", "--timestamp-column", "at", "--score-column", "score", "--label-column", "label")


def test_from_a_file_of_predictions_to_measurements_without_a_server(run: Run, files: tuple[Path, Path]) -> None:
    reference, served = files
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    of = ("--model", "m", "--version", "1", *COLUMNS)
    stored = run("import", "reference", str(reference), *of, "--out-of-sample")
    assert "40" in stored.stdout
    assert "Next: send predictions" in stored.output
    summary = json.loads(run("import", "predictions", str(served), *of, "--json").stdout)
    assert (summary[0]["accepted"], summary[0]["rejected"]) == (500, 0)
    run("run", "--until", "2026-04-15")

    rows = json.loads(run("measurements", "--model", "m", "--format", "json").stdout)
    skew = [row for row in rows if (row["check"], row["subject"]) == ("training_serving_skew", "x")]
    assert [row["outcome"] for row in skew] == ["ok", "breach", "breach", "breach", "breach"]
    assert all(abs(row["value"] - 1.0) < 0.25 for row in skew)  # a shift of one standard deviation
    kind = [row["outcome"] for row in rows if (row["check"], row["subject"]) == ("training_serving_skew", "kind")]
    assert kind == ["ok"] * 5
    assert set(rows[0]) >= {
        *("model", "version", "check", "subject", "segment", "window_start", "window_end"),
        *("value", "limit", "outcome", "reason", "statistic"),
    }
    accuracy = [row for row in rows if (row["check"], row["subject"]) == ("performance", "accuracy")]
    truth = pd.read_parquet(served)
    by_hand = ((truth["score"] >= 0.5) == (truth["label"] == 1)).groupby(truth["at"].dt.date).mean()
    assert [row["value"] for row in accuracy] == pytest.approx(by_hand.tolist())

    alerts = json.loads(run("alert", "list", "--json").stdout)
    assert ("training_serving_skew", "x") in {(row["check"], row["subject"]) for row in alerts}
    again = run("import", "predictions", str(served), *of)
    assert "nothing was added" in again.output
    run("run", "--until", "2026-04-15")
    assert json.loads(run("measurements", "--model", "m", "--format", "json").stdout) == rows


def test_a_dry_run_stores_nothing_and_shows_errors_by_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("id,at,x,score\na,2026-03-01T10:00:00Z,1,0.5\nb,yesterday,2,0.6\n")
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    of = ("--model", "m", "--version", "1", "--id-column", "id", "--timestamp-column", "at", "--score-column", "score")
    output = run("import", "predictions", str(file), *of, "--dry-run").output
    assert "2 rows read, 1 would be rejected; nothing was stored" in output
    assert "yesterday" in output
    assert "3" in next(line for line in output.splitlines() if "yesterday" in line)  # the line of the file
    run("run")
    assert run("measurements", "--model", "m", "--json").stdout.strip() == "[]"
    assert "once it has closed" in run("measurements", "--model", "m").stdout
    assert "all of these options" in run("measurements", "--model", "m", "--outcome", "breach").stdout


def test_an_import_says_how_its_features_differ_from_those_of_the_reference(
    run: Run, files: tuple[Path, Path], tmp_path: Path
) -> None:
    reference, served = files
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    of = ("--model", "m", "--version", "1", *COLUMNS)
    lone = run("import", "predictions", str(served), *of, "--dry-run", "--json").stdout
    assert json.loads(lone)[0]["features_not_in_reference"] is None
    run("import", "reference", str(reference), *of)
    assert "Note: features" not in run("import", "predictions", str(served), *of, "--dry-run").output

    other = tmp_path / "other.csv"
    renamed = pd.read_parquet(served).rename(columns={"kind": "sort"})
    renamed.assign(**{f"y{i}": 0.5 for i in range(11)}).to_csv(other, index=False)
    lacks = "the reference lacks, so no check looks at their values (--exclude leaves them out): sort, y0, "
    for said in (
        run("import", "predictions", str(other), *of, "--dry-run"),
        run("import", "predictions", str(other), *of),
    ):
        assert lacks in said.stderr
        assert ", y8 and 2 more\n" in said.stderr
        assert "the file lacks, so they are missing in each of its rows: kind\n" in said.stderr
    for option in ((), ("--dry-run",)):
        [found] = json.loads(run("import", "predictions", str(other), *of, "--json", *option).stdout)
        assert found["features_not_in_reference"] == ["sort", *(f"y{i}" for i in range(11))]
        assert found["features_only_in_reference"] == ["kind"]


def test_an_import_fails_when_no_row_can_be_taken_and_not_when_one_can(run: Run, tmp_path: Path) -> None:
    good, bad = "a,2026-03-01T10:00:00Z,1,0.5\n", "b,yesterday,2,0.6\n"
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    of = ("--model", "m", "--version", "1", "--id-column", "id", "--timestamp-column", "at", "--score-column", "score")

    for name, rows, code in (("bad.csv", bad, 1), ("mixed.csv", good + bad, 0)):
        (tmp_path / name).write_text("id,at,x,score\n" + rows)
        output = run("import", "predictions", str(tmp_path / name), *of, code=code).output
        assert ("all 1 rows were rejected" in output) == (code == 1)


def test_segments_declared_later_begin_with_the_next_window(run: Run, files: tuple[Path, Path]) -> None:
    _, served = files
    run("model", "add", "m", "--task", "binary", "--segment-by", "kind")
    run("version", "add", "m", "1")
    assert "window" not in run("model", "segment-by", "m", "kind", "country").output
    run("import", "predictions", str(served), "--model", "m", "--version", "1", *COLUMNS)
    run("run", "--until", "2026-04-15")
    said = run("model", "segment-by", "m", "kind", "device").output
    assert "m is watched by kind, device" in said
    assert "version 1: from the window of 2026-" in said
    assert "watchkeeper rebuild --model m" in said
    assert "as a whole only" in run("model", "segment-by", "m").output


def test_what_an_owner_declares_is_changed_by_a_command(run: Run) -> None:
    run("model", "add", "m", "--task", "binary", "--max-staleness", "90d")
    run("version", "add", "m", "1")
    [changed] = json.loads(run("model", "set", "m", "--label-delay", "2d", "--no-max-staleness", "--json").stdout)
    assert (changed["label_delay"], changed["max_staleness"]) == (172_800, None)
    assert "nothing to change" in run("model", "set", "m", code=2).output
    assert "opposite" in run("model", "set", "m", "--max-staleness", "1d", "--no-max-staleness", code=2).output
    with pytest.raises(InvalidError, match=r"false_alarms_per_month: 0\.0 is not allowed"):
        run("model", "set", "m", "--false-alarms", "0")
    assert "retired" in run("version", "stage", "m", "1", "retired").output
    [listed] = json.loads(run("version", "list", "m", "--json").stdout)
    assert listed["stage"] == "retired"


def test_tags_are_given_replaced_and_taken_away(run: Run) -> None:
    [added] = json.loads(run("model", "add", "m", "--task", "binary", "--tag", "b", "--tag", "a", "--json").stdout)
    assert added["tags"] == ["a", "b"]
    [changed] = json.loads(run("model", "set", "m", "--tag", "c", "--json").stdout)
    assert changed["tags"] == ["c"]
    assert "opposite" in run("model", "set", "m", "--tag", "c", "--no-tags", code=2).output
    run("model", "set", "m", "--no-tags")
    [listed] = json.loads(run("model", "list", "--json").stdout)
    assert listed["tags"] == []


def test_a_model_that_exists_with_another_label_delay_says_both(run: Run) -> None:
    run("model", "add", "m", "--task", "binary", "--label-delay", "2d")
    with pytest.raises(ConflictError, match=r"its label_delay is 2 d, not 0\.5 d"):
        run("model", "add", "m", "--task", "binary", "--label-delay", "12h")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("measurements", "--model", "nobody"), "no model 'nobody'"),
        (("version", "add", "nobody", "1"), "no model 'nobody'"),
        (("rebuild", "--model", "nobody"), "no model 'nobody'"),
        (("alert", "list", "--model", "nobody"), "no model 'nobody'"),
        (("key", "revoke", "7"), "no key '7'"),
        (("channel", "test", "nobody"), "no channel 'nobody'"),
        (("policy", "show", "nobody"), "no model 'nobody'"),
    ],
)
def test_an_unknown_name_is_said_with_exit_code_1(
    run: Run, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("model", "add", "known", "--task", "binary")
    monkeypatch.setattr("sys.argv", ["watchkeeper", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model", "add", "m", "--task", "ranking"), "'ranking'"),
        (("model", "add", "m", "--task", "binary", "--label-delay", "soon"), "'soon' is no duration"),
        (("run", "--until", "2026-04-15T10:00:00"), "has no zone"),
        (("run", "--until", "tomorrow"), "'tomorrow' is no time"),
        (("run", "--until", "2999-01-01"), "is in the future"),
        (("version", "add", "m", "1", "--dependency", "numpy"), "NAME==VERSION"),
        (("channel", "add", "c", "--kind", "slack", "--set", "url"), "FIELD=VALUE"),
    ],
)
def test_a_wrong_word_is_a_usage_error(run: Run, arguments: tuple[str, ...], said: str) -> None:
    assert said in run(*arguments, code=2).output


def test_a_database_that_needs_an_upgrade_says_the_command(run: Run, tmp_path: Path) -> None:
    run("db", "upgrade")
    run("db", "downgrade", "base", "--yes")
    assert "empty" in run("db", "check", code=1).output
    assert "bad   database" in run("doctor", code=1).output
    run("db", "upgrade")
    assert "newest" in run("db", "check").output
    assert run("doctor").output.count("ok") >= 5


@pytest.mark.parametrize("command", [("upgrade",), ("downgrade", "-1", "--yes"), ("check",)])
def test_a_database_that_cannot_be_opened_is_said_in_a_line(
    command: tuple[str, ...], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHKEEPER_DATABASE_URL", f"sqlite:///{tmp_path}")
    said = run("db", *command, code=1).output
    assert said.startswith("Error: the database cannot be used: unable to open database file")
    assert "watchkeeper doctor" in said


def test_a_file_that_is_no_database_is_said_in_a_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to look like one " * 50)
    monkeypatch.setenv("WATCHKEEPER_DATABASE_URL", f"sqlite:///{tmp_path}/notes.txt")
    for command in (("db", "check"), ("db", "upgrade"), ("model", "list")):
        assert "file is not a database" in run(*command, code=1).output


@pytest.mark.parametrize("command", [("upgrade", "9999"), ("downgrade", "-1", "--yes")])
def test_a_schema_that_there_is_not_is_said_in_a_line(command: tuple[str, ...], run: Run) -> None:
    assert run("db", *command, code=1).output.startswith("Error: the schema stays as it is: ")


def test_keys_are_shown_once_and_never_again(run: Run) -> None:
    secret = run("key", "create", "svc").stdout.strip()
    listed = run("key", "list", "--json").output
    assert secret.startswith("wk_")
    assert secret not in listed
    assert "never used" in run("key", "list").stdout
    (row,) = json.loads(listed)
    assert (row["last_used_at"], row["uses_known_since"], row["last_use"]) == (None, None, "never used")
    run("key", "revoke", "1")
    assert json.loads(run("key", "list", "--json").stdout)[0]["revoked_at"] is not None


def test_wrong_settings_are_all_said_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_PORT", "many")
    monkeypatch.setenv("WATCHKEEPER_REQUIRE_KEYS", "perhaps")
    output = run("doctor", code=1).output
    assert "WATCHKEEPER_PORT" in output
    assert "WATCHKEEPER_REQUIRE_KEYS" in output
