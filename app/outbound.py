"""The guarded way out: HTTP requests that only reach addresses anybody on the internet could reach.

Whoever may name a webhook may otherwise make this machine ask its neighbours, or the cloud's metadata service, for
secrets (server-side request forgery). So a name is resolved here, every address it resolves to is checked, and the
connection goes to the very address that was checked: a name that resolves differently a moment later gains nothing.

httpcore is used by itself because httpx logs every address in full, and the address of a Slack webhook is its secret.
It logs what the other side says, who may quote what it was told: below the level of a warning its log is switched off.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from time import monotonic
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

import httpcore

from app.core.delivery import HttpAnswer
from app.core.errors import InvalidError
from app.core.http_syntax import header_fault

TIMEOUT_SECONDS = 20.0
"""For a whole request, from the connection to the last byte of the answer."""

LARGEST_ANSWER = 64 * 1024

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# Addresses of cloud metadata services that look like anybody's: Azure's and Oracle's.
_METADATA = frozenset({ipaddress.ip_address("168.63.129.16"), ipaddress.ip_address("192.0.0.192")})
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_RELAY = ipaddress.IPv4Network("192.88.99.0/24")  # the withdrawn 6to4 relays: whoever is nearest answers there


class OutboundError(Exception):
    """A request got no answer. The text names scheme and host only; `permanent` says that trying again cannot help."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent


class OutboundClient:
    """Sends single requests and answers with status, headers and the first 64 KiB. Follows no redirect, uses no proxy.

    With `allow_private` any unicast address may be reached. Safe to use from several threads.
    """

    def __init__(self, *, allow_private: bool, timeout: float = TIMEOUT_SECONDS) -> None:
        self.allow_private = allow_private
        self._timeout = timeout
        logging.getLogger("httpcore").setLevel(logging.WARNING)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Made when it is first needed: reading all certificates of the system takes longer than a request over http.
        return ssl.create_default_context()

    def request(
        self, method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Send a request to an http or https URL. Raises OutboundError when there was no answer in time."""
        parts = check_url(url)
        _check_headers(headers or {})
        target = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        tls = self._tls if parts.scheme == "https" else None
        backend = _GuardedBackend(self, monotonic() + self._timeout)
        try:
            with httpcore.ConnectionPool(ssl_context=tls, network_backend=backend) as pool:
                return _exchange(pool, method, url, body, headers or {})
        except httpcore.ConnectTimeout:
            raise OutboundError(f"{target}: no connection within {self._timeout:g} s") from None
        except httpcore.ConnectError as error:
            raise OutboundError(f"{target}: cannot connect: {error}") from None
        except httpcore.TimeoutException:
            raise OutboundError(f"{target}: no complete answer within {self._timeout:g} s") from None
        except (httpcore.ProtocolError, httpcore.NetworkError) as error:
            # The text of a protocol error quotes the other side, who may quote the secret: it stays unsaid.
            raise OutboundError(f"{target}: the connection broke off ({type(error).__name__})") from None

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """All addresses of `host`, in the system's order. Raises OutboundError when one of them may not be reached."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # a label that is empty or too long is no name at all
            raise OutboundError(f"{host}: the name cannot be resolved") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._check(host, address)
        return addresses

    def _check(self, host: str, address: str) -> None:
        kind = _refused(ipaddress.ip_address(address.partition("%")[0]))
        if kind == "multicast" or (kind and not self.allow_private):
            named = host if host == address else f"{host} resolves to {address}, which"
            hint = "" if kind == "multicast" else "; WATCHKEEPER_ALLOW_PRIVATE_TARGETS=true allows private targets"
            raise OutboundError(f"{named} is a {kind} address and not reached{hint}", permanent=True)


def _refused(address: _Address) -> str:
    """What kind of address it is, when it is none of the public internet; empty when it is."""
    inner = _embedded(address)
    if inner is not None:
        return _refused(inner)
    if address.is_multicast:
        return "multicast"
    ours = address in _METADATA or address in _RELAY or not address.is_global or address.is_reserved
    return "private" if ours or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local) else ""


def _embedded(address: _Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped, 6to4, Teredo or NAT64 address leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def check_url(url: str) -> SplitResult:
    """The parts of an address that a request may go to. Raises OutboundError, which does not repeat the address."""
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port != 0
    except ValueError:
        raise OutboundError("the address is not a URL", permanent=True) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        raise OutboundError("the address must begin with http:// or https:// and name a host", permanent=True)
    if not url.isascii() or not url.isprintable() or " " in url:
        raise OutboundError("the address holds a character that no URL may hold", permanent=True)
    if parts.username is not None:
        raise OutboundError("the address must not hold a user name or password", permanent=True)
    return parts


def check_address(field: str, url: str) -> None:
    """Raise InvalidError unless a request may go to the address, which somebody has configured in the field.

    It is stored and shown as it is: no place for a secret.
    """
    try:
        check_url(url)
    except OutboundError as error:
        raise InvalidError(field, "(not shown)" if "@" in url else url, str(error)) from None


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if fault := header_fault(name, value):
            raise OutboundError(fault, permanent=True)


def _exchange(
    pool: httpcore.ConnectionPool, method: str, url: str, body: bytes, headers: Mapping[str, str]
) -> HttpAnswer:
    with pool.stream(method, url, headers=[*headers.items(), ("Connection", "close")], content=body) as response:
        received = bytearray()
        for chunk in response.iter_stream():
            received += chunk
            if len(received) >= LARGEST_ANSWER:
                break
        names = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in response.headers}
        return HttpAnswer(response.status, names, bytes(received[:LARGEST_ANSWER]))


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only, and to nobody for longer than until `deadline` (of the monotonic clock)."""

    def __init__(self, client: OutboundClient, deadline: float) -> None:
        self._client = client
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in self._client.addresses(host, port):
            try:
                left = _left(self._deadline, httpcore.ConnectTimeout)
                stream = self._sockets.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A connection whose reads and writes end together at one deadline: a byte now and then does not prolong it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, error: type[httpcore.TimeoutException]) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise error
    return left
