"""The description of the interface: FastAPI's own, with the hot routes added, and a page that shows it.

The page is ours because FastAPI's loads its scripts from elsewhere, and a collector may have no way out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from app.api.records import JSON, NDJSON
from app.core.records import Receipt
from collectors.native import CORRECTION, OFFLINE_FEATURES, PREDICTION, Field

_REFS = "#/components/schemas/{name}"
_ANSWERS = {
    "400": "The body cannot be decoded",
    "401": "The API key is missing, unknown or revoked",
    "403": "The API key's scope does not allow this",
    "413": "The body is too large",
    "415": "Content-Type or Content-Encoding is not known",
    "429": "Too many records wait for a commit; try again after Retry-After seconds",
    "503": "The database did not take the records; none is stored, and trying again may help",
}

router = APIRouter(include_in_schema=False)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the application, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= {"Prediction": _record(PREDICTION), "Correction": _record(CORRECTION)}
        schemas["OfflineFeatures"] = _record(OFFLINE_FEATURES)
        schemas |= msgspec.json.schema_components([Receipt], schema_hook=_any, ref_template=_REFS)[1]
        paths = {
            "/v1/predictions": _hot_route("Prediction", "Send predictions"),
            "/v1/corrections": _hot_route("Correction", "Send corrections: what was true, said later"),
            "/v1/features": _hot_route("OfflineFeatures", "Send features as the offline pipeline computes them"),
        }
        document["paths"] = {**paths, **document["paths"]}
        app.openapi_schema = document
    return app.openapi_schema


def _any(_type: type) -> dict[str, Any]:
    return {"description": "what the field held, at most 200 characters of it"}


def _record(fields: Mapping[str, Field]) -> dict[str, Any]:
    properties = {}
    for name, field in fields.items():
        properties[name] = {**_inline(field.type), "description": field.allowed}
    return {"type": "object", "properties": properties, "required": [n for n, f in fields.items() if f.required]}


def _inline(type_: object) -> dict[str, Any]:
    [schema], definitions = msgspec.json.schema_components([type_], ref_template=_REFS)
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _hot_route(record: str, summary: str) -> dict[str, Any]:
    one = {"$ref": _REFS.format(name=record)}
    receipt = {"content": {JSON: {"schema": {"$ref": _REFS.format(name="Receipt")}}}}
    content = {
        JSON: {"schema": {"oneOf": [one, {"type": "array", "items": one}]}},
        NDJSON: {"schema": one},
    }
    answers: dict[str, Any] = {status: {"description": text} for status, text in _ANSWERS.items()}
    answers["200"] = {"description": "Stored, as far as the receipt says", **receipt}
    answers["422"] = {"description": "Every record was rejected; the receipt says why", **receipt}
    description = (
        "One object, an array, or one object per line (NDJSON); gzip is allowed. The answer comes after the commit. "
        "A record that is wrong is rejected on its own; one that is stored already counts as a duplicate."
    )
    return {
        "post": {
            "tags": ["records"],
            "summary": summary,
            "description": description,
            "requestBody": {"content": content, "required": True},
            "responses": dict(sorted(answers.items())),
        }
    }


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request) -> HTMLResponse:
    """A page of the OpenAPI document, in one piece."""
    document = request.app.openapi()
    body = "".join(_section(method, path, route, document) for path, method, route in _routes(document))
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{_STYLE}</style><main><h1>{title}</h1>"
        f"<p>{escape(document['info'].get('description', ''))} <a href=/openapi.json>openapi.json</a></p>{body}</main>"
    )


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: #1c2733; background: #f6f7f9 }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem }
section { background: #fff; border: 1px solid #dde2e8; border-radius: 8px; padding: .75rem 1.25rem; margin: 1rem 0 }
h2 { font-size: 1.05rem; margin: .25rem 0 } code, h2 b { font-family: ui-monospace, monospace; font-size: .95em }
h2 b { background: #e6eef8; border-radius: 4px; padding: .1rem .4rem; margin-right: .5rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem } summary { cursor: pointer; color: #3a5a80 }
td { border-top: 1px solid #eceff3; padding: .3rem .6rem .3rem 0; vertical-align: top }
@media (prefers-color-scheme: dark) {
  body { color: #dfe6ee; background: #12171d } section { background: #1b222b; border-color: #2c3743 }
  h2 b { background: #26374c } td { border-color: #2a333d } summary, a { color: #8ab4e8 }
}
"""


def _routes(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            yield path, method, route


def _section(method: str, path: str, route: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    parameters = [
        (p["name"] + ("" if p.get("required") else " ?"), p.get("description", p["in"]))
        for p in route.get("parameters", [])
    ]
    answers = [(status, answer.get("description", "")) for status, answer in route["responses"].items()]
    return (
        f"<section><h2><b>{method.upper()}</b><code>{escape(path)}</code></h2><p>{escape(route.get('summary', ''))}. "
        f"{escape(route.get('description', ''))}</p>"
        + _table("Parameters", parameters)
        + _table("Fields of the body", _body_fields(route, document))
        + _table("Answers", answers)
        + "</section>"
    )


def _body_fields(route: Mapping[str, Any], document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of the JSON object that the route takes; of an array, those of its items."""
    schema = route.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
    schema = schema.get("oneOf", [schema])[0]
    name = schema.get("$ref", "").rpartition("/")[2]
    found = document["components"]["schemas"].get(name, {})
    required = found.get("required", [])
    return [
        (field + ("" if field in required else " ?"), _described(specification))
        for field, specification in found.get("properties", {}).items()
    ]


def _described(specification: Mapping[str, Any]) -> str:
    default = specification.get("default")
    kind = specification.get("description") or specification.get("type") or specification.get("title", "")
    return f"{kind}" + (f" (default: {default})" if default not in (None, "") else "")


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr><td><code>{escape(name)}</code><td>{escape(text)}" for name, text in rows)
    return f"<details><summary>{title}</summary><table>{cells}</table></details>"
