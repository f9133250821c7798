"""Apprise, for the many services that have no channel of their own here: Discord, Telegram, Google Chat, SMS ...

Apprise does its own networking, which the guard of `app.outbound` cannot hold. So only services whose address is fixed
in Apprise are used, unless targets inside the network are allowed anyway. Its log holds addresses, which are secrets.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from app.core.delivery import Answer, Failed, HttpAnswer, Retry, Sent, Traits, judge
from app.core.messages import Kind, Message
from app.core.plain_text import body, one_line, without_mentions
from app.core.ports import Network, Resolve
from app.core.severity import Severity

TIMEOUT_SECONDS = 20.0
LINES_LIMIT = 3000

WELL_KNOWN = frozenset(
    {
        *(
            "brevo",
            "dingtalk",
            "discord",
            "feishu",
            "flock",
            "gchat",
            "guilded",
            "ifttt",
            "ilert",
            "incidentio",
            "lark",
        ),
        *("line", "msgbird", "pagertree", "pbul", "postmark", "pover", "prowl", "resend", "sendgrid", "signl4", "sns"),
        *("spike", "splunk", "squadcast", "tgram", "twilio", "twist", "victorops", "vonage", "webex", "wecombot"),
        *("whatsapp", "wxteams"),
    }
)
"""Services that are always reached at an address of the public internet which nobody configures."""
_RISKY = frozenset({"redirect", "template", "verify"})
"""Parameters that let Apprise follow redirects, read files, or trust any certificate."""
_STATUS = re.compile(r"\berror=([1-5]\d\d)\b")


@dataclass(frozen=True, slots=True)
class Apprise:
    """One service that Apprise knows, by its Apprise URL."""

    name: ClassVar[str] = "apprise"
    traits: ClassVar[Traits] = Traits(spacing=timedelta(seconds=1))

    url: str = field(metadata={"secret": True, "help": "Apprise URL of the service, such as discord://id/token"})

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Send title and text. What went wrong is known as far as Apprise says the HTTP status."""
        url = resolve(self.url)
        if not network.allow_private and (why := _unsafe(url)):
            return Failed(f"{why}; WATCHKEEPER_ALLOW_PRIVATE_TARGETS=true allows it")
        try:
            return _notify(url, message)
        except ImportError:
            return Failed("Apprise is not installed; `pip install watchkeeper[apprise]` brings it")


PLUGIN = Apprise


def _unsafe(url: str) -> str:
    """Why the URL may lead elsewhere than to a well-known service; empty when it does not."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the Apprise URL cannot be read"
    if parts.scheme not in WELL_KNOWN:
        return f"not one of the services at a fixed public address, which are {', '.join(sorted(WELL_KNOWN))}"
    risky = sorted(_RISKY & {name.lower().strip("+-: ") for name, _ in parse_qsl(parts.query, keep_blank_values=True)})
    return f"the parameter {risky[0]} of the Apprise URL is not used" if risky else ""


def _notify(url: str, message: Message) -> Answer:
    import apprise  # noqa: PLC0415  an extra, which takes half a second to load

    # Their logs quote addresses and what is sent; what there is to know comes back as the result.
    logging.getLogger("apprise").setLevel(logging.WARNING)
    logging.getLogger("apprise").propagate = False
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    asset = apprise.AppriseAsset(secure_logging=True)
    asset.http_redirects = False
    sender = apprise.Apprise(asset=asset)
    if not sender.add(url):
        return Failed("Apprise does not understand the URL")
    service = sender[0]
    service.overflow_mode = apprise.OverflowMode.TRUNCATE
    said = sender.notify(
        title=without_mentions(one_line(message.title)),
        body=without_mentions(body(message, min(LINES_LIMIT, service.body_maxlen // 2))),
        notify_type=_type(message),
        body_format=apprise.NotifyFormat.TEXT,
        timeout=TIMEOUT_SECONDS,
    )
    return Sent() if said else _judged(" ".join(entry.message for entry in said.logs()))


def _type(message: Message) -> str:
    if message.kind is Kind.RESOLVED:
        return "success"
    return {Severity.CRITICAL: "failure", Severity.WARNING: "warning"}.get(message.severity, "info")


def _judged(said: str) -> Answer:
    """Of what Apprise says, which may quote the other side, only the status is repeated."""
    found = _STATUS.search(said)
    answer = judge(HttpAnswer(int(found[1]), {}, b"")) if found else Sent()
    return Retry("Apprise could not reach the service, or was not understood") if isinstance(answer, Sent) else answer
