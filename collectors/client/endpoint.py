"""Where the collector is and how it is spoken to: one POST, and the whole answer or an error of httpx."""

import encodings.idna  # noqa: F401  # else imported by the first look-up of a host: see Endpoint.__post_init__
import gzip
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import httpx

from collectors.client.buffer import Batch

THREAD_NAME = "watchkeeper-client"

_GZIP_ABOVE = 1024  # bytes; a body below this fits one packet anyway
_FASTEST = 1  # JSON shrinks well at the first level already, and the processor belongs to the model that is served
_LONGEST_ANSWER = 4 * 1024 * 1024  # bytes; whatever answers at this address must not fill the memory


class Answer(NamedTuple):
    """What the collector said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked address, and the key that no text shows.

    url      http or https, with a host and perhaps a path in front of /v1
    timeout  seconds for each of connecting, sending and every wait for a piece of the answer
    """

    url: str
    key: str | None = field(repr=False)
    timeout: float
    # Reading the certificates takes tens of milliseconds: once here, and not again in every forked child.
    certificates: ssl.SSLContext = field(default_factory=httpx.create_ssl_context, repr=False)

    def __post_init__(self) -> None:
        """Raise ValueError for an address or a key that could never work."""
        _check_url(self.url)
        if self.key is not None and not (self.key.isascii() and self.key.isprintable() and " " not in self.key):
            raise ValueError("key: not shown here; allowed are printable ASCII characters without spaces")
        # httpx imports half of itself at the first connection. Were there a fork while the sending thread does so, the
        # child would wait for ever for an import lock whose owner it does not have. Hence one here, and never used.
        self.connect().close()

    def connect(self) -> httpx.Client:
        """A pool of one connection that is kept alive; it opens nothing before the first request."""
        # One "HTTP Request: POST ..." a second is httpx's habit, but nobody in the host's log asked for ours.
        logging.getLogger("httpx").addFilter(_of_the_host)
        headers = {"User-Agent": "watchkeeper-client", "Content-Type": "application/x-ndjson"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        return httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=self.timeout,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            verify=self.certificates,
        )


@dataclass(frozen=True, slots=True)
class Parcel:
    """A batch made ready once and posted as often as it takes: NDJSON, compressed where that pays."""

    path: str
    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """Join the records of the batch."""
        body = b"\n".join(record.body for record in batch.records)
        if len(body) <= _GZIP_ABOVE:
            return cls(batch.kind.value, body, {})
        return cls(batch.kind.value, gzip.compress(body, _FASTEST, mtime=0), {"Content-Encoding": "gzip"})

    def post(self, http: httpx.Client) -> Answer:
        """Send it and read the answer, cut where it grows absurd. Raises httpx.RequestError when there is none."""
        body = bytearray()
        with http.stream("POST", self.path, content=self.body, headers=dict(self.headers)) as response:
            for piece in response.iter_bytes():
                body += piece
                if len(body) > _LONGEST_ANSWER:
                    break
        return Answer(response.status_code, response.headers, bytes(body))


def _check_url(text: str) -> None:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(
            f"url: {text!r} is not an address ({error}); allowed is http://host:port or https://host"
        ) from error
    if url.userinfo:
        raise ValueError(
            "url: not shown here, as it holds a user or password; allowed is one without, use the key instead"
        )
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise ValueError(f"url: {text!r}; allowed is http://host:port or https://host, perhaps with a path")


def _of_the_host(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD_NAME
