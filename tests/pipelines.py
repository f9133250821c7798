"""Services that train, as their own documentation says that they answer: strict about what they are sent."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from tests.receivers import Received, Reply

SECRET = "whsec_aFVuVGVSMnNFY1JlVHRPa0VuaFVuVGVS"
TOKEN = "hUnTeR2sEcReTtOkEn"
ASKED = {"id", "model", "version", "reason", "training_set_url", "callback_url"}

Config = dict[str, str]


def answer(status: int, value: object = None) -> Reply:
    body = b"" if value is None else json.dumps(value).encode()
    return Reply(status, body, {"Content-Type": "application/json"})


@dataclass
class Service:
    """One kind of service: the configuration of a target for it, and what it answers.

    `state` is what it says of every run when it is asked. `started` are the values that runs were started with.
    """

    config: Callable[[str], Config]
    serve: Callable[[Service, Received], Reply]
    words: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    started: dict[str, Any] = field(default_factory=dict)

    def reply(self, request: Received) -> Reply:
        if request.headers.get("user-agent", "") == "":
            return answer(
                403,
                {"message": "Please make sure your request has a User-Agent header"},
            )
        return self.serve(self, request)


def _authorized(request: Received, value: str = f"Bearer {TOKEN}", header: str = "authorization") -> bool:
    return request.headers.get(header) == value


def _values(service: Service, run_id: str, values: Any) -> str:
    """Keep what a run was started with; strict parameters must all be there."""
    service.started.setdefault(run_id, values)
    return run_id


def _webhook(service: Service, request: Received) -> Reply:
    try:
        event = Webhook(SECRET).verify(request.body, dict(request.headers))
    except WebhookVerificationError:
        return Reply(401)
    _values(service, request.headers["webhook-id"], event)
    return Reply(202, b"thank you")


def _github(service: Service, request: Received) -> Reply:
    if not _authorized(request) or request.headers.get("accept") != "application/vnd.github+json":
        return answer(401, {"message": "Bad credentials", "status": "401"})
    if request.method == "GET":
        if not re.fullmatch(r"/repos/acme/models/actions/runs/\d+", request.path):
            return answer(404, {"message": "Not Found"})
        done = service.state in {"success", "failure", "cancelled"}
        return answer(
            200,
            {"id": 7, "status": "completed" if done else service.state, "conclusion": service.state if done else None},
        )
    body = json.loads(request.body)
    if request.path == "/repos/acme/models/dispatches":
        payload = body["client_payload"]
        if set(body) != {"event_type", "client_payload"} or len(payload) > 10 or len(body["event_type"]) > 100:
            return answer(422, {"message": "Invalid request."})
        _values(service, payload["id"], payload)
        return Reply(204, b"")
    if request.path != "/repos/acme/models/actions/workflows/retrain.yml/dispatches":
        return answer(404, {"message": "Not Found"})
    inputs = body["inputs"]
    if set(inputs) != ASKED or not all(isinstance(value, str) for value in inputs.values()):
        return answer(422, {"message": "Unexpected inputs provided"})
    number = len(service.started) + 30433642
    _values(service, str(number), inputs)
    return answer(
        200, {"workflow_run_id": number, "run_url": "https://api.github.com/x", "html_url": "https://github.com/x"}
    )


def _airflow(service: Service, request: Received) -> Reply:
    if request.path == "/auth/token":
        right = json.loads(request.body) == {"username": "watch", "password": TOKEN}
        return (
            answer(201, {"access_token": f"jwt-of-{TOKEN}"})
            if right
            else answer(401, {"detail": "Invalid credentials"})
        )
    if not _authorized(request, f"Bearer jwt-of-{TOKEN}"):
        return answer(401, {"detail": "Invalid JWT token"})
    if request.method == "GET":
        run_id = request.path.removeprefix("/api/v2/dags/retrain/dagRuns/")
        return (
            answer(200, {"dag_run_id": run_id, "state": service.state, "note": None})
            if run_id in service.started
            else answer(404, {"detail": "not found"})
        )
    if request.path != "/api/v2/dags/retrain/dagRuns":
        return answer(404, {"detail": f"DAG with dag_id: '{request.path}' not found"})
    body = json.loads(request.body)
    if set(body) - {"dag_run_id", "logical_date", "conf"} or body["logical_date"] is not None:
        return answer(422, {"detail": "Extra inputs are not permitted"})
    if body["dag_run_id"] in service.started:
        return answer(409, {"detail": {"reason": "Unique constraint violation"}})
    _values(service, body["dag_run_id"], body["conf"])
    return answer(200, {"dag_run_id": body["dag_run_id"], "dag_id": "retrain", "state": "queued", "conf": body["conf"]})


def _prefect(service: Service, request: Received) -> Reply:
    if not _authorized(request):
        return answer(401, {"exception_message": "Unauthorized"})
    if request.method == "GET":
        found = request.path.removeprefix("/api/flow_runs/") in {run["id"] for run in service.started.values()}
        return (
            answer(200, {"state_type": service.state, "state": {"type": service.state, "message": ""}})
            if found
            else answer(404, {"detail": "Flow run not found"})
        )
    if request.path != f"/api/deployments/{DEPLOYMENT}/create_flow_run":
        return answer(404, {"detail": "Deployment not found"})
    body = json.loads(request.body)
    if set(body["parameters"]) != ASKED:
        return answer(409, {"detail": "Validation failed: unexpected parameters"})
    known = body["idempotency_key"] in service.started
    run = service.started.setdefault(
        body["idempotency_key"], {"id": str(uuid.uuid4()), **body["parameters"], "key": body["idempotency_key"]}
    )
    return answer(200 if known else 201, {"id": run["id"], "state_type": "SCHEDULED"})


def _dagster(service: Service, request: Received) -> Reply:
    if request.path != "/graphql" or not _authorized(request, TOKEN, "dagster-cloud-api-token"):
        return Reply(401, b"Unauthorized")
    body = json.loads(request.body)
    if body["query"].count("{") != body["query"].count("}"):
        return answer(400, {"errors": [{"message": "Syntax Error"}]})
    if "runOrError" in body["query"]:
        if body["variables"]["id"] not in service.started:
            return answer(200, {"data": {"runOrError": {"__typename": "RunNotFoundError"}}})
        return answer(200, {"data": {"runOrError": {"__typename": "Run", "status": service.state}}})
    params = body["variables"]["params"]
    if params["selector"] != {
        "repositoryLocationName": "models",
        "repositoryName": "__repository__",
        "jobName": "retrain_job",
    }:
        return answer(
            200, {"data": {"launchRun": {"__typename": "PipelineNotFoundError", "message": "Could not find Pipeline"}}}
        )
    config = params["runConfigData"]["ops"]["retrain"]["config"]
    if set(config) != ASKED:
        return answer(
            200,
            {
                "data": {
                    "launchRun": {
                        "__typename": "RunConfigValidationInvalid",
                        "errors": [{"message": "Received unexpected config entry"}],
                    }
                }
            },
        )
    run_id = _values(service, str(uuid.uuid4()), config)
    return answer(200, {"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": run_id}}}})


def _kubeflow(service: Service, request: Received) -> Reply:
    if not _authorized(request):
        return answer(401, {"error": "Unauthenticated"})
    if request.method == "GET":
        found = request.path.removeprefix("/apis/v2beta1/runs/") in service.started
        return answer(200, {"state": service.state}) if found else answer(404, {"error_message": "Run not found"})
    body = json.loads(request.body)
    if request.path != "/apis/v2beta1/runs" or body["pipeline_version_reference"]["pipeline_id"] != "p-1":
        return answer(404, {"error_message": "Pipeline not found", "code": 5})
    if set(body["runtime_config"]["parameters"]) != ASKED:
        return answer(400, {"error_message": "unexpected parameters", "code": 3})
    run_id = _values(service, str(uuid.uuid4()), body["runtime_config"]["parameters"])
    return answer(200, {"run_id": run_id, "display_name": body["display_name"], "state": "PENDING"})


def _argo(path: str) -> Callable[[Service, Received], Reply]:
    def serve(service: Service, request: Received) -> Reply:
        if not _authorized(request):
            return answer(401, {"code": 16, "message": "token not valid"})
        if request.path != path:
            return answer(404, {"code": 5, "message": "Not Found"})
        body = json.loads(request.body)
        _values(service, body["id"], body)
        return answer(200, {}) if path.startswith("/api") else Reply(200, b"success")

    return serve


def _own(service: Service, request: Received) -> Reply:
    if not _authorized(request):
        return answer(403, {"error": {"text": "no"}})
    if request.method == "GET":
        return answer(200, {"job": {"phase": service.state}})
    body = json.loads(request.body)
    run_id = _values(service, body["who"], body)
    return answer(202, {"job": {"number": run_id}})


DEPLOYMENT = "1f9e1a3c-0000-4000-8000-2b6f5c1d7e88"
_AUTHORIZATION = {"authorization": "env:AUTHORIZATION"}
ENVIRONMENT = {"S": SECRET, "TOKEN": TOKEN, "AUTHORIZATION": f"Bearer {TOKEN}"}
_REPOSITORY = {"owner": "acme", "repo": "models", "token": "env:TOKEN"}


def services() -> dict[str, Service]:
    """One of every kind, by the name of the preset for it."""
    return {
        "webhook": Service(lambda url: {"url": f"{url}/retrain", "secret": "env:S"}, _webhook),
        "github_dispatch": Service(lambda url: {**_REPOSITORY, "url": url}, _github),
        "github_workflow": Service(
            lambda url: {**_REPOSITORY, "url": url, "workflow": "retrain.yml"},
            _github,
            {
                "queued": "accepted",
                "in_progress": "running",
                "success": "succeeded",
                "failure": "failed",
                "cancelled": "cancelled",
            },
        ),
        "airflow": Service(
            lambda url: {"url": url, "dag_id": "retrain", "username": "watch", "password": "env:TOKEN"},
            _airflow,
            {"queued": "accepted", "running": "running", "success": "succeeded", "failed": "failed"},
        ),
        "prefect": Service(
            lambda url: {"url": f"{url}/api", "deployment_id": DEPLOYMENT, **_AUTHORIZATION},
            _prefect,
            {
                "SCHEDULED": "accepted",
                "RUNNING": "running",
                "COMPLETED": "succeeded",
                "CRASHED": "failed",
                "CANCELLED": "cancelled",
            },
        ),
        "dagster": Service(
            lambda url: {"url": url, "location": "models", "job": "retrain_job", "cloud_token": "env:TOKEN"},
            _dagster,
            {
                "QUEUED": "accepted",
                "STARTED": "running",
                "SUCCESS": "succeeded",
                "FAILURE": "failed",
                "CANCELED": "cancelled",
            },
        ),
        "kubeflow": Service(
            lambda url: {"url": url, "pipeline_id": "p-1", **_AUTHORIZATION},
            _kubeflow,
            {
                "PENDING": "accepted",
                "RUNNING": "running",
                "SUCCEEDED": "succeeded",
                "FAILED": "failed",
                "CANCELED": "cancelled",
            },
        ),
        "argo_workflows": Service(
            lambda url: {"url": url, "namespace": "models", **_AUTHORIZATION}, _argo("/api/v1/events/models/")
        ),
        "argo_events": Service(lambda url: {"url": f"{url}/retrain", **_AUTHORIZATION}, _argo("/retrain")),
        "http": Service(
            lambda url: {
                "url": f"{url}/jobs/{{model}}",
                "headers": '{"Authorization": "Bearer {token}", "Content-Type": "application/json"}',
                "body": '{"who": "{id}", "model": "{model}", "callback": "{callback_url}"}',
                "token": "env:TOKEN",
                "success": "202",
                "run_id": "job.number",
                "errors": "error.text",
                "poll_url": f"{url}/jobs/{{model}}/{{run_id}}",
                "poll_state": "job.phase",
                "poll_states": '{"Busy": "running", "Done": "succeeded", "Broken": "failed"}',
            },
            _own,
            {"Busy": "running", "Done": "succeeded", "Broken": "failed"},
        ),
    }
