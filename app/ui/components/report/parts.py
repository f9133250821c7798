"""A report in the page, without any of the page's rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from app.core.reports import ReportState
from app.ui.components import wording
from app.ui.components.html import Html, table

_STATES = {
    ReportState.REQUESTED: "◌ waits for the worker",
    ReportState.RUNNING: "◌ is being made",
    ReportState.DONE: "● done",
    ReportState.FAILED: "◆ failed",
}


def sandboxed(html: str) -> str:
    """A page that shows the report in a frame of no origin: its scripts run, and reach neither us nor the network."""
    frame = "position:fixed;inset:0;width:100%;height:100%;border:0;background:#fff"
    return (
        '<!doctype html><meta charset="utf-8"><body style="margin:0">'
        f'<iframe sandbox="allow-scripts" style="{frame}" title="report" srcdoc="{escape(html)}"></iframe>'
    )


def listed(rows: Sequence[Mapping[str, Any]]) -> Html:
    """All reports, with what became of them."""
    return table(
        ("Report", "Model", "Kind", "Windows", "Asked for", "Stands"),
        [
            (
                str(row["id"]),
                f"{row['model']} {row['version']}",
                row["kind"],
                span(row),
                wording.moment(row["requested_at"]) + (f" by {row['reason']}" if row["reason"] else ""),
                _standing(row),
            )
            for row in rows
        ],
    )


def span(row: Mapping[str, Any]) -> str:
    """The time that the report is about."""
    return f"{wording.start_of_window(row['since'])} to {wording.start_of_window(row['until'])}"


def _standing(row: Mapping[str, Any]) -> str:
    state = _STATES[ReportState(row["state"])]
    return f"{state}: {row['error']}" if row["error"] else state
