"""The pages of alerts: the list, one alert, its runbook; what they say, and what their buttons do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, delete, insert, select, update
from streamlit.testing.v1 import AppTest

from app.core.alerting import Finding
from app.core.checks.schema import LOST
from app.core.model import Model, Outcome, Task, Window
from app.services.alerting import alert_about_itself
from app.services.catalogue import register_model
from app.services.runbooks import set_runbook
from app.services.silences import list_silences
from app.storage import tables
from app.storage.engine import engine_for, write
from app.ui import data
from app.ui.components.alert.listing import ROWS_OF_A_PAGE
from app.ui.components.alerts import reading
from tests.ui.fleet import HOSTILE_FEATURE
from tests.ui.test_pages import Use, code, html, opened

NOW = datetime.now(UTC)
SKEW = "training_serving_skew"


@pytest.fixture
def fleet(use_database: Use, fleet_template: Path, tmp_path: Path) -> Engine:
    """The database that the pages read."""
    use_database(fleet_template)
    return engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))


def alert_of(engine: Engine, check: str, subject: str) -> dict[str, Any]:
    a = tables.alert.c
    with engine.connect() as connection:
        found = connection.execute(select(tables.alert).where(a.check == check, a.subject == subject)).mappings().one()
    return dict(found)


def titles(app: AppTest) -> list[str]:
    return [element.proto.label for element in app.get("page_link")]


def test_a_lost_feature_is_called_lost_in_place_of_its_share() -> None:
    lost = {"check": "schema", "subject": "wind", "segment": "", "value": 1.0, "limit": 0.0, "reason": LOST}

    assert reading(lost) == "wind is lost: no prediction of this window has a value of it"
    assert reading({**lost, "value": 0.3, "limit": 0.01, "reason": ""}) == "wind 30.0 %, limit 1.0 %"
    assert reading({**lost, "segment": "origin=EWR"}).startswith("wind (origin=EWR) is lost")


class TestList:
    def test_the_worst_check_comes_first_and_each_is_one_card(self, fleet: Engine) -> None:
        app = opened("alerts")

        assert "14 alerts of 8 checks; nobody has any of these checks in hand yet." in html(app)
        assert len(titles(app)) == 8
        assert "Schema" in titles(app)[0]
        assert html(app).index("Critical") < html(app).index("Warning")
        assert "carrier 0.429, limit 0.100; and 3 more" in html(app)

    def test_filters_come_from_the_address_and_go_into_it(self, fleet: Engine) -> None:
        app = opened("alerts", severity="critical", of="arrival-delay")
        assert "4 alerts of 3 checks" in html(app)

        app.selectbox(key="of").select("churn").run()

        assert app.query_params["of"] == "churn"
        assert "No alert fits these filters." in app.text[0].value

    def test_words_are_looked_for_in_names_and_reasons(self, fleet: Engine) -> None:
        app = opened("alerts", search="skew CARRIER")

        assert "1 alert of 1 check, which nobody has in hand yet." in html(app)
        assert "carrier 32.2 %" in html(opened("alerts", check="schema"))

    def test_a_group_is_taken_in_hand_from_the_list(self, fleet: Engine) -> None:
        app = opened("alerts", check=SKEW)
        button(app, "Take in hand").click().run()
        about = f"4 alerts: arrival-delay 2: carrier, {HOSTILE_FEATURE}"
        assert about.replace("<", "&lt;").replace(">", "&gt;") in html(app)
        said(app, "Your name").input("ann")
        said(app, "Comment").input("looking at the join")
        button(app, "I have them in hand").click().run()

        rows = [alert_of(fleet, SKEW, subject) for subject in ("carrier", "hour", HOSTILE_FEATURE)]
        assert {(row["state"], row["acknowledged_by"]) for row in rows} == {("acknowledged", "ann")}
        assert "in the hands of ann" in html(app)
        assert "4 alerts of 1 check." in html(app)
        assert not app.exception

    def test_all_that_is_shown_is_resolved_from_the_list(self, fleet: Engine) -> None:
        app = opened("alerts", severity="critical")
        next(one for one in app.button if one.label.startswith("Take in hand or resolve all")).click().run()
        said(app, "Your name").input("ann")
        said(app, "Comment").input("a test")
        button(app, "They are over: resolve").click().run()

        assert "No alert fits these filters." in app.text[0].value
        assert alert_of(fleet, "schema", "carrier")["resolved_comment"] == "a test"

    def test_a_storm_is_shown_page_by_page(self, fleet: Engine) -> None:
        some = alert_of(fleet, "schema", "carrier")
        del some["id"]
        with write(fleet) as connection:
            rows = [
                {**some, "check": f"check_{n}", "subject": f"{m}", "fingerprint": f"{n} {m}"}
                for n in range(50)
                for m in range(10)
            ]
            connection.execute(insert(tables.alert), rows)

        app = opened("alerts")
        assert len(titles(app)) == ROWS_OF_A_PAGE
        app.selectbox(key="page").select("3").run()

        assert 0 < len(titles(app)) <= ROWS_OF_A_PAGE
        assert app.query_params["page"] == "3"

    def test_without_a_model_it_says_how_to_begin(self, use_database: Use, sqlite_template: Path) -> None:
        use_database(sqlite_template)

        assert "Nothing to watch yet" in html(opened("alerts"))

    def test_nothing_fires_says_what_raises_alerts_and_who_would_be_told(
        self, use_database: Use, sqlite_template: Path, tmp_path: Path
    ) -> None:
        use_database(sqlite_template)
        engine = engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))
        register_model(engine, Model("m", Task.BINARY), NOW)

        app = opened("alerts")

        assert "Nothing fires." in app.text[0].value
        assert "watchkeeper channel add ops" in code(app)


class TestAlert:
    def test_it_answers_every_question(self, fleet: Engine) -> None:
        with write(fleet) as connection:
            limit = {"check": "volume", "limit": 300, "author": "ann", "reason": "a campaign"}
            model_id = connection.scalar(select(tables.model.c.id).where(tables.model.c.name == "arrival-delay"))
            found = alert_of(fleet, SKEW, "carrier")
            at = found["since"] - timedelta(days=1)
            connection.execute(insert(tables.limit_override).values(**limit, model_id=model_id, set_at=at))

        app = opened("alert", id=str(found["id"]))
        shown = html(app)

        for part in (
            "Skew against training: carrier",
            "Critical",
            "Nobody has it in hand.",
            "0.429, where the limit is 0.100: 4.3 times as far from normal as the limit allows.",
            "All 4 of this check, the worst first",
            "&lt;b&gt;wind&lt;/b&gt;: 4.2 times its limit",
            "the limit of volume was set to 300 by ann",
            "the first window in breach",
            "on-call",
        ):
            assert part in shown, part
        assert HOSTILE_FEATURE not in shown
        assert len(app.get("plotly_chart")) == 1
        assert any("watchkeeper why --model arrival-delay" in one.value for one in app.markdown)

    def test_somebody_takes_all_of_the_check_in_hand_and_gives_it_back(self, fleet: Engine) -> None:
        identity = str(alert_of(fleet, SKEW, "carrier")["id"])
        app = opened("alert", id=identity)
        app.text_input[0].input("ann")
        app.text_input[1].input("looking at the join")
        button(app, "I have it in hand").click().run()

        assert "ann has it in hand since" in html(app)
        assert "looking at the join" in html(app)
        assert alert_of(fleet, SKEW, "hour")["acknowledged_by"] == "ann"

        app.text_input[0].input("ann")
        button(app, "Give it back").click().run()

        assert "Nobody has it in hand." in html(app)
        assert alert_of(fleet, SKEW, "hour")["state"] == "firing"

    def test_without_a_name_nothing_is_done_and_the_page_says_so(self, fleet: Engine) -> None:
        app = opened("alert", id=str(alert_of(fleet, SKEW, "carrier")["id"]))
        button(app, "I have it in hand").click().run()

        assert "author" in app.error[0].value
        assert alert_of(fleet, SKEW, "carrier")["state"] == "firing"

    def test_somebody_silences_it(self, fleet: Engine) -> None:
        app = opened("alert", id=str(alert_of(fleet, SKEW, "carrier")["id"]))
        app.text_input[4].input("ann")
        app.text_input[5].input("a planned migration")
        button(app, "Silence").click().run()

        (silence,) = list_silences(fleet, datetime.now(UTC))
        assert (silence["model"], silence["check"], silence["subject"]) == ("arrival-delay", SKEW, "carrier")
        assert silence["expires"] - silence["starts"] == timedelta(hours=4)
        assert "Nobody is told: silenced by ann: a planned migration." in html(app)

    def test_somebody_resolves_it_and_the_page_says_who_and_why(self, fleet: Engine) -> None:
        app = opened("alert", id=str(alert_of(fleet, SKEW, "carrier")["id"]))
        app.text_input[2].input("ann")
        button(app, "It is over").click().run()
        assert "comment" in app.error[0].value

        app.text_input[2].input("ann")
        app.text_input[3].input("the join is mended")
        button(app, "It is over").click().run()

        assert "ann resolved it on" in html(app)
        assert ": the join is mended." in html(app)
        assert alert_of(fleet, SKEW, "carrier")["state"] == "resolved"
        assert alert_of(fleet, SKEW, "hour")["state"] == "firing"

    def test_a_message_that_waits_for_the_digest_is_told_apart_from_one_without_a_channel(self, fleet: Engine) -> None:
        with write(fleet) as connection:
            connection.execute(delete(tables.delivery))
        identity = str(alert_of(fleet, SKEW, "carrier")["id"])
        assert "nobody: there was no channel" in html(opened("alert", id=identity))
        with write(fleet) as connection:
            connection.execute(update(tables.notification).values(in_digest=True))
        data.alerts.alert_page.clear()

        assert "it is told in the digest" in html(opened("alert", id=identity))

    def test_what_was_given_up_is_sent_again(self, fleet: Engine) -> None:
        d = tables.delivery.c
        with write(fleet) as connection:
            connection.execute(update(tables.delivery).values(state="dead", last_error="answered HTTP 404"))
        app = opened("alert", id=str(alert_of(fleet, SKEW, "carrier")["id"]))
        assert "given up after" in html(app)

        button(app, "Send again to on-call").click().run()

        assert "sent again in the worker's next round." in app.info[0].value

        with fleet.connect() as connection:
            assert set(connection.scalars(select(d.state))) == {"pending"}

    def test_what_is_about_watchkeeper_itself_offers_no_resolving(self, fleet: Engine) -> None:
        now = datetime.now(UTC)
        own = Finding("queue", "ops", "", Outcome.BREACH, Window(now, now), 9.0, 1.0, "waiting", "it grows")
        alert_about_itself(fleet, now, [own])
        (row,) = [one for one in data.alerts.alerts(ended=False) if one["check"] == "queue"]

        labels = [one.label for one in opened("alert", id=str(row["id"])).button]

        assert "I have it in hand" in labels
        assert "It is over" not in labels

    def test_one_that_there_is_not_leads_to_the_list(self, fleet: Engine) -> None:
        for wanted in ("999", "x", ""):
            app = opened("alert", id=wanted)
            assert "No such alert" in html(app)
            assert titles(app) == ["All alerts"]

    def test_the_page_of_the_model_leads_to_it(self, fleet: Engine) -> None:
        schema = alert_of(fleet, "schema", "carrier")

        assert f'href="alert?id={schema["id"]}"' in html(opened("model", model="arrival-delay"))


class TestSilences:
    def test_one_is_made_with_a_look_at_what_it_means_and_ended_again(self, fleet: Engine) -> None:
        app = opened("alerts", part="silences")
        assert "Nothing is silenced: every alert is told." in html(app)
        assert button(app, "Make it").disabled
        app.selectbox(key="silence Check").select(SKEW).run()
        assert "It would silence 4 alerts now:" in html(app)
        said(app, "Your name").input("ann")
        said(app, "Comment").input("a planned migration")
        button(app, "Make it").click().run()

        (silence,) = list_silences(fleet, datetime.now(UTC))
        assert (silence["check"], silence["model"], silence["author"]) == (SKEW, None, "ann")
        assert "1 silence holds now." in html(app)
        assert "4 open alerts fit it at this moment." in html(app)

        button(app, f"End silence {silence['id']} now").click().run()

        assert list_silences(fleet, datetime.now(UTC)) == []
        assert f"Silence {silence['id']} has ended." in app.success[0].value
        assert "ended by ann" in html(app)

    def test_a_maintenance_window_recurs(self, fleet: Engine) -> None:
        app = opened("alerts", part="silences")
        app.selectbox(key="silence Model").select("churn").run()
        app.segmented_control[1].select("Every week (maintenance)").run()
        said(app, "Your name").input("ann")
        said(app, "Comment").input("backups")
        button(app, "Make it").click().run()

        (silence,) = list_silences(fleet, datetime.now(UTC))
        assert silence["weekly"] == {"days": "sun", "at": "22:00", "minutes": 120, "zone": "UTC"}
        assert "Every sun at 22:00 UTC for 2 hours, until somebody ends it" in html(app)

    def test_a_maintenance_window_needs_a_day(self, fleet: Engine) -> None:
        app = opened("alerts", part="silences")
        app.selectbox(key="silence Model").select("churn").run()
        app.segmented_control[1].select("Every week (maintenance)").run()
        days = next(one for one in app.button_group if one.label == "Days")
        days.set_value([]).run()

        assert "Choose at least one day." in html(app)
        assert button(app, "Make it").disabled

    def test_what_is_wrong_is_said(self, fleet: Engine) -> None:
        app = opened("alerts", part="silences")
        app.selectbox(key="silence Model").select("churn").run()
        button(app, "Make it").click().run()

        assert "author" in app.error[0].value
        assert list_silences(fleet, datetime.now(UTC)) == []


class TestRunbook:
    def test_the_checks_own(self, fleet: Engine) -> None:
        app = opened("runbook", check="volume", model="churn")

        assert "Runbook of the check volume of the model churn." in html(app)
        assert any("watchkeeper timeline --model churn" in one.value for one in app.markdown)

    def test_declared_ones_are_shown_as_what_they_are(self, fleet: Engine) -> None:
        set_runbook(fleet, NOW, "<b>ring</b> the bell", model="", check="volume", author="ann")
        set_runbook(fleet, NOW, "https://wiki.example.org/a?b=c_d", model="churn", check="", author="bob")

        text, page = opened("runbook", check="volume"), opened("runbook", check="volume", model="churn")

        assert "&lt;b&gt;ring&lt;/b&gt; the bell" in html(text)
        assert "Declared for check volume by ann." in html(text)
        assert any(one.value.endswith("(<https://wiki.example.org/a?b=c_d>)") for one in page.markdown)

    def test_on_an_empty_database_too(self, use_database: Use, sqlite_template: Path) -> None:
        use_database(sqlite_template)

        assert "Quality" in html(opened("runbook", model="nobody"))


def said(app: AppTest, label: str) -> Any:
    """The text to type of that label."""
    return next(one for one in app.text_input if one.label == label)


def button(app: AppTest, label: str) -> Any:
    """The button of that label."""
    return next(one for one in app.button if one.label == label)
