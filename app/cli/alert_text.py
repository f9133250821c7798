"""One alert as people read it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.cli.output import text
from app.core.causes import cause_text
from app.core.messages import subject_text
from app.services.alert_page import AlertPage, Told


def alert_text(page: AlertPage) -> str:
    """Every answer under its question; what there is nothing to say about says so."""
    parts = [
        (_title(page), _how_bad(page.alert)),
        ("Beside it", [_beside(row) for row in page.group if row["id"] != page.alert["id"]]),
        ("Likely causes", _causes(page)),
        (f"What changed from {text(page.around[0])} to {text(page.around[1])}", list(_events(page))),
        ("What to do", _what_to_do(page)),
        ("Who has it", _holder(page.alert)),
        ("How it came", [_change(one) for one in page.history]),
        ("Who was told", [line for told in page.told for line in _told(told)] or ["nobody"]),
    ]
    return "\n\n".join("\n".join([head, *(f"  {line}" for line in lines)]) for head, lines in parts if lines)


def _title(page: AlertPage) -> str:
    alert = page.alert
    whom = subject_text(alert["subject"], alert["segment"] or "")
    name = f"{alert['model']} {alert['version']}" if alert["model"] else "Watchkeeper"
    return (
        f"{name}: {alert['check']}" + (f" of {whom}" if whom else "") + f" is {alert['status']} ({alert['severity']})"
    )


def _how_bad(alert: Mapping[str, Any]) -> list[str]:
    names = ("since", "value", "limit", "normal", "statistic", "expected_rate", "reason")
    return [f"{name}: {text(alert[name])}" for name in names if alert[name] not in (None, "")]


def _beside(row: Mapping[str, Any]) -> str:
    numbers = f"{text(row['value'])}, limit {text(row['limit'])}"
    return f"{row['id']}  {subject_text(row['subject'], row['segment'] or '') or 'the whole'}  {numbers}"


def _causes(page: AlertPage) -> list[str]:
    said = [cause_text(cause) for cause in page.causes]
    return said + ([f"Note: {page.why_no_causes}"] if page.why_no_causes else [])


def _events(page: AlertPage) -> Iterator[str]:
    if not page.events:
        yield "nothing that is written down"
    for event in page.events:
        by, why = (f" by {event.author}" if event.author else ""), (f": {event.why}" if event.why else "")
        yield f"{text(event.at)}  {event.what}{by}{why}"


def _what_to_do(page: AlertPage) -> list[str]:
    return [line for line in (page.advice, page.runbook.address, *page.runbook.text.splitlines()) if line]


def _holder(alert: Mapping[str, Any]) -> list[str]:
    comment = f": {alert['acknowledged_comment']}" if alert["acknowledged_comment"] else ""
    held = f"{alert['acknowledged_by']}{comment}" if alert["acknowledged_by"] else "nobody"
    return [held, *([alert["silenced_by"]] if alert["silenced_by"] else [])]


def _change(one: Mapping[str, Any]) -> str:
    told = f" (told {text(one['told_at'])})" if one["told_at"] else ""
    return f"{text(one['at'])}  {one['old_state']} -> {one['new_state']}: {one['reason']}{told}"


def _told(told: Told) -> Iterator[str]:
    yield f"{text(told.at)}  {told.title}"
    if told.nobody:
        yield f"  {told.nobody}"
    for one in told.deliveries:
        error = f": {one['last_error']}" if one["last_error"] else ""
        yield f"  {one['channel']}: {one['state']}{error}"
