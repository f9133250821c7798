"""`why` and `scorecard`, from files to their answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import InvalidError, NotFoundError
from tests.cli.conftest import Run
from tests.cli.test_commands import COLUMNS, flights


@pytest.fixture
def judged(run: Run, tmp_path: Path) -> Run:
    """Five days whose `x`, which makes the score, and whose `noise`, which does not, have moved by one sd."""
    reference, served = flights(40, datetime(2026, 3, 1, tzinfo=UTC)), flights(5, datetime(2026, 4, 10, tzinfo=UTC), 1)
    rng = np.random.default_rng(3)
    reference["noise"], served["noise"] = rng.normal(size=len(reference)), rng.normal(1, 1, len(served))
    reference.to_csv(tmp_path / "reference.csv", index=False)
    served.to_csv(tmp_path / "served.csv", index=False)
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    of = ("--model", "m", "--version", "1", *COLUMNS)
    run("import", "reference", str(tmp_path / "reference.csv"), *of, "--out-of-sample")
    run("import", "predictions", str(tmp_path / "served.csv"), *of)
    run("run", "--until", "2026-04-15")
    return run


def test_why_names_the_feature_that_the_score_depends_on_first(judged: Run) -> None:
    rows = json.loads(judged("why", "--model", "m", "--format", "json").stdout)

    x, noise = (row for row in rows if row["kind"] == "feature")
    assert (x["rank"], x["subject"], noise["subject"]) == (1, "x", "noise")
    assert x["importance"] > 0.95  # the score is a function of x
    assert noise["strength"] == 0
    text = judged("why", "--model", "m", "--check", "training_serving_skew", "--window", "2026-04-14").output
    assert "training_serving_skew, window of 2026-04-14 00:00 UTC" in text


def test_why_of_a_healthy_window_says_so(judged: Run) -> None:
    assert "no check whose causes" in judged("why", "--model", "m", "--window", "2026-04-10").output
    assert json.loads(judged("why", "--model", "m", "--window", "2026-04-10", "--json").stdout) == []
    with pytest.raises(InvalidError, match="causes are ranked for performance"):
        judged("why", "--model", "m", "--check", "staleness")


def test_nothing_judged_is_never_shown_as_nothing_in_breach(run: Run) -> None:
    run("model", "add", "m", "--task", "binary", "--segment-by", "kind")
    run("version", "add", "m", "1")
    assert "cannot tell: no window has been judged yet" in run("why", "--model", "m").output
    assert "nothing has been judged by segments yet: send predictions" in run("segments", "--model", "m").output


def test_segments_from_files_to_their_ranking(judged: Run) -> None:
    assert "no segments are declared" in judged("segments", "--model", "m").output
    judged("model", "segment-by", "m", "kind")
    assert "counted from the window of 2026-04-" in judged("segments", "--model", "m").output
    assert "segment" not in judged("measurements", "--model", "m").output.splitlines()[0]
    judged("rebuild", "--model", "m")
    judged("run", "--until", "2026-04-15")
    found = json.loads(judged("segments", "--model", "m", "--json").stdout)
    assert {row["segment"] for row in found["segments"]} == {"kind=a", "kind=b"}
    assert sum(row["share"] for row in found["segments"]) == pytest.approx(1)
    assert found["attributes"][0]["overflow"] == ""
    assert "kind=a" in judged("segments", "--model", "m").output
    assert "segment" in judged("measurements", "--model", "m").output.splitlines()[0]


def test_the_limits_of_a_segment_are_listed_apart_and_count_in_the_sum(judged: Run) -> None:
    judged("model", "segment-by", "m", "kind")
    judged("rebuild", "--model", "m")
    judged("run", "--until", "2026-04-15")
    whole = json.loads(judged("limits", "--model", "m", "--json").stdout)
    parts = [json.loads(judged("limits", "--model", "m", "--segment", f"kind={x}", "--json").stdout) for x in "ab"]
    assert {row["segment"] for row in parts[0]["limits"]} == {"kind=a"}
    sums = [sum(found["checks"].values()) for found in (whole, *parts)]
    assert whole["false_alarms"]["expected"] == pytest.approx(sum(sums))
    assert whole["false_alarms"]["segments"] == pytest.approx(sums[1] + sums[2])
    assert min(sums) > 0
    assert "from segments)" in judged("limits", "--model", "m").output.splitlines()[0]
    with pytest.raises(NotFoundError, match="no segment 'kind=z'; known are: kind=a, kind=b"):
        judged("limits", "--model", "m", "--segment", "kind=z")
    skew = ("limit", "set", "--model", "m", "--check", "training_serving_skew", "--limit", "1")
    said = judged(*skew, "--segment", "kind=z", "--author", "ann", "--reason", "r").output
    assert "training_serving_skew in kind=z is 1 for windows" in said
    assert "no such segment is judged yet: 'kind=z'; there are kind=a, kind=b" in said


def test_the_scorecard_in_its_three_forms(judged: Run) -> None:
    card = json.loads(judged("scorecard", "--model", "m", "--format", "json").stdout)
    text = judged("scorecard", "--model", "m").output
    markdown = judged("scorecard", "--model", "m", "--format", "markdown").output

    points = {(item["section"], item["number"]): item["points"] for item in card["items"]}
    assert points["monitoring", 3] == 0.5  # judged, and nobody is told
    assert points["infrastructure", 4] == 0.5  # a labelled reference, out of sample
    assert card["score"] == sum(value for (section, _), value in points.items() if section == "monitoring")
    assert f"ML Test Score, monitoring: {card['score']:g} of 7" in text
    assert "| monitoring 3: Training and serving features compute the same values | 0.5 | manual, breach |" in markdown
    assert all(line.count("|") == 5 for line in markdown.splitlines() if line.startswith("|"))


def test_a_report_from_the_order_to_the_file(judged: Run, tmp_path: Path) -> None:
    """`watchkeeper run` makes what waits, with the real child process."""
    span = ("--since", "2026-04-10", "--until", "2026-04-15")
    [asked] = json.loads(judged("report", "create", "--model", "m", *span, "--kind", "quality", "--json").stdout)
    jobs = json.loads(judged("run", "--until", "2026-04-15", "--json").stdout)
    assert {job["job"]: job["detail"] for job in jobs}["report"] == "made=1"

    judged("report", "show", str(asked["id"]), "--format", "html", "--out", str(tmp_path / "report.html"))
    figures = json.loads(judged("report", "show", str(asked["id"])).stdout)

    assert "all 500 labelled predictions of 2026-04-10" in (tmp_path / "report.html").read_text()
    assert figures["watchkeeper"]["reference_rows"] == {"sampled": 4000, "of": 4000}
    assert " done " in judged("report", "list", "--model", "m").output


def test_the_timeline_says_what_happened_and_where_to_look_when_nothing_did(judged: Run) -> None:
    since = ("--since", "2026-01-01")
    rows = json.loads(judged("timeline", "--model", "m", *since, "--kind", "reference", "--json").stdout)

    assert [(row["kind"], row["version"], row["what"]) for row in rows] == [
        ("reference", "1", "a reference of 4,000 rows was stored")
    ]
    assert "a reference of 4,000 rows was stored" in judged("timeline", "--model", "m", *since).output
    nothing = judged("timeline", "--model", "m", *since, "--until", "2026-01-02").output
    assert "nothing happened from 2026-01-01 00:00 to 2026-01-02 00:00 UTC; look further back" in nothing


def test_the_review_of_a_project_is_written_to_a_file(judged: Run, tmp_path: Path) -> None:
    span = ("--since", "2026-04-01", "--until", "2026-04-15")
    said = judged("project-review", "--model", "m", *span, "--out", str(tmp_path / "review.html"))

    assert "the review is in" in said.output
    page = (tmp_path / "review.html").read_text()
    assert "<h1>Review of m</h1>" in page
    assert "1 Apr 2026 to 15 Apr 2026" in page
    assert "Accuracy, realised" in page
    assert page.count("<svg") == 2
