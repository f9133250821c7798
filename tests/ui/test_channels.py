"""The page of channels: how they stand, a test of each, their settings, and the routes to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, delete, select, update

from app.core.routing import Route, RouteMatch
from app.core.severity import Severity
from app.services.channels import Revival, add_channel, list_channels
from app.services.routing import add_route, list_routes, move_route, set_route
from app.storage import tables
from app.storage.engine import engine_for, write
from app.ui import data
from app.ui.components.html import markdown_text
from tests.receivers import Reply, http_receiver
from tests.ui.test_alerts import button, said
from tests.ui.test_pages import Use, code, html, opened

NOW = datetime.now(UTC)
SECRET = "env:WATCHKEEPER_CHANNEL_TEST_HOOK"


@pytest.fixture
def fleet(use_database: Use, fleet_template: Path, tmp_path: Path) -> Engine:
    """The database that the pages read: one channel that nobody answers at."""
    use_database(fleet_template)
    return engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))


def test_a_channel_says_how_it_stands_and_what_went_wrong(fleet: Engine) -> None:
    shown = html(opened("channels"))

    assert "1 channel; nothing was given up." in shown
    assert "Tries again" in shown
    assert "Last error: " in shown
    assert "Hears of every alert." in shown
    assert "There is none, so that every alert goes to every channel." in shown


def test_what_was_given_up_is_sent_again(fleet: Engine) -> None:
    d = tables.delivery.c
    with write(fleet) as connection:
        connection.execute(update(tables.delivery).values(state="dead", last_error="answered HTTP 404"))
        given_up = len(connection.scalars(select(d.id)).all())
    app = opened("channels")
    assert "Messages given up" in html(app)

    button(app, f"Send {given_up} given up again").click().run()

    with fleet.connect() as connection:
        assert set(connection.scalars(select(d.state))) == {"pending"}
    assert app.success[0].value == f"on-call: {given_up} sent again in the worker's next round."


def test_what_was_overtaken_is_not_said_to_be_sent_again() -> None:
    assert Revival(0, 2).words == "None is sent again; 2 stay given up, overtaken by newer ones about the same."
    assert Revival(1, 2).words.startswith("1 sent again in the worker's next round; 2 stay given up")


def test_a_channel_is_added_changed_and_removed_by_references_to_secrets(fleet: Engine) -> None:
    app = opened("channels")
    said(app, "Name").input("ops").run()
    next(one for one in app.selectbox if one.label == "Kind").select("webhook").run()
    said(app, "url (needed)").input("https://hooks.example.org/x")
    said(app, "secret (needed)").input("whsec_c2VjcmV0")
    button(app, "Add").click().run()
    assert "a secret is given as env:NAME or file:PATH, never itself" in app.error[0].value
    assert "whsec" not in app.error[0].value

    said(app, "secret (needed)").input(SECRET)
    button(app, "Add").click().run()

    (_, added) = list_channels(fleet)
    assert (added.name, added.kind, added.config["secret"]) == ("ops", "webhook", SECRET)
    assert "ops is there." in app.success[0].value

    changed = next(one for one in app.text_input if one.value == "https://hooks.example.org/x")
    changed.input("https://hooks.example.org/y")
    [one for one in app.button if one.label == "Save"][-1].click().run()
    assert list_channels(fleet)[1].config["url"] == "https://hooks.example.org/y"

    button(app, "Remove ops").click().run()
    assert [one.name for one in list_channels(fleet)] == ["on-call"]


def test_no_secret_of_the_host_can_be_named_and_sent_elsewhere(fleet: Engine) -> None:
    here = {"url": "https://hooks.example.org/x", "secret": "file:/run/hook"}
    for reference in ("env:WATCHKEEPER_DATABASE_URL", "file:/etc/passwd"):
        wrong = data.channels.add("ops", "webhook", {**here, "secret": reference})
        assert wrong.startswith(f"secret: '{reference}' is not allowed; from the dashboard a secret begins with ")
    add_channel(fleet, NOW, "ops", "webhook", here)

    assert data.channels.change("ops", here, []) == ""
    assert "not allowed" in data.channels.change("ops", {**here, "url": "https://evil.example.org/"}, [])
    assert "not allowed" in data.channels.change("ops", {"secret": "file:/etc/passwd"}, [])
    assert list_channels(fleet)[1].config == here
    assert data.channels.change("ops", {"url": "https://other.example.org/", "secret": SECRET}, []) == ""


def test_a_held_password_stays_while_only_the_recipients_change(fleet: Engine) -> None:
    mail = {"host": "smtp.example.org", "sender": "a@example.org", "recipients": "b@example.org"}
    add_channel(fleet, NOW, "mail", "email", {**mail, "username": "a", "password": "file:/run/mail"})

    assert data.channels.change("mail", {"recipients": "c@example.org"}, []) == ""
    assert "password: 'file:/run/mail'" in data.channels.change("mail", {"host": "evil.example.org"}, [])


def test_a_test_message_is_sent_and_the_answer_shown(fleet: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_CHANNEL_TEST_HOOK", "whsec_" + "c2VjcmV0" * 4)
    with http_receiver() as receiver:
        add_channel(fleet, NOW, "ops", "webhook", {"url": f"http://127.0.0.1:{receiver.port}/", "secret": SECRET})

        app = opened("channels")
        app.button(key="test ops").click().run()
        assert "was not taken: " in html(app)
        assert receiver.received == []  # a private address is refused unless it is allowed

        monkeypatch.setenv("WATCHKEEPER_ALLOW_PRIVATE_TARGETS", "true")
        app.button(key="test ops").click().run()
        assert "● The test message (news) was taken. It answered HTTP 200: ok." in html(app)
        assert "a test of the channel ops" in receiver.received[0].json["data"]["title"]

        receiver.reply = lambda _: Reply(status=410, body=b"gone")
        app.button(key="test ops").click().run()
        assert "✕ The test message (news) was not taken" in html(app)
        assert "It answered HTTP 410: gone." in html(app)


def test_a_channel_is_switched_off_and_on_and_that_nobody_is_told_is_said(fleet: Engine) -> None:
    app = opened("channels")
    button(app, "Switch on-call off").click().run()
    assert app.error[0].value == "Nothing is done: give your name."
    assert list_channels(fleet)[0].off is None

    said(app, "Your name").input("ann")
    said(app, "Why").input("the room is moved")
    button(app, "Switch on-call off").click().run()

    off = list_channels(fleet)[0].off
    assert off
    assert (off.by, off.reason) == ("ann", "the room is moved")
    assert "1 channel; 1 off; " in html(app)
    assert "Nobody is told of alerts: every channel is off." in app.error[0].value
    assert f"Nothing is sent: switched {off.words}." in html(app)
    assert "Hears of every alert." not in html(app)
    assert "Nobody is told of alerts: every channel is off." in opened("alerts").error[0].value
    assert f"nothing is sent: {off.words}" in html(opened("health", part="queues"))

    app = opened("channels")
    app.button(key="on on-call").click().run()
    assert list_channels(fleet)[0].off is None
    assert not app.error
    assert not opened("alerts").error


def test_routes_say_what_goes_where_and_which_channel_is_not_there(fleet: Engine) -> None:
    add_channel(fleet, NOW, "pager", "slack", {"url": "env:PAGER"})
    add_route(fleet, NOW, Route(RouteMatch(severity=Severity.CRITICAL), ("pager", "on-call")), author="ann")
    with write(fleet) as connection:
        connection.execute(delete(tables.channel).where(tables.channel.c.name == "pager"))

    shown = html(opened("channels"))

    assert "1 route to a channel that is not there" in shown
    assert "✕ not there: pager" in shown
    assert "Hears of severity&gt;=critical (route 1); what no route takes." in shown


def test_a_route_is_added_changed_and_removed_and_shows_who_would_hear_before(fleet: Engine) -> None:
    add_channel(fleet, NOW, "pager", "slack", {"url": "env:PAGER"})
    app = opened("channels")
    next(one for one in app.multiselect if one.label == "To").select("pager").run()
    shown = html(app)
    assert "this would tell" in shown
    assert "on-call, pager" in shown  # as it is: no route takes anything
    next(one for one in app.selectbox if one.label == "Severity at least").select("critical").run()
    button(app, "Add the route").click().run()
    assert app.error[0].value == markdown_text("Nothing is changed: give your name.")
    assert list_routes(fleet) == []

    [one for one in app.text_input if one.label == "Your name"][-1].input("ann")
    button(app, "Add the route").click().run()
    (made,) = list_routes(fleet)
    assert (made["takes"], made["channels"], made["author"]) == ("severity>=critical", ["pager"], "ann")
    assert app.success[0].value == "The route is added; what is told from now on goes by it."

    next(one for one in app.selectbox if one.label == "Route").select(made["id"]).run()
    next(one for one in app.number_input if one.label == "Told again every (minutes)").set_value(90).run()
    button(app, "Save the route").click().run()
    (changed,) = list_routes(fleet)
    assert (changed["id"], changed["takes"], changed["repeat"]) == (
        *(made["id"], "severity>=critical"),
        timedelta(minutes=90),
    )

    next(one for one in app.selectbox if one.label == "Route").select(made["id"]).run()
    button(app, "Remove route 1").click().run()
    assert list_routes(fleet) == []


def test_what_somebody_else_changed_meanwhile_is_told_and_not_undone(fleet: Engine) -> None:
    add_channel(fleet, NOW, "pager", "slack", {"url": "env:PAGER"})
    made = add_route(fleet, NOW, Route(RouteMatch(), ("on-call",)), author="ann")
    app = opened("channels")
    next(one for one in app.selectbox if one.label == "Route").select(made["id"]).run()
    [one for one in app.text_input if one.label == "Your name"][-1].input("cid")
    next(one for one in app.number_input if one.label == "Told again every (minutes)").set_value(90).run()
    set_route(fleet, NOW + timedelta(seconds=1), made["id"], Route(RouteMatch(), ("pager",)), author="bob")

    button(app, "Save the route").click().run()  # what the page knows is as old as what is seen on it
    refused = f"Nothing is changed: route {made['id']} was changed meanwhile, by bob at "
    assert app.error[0].value.startswith(markdown_text(refused))
    app.run()
    assert app.warning[0].value == markdown_text(
        "bob changed this route meanwhile, and the form shows it as it is now: channels on-call before, now pager."
    )

    next(one for one in app.number_input if one.label == "Told again every (minutes)").set_value(60).run()
    assert not app.warning
    button(app, "Save the route").click().run()
    (changed,) = list_routes(fleet)
    assert (changed["channels"], changed["repeat"]) == (["pager"], timedelta(hours=1))


def test_a_route_that_somebody_else_moved_meanwhile_stays_there(fleet: Engine) -> None:
    first, second = (add_route(fleet, NOW, Route(RouteMatch(), ("on-call",)), author="ann") for _ in range(2))
    app = opened("channels")
    next(one for one in app.selectbox if one.label == "Route").select(first["id"]).run()
    [one for one in app.text_input if one.label == "Your name"][-1].input("cid")
    next(one for one in app.number_input if one.label == "Told again every (minutes)").set_value(90).run()
    move_route(fleet, first["id"], 2)

    button(app, "Save the route").click().run()

    assert [(row["id"], row["repeat"]) for row in list_routes(fleet)] == [
        (second["id"], None),
        (first["id"], timedelta(minutes=90)),
    ]


def test_it_says_who_hears_of_an_alert(fleet: Engine) -> None:
    add_channel(fleet, NOW, "pager", "slack", {"url": "env:PAGER"})
    add_route(fleet, NOW, Route(RouteMatch(severity=Severity.CRITICAL), ("pager",)), author="ann")
    app = opened("channels")

    app.selectbox(key="heard model").select("churn").run()
    assert "no route takes it: every channel that is on hears of it" in html(app)
    next(one for one in app.selectbox if one.label == "Severity").select("critical").run()
    assert "route 1: severity&gt;=critical" in html(app)


def test_without_a_channel_it_says_how_to_begin(use_database: Use, sqlite_template: Path) -> None:
    use_database(sqlite_template)

    app = opened("channels")

    assert "Nobody is told of alerts: there is no channel." in html(app)
    assert "watchkeeper channel add ops" in code(app)
