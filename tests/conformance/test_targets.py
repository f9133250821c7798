"""What holds for every preset of a target, before services that answer as their documentation says, and worse."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from app.core.delivery import Answer, Failed, Retry, Sent
from app.core.presets import PRESETS, preset_of
from app.core.retraining_run import REPORTABLE
from app.core.target_answers import Progress
from app.core.targets import check_names
from app.core.webhooks import envelope
from app.outbound import OutboundClient
from app.services.requests import ask, can_poll, send
from app.services.secrets import Secrets
from app.services.sending import attempt
from app.services.targets import checked
from app.storage.targets import StoredTarget
from tests.pipelines import ENVIRONMENT, SECRET, TOKEN, Service, services
from tests.receivers import HttpReceiver, Reply, closed_port, http_receiver, raw_receiver

ID = "msg_0123456789abcdef0123456789abcdef"
DATA = {
    "model": "fraud/eu west",
    "version": "7",
    "reason": 'performance is firing, with 812 new labels "since" the last request',
    "measurements": [{"check": "performance", "value": 0.61}] * 50,
    "new_labels": 812,
    "training_set_url": "https://watch.example.org/v1/models/fraud%2Feu%20west/training-set?since=2026-01-01",
    "callback_url": f"https://watch.example.org/v1/retraining/{ID}",
}
PAYLOAD = envelope("model.retrain_requested", datetime(2026, 3, 31, tzinfo=UTC), DATA)

every_preset = pytest.mark.parametrize("preset", sorted(PRESETS))
every_poll = pytest.mark.parametrize("preset", sorted(name for name, one in services().items() if one.words))


def test_every_preset_has_a_service() -> None:
    assert services().keys() == PRESETS.keys()


@contextmanager
def serving(preset: str) -> Iterator[tuple[Service, HttpReceiver, StoredTarget]]:
    service = services()[preset]
    with http_receiver() as receiver:
        receiver.reply = service.reply
        yield service, receiver, target(preset, receiver.url(""))


def target(preset: str, url: str) -> StoredTarget:
    return StoredTarget(1, "training", preset, checked(preset, services()[preset].config(url)))


def sent(to: StoredTarget, *, allow_private: bool = True, environment: dict[str, str] = ENVIRONMENT) -> Answer:
    secrets, network = Secrets(environment), OutboundClient(allow_private=allow_private, timeout=2)
    return attempt(lambda: send(to, ID, PAYLOAD, network, secrets), secrets)


def words(answer: Answer) -> str:
    return answer.note if isinstance(answer, Sent) else answer.why


def no_secret_in(text: str) -> None:
    for secret in (TOKEN, SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in text


@every_preset
def test_the_service_takes_the_request_and_knows_what_it_is_about(preset: str) -> None:
    with serving(preset) as (service, _, to):
        answer = sent(to)

    assert isinstance(answer, Sent), answer
    assert answer.note == ""
    assert len(service.started) == 1
    started = json.dumps(next(iter(service.started.values())))
    for value in (ID, DATA["model"], DATA["callback_url"]):
        assert json.dumps(value)[1:-1] in started
    assert bool(answer.receipt) == bool(preset_of(preset, to.config).taken.run_id)


@every_preset
def test_the_same_request_twice_is_one_run_where_the_service_can_tell(preset: str) -> None:
    with serving(preset) as (service, _, to):
        assert isinstance(sent(to), Sent)
        assert isinstance(sent(to), Sent)

    if preset_of(preset, to.config).once:
        assert len(service.started) == 1


@every_poll
def test_the_services_words_for_the_state_of_a_run_are_understood(preset: str) -> None:
    with serving(preset) as (service, _, to):
        answer = sent(to)
        assert isinstance(answer, Sent)
        assert can_poll(to, answer.receipt)
        for word, state in service.words.items():
            service.state = word
            found = ask(to, ID, PAYLOAD, answer.receipt, OutboundClient(allow_private=True), Secrets(ENVIRONMENT))
            assert isinstance(found, Progress), found
            assert found.state == state
        service.state = "never heard of"
        unknown = ask(to, ID, PAYLOAD, answer.receipt, OutboundClient(allow_private=True), Secrets(ENVIRONMENT))
    assert isinstance(unknown, Retry)
    assert "no state that is known" in unknown.why


@every_preset
def test_a_wrong_credential_is_refused_for_good_and_not_repeated(preset: str) -> None:
    wrong = {**ENVIRONMENT, "TOKEN": "wrong", "AUTHORIZATION": "wrong", "S": "whsec_d3Jvbmc="}
    with serving(preset) as (service, _, to):
        answer = sent(to, environment=wrong)

    assert isinstance(answer, Failed), answer
    assert service.started == {}


@every_preset
@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 408, 410, 413, 422, 425, 429, 500, 502, 503, 504])
def test_every_http_status_is_judged_alike_and_no_secret_is_repeated(
    preset: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = json.dumps(
        dict.fromkeys(("message", "detail", "error", "error_message"), SECRET if preset == "webhook" else TOKEN)
    )
    with serving(preset) as (_, receiver, to):
        receiver.reply = lambda request: Reply(status, said.encode(), {"Location": request.path, "X-Error": TOKEN})
        answer = sent(to)

    permanent = {301, 302, 400, 401, 403, 404, 410, 413, 422}
    assert isinstance(answer, Failed if status in permanent else Retry)
    assert len(receiver.received) == 1
    no_secret_in(words(answer))
    no_secret_in("".join(record.getMessage() for record in caplog.records if record.name.startswith("app")))


@every_preset
@pytest.mark.parametrize(
    ("sentence", "reply"),
    [
        ("a page of a proxy in its place", Reply(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})),
        ("no content", Reply(204, b"")),
        ("JSON of something else", Reply(200, b'{"ok": true}')),
        ("an error of GraphQL under 200", Reply(200, b'{"errors": [{"message": "no such field"}]}')),
        ("a failure of the union under 200", Reply(200, b'{"data": {"launchRun": {"__typename": "PythonError"}}}')),
    ],
)
def test_an_answer_that_proves_nothing_is_no_yes(preset: str, sentence: str, reply: Reply) -> None:
    taken = preset_of(preset, services()[preset].config("http://127.0.0.1:1")).taken
    with serving(preset) as (_, receiver, to):
        receiver.reply = lambda _: reply
        answer = sent(to)

    must_prove = reply.status not in (taken.success or (200, 204)) or taken.proof or (taken.run_id and taken.needed)
    if preset == "airflow":  # which is asked for a token first
        assert isinstance(answer, Retry)
    elif must_prove:
        assert isinstance(answer, Failed if taken.proof and reply.status == 200 else Retry), answer
    else:
        assert isinstance(answer, Sent)
        assert answer.receipt == ""
        assert bool(answer.note) == bool(taken.run_id), "a run that cannot be followed is said to be one"


def test_a_service_that_calls_its_run_by_our_token_does_not_give_it_away() -> None:
    with serving("prefect") as (_, receiver, to):
        receiver.reply = lambda request: Reply(201, json.dumps({"id": request.headers["authorization"]}).encode())
        answer = sent(to)

    assert isinstance(answer, Sent)
    no_secret_in(answer.receipt)


@every_preset
def test_a_wish_to_wait_is_honoured(preset: str) -> None:
    with serving(preset) as (_, receiver, to):
        receiver.reply = lambda _: Reply(429, b"", {"Retry-After": "77"})
        answer = sent(to)

    assert isinstance(answer, Retry)
    assert answer.after == timedelta(seconds=77)


@pytest.mark.parametrize("headers", [{"Retry-After": "60"}, {"X-RateLimit-Remaining": "0"}])
def test_githubs_rate_limits_come_as_403_and_are_waited_for(headers: dict[str, str]) -> None:
    reset = str(int(datetime.now(UTC).timestamp()) + 60)
    with serving("github_dispatch") as (_, receiver, to):
        receiver.reply = lambda _: Reply(403, b"{}", {**headers, "X-RateLimit-Reset": reset})
        answer = sent(to)

    assert isinstance(answer, Retry)
    assert answer.after is not None
    assert timedelta(seconds=55) <= answer.after <= timedelta(seconds=61)


@every_preset
def test_a_server_that_is_gone_slow_or_speaks_something_else_is_tried_again(preset: str) -> None:
    answers = [sent(target(preset, f"http://127.0.0.1:{closed_port()}"))]
    with raw_receiver(TOKEN.encode() + b" is no HTTP\r\n\r\n") as port:
        answers.append(sent(target(preset, f"http://127.0.0.1:{port}")))

    for answer in answers:
        assert isinstance(answer, Retry)
        no_secret_in(words(answer))


def test_a_service_that_answers_too_slowly_is_tried_again() -> None:
    with serving("prefect") as (_, receiver, to):
        receiver.reply = lambda _: Reply(201, b'{"id": "x"}', drip=0.5)
        answer = sent(to)

    assert isinstance(answer, Retry)
    assert "no complete answer within 2 s" in answer.why


@every_preset
def test_a_private_address_is_refused_for_good(preset: str) -> None:
    with serving(preset) as (_, receiver, to):
        answer = sent(to, allow_private=False)

    assert isinstance(answer, Failed)
    assert "is a private address" in answer.why
    assert receiver.received == []


@every_preset
def test_a_secret_that_is_not_there_yet_is_waited_for(preset: str) -> None:
    answer = sent(target(preset, "http://127.0.0.1:1"), environment={})

    assert isinstance(answer, Retry)
    assert "is not set" in answer.why


@every_preset
def test_a_target_knows_references_only(preset: str) -> None:
    no_secret_in(json.dumps(dict(target(preset, "http://127.0.0.1:1").config)))


@every_preset
def test_every_template_names_only_what_there_is(preset: str) -> None:
    found = preset_of(preset, services()[preset].config("http://127.0.0.1:1"))
    names = [one.name for one in found.fields]

    check_names(found.call, names)
    if found.poll:
        check_names(found.poll.call, names, "run_id")
        assert set(found.poll.states.values()) <= set(REPORTABLE)
    assert found.name == preset
    assert found.title
    assert all(one.help for one in found.fields)
