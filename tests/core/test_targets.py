"""Requests told as data: what a template becomes, and what is wrong with one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidError
from app.core.presets import PRESETS
from app.core.targets import Call, check_names, configured, event_values, names_in, render, render_url

VALUES: dict[str, Any] = {"model": "fraud", "new_labels": 812, "measurements": [{"value": 0.61}], "url": "https://x/"}


@pytest.mark.parametrize(
    ("sentence", "template", "expected"),
    [
        ("a name alone becomes the value with its type", {"n": "{new_labels}"}, {"n": 812}),
        ("a list stays a list", ["{measurements}"], [[{"value": 0.61}]]),
        ("a name within a text becomes text", "retrain-{model}-{new_labels}", "retrain-fraud-812"),
        ("a list within a text becomes JSON", "m={measurements}", 'm=[{"value":0.61}]'),
        ("what is no text stays as it is", {"a": [1, None, True, 2.5]}, {"a": [1, None, True, 2.5]}),
        ("a key may name a value", {"{model}": {"n": "{new_labels}"}}, {"fraud": {"n": 812}}),
        (
            "braces around anything but a name are text",
            "{ launchRun { runId } } {Model}",
            "{ launchRun { runId } } {Model}",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_render(sentence: str, template: Any, expected: Any) -> None:
    assert render(template, VALUES) == expected


@given(st.text())
def test_a_value_is_never_a_template_itself(text: str) -> None:
    assert render("{model}", {"model": text}) == text
    assert render("a {model}", {"model": text, "a": "never"}) == f"a {text}"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{url}", "https://x/"),
        ("{url}/dags/{model}", "https://x/dags/fraud"),
        ("https://y/{model}", "https://y/fraud"),
    ],
)
def test_addresses(template: str, expected: str) -> None:
    assert render_url(template, VALUES) == expected


def test_a_value_cannot_leave_its_place_in_an_address() -> None:
    assert render_url("https://y/dags/{model}/runs", {"model": "../../admin?x=#"}) == (
        "https://y/dags/..%2F..%2Fadmin%3Fx%3D%23/runs"
    )


def test_every_name_of_a_template_is_found() -> None:
    assert names_in({"a": ["{model}", {"b": "x {id} {version}"}], "c": 1}) == {"model", "id", "version"}


def test_an_unknown_name_is_an_error_that_lists_what_there_is() -> None:
    with pytest.raises(
        InvalidError, match=r"body: '\{modle\}' is not allowed; known are callback_url, .*model"
    ) as caught:
        check_names(Call("{url}", body={"m": "{modle}"}), ["url"])

    assert caught.value.field == "body"


def test_what_an_event_does_not_have_is_an_empty_text() -> None:
    payload = json.dumps({"type": "t", "timestamp": "2026-03-31T00:00:00Z", "data": {"model": "fraud"}})

    values = event_values("msg_1", payload)

    assert (values["id"], values["type"], values["model"], values["callback_url"]) == ("msg_1", "t", "fraud", "")
    assert values["event"] == json.loads(payload)


def test_a_missing_an_unknown_and_a_default_value() -> None:
    webhook = PRESETS["webhook"]
    with pytest.raises(InvalidError, match="url is missing; webhook needs the address"):
        configured(webhook, {"secret": "env:S"})
    with pytest.raises(InvalidError, match=r"token: .* the fields of webhook are url, secret"):
        configured(webhook, {"token": "hunter2"})


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_mentions_only_what_there_is(name: str) -> None:
    preset = PRESETS[name]

    check_names(preset.call, [field.name for field in preset.fields])
    assert preset.name == name
    assert preset.title
    assert all(field.help for field in preset.fields)
