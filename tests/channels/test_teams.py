"""Adaptive Cards for Teams: within 28 KB, without markup from names, and a failure that comes as a success."""

from __future__ import annotations

import dataclasses
import json

import pytest

from app.channels.teams import LARGEST_CARD, Teams, card, encoded
from app.core.delivery import Retry, Sent
from app.core.messages import Kind
from app.core.severity import Severity
from tests.channels.messages import firing
from tests.channels.sending import of_kind, send
from tests.receivers import Reply, http_receiver


def runs(content: dict[str, object]) -> list[str]:
    body = json.loads(json.dumps(content))["attachments"][0]["content"]["body"]
    return [block["inlines"][0]["text"] for block in body]


def test_the_card_reads_from_top_to_bottom() -> None:
    assert runs(card(firing(lines=1, more=3))) == [
        f"🟠 {firing().title}",
        "• feature_0: 0.31, limit 0.1 (normed Wasserstein); above its limit",
        "and 3 more",
        "In breach since: 2026-03-01 00:00 UTC",
        "Window: 2026-03-01 00:00 UTC to 2026-03-02 00:00 UTC",
        "Expected false breaches: 0.003 per window and subject",
        "What to do: Compare the pipelines.",
    ]
    content = card(firing())["attachments"][0]["content"]
    assert content["actions"] == [{"type": "Action.OpenUrl", "title": "Open in Watchkeeper", "url": firing().link}]


@pytest.mark.parametrize("text", ["short", "long " * 400, "🔥" * 500, '"\\\t' * 500])
def test_a_card_is_never_too_large_and_no_line_is_dropped_in_silence(text: str) -> None:
    message = dataclasses.replace(
        firing(500, text, more=7), title=text * 2, advice=text, causes=(text,) * 3, link="https://x/" + "y" * 3000
    )

    assert len(encoded(card(message))) <= LARGEST_CARD
    lines = [run for run in runs(card(message)) if run.startswith("• ")]
    assert f"and {507 - len(lines)} more" in runs(card(message))


def test_names_are_text_and_no_markup() -> None:
    """Only text blocks know markdown; all of ours are plain runs."""
    content = card(firing(1, "[bank](https://evil.example) <at>everyone</at>"))["attachments"][0]["content"]

    assert {block["type"] for block in content["body"]} == {"RichTextBlock"}


@pytest.mark.parametrize(
    ("kind", "severity", "colour"),
    [
        (Kind.FIRING, Severity.CRITICAL, "attention"),
        (Kind.FIRING, Severity.WARNING, "warning"),
        (Kind.NEWS, Severity.INFO, "accent"),
        (Kind.RESOLVED, Severity.CRITICAL, "good"),
    ],
)
def test_the_colour_of_the_title(kind: Kind, severity: Severity, colour: str) -> None:
    content = card(of_kind(kind, severity=severity))["attachments"][0]["content"]

    assert content["body"][0]["inlines"][0]["color"] == colour


def test_a_failure_under_status_200_is_one() -> None:
    said = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
    with http_receiver() as receiver:
        for reply, answer in [
            (Reply(202, b""), Sent()),
            (Reply(200, b"1"), Sent()),
            (Reply(200, said), Retry("answered HTTP 200, but that the card was not delivered")),
        ]:
            receiver.reply = lambda _: reply  # noqa: B023
            assert send(Teams(url="env:U"), secret=receiver.url()) == answer
