"""Slack, through an incoming webhook: a Block Kit message with its plain text beside it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from app.core.block_kit import blocks_of
from app.core.delivery import JSON, Answer, Failed, Retry, Sent, Traits, judge
from app.core.messages import Message
from app.core.ports import Network, Resolve

_SLACK_CODE = re.compile(rb"[a-z_]{2,60}")


@dataclass(frozen=True, slots=True)
class Slack:
    """An incoming webhook of a Slack workspace (or of a server that speaks the same, such as Mattermost)."""

    name: ClassVar[str] = "slack"
    traits: ClassVar[Traits] = Traits(spacing=timedelta(seconds=1))

    url: str = field(metadata={"secret": True, "help": "address of the incoming webhook"})

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Send the message. Slack says `ok`: any other body, even with status 200, means that nobody was told."""
        body = json.dumps(blocks_of(message)).encode()
        answer = network.request("POST", resolve(self.url), body=body, headers=JSON)
        verdict = judge(answer)
        code = f" ({answer.body.decode()})" if _SLACK_CODE.fullmatch(answer.body) else ""
        match verdict:
            case Sent() if answer.body.strip() != b"ok":
                return Retry(f"answered HTTP {answer.status} but not ok{code}")
            case Retry(why, after):
                return Retry(why + code, after)
            case Failed(why):
                return Failed(why + code)
        return verdict


PLUGIN = Slack
