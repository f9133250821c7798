"""When a browser was here last: what its cookie says as pages are loaded, at times and of forms of every kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.ui.visits import COOKIE, PAUSE, Visit, Visits, after_loading, parse

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DOCUMENT = {"accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, Visit(None, NOW)),  # the first visit has none before it
        (Visit(None, NOW - 3 * HOUR), Visit(NOW - 3 * HOUR, NOW)),  # a new one: the last ended with its last page
        (Visit(NOW - 9 * HOUR, NOW - PAUSE), Visit(NOW - 9 * HOUR, NOW)),  # the same one goes on
        (Visit(NOW - 9 * HOUR, NOW + HOUR), Visit(None, NOW)),  # of a clock that went wrong nothing can be told
    ],
)
def test_a_visit_begins_anew_after_a_pause(known: Visit | None, said: Visit) -> None:
    assert after_loading(known, NOW) == said


def test_a_visit_stands_in_its_cookie_and_comes_out_again() -> None:
    for visit in (Visit(None, NOW), Visit(NOW - HOUR, NOW)):
        assert parse(str(visit)) == visit


@pytest.mark.parametrize("cookie", ["", "1", "1-", "a-b", "-1-5", "1-2-3", "1-" + "9" * 12, "٣-٤", "1-2; x"])
def test_a_cookie_that_is_not_ours_says_nothing(cookie: str) -> None:
    assert parse(cookie) is None


def test_only_documents_keep_the_visit_and_each_browser_its_own() -> None:
    now = [NOW]

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("unchanged", status_code=304 if "if-none-match" in request.headers else 200)

    app = Starlette(
        routes=[Route("/{path:path}", answer)],
        middleware=[Middleware(Visits, clock=lambda: now[0])],
    )
    ann, bob = TestClient(app), TestClient(app)

    assert COOKIE not in ann.get("/static/app.js").cookies
    first = ann.get("/", headers=DOCUMENT)
    assert "HttpOnly; SameSite=Lax" in first.headers["set-cookie"]
    now[0] += 3 * HOUR
    again = ann.get("/model", headers={**DOCUMENT, "if-none-match": "x"})  # what the browser has already counts too
    bob.get("/", headers=DOCUMENT)

    assert again.status_code == 304
    assert parse(ann.cookies[COOKIE]) == Visit(NOW, NOW + 3 * HOUR)
    assert parse(bob.cookies[COOKIE]) == Visit(None, NOW + 3 * HOUR)
