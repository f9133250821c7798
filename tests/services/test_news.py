"""What is new in the fleet since a time, on both databases, made by the services that change things."""

from __future__ import annotations

from sqlalchemy import Engine, event

from app.core.model import Model, Task, Version
from app.services.alerting import alert
from app.services.catalogue import register_model, register_version
from app.services.deployments import roll_back
from app.services.read_models.news import News, WentLive, news
from tests.services.measured import DAY, START, add_version, measure

NOW = START + 10 * DAY


def test_models_whose_alerts_began_and_ended_are_told_apart(engine: Engine) -> None:
    ended, began, lasted, never = (add_version(engine, name) for name in ("ended", "began", "lasted", "never"))
    for version in (ended, lasted):
        measure(engine, version, "ob")
    for version in (began, never):
        measure(engine, version, "oo")
    alert(engine, NOW)
    measure(engine, ended, "oo", first_day=2)
    measure(engine, began, "bb", first_day=2)
    measure(engine, lasted, "b", first_day=2)
    measure(engine, lasted, "b", first_day=2, subject="another")
    alert(engine, NOW + 2 * DAY)

    assert news(engine, NOW + DAY, NOW + 3 * DAY) == News(("began",), ("ended",), ())
    assert news(engine, NOW + 3 * DAY, NOW + 4 * DAY) == News((), (), ())
    assert news(engine, START, NOW + 3 * DAY).began == ("began", "lasted")


def test_of_what_went_live_the_last_one_of_each_model_counts(engine: Engine) -> None:
    for name in ("a", "b"):
        register_model(engine, Model(name, Task.BINARY), START)
        for version, day in (("1", 0), ("2", 2)):
            register_version(engine, name, Version(0, version, deployed_at=START + day * DAY), START + day * DAY)
    roll_back(engine, "b", START + 3 * DAY, to="1", author="ann", reason="worse")

    found = news(engine, START + DAY, NOW)

    assert found.live == (WentLive("a", "2", back=False), WentLive("b", "1", back=True))
    assert news(engine, START + 4 * DAY, NOW).live == ()


def test_the_queries_are_as_many_for_one_model_as_for_ten(engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_rest: statements.append(statement))

    def count() -> int:
        statements.clear()
        news(engine, START, NOW)
        return len([one for one in statements if one.lstrip().startswith("SELECT")])

    measure(engine, add_version(engine, "m0"), "ob")
    alert(engine, NOW - DAY)
    alone = count()
    for i in range(1, 10):
        measure(engine, add_version(engine, f"m{i}"), "ob")
    alert(engine, NOW - DAY)

    assert count() == alone
