"""What to do after an answer is a pure decision; here is its table."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.client.answers import LONGEST_RETRY_AFTER, Drop, Retry, Settled, TooLarge, Verdict, judge

NOW = datetime(2026, 11, 22, 9, 30, 0, tzinfo=UTC)


def judged(status: int, body: Any = b"", records: int = 3, **headers: str) -> Verdict:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(status, names, encoded, records=records, now=NOW)


def account(accepted: int, duplicates: int, *errors: str) -> dict[str, Any]:
    rejected = [{"index": i, "field": "features", "value": 1, "error": error} for i, error in enumerate(errors)]
    return {"accepted": accepted, "duplicates": duplicates, "rejected": rejected}


@pytest.mark.parametrize(
    ("sentence", "status", "body", "verdict"),
    [
        ("all stored", 200, account(3, 0), Settled(3, 0, 0)),
        ("all there already", 200, account(0, 3), Settled(0, 3, 0)),
        ("a new field is no trouble", 200, account(3, 0) | {"queue": 7}, Settled(3, 0, 0)),
        (
            "one bad among good",
            200,
            account(1, 1, "too hot"),
            Settled(1, 1, 1, "features", "the collector rejected a record: features: too hot"),
        ),
        (
            "all bad",
            422,
            account(0, 0, "a", "b", "c"),
            Settled(0, 0, 3, "features", "the collector rejected a record: features: a"),
        ),
        (
            "a record without a field",
            200,
            {"accepted": 2, "duplicates": 0, "rejected": [{"index": 0, "error": "not an object"}]},
            Settled(2, 0, 1, "", "the collector rejected a record: not an object"),
        ),
        ("too large", 413, {"error": "body: 9 MB"}, TooLarge("the collector answered 413: body: 9 MB")),
        ("body not decodable", 400, {"error": "bad"}, Drop("rejected", "the collector answered 400: bad")),
        ("key unknown", 401, {"error": "key"}, Drop("rejected", "the collector answered 401: key")),
        ("scope missing", 403, b"<html>", Drop("rejected", "the collector answered 403")),
        ("no such route", 404, b"", Drop("rejected", "the collector answered 404")),
        ("encoding unknown", 415, b"", Drop("rejected", "the collector answered 415")),
        ("422 of a stranger", 422, {"detail": []}, Drop("rejected", "the collector answered 422")),
        ("request timeout", 408, b"", Retry("the collector answered 408")),
        ("queue full", 429, b"", Retry("the collector answered 429", away=True)),
        ("failed", 500, {"error": "oops"}, Retry("the collector answered 500: oops")),
        ("proxy finds nobody", 502, b"", Retry("the collector answered 502", away=True)),
        ("no database", 503, b"", Retry("the collector answered 503", away=True)),
        ("proxy lost patience", 504, b"", Retry("the collector answered 504")),
    ],
)
def test_each_answer_has_its_consequence(sentence: str, status: int, body: Any, verdict: Verdict) -> None:
    assert judged(status, body) == verdict, sentence


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>welcome</html>",
        b'{"accepted": 3',
        b"\xff\xfe",
        b"[]",
        b'{"accepted": "3", "duplicates": 0, "rejected": []}',
    ],
)
def test_a_200_that_is_not_an_account_is_tried_again(body: bytes) -> None:
    verdict = judged(200, body)
    assert isinstance(verdict, Retry)
    assert not verdict.away


def test_an_account_that_does_not_add_up_is_tried_again() -> None:
    assert isinstance(judged(200, account(1, 0)), Retry)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_wrong_address(status: int) -> None:
    verdict = judged(status, location="https://elsewhere.example/")
    assert isinstance(verdict, Drop)
    assert "https://elsewhere.example/" in verdict.why


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Sun, 22 Nov 2026 09:30:12 GMT", 12.0),
        ("Sun, 22 Nov 2026 09:30:12 -0000", 12.0),
        ("Sun, 22 Nov 2026 11:30:12 +0200", 12.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("86400", LONGEST_RETRY_AFTER),
        ("9" * 400, LONGEST_RETRY_AFTER),
        ("Fri, 01 Jan 2100 00:00:00 GMT", LONGEST_RETRY_AFTER),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [408, 429, 503])
def test_retry_after_is_seconds_or_a_date(status: int, value: str, seconds: float | None) -> None:
    verdict = judged(status, retry_after=value)
    assert isinstance(verdict, Retry)
    assert verdict.after == seconds
