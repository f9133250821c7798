"""What the client tells the collector of itself: how much it was given, and how much of that it lost."""

import socket
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from time import monotonic

import httpx
import msgspec

from collectors.client.buffer import Account, Buffer
from collectors.client.endpoint import Parcel

PATH = "/v1/client-reports"
_LONGEST_HOST = 200
_NOT_FOUND, _NOT_ALLOWED = 404, 405


class Reporter:
    """Sends the client's account now and then, all counted since its start, so that a report that is lost, doubled or
    late does no harm. Whatever goes wrong with it is no trouble of the service.
    """

    def __init__(self, buffer: Buffer, interval: float) -> None:
        """Wait `interval` seconds between two reports, and before the first."""
        self._buffer = buffer
        self._interval = interval
        self._identity = {
            "client": uuid.uuid4().hex,
            "host": socket.gethostname()[:_LONGEST_HOST],
            "started_at": datetime.now(UTC).isoformat(),
        }
        self._tried_at = monotonic()
        self._said: Account | None = None
        self._welcome = True

    def tell(self, http: httpx.Client, *, last: bool = False) -> None:
        """Send the account if it is time and there is news; the last one at once, if it says of losses or shares."""
        account = self._buffer.account()
        if not self._welcome or account == self._said:
            return
        matters = bool(account.dropped or account.served is not None or self._said)
        if monotonic() - self._tried_at < self._interval and not (last and matters):
            return
        self._tried_at = monotonic()
        body = msgspec.json.encode(self._identity | asdict(account))
        try:
            status = Parcel(PATH, body, {"Content-Type": "application/json"}).post(http).status
        except httpx.RequestError:
            return
        if 200 <= status < 300:
            self._said = account
        self._welcome = status not in (_NOT_FOUND, _NOT_ALLOWED)  # a collector from before there were reports
