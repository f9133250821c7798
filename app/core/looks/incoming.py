"""What comes in: records, and what they are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from app.core.looks.diagnoses import bad, note, well
from app.core.self_watch import Diagnosis, Facts

RECENTLY = timedelta(hours=1)
LEAST_LOGGED = 0.99
"""Share of what a service says it served."""
LEAST_REFUSED = 10
MOST_NAMED = 5


def keys(facts: Facts) -> Sequence[Diagnosis]:
    """Whether there is one where the collector asks for it."""
    reached = facts.installed
    if not reached.keys_asked:
        return well("keys", f"none are asked for: the collector listens on {reached.host} only")
    if not facts.good_keys:
        mend = "`watchkeeper key create NAME`, and give it to the services as WATCHKEEPER_KEY"
        return bad("keys", "the collector asks for an API key, and there is none: nobody can send records", mend)
    return well("keys", f"{facts.good_keys} API keys are good")


def refused(facts: Facts) -> Sequence[Diagnosis]:
    """Whether many requests were refused."""
    said = ", ".join(f"{count} {reason}" for reason, count in sorted(facts.refused.items()))
    if sum(facts.refused.values()) < LEAST_REFUSED:
        return well("refused", f"requests refused in the last two hours: {said or 'none'}")
    mend = "see who sends them in the collector's log; `watchkeeper key list` says which keys are good"
    return bad("refused", f"requests refused in the last two hours: {said}", mend)


def clients(facts: Facts) -> Iterator[Diagnosis]:
    """Whether any drops records."""
    dropping = [one for one in facts.clients if one.dropped_at and facts.now - one.dropped_at <= RECENTLY]
    for client in dropping:
        lost = ", ".join(f"{count} {reason}" for reason, count in sorted(client.dropped.items()))
        mend = "; ".join(_CLIENT_MENDS[reason] for reason in sorted(client.dropped) if reason in _CLIENT_MENDS)
        what = f"a client on {client.host} drops records: {lost} of {client.logged} since it started"
        yield from bad("clients", what, mend or "see stats.last_error of the client", client.host)
    if not dropping:
        told = f"{len(facts.clients)} clients reported in the last hour" if facts.clients else "no client reports"
        yield from well("clients", f"{told}, none drops records")


_CLIENT_MENDS = {
    "queue_full": "raise max_records and max_bytes of Client(), or start more collectors",
    "rejected": "give the service a good key: `watchkeeper key create NAME`, then WATCHKEEPER_KEY",
    "gave_up": "read the collector's log for what it failed on",
    "closed": "close() or flush() the client at the end with more time, and log nothing afterwards",
}


def logged_share(facts: Facts) -> Iterator[Diagnosis]:
    """Whether what is served is logged."""
    telling = [(one, one.served) for one in facts.clients if one.served]
    short = [(one, served) for one, served in telling if one.predictions < LEAST_LOGGED * served]
    for client, served in short:
        what = f"a client on {client.host} logged {client.predictions} of the {served} predictions that it served"
        mend = "call client.log() for every prediction; see docs/client.md, 'How much of it arrives'"
        yield from bad("logged_share", what, mend, client.host)
    if not short:
        said = "what is served is logged" if telling else "no client tells how many predictions it served"
        yield from well("logged_share", said)


def references(facts: Facts) -> Sequence[Diagnosis]:
    """Whether every version has one."""
    if not facts.bare_versions:
        return well("references", "every version has a reference" if facts.versions else "there is no version yet")
    named = ", ".join(facts.bare_versions[:MOST_NAMED])
    more = len(facts.bare_versions) - MOST_NAMED
    what = f"without a reference: {named}" + (f" and {more} more" if more > 0 else "")
    return note("references", what, "store one with `watchkeeper import reference` to judge skew and quality")
