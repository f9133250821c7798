"""What goes out: messages, and requests for retraining."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from app.core.alerting import utc_text
from app.core.looks.diagnoses import bad, note, well
from app.core.routing import Route
from app.core.self_watch import Diagnosis, Facts, Outbox

LONGEST_PENDING = timedelta(hours=1)


def deliveries(facts: Facts) -> Iterator[Diagnosis]:
    """Whether messages reach the channels."""
    if not facts.channels:
        mend = "`watchkeeper channel add`, see docs/alerts.md"
        yield from note("deliveries", "no channel: alerts are only in the dashboard", mend)
    elif all(place.off for place in facts.channels):
        off = "; ".join(f"{place.name}, {place.off.words}" for place in facts.channels if place.off)
        mend = "`watchkeeper channel on NAME` switches one on"
        yield from bad("deliveries", f"every channel is off, so nobody is told of alerts: {off}", mend)
    else:
        found = [
            one for place in facts.channels for one in _place("deliveries", place, facts.now, _channel_mend(place))
        ]
        yield from found or well("deliveries", "no message was refused, or waits for long")


def _channel_mend(place: Outbox) -> str:
    name = f"'{place.name}'"
    if place.off:
        return f"`watchkeeper channel on {name}` switches it on"
    again = f"and `watchkeeper channel retry {name}` sends again what was given up"
    return f"`watchkeeper channel test {name}` says what is wrong, `watchkeeper channel set {name}` changes it, {again}"


def routes(facts: Facts) -> Iterator[Diagnosis]:
    """Whether each leads to channels that are there and on."""
    found = [one for route in facts.routes for one in _route(route, facts.channels)]
    told = "each leads to channels that are on" if facts.routes else "none: every channel hears of every alert"
    yield from found or well("routes", told)


def _route(route: Route, channels: Sequence[Outbox]) -> Iterator[Diagnosis]:
    on = {place.name: place.off is None for place in channels}
    named = dict.fromkeys((*route.channels, *route.escalate_to))
    gone, off = [name for name in named if name not in on], [name for name in named if on.get(name) is False]
    lost = "" if any(on.get(name) for name in route.channels) else ", so it takes nothing, and those behind it do"
    begin, others = f"route {route.id} ({route.match.words})", f"`watchkeeper route set {route.id}` names others"
    if gone:
        mend = f"{others}, `watchkeeper channel add` makes one anew"
        yield from bad("routes", f"{begin} names channels that are gone: {', '.join(gone)}{lost}", mend, str(route.id))
    if off:
        mend = f"`watchkeeper channel on NAME` switches one on, {others}"
        yield from note("routes", f"{begin} names channels that are off: {', '.join(off)}{lost}", mend)


def retraining(facts: Facts) -> Iterator[Diagnosis]:
    """Whether requests reach their targets."""
    found = [one for place in facts.retraining for one in _place("retraining", place, facts.now, _target_mend(place))]
    yield from found or well("retraining", "every retraining request reached its target")


def _target_mend(place: Outbox) -> str:
    return f"`watchkeeper target test '{place.name}'` says what is wrong; see `watchkeeper target --help` to correct it"


def _place(subject: str, place: Outbox, now: datetime, mend: str) -> list[Diagnosis]:
    if place.off:
        return note(subject, f"nothing is sent to {place.name}, {place.off.words}", mend)
    error = f": {place.error}" if place.error else ""
    if place.dead:
        return bad(subject, f"{place.name}: {place.dead} given up{error}", mend, place.name)
    what = f"{place.name}: waiting since {utc_text(place.pending_since)}{error}" if place.pending_since else ""
    if place.pending_since and now - place.pending_since > LONGEST_PENDING:
        return bad(subject, what, mend, place.name)
    return note(subject, what, mend) if what and error else []


def retraining_runs(facts: Facts) -> Iterator[Diagnosis]:
    """Whether the newest run of each model came to a good end."""
    for run in facts.failed_runs:
        ended = "timed out" if run.state == "timed_out" else "failed"
        what = f"{run.model}: its newest retraining run {ended} at {utc_text(run.at)}"
        again = f"`watchkeeper retraining start {run.model}` asks again"
        mend = f"`watchkeeper retraining show {run.run}` says what happened; {again}"
        yield from bad("retraining_runs", what, mend, run.model)
    if not facts.failed_runs:
        yield from well("retraining_runs", "no model's newest retraining run failed")


def secrets(facts: Facts) -> Iterator[Diagnosis]:
    """Whether each that is named is there."""
    for missing in facts.missing_secrets:
        mend = "set it in the environment of the worker (and of this command, to look again)"
        yield from bad("secrets", f"{missing.owner}: {missing.error}", mend, missing.owner)
    if not facts.missing_secrets:
        yield from well("secrets", "every secret that is named is there")


def public_url(facts: Facts) -> Sequence[Diagnosis]:
    """Whether links lead to the dashboard."""
    url = facts.installed.public_url
    mend = "set WATCHKEEPER_PUBLIC_URL to the dashboard's address as people reach it, e.g. https://watch.example.org"
    if not url:
        return note("public_url", "messages carry no link to the dashboard", mend)
    if not facts.installed.public_host:
        return bad("public_url", f"{url!r} is no address, so links in messages lead nowhere", mend)
    if facts.installed.public_is_here:
        return note("public_url", f"{url} leads everybody who reads a message to their own machine", mend)
    return well("public_url", url)
