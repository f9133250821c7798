"""Slack, with a bot's token: what belongs together goes into one thread, whose first message shows how it ended.

Source: https://docs.slack.dev/reference/methods/chat.postMessage and .../chat.update.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from app.core.block_kit import blocks_of
from app.core.delivery import Answer, Failed, HttpAnswer, Retry, Sent, Traits, judge, retry_after
from app.core.errors import InvalidError
from app.core.messages import Message
from app.core.ports import Network, Resolve
from app.outbound import check_address

_CODE = re.compile(r"[a-z0-9_]{2,60}")
_PASSING = frozenset(
    {
        *("accesslimited", "fatal_error", "internal_error", "message_limit_exceeded", "rate_limited", "ratelimited"),
        *("request_timeout", "service_unavailable", "team_added_to_org"),
    }
)
"""What Slack calls an error that may be gone the next time. Any other stays until somebody changes something."""
_LOST_THREAD = frozenset({"cannot_reply_to_message", "message_not_found", "thread_not_found"})


@dataclass(frozen=True, slots=True)
class SlackBot:
    """A channel of a Slack workspace that a bot writes to."""

    name: ClassVar[str] = "slack_bot"
    traits: ClassVar[Traits] = Traits(spacing=timedelta(seconds=1))

    channel: str = field(metadata={"help": "id of the channel, such as C0123ABCDEF; the bot must be in it"})
    token: str = field(metadata={"secret": True, "help": "the bot's token (xoxb-...), with the scope chat:write"})
    url: str = field(default="https://slack.com/api", metadata={"help": "address of the Web API"})

    def __post_init__(self) -> None:
        check_address("url", self.url)
        if not re.fullmatch(r"[#A-Za-z0-9._-]{1,80}", self.channel):
            raise InvalidError("channel", self.channel, "must be the id of a channel, such as C0123ABCDEF")

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Send the message, into the thread of `thread`, which is the channel and the time stamp of its first message.

        What alarms is shown in the channel, too: a thread that nobody looks into wakes nobody.
        """
        token = resolve(self.token)
        channel, _, first = thread.partition(" ")
        content = {"channel": channel or self.channel, **blocks_of(message), "unfurl_links": False}
        if first:
            content |= {"thread_ts": first, "reply_broadcast": message.kind.alarms}
        answer, told = self._call("chat.postMessage", content, network, token)
        if first and told.get("error") in _LOST_THREAD:
            return self.send(message, network=network, resolve=resolve)
        if not isinstance(answer, Sent):
            return answer
        if not message.ends:
            return Sent(receipt=thread or f"{told['channel']} {told['ts']}")
        return self._mark(message, channel, first, network, token) if first else answer

    def _mark(self, message: Message, channel: str, first: str, network: Network, token: str) -> Answer:
        """Let the first message of the thread say how it ended. The news is out already: no failure undoes that."""
        content = {"channel": channel, "ts": first, **blocks_of(message)}
        answer, _ = self._call("chat.update", content, network, token)
        return answer if isinstance(answer, Sent) else Sent(f"its first message could not be changed: {answer.why}")

    def _call(
        self, method: str, content: dict[str, Any], network: Network, token: str
    ) -> tuple[Answer, dict[str, Any]]:
        headers = {"Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {token}"}
        body = json.dumps(content).encode()
        answer = network.request("POST", f"{self.url.rstrip('/')}/{method}", body=body, headers=headers)
        told = _told(answer)
        return _judge(answer, told), told


PLUGIN = SlackBot


def _told(answer: HttpAnswer) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _judge(answer: HttpAnswer, told: dict[str, Any]) -> Answer:
    """Slack answers most errors with status 200, and says in the body what they are."""
    verdict = judge(answer)
    if not isinstance(verdict, Sent):
        return verdict
    if told.get("ok") is True and isinstance(told.get("ts"), str) and isinstance(told.get("channel"), str):
        return verdict
    error = str(told.get("error", ""))
    if told.get("ok") is not False or not _CODE.fullmatch(error):
        return Retry(f"answered HTTP {answer.status}, but not as Slack does")
    why = f"Slack refused it: {error}"
    return Retry(why, retry_after(answer.headers)) if error in _PASSING else Failed(why)
