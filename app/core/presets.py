"""The kinds of services that a target may be, as data.

Sources: the services' own references, as of November 2026 (see docs/targets).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from app.core.errors import InvalidError, NotFoundError
from app.core.http_syntax import METHODS, header_fault
from app.core.retraining_run import REPORTABLE, RunState
from app.core.targets import EVENT_VALUES, HIDDEN, Call, Field, Login, Poll, Preset, Taken, is_reference, names_in

_SECRET_HEADER = re.compile("auth|token|key|secret|cookie|password", re.IGNORECASE)
_JSON = {"Content-Type": "application/json"}
_BEARER = {"Authorization": "Bearer {token}", **_JSON}
_AUTHORIZED = {"Authorization": "{authorization}", **_JSON}
_GITHUB = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", **_BEARER}

_ASKED = {name: f"{{{name}}}" for name in ("id", "model", "version", "reason", "training_set_url", "callback_url")}
"""What a pipeline needs to know, all of it texts: parameters that it has to declare."""

_EVENT = {**_ASKED, "type": "{type}", "data": "{data}"}

_ACCEPTED, _RUNNING = RunState.ACCEPTED, RunState.RUNNING
_SUCCEEDED, _FAILED, _CANCELLED = RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED

_URL = Field("url", "address of the service")
_AUTHORIZATION = Field(
    "authorization", "value of the Authorization header, such as Bearer and the token", default="", secret=True
)
_REPOSITORY = (
    Field("owner", "owner of the repository"),
    Field("repo", "name of the repository"),
    Field("token", "token that may start it", secret=True),
    Field("url", "address of the API; another one for GitHub Enterprise", default="https://api.github.com"),
)

_LAUNCH_RUN = (
    "mutation Retrain($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename "
    "... on LaunchRunSuccess { run { runId } } ... on RunConfigValidationInvalid { errors { message } } "
    "... on Error { message } } }"
)
_RUN_STATUS = "query Run($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }"

_ALL = (
    Preset(
        "webhook",
        "Any service that takes a webhook signed as Standard Webhooks ask for",
        (
            Field("url", "address that the webhook goes to"),
            Field("secret", "secret that signs it, whsec_ and the key in base64", secret=True),
        ),
        Call("{url}", headers=_JSON),
        signing_field="secret",
        once=True,
    ),
    Preset(
        "github_dispatch",
        "GitHub Actions, by an event of the repository (repository_dispatch)",
        _REPOSITORY,
        Call(
            "{url}/repos/{owner}/{repo}/dispatches",
            headers=_GITHUB,
            # At most 10 keys.
            body={"event_type": "{type}", "client_payload": {**_ASKED, "data": "{data}"}},
        ),
        Taken(success=(204,), errors=("message",)),
    ),
    Preset(
        "github_workflow",
        "GitHub Actions, one workflow of the repository (workflow_dispatch)",
        (
            *_REPOSITORY,
            Field("workflow", "file name of the workflow, such as retrain.yml"),
            Field("ref", "branch or tag that it runs on", default="main"),
        ),
        Call(
            "{url}/repos/{owner}/{repo}/actions/workflows/{workflow}/dispatches",
            headers=_GITHUB,
            body={"ref": "{ref}", "inputs": _ASKED, "return_run_details": True},
        ),
        # A GitHub Enterprise Server that does not know run details answers 204.
        Taken(success=(200, 204), run_id="workflow_run_id", needed=False, errors=("message",)),
        Poll(
            Call("{url}/repos/{owner}/{repo}/actions/runs/{run_id}", "GET", _GITHUB),
            ("conclusion", "status"),
            {
                **dict.fromkeys(("queued", "requested", "waiting", "pending"), _ACCEPTED),
                "in_progress": _RUNNING,
                "success": _SUCCEEDED,
                **dict.fromkeys(("failure", "startup_failure", "timed_out", "action_required", "stale"), _FAILED),
                **dict.fromkeys(("cancelled", "skipped", "neutral"), _CANCELLED),
            },
        ),
        starts_run=True,
    ),
    Preset(
        "airflow",
        "Apache Airflow 3, a run of a DAG",
        (
            Field("url", "address of the Airflow API server"),
            Field("dag_id", "identity of the DAG"),
            Field("username", "name to log in with, where no token is given", default=""),
            Field("password", "password to log in with", default="", secret=True),
            Field("token", "token of the API, instead of name and password", default="", secret=True),
        ),
        Call(
            "{url}/api/v2/dags/{dag_id}/dagRuns",
            headers=_BEARER,
            body={"dag_run_id": "{id}", "logical_date": None, "conf": {**_ASKED, "data": "{data}"}},
        ),
        Taken(success=(200, 201), already=(409,), run_id="dag_run_id", errors=("detail",)),
        Poll(
            Call("{url}/api/v2/dags/{dag_id}/dagRuns/{id}", "GET", _BEARER),
            ("state",),
            {"queued": _ACCEPTED, "running": _RUNNING, "success": _SUCCEEDED, "failed": _FAILED},
            "note",
        ),
        Login(
            Call("{url}/auth/token", headers=_JSON, body={"username": "{username}", "password": "{password}"}),
            "username",
            "access_token",
        ),
        starts_run=True,
        once=True,
    ),
    Preset(
        "prefect",
        "Prefect 3, a flow run of a deployment",
        (
            Field("url", "address of the API, such as http://prefect.example.org:4200/api"),
            Field("deployment_id", "identity (UUID) of the deployment"),
            _AUTHORIZATION,
        ),
        Call(
            "{url}/deployments/{deployment_id}/create_flow_run",
            headers=_AUTHORIZED,
            body={"parameters": _ASKED, "idempotency_key": "{id}", "tags": ["watchkeeper"]},
        ),
        Taken(success=(200, 201), run_id="id", errors=("detail", "exception_message")),
        Poll(
            Call("{url}/flow_runs/{run_id}", "GET", _AUTHORIZED),
            ("state.type", "state_type"),
            {
                **dict.fromkeys(("SCHEDULED", "PENDING"), _ACCEPTED),
                **dict.fromkeys(("RUNNING", "PAUSED", "CANCELLING"), _RUNNING),
                "COMPLETED": _SUCCEEDED,
                **dict.fromkeys(("FAILED", "CRASHED"), _FAILED),
                "CANCELLED": _CANCELLED,
            },
            "state.message",
        ),
        starts_run=True,
        once=True,
    ),
    Preset(
        "dagster",
        "Dagster, a run of a job",
        (
            Field("url", "address of the webserver, such as http://dagster.example.org:3000"),
            Field("location", "name of the code location"),
            Field("job", "name of the job"),
            Field("op", "op of the job whose configuration takes the values", default="retrain"),
            Field("repository", "name of the repository", default="__repository__"),
            Field("cloud_token", "token of Dagster+", default="", secret=True),
            _AUTHORIZATION,
        ),
        Call(
            "{url}/graphql",
            headers={"Dagster-Cloud-Api-Token": "{cloud_token}", **_AUTHORIZED},
            body={
                "query": _LAUNCH_RUN,
                "variables": {
                    "params": {
                        "selector": {
                            "repositoryLocationName": "{location}",
                            "repositoryName": "{repository}",
                            "jobName": "{job}",
                        },
                        "runConfigData": {"ops": {"{op}": {"config": _ASKED}}},
                        "executionMetadata": {"tags": [{"key": "watchkeeper/request", "value": "{id}"}]},
                    }
                },
            },
        ),
        Taken(
            success=(200,),
            proof=("data.launchRun.__typename", "LaunchRunSuccess"),
            run_id="data.launchRun.run.runId",
            errors=("data.launchRun.message", "data.launchRun.errors.0.message", "errors.0.message"),
        ),
        Poll(
            Call(
                "{url}/graphql",
                headers={"Dagster-Cloud-Api-Token": "{cloud_token}", **_AUTHORIZED},
                body={"query": _RUN_STATUS, "variables": {"id": "{run_id}"}},
            ),
            ("data.runOrError.status",),
            {
                **dict.fromkeys(("QUEUED", "NOT_STARTED", "MANAGED", "STARTING"), _ACCEPTED),
                **dict.fromkeys(("STARTED", "CANCELING"), _RUNNING),
                "SUCCESS": _SUCCEEDED,
                "FAILURE": _FAILED,
                "CANCELED": _CANCELLED,
            },
        ),
        starts_run=True,
    ),
    Preset(
        "kubeflow",
        "Kubeflow Pipelines 2, a run of a pipeline",
        (
            Field("url", "address of the API, such as http://ml-pipeline.kubeflow:8888"),
            Field("pipeline_id", "identity of the pipeline"),
            Field("pipeline_version_id", "identity of its version; empty: the newest", default=""),
            Field("experiment_id", "identity of the experiment; empty: the default one", default=""),
            _AUTHORIZATION,
        ),
        Call(
            "{url}/apis/v2beta1/runs",
            headers=_AUTHORIZED,
            body={
                "display_name": "watchkeeper {model} {id}",
                "experiment_id": "{experiment_id}",
                "pipeline_version_reference": {
                    "pipeline_id": "{pipeline_id}",
                    "pipeline_version_id": "{pipeline_version_id}",
                },
                "runtime_config": {"parameters": _ASKED},
            },
        ),
        Taken(success=(200,), run_id="run_id", errors=("error_message", "message", "error")),
        Poll(
            Call("{url}/apis/v2beta1/runs/{run_id}", "GET", _AUTHORIZED),
            ("state",),
            {
                "PENDING": _ACCEPTED,
                **dict.fromkeys(("RUNNING", "PAUSED", "CANCELING"), _RUNNING),
                "SUCCEEDED": _SUCCEEDED,
                "FAILED": _FAILED,
                **dict.fromkeys(("CANCELED", "SKIPPED"), _CANCELLED),
            },
            "error.message",
        ),
        starts_run=True,
    ),
    Preset(
        "argo_workflows",
        "Argo Workflows, an event that a WorkflowEventBinding waits for",
        (
            Field("url", "address of the Argo server, such as https://argo.example.org:2746"),
            Field("namespace", "namespace of the WorkflowEventBinding"),
            Field("discriminator", "discriminator of the event", default=""),
            _AUTHORIZATION,
        ),
        Call("{url}/api/v1/events/{namespace}/{discriminator}", headers=_AUTHORIZED, body=_EVENT),
        Taken(success=(200,), errors=("message",)),
    ),
    Preset(
        "argo_events",
        "Argo Events, the webhook of an EventSource",
        (
            Field("url", "address of the EventSource with its endpoint, such as http://argo.example.org:12000/retrain"),
            _AUTHORIZATION,
        ),
        Call("{url}", headers=_AUTHORIZED, body=_EVENT),
        Taken(success=(200,)),
    ),
)

HTTP = Preset(
    "http",
    "Any other service, by a request of your own",
    (
        Field("url", "address, which may name values, such as https://ci.example.org/jobs/{model}"),
        Field("method", "method of the request", default="POST"),
        Field("headers", "headers as a JSON object", default='{"Content-Type": "application/json"}'),
        Field("body", "body as JSON; empty: the event as a webhook has it", default=""),
        Field("success", "statuses that mean it was taken, with commas between; empty: every 2xx", default=""),
        Field("already", "statuses that mean it had been taken before", default=""),
        Field("run_id", "path in the answer to what it started, such as data.id", default=""),
        Field("errors", "paths in the answer to what is wrong, with commas between", default=""),
        Field("poll_url", "address that tells how a run stands, which may name {run_id}", default=""),
        Field("poll_state", "path in its answer to the state", default="state"),
        Field("poll_states", "what the states mean, as a JSON object: done -> succeeded", default="{}"),
    ),
    Call("{url}"),
)
_SETTINGS = frozenset(one.name for one in HTTP.fields)
PRESETS = {preset.name: preset for preset in (*_ALL, HTTP)}
"""Every preset by name. What a target of `HTTP` sends is only known from its configuration: see `preset_of`."""


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises NotFoundError with the names there are."""
    if name not in PRESETS:
        raise NotFoundError("preset", name, sorted(PRESETS))
    return PRESETS[name]


def preset_of(name: str, config: Mapping[str, str]) -> Preset:
    """The preset of a target with these values. Raises NotFoundError, InvalidError for a wrong description."""
    return _described(config) if name == HTTP.name else find_preset(name)


def _described(config: Mapping[str, str]) -> Preset:
    """A preset after the target's own description, with a field for every value that its templates name."""
    given = {one.name: config.get(one.name) or one.default or "" for one in HTTP.fields}
    headers = _object("headers", given["headers"])
    body = _parsed("body", given["body"]) if given["body"] else None
    call = Call(given["url"], given["method"].upper(), headers, body)
    poll_call = Call(given["poll_url"], "GET", headers)
    named = names_in([call.url, headers, body, poll_call.url]) - {*EVENT_VALUES, *_SETTINGS}
    own = tuple(
        Field(name, f"value that {{{name}}} stands for; the event has {', '.join(EVENT_VALUES)}")
        for name in sorted(named)
    )
    taken = Taken(
        _statuses("success", given["success"]),
        _statuses("already", given["already"]),
        run_id=given["run_id"],
        errors=tuple(path.strip() for path in given["errors"].split(",") if path.strip()),
    )
    poll = Poll(poll_call, (given["poll_state"],), _states(given["poll_states"])) if given["poll_url"] else None
    return Preset(HTTP.name, HTTP.title, HTTP.fields + own, call, taken, poll, starts_run=True)


def _parsed(field: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        raise InvalidError(field, HIDDEN, "must be JSON") from None


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _object(field: str, text: str) -> dict[str, str]:
    value = _parsed(field, text)
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise InvalidError(field, HIDDEN, "must be a JSON object of texts")
    return value


def _statuses(field: str, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(re.fullmatch("[2-5][0-9]{2}", part) for part in parts):
        raise InvalidError(field, text, "statuses from 200 to 599 with commas between, such as 200,202")
    return tuple(map(int, parts))


def _states(text: str) -> dict[str, RunState]:
    value = _object("poll_states", text)
    for state in value.values():
        if state not in REPORTABLE:
            raise InvalidError("poll_states", state, f"allowed are {', '.join(REPORTABLE)}")
    return {word: RunState(state) for word, state in value.items()}


def _check_named(call: Call, poll_url: str) -> None:
    """A template names values, not what the target itself is told; an address to ask at, the run too."""
    places = (("url", call.url), ("headers", call.headers), ("body", call.body))
    named = [(where, names_in(template) & _SETTINGS) for where, template in places]
    for where, wrong in (*named, ("poll_url", names_in(poll_url) & _SETTINGS - {"run_id"})):
        for name in sorted(wrong):
            allowed = "{run_id} stands in poll_url alone" if name == "run_id" else "it is a setting, and no value"
            raise InvalidError(where, f"{{{name}}}", allowed)


def check_description(preset: Preset, config: Mapping[str, str]) -> None:
    """Raise InvalidError for a request that could never be sent, or that holds a secret other than by reference."""
    if preset.name != HTTP.name:
        return
    if preset.call.method not in METHODS:
        raise InvalidError("method", config["method"], f"allowed are {', '.join(METHODS)}")
    _check_named(preset.call, config["poll_url"])
    for name, template in preset.call.headers.items():
        if fault := header_fault(name, template):
            raise InvalidError("headers", name, fault)
        secret = [config.get(known, "") for known in names_in(template)]
        if _SECRET_HEADER.search(name) and not any(map(is_reference, secret)):
            raise InvalidError(
                "headers", name, "must name a value that is a secret's reference, such as Bearer {token}"
            )
