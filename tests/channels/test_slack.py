"""Block Kit messages within Slack's limits, and what Slack's answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.channels.slack import Slack
from app.core.block_kit import HEADER_LIMIT, SECTION_LIMIT, TOTAL_LIMIT, blocks_of, escaped
from app.core.delivery import Answer, Failed, Retry, Sent
from app.core.messages import Line
from app.outbound import OutboundClient
from tests.channels.messages import firing
from tests.receivers import HttpReceiver, Reply, http_receiver


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        yield receiver


def send(receiver: HttpReceiver) -> Answer:
    network = OutboundClient(allow_private=True, timeout=2)
    return Slack(url="env:SLACK").send(firing(), network=network, resolve=lambda _: receiver.url("/services/T/B/X"))


def test_slack_takes_the_message(receiver: HttpReceiver) -> None:
    assert send(receiver) == Sent()

    received = receiver.received[0]
    assert received.path == "/services/T/B/X"
    assert received.headers["content-type"] == "application/json"
    assert json.loads(received.body) == blocks_of(firing())


def test_the_message_reads_from_top_to_bottom() -> None:
    message = blocks_of(firing(lines=2, more=3))

    header, lines, advice, frame, actions = message["blocks"]
    assert message["text"] == firing().title
    assert header["text"]["text"] == f"🟠 {firing().title}"
    assert lines["text"]["text"].splitlines() == [
        "• *feature_0*: 0.31, limit 0.1 (normed Wasserstein); above its limit",
        "• *feature_1*: 0.31, limit 0.1 (normed Wasserstein); above its limit",
        "and 3 more",
    ]
    assert advice["text"]["text"] == "*What to do:* Compare the pipelines."
    assert [element["text"] for element in frame["elements"]] == [
        "*In breach since:* 2026-03-01 00:00 UTC",
        "*Window:* 2026-03-01 00:00 UTC to 2026-03-02 00:00 UTC",
        "*Expected false breaches:* 0.003 per window and subject",
    ]
    assert actions["elements"][0]["url"] == firing().link


def test_without_a_link_there_is_no_button() -> None:
    assert [block["type"] for block in blocks_of(replace(firing(), link=""))["blocks"]].count("actions") == 0


def test_a_message_without_facts_holds_no_empty_text() -> None:
    test_message = replace(firing(), since=None, window=None, expected_rate=None, advice="", link="")

    assert [block["type"] for block in blocks_of(test_message)["blocks"]] == ["header", "section"]


@pytest.mark.parametrize("lines", [0, 1, 20, 500])
@pytest.mark.parametrize("text", ["short", "long " * 400, "&<>" * 500, "wide ✓ " * 300])
def test_slacks_limits_hold(lines: int, text: str) -> None:
    message = blocks_of(replace(firing(lines, text, more=5), title=f"{text} title " * 3))

    blocks = message["blocks"]
    sections = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    assert len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= HEADER_LIMIT
    assert all(0 < len(section) <= SECTION_LIMIT for section in sections)
    assert sum(map(len, sections)) <= TOTAL_LIMIT + 1000
    assert len(json.dumps(message, ensure_ascii=False)) < 13_000


def test_no_line_is_dropped_in_silence() -> None:
    shown = "\n".join(block["text"]["text"] for block in blocks_of(firing(500, "x" * 300, more=5))["blocks"][1:-3])

    lines = shown.splitlines()
    assert lines[-1] == f"and {505 - (len(lines) - 1)} more"


def test_nobody_is_pinged_and_no_link_is_forged() -> None:
    evil = Line("<!channel>", "<@U1>", 1.0, 0.5, "<http://evil|bank>", "a & b")

    said = json.dumps(blocks_of(replace(firing(), lines=(evil,), title="<!here>", advice="<!everyone>")))

    for forged in ("<!channel>", "<@U1>", "<http://evil", "<!here>", "<!everyone>", "a & b"):
        assert forged not in said
    assert "a &amp; b" in said


def test_what_speaks_like_slack_and_reads_markdown_calls_nobody_either() -> None:
    evil = Line("@channel", "[bank](http://evil)", 1.0, 0.5, "", "mail ops@example.org")

    said = json.dumps(blocks_of(replace(firing(), lines=(evil,), title="@all @here")), ensure_ascii=False)

    assert not [forged for forged in ("@channel", "@all", "@here", "](http") if forged in said]
    assert "ops@example.org" in said


@given(st.text(), st.integers(5, 50))
def test_an_escape_is_never_split(text: str, limit: int) -> None:
    result = escaped(text, limit)

    assert len(result) <= limit
    for name in ("amp;", "lt;", "gt;"):
        result = result.replace("&" + name, "")
    assert not set(result) & set("&<>\n")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Reply(200, b"ok"), Sent()),
        (Reply(200, b"ok\n"), Sent()),
        (Reply(200, b"invalid_payload"), Retry("answered HTTP 200 but not ok (invalid_payload)")),
        (Reply(200, b"<html>Please log in</html>"), Retry("answered HTTP 200 but not ok")),
        (Reply(200, b""), Retry("answered HTTP 200 but not ok")),
        (Reply(404, b"no_service"), Failed("answered HTTP 404 (no_service)")),
        (Reply(403, b"T00/B00/X is unknown"), Failed("answered HTTP 403")),
        (Reply(500, b"rollup_error"), Retry("answered HTTP 500 (rollup_error)")),
    ],
)
def test_what_slack_says_counts(receiver: HttpReceiver, reply: Reply, answer: Any) -> None:
    receiver.reply = lambda _: reply

    assert send(receiver) == answer
