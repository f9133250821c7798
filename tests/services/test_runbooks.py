"""Which runbook an alert has, on real databases; and that every check comes with one that is complete."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from sqlalchemy import Engine

from app.core.errors import InvalidError, NotFoundError
from app.core.runbooks import about
from app.services.checks import all_checks
from app.services.runbooks import (
    built_in,
    find_guidance,
    list_runbooks,
    remove_runbook,
    set_runbook,
    where_to_read,
)
from app.storage.engine import read
from tests.docs.generated import walk
from tests.services.measured import DAY, START, add_version

PAGE = "https://wiki.example.org/fraud"
PARTS = ["What it means", "Confirm it in five minutes", "Usual causes", "What to do"]


@pytest.mark.parametrize("check", sorted(all_checks()))
def test_every_check_comes_with_a_runbook_of_four_parts(check: str) -> None:
    text = built_in(check)

    assert re.findall(r"^\*\*(.+)\*\*$", text, re.MULTILINE) == PARTS
    assert all(len(part.split()) >= 12 for part in re.split(r"^\*\*.+\*\*$", text, flags=re.MULTILINE)[1:])


def test_the_commands_of_runbooks_exist_with_their_options() -> None:
    known = {context.command_path: context.command for context in walk()}
    for path in (files("app.core.checks") / "runbooks").iterdir():
        for command in re.findall(r"`(watchkeeper [^`]+)`", path.read_text()):
            words, options = re.split(r" (?=--|MODEL|$)", command)[0], re.findall(r"--[a-z-]+", command)
            name = next((name for name in sorted(known, key=len, reverse=True) if words.startswith(name)), "")
            offered = {flag for option in known[name].params for flag in option.opts} | {"--help"}
            assert name != "watchkeeper", command
            assert set(options) <= offered, command


@pytest.fixture
def of_models(engine: Engine) -> Engine:
    add_version(engine, "fraud")
    add_version(engine, "delay")
    return engine


def declare(engine: Engine, content: str, model: str = "", check: str = "") -> None:
    set_runbook(engine, START, content, model=model, check=check, author="ann")


def test_without_any_the_check_has_its_own_with_the_name_of_the_model(of_models: Engine) -> None:
    found = find_guidance(of_models, "fraud", "volume")

    assert (found.of, found.address, found.author) == ("Watchkeeper's own", "", "")
    assert "watchkeeper timeline --model fraud" in found.text


def test_the_closest_counts(of_models: Engine) -> None:
    said = {}
    for model, check in (("", ""), ("", "volume"), ("fraud", ""), ("fraud", "volume")):
        declare(of_models, f"for [{model}] [{check}]", model, check)
        said[model, check] = find_guidance(of_models, "fraud", "volume").text

    assert list(said.values()) == ["for [] []", "for [] [volume]", "for [fraud] []", "for [fraud] [volume]"]
    assert find_guidance(of_models, "fraud", "latency").of == "model fraud"
    assert find_guidance(of_models, "delay", "volume").of == "check volume"
    assert find_guidance(of_models, "delay", "latency").of == "project default"


def test_a_second_one_for_the_same_takes_its_place_and_removing_it_lets_the_other_hold(of_models: Engine) -> None:
    declare(of_models, "first", "fraud")
    set_runbook(of_models, START + DAY, PAGE, model="fraud", check="", author="bob")

    assert [(row["content"], row["author"], row["set_at"]) for row in list_runbooks(of_models)] == [
        (PAGE, "bob", START + DAY)
    ]
    assert find_guidance(of_models, "fraud", "volume").address == PAGE
    remove_runbook(of_models, model="fraud", check="")
    assert find_guidance(of_models, "fraud", "volume").of == "Watchkeeper's own"
    with pytest.raises(NotFoundError, match="there is no declared runbook yet"):
        remove_runbook(of_models, model="fraud", check="")


def test_where_a_message_sends_its_reader(of_models: Engine) -> None:
    with read(of_models) as connection:
        assert (
            where_to_read(connection, "", "fraud", "volume") == "watchkeeper runbook show --check volume --model fraud"
        )
        page = where_to_read(connection, "https://watch.example.org/", "fraud", "volume")
        assert page == "https://watch.example.org/runbook?check=volume&model=fraud"
        assert where_to_read(connection, "https://watch.example.org/", "", "no_such_check") == ""
    declare(of_models, PAGE)
    with read(of_models) as connection:
        assert where_to_read(connection, "https://watch.example.org/", "fraud", "volume") == PAGE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("  ", "allowed is an address or a text of 1 to 20000 characters"),
        ("x" * 20_001, "allowed is an address or a text of 1 to 20000 characters"),
        ("https://", "allowed is an address with a host"),
        ("ring \x07 the bell", "allowed are printable characters and line breaks"),
    ],
)
def test_what_is_no_runbook_is_refused(of_models: Engine, content: str, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        declare(of_models, content)


def test_names_that_are_not_known_are_refused(of_models: Engine) -> None:
    with pytest.raises(NotFoundError, match="no model 'freud'; known are: fraud"):
        declare(of_models, PAGE, "freud")
    with pytest.raises(NotFoundError, match="no check 'volumes'; known are: volume"):
        declare(of_models, PAGE, "", "volumes")


def test_a_name_that_a_command_cannot_hold_is_not_put_into_one() -> None:
    assert about("why --model MODEL", "a b`") == "why --model MODEL"
