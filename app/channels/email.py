"""Email over SMTP: plain text and HTML, over TLS unless the server is this machine or somebody said otherwise."""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses
from html import escape
from threading import Timer
from typing import ClassVar

from app.core import messages, plain_text
from app.core.delivery import Answer, Failed, Retry, Sent, Traits
from app.core.errors import InvalidError
from app.core.messages import Kind, Message
from app.core.plain_text import one_line
from app.core.ports import Network, Resolve
from app.core.severity import Severity

TIMEOUT_SECONDS = 20.0
"""For each step of the conversation."""

LONGEST_CONVERSATION_SECONDS = 60.0
TEXT_LIMIT = 200
LINES_LIMIT = 100_000
"""In characters: what is longer is read on the dashboard."""

_TLS_MODES = ("auto", "starttls", "ssl", "none")


@dataclass(frozen=True, slots=True)
class Email:
    """Mail through one SMTP server."""

    name: ClassVar[str] = "email"
    traits: ClassVar[Traits] = Traits()

    host: str = field(metadata={"help": "name of the SMTP server"})
    sender: str = field(metadata={"help": "address that the mail comes from"})
    recipients: str = field(metadata={"help": "addresses that the mail goes to, separated by commas"})
    port: int = field(default=587, metadata={"help": "port of the SMTP server; 465 for tls=ssl"})
    tls: str = field(
        default="auto",
        metadata={"help": "starttls, ssl, none, or auto: STARTTLS, and plain only to a server on this machine"},
    )
    username: str = field(default="", metadata={"help": "name to log in with; empty: no login"})
    password: str = field(default="", metadata={"secret": True, "help": "password to log in with"})

    def __post_init__(self) -> None:
        if not self.host or any(character.isspace() for character in self.host):
            raise InvalidError("host", self.host, "must be the name or address of a server")
        if not 1 <= self.port <= 65535:
            raise InvalidError("port", self.port, "must be from 1 to 65535")
        if self.tls not in _TLS_MODES:
            raise InvalidError("tls", self.tls, f"allowed are {', '.join(_TLS_MODES)}")
        if bool(self.username) != bool(self.password):
            raise InvalidError("username", self.username, "must be given together with password, or neither")
        if len(addresses_of("sender", self.sender)) != 1:
            raise InvalidError("sender", self.sender, "must be one address")
        addresses_of("recipients", self.recipients)

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Send the mail. SMTP 4xx and a lost connection are worth another try; 5xx is not."""
        password = resolve(self.password) if self.password else ""
        where = f"smtp://{self.host}:{self.port}"
        try:
            return self._converse(mail(self, message), network, password)
        except smtplib.SMTPRecipientsRefused as error:
            # One that may be accepted later (4xx) is worth another try for all: none of them has the mail yet.
            return _judge(where, *min(error.recipients.values()))
        except smtplib.SMTPAuthenticationError as error:
            # Its text may quote what was sent, which is the password.
            return _judge(where, error.smtp_code, b"the login was refused")
        except smtplib.SMTPResponseException as error:
            return _judge(where, error.smtp_code, error.smtp_error)
        except smtplib.SMTPNotSupportedError:
            return Failed(f"{where}: the server offers no login, or not without TLS")
        except ssl.SSLCertVerificationError as error:
            return Retry(f"{where}: the server's certificate is not accepted: {error.verify_message}")
        except TimeoutError:
            return Retry(f"{where}: no answer within {TIMEOUT_SECONDS:g} s")
        except (OSError, smtplib.SMTPException) as error:
            return Retry(f"{where}: {_shown(str(error))}")

    def _converse(self, mail: EmailMessage, network: Network, password: str) -> Answer:
        recipients = [address.addr_spec for address in addresses_of("recipients", self.recipients)]
        sender = addresses_of("sender", self.sender)[0].addr_spec
        with _connected(self, network.addresses(self.host, self.port)) as smtp:
            if not self._secured(smtp):
                return Failed(f"smtp://{self.host}:{self.port}: the server offers no STARTTLS; tls=none sends in plain")
            if self.username:
                smtp.login(self.username, password)
            refused = smtp.send_message(mail, sender, recipients)
        return Sent(_refusals(refused))

    def _secured(self, smtp: smtplib.SMTP) -> bool:
        """Start TLS where the configuration asks for it; False when the server cannot."""
        if self.tls in {"ssl", "none"}:
            return True
        smtp.ehlo_or_helo_if_needed()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            return True
        return self.tls == "auto" and _is_this_machine(smtp)


PLUGIN = Email


def addresses_of(name: str, text: str) -> list[Address]:
    """The addresses in a comma-separated list, at least one. Raises InvalidError that names the field."""
    wrong = InvalidError(name, text, "must be addresses such as ops@example.org, separated by commas")
    try:
        found = [Address(display, addr_spec=address) for display, address in getaddresses([text])]
    except (ValueError, IndexError, MessageError):  # what the standard library raises for what is no address
        raise wrong from None
    # The standard library's reading is generous: it joins what blanks separate.
    exact = all(address.addr_spec.isascii() and address.addr_spec in text for address in found)
    if not found or not exact or not text.isprintable():
        raise wrong
    return found


def mail(channel: Email, message: Message) -> EmailMessage:
    """The message as a mail: the same id however often it is sent, in the thread of its check."""
    sender = addresses_of("sender", channel.sender)[0]
    result = EmailMessage()
    result["From"] = sender
    result["To"] = tuple(addresses_of("recipients", channel.recipients))
    result["Subject"] = _shown(message.title)
    result["Date"] = format_datetime(message.at)
    result["Message-ID"] = f"<{message.id}@{sender.domain}>"
    result["References"] = f"<{message.thread}@{sender.domain}>"
    result["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply, please
    result.set_content(_plain(message))
    result.add_alternative(_html(message), subtype="html")
    return result


def _plain(message: Message) -> str:
    return f"{one_line(message.title)}\n\n{plain_text.body(message, LINES_LIMIT)}\n"


# Mail programs keep styles on the elements themselves, and turn light into dark by the two lines in the head.
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<style>:root {{ color-scheme: light dark; supported-color-schemes: light dark; }}</style></head>
<body style="font-family: system-ui, sans-serif; line-height: 1.4">
<p style="border-left: 6px solid {colour}; padding-left: 10px; font-size: 18px; font-weight: bold">{title}</p>
{parts}
</body></html>
"""


def _html(message: Message) -> str:
    lines = "".join(f"<li>{escape(line.removeprefix('- '))}</li>" for line in plain_text.fitting(message, LINES_LIMIT))
    facts = "<br>".join(f"{escape(name)}: {escape(one_line(text))}" for name, text in messages.facts(message))
    parts = [f"<ul>{lines}</ul>" if lines else "", f"<p>{facts}</p>" if facts else ""]
    parts += [f"<p><b>What to do:</b> {escape(message.advice)}</p>"] if message.advice else []
    parts += [f'<p><a href="{escape(message.link)}">Open in Watchkeeper</a></p>'] if message.link else []
    title, colour = escape(one_line(message.title)), _colour(message)
    return _PAGE.format(title=title, colour=colour, parts="\n".join(part for part in parts if part))


def _colour(message: Message) -> str:
    """Legible on white and on black."""
    if message.kind is Kind.RESOLVED:
        return "#2e9e4f"
    return {Severity.CRITICAL: "#d9352b", Severity.WARNING: "#d97a00", Severity.INFO: "#3b7ddd"}[message.severity]


def _refusals(refused: Mapping[str, tuple[int, bytes]]) -> str:
    told = [f"{address} (SMTP {code} {_shown(text)})" for address, (code, text) in sorted(refused.items())]
    return f"some recipients were refused: {', '.join(told)}" if told else ""


def _judge(where: str, code: int, text: bytes | str) -> Answer:
    why = f"{where}: SMTP {code} {_shown(text)}"
    return Failed(why) if 500 <= code < 600 else Retry(why)


def _shown(text: bytes | str) -> str:
    """What a server says, on one line and not too long."""
    return one_line(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, TEXT_LIMIT)


def _is_this_machine(smtp: smtplib.SMTP) -> bool:
    return smtp.sock is not None and ipaddress.ip_address(smtp.sock.getpeername()[0]).is_loopback


class _GuardedSMTP(smtplib.SMTP):
    """Connects to addresses that were checked, while TLS still asks for the certificate of the server's name.

    The whole conversation ends in time: a server that says one letter now and then does not hold its caller.
    """

    def __init__(self, channel: Email, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._tls = ssl.create_default_context() if channel.tls == "ssl" else None
        self._line: socket.socket | None = None
        super().__init__(channel.host, channel.port, timeout=TIMEOUT_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = _first_connection(self._addresses, port, timeout)
        self._line = connection.dup()  # stays valid while TLS wraps the connection
        self._watchdog = Timer(LONGEST_CONVERSATION_SECONDS, _hang_up, [self._line])
        self._watchdog.daemon = True
        self._watchdog.start()
        return self._tls.wrap_socket(connection, server_hostname=host) if self._tls else connection

    def close(self) -> None:
        super().close()
        if self._line is not None:
            self._watchdog.cancel()
            self._line.close()
            self._line = None


def _first_connection(addresses: Sequence[str], port: int, timeout: float) -> socket.socket:
    failure = OSError("the name has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as error:
            failure = error
    raise failure


@contextmanager
def _connected(channel: Email, addresses: Sequence[str]) -> Iterator[smtplib.SMTP]:
    """A conversation. Once the mail is accepted, a failing good-bye is no failure."""
    smtp = _GuardedSMTP(channel, addresses)
    try:
        yield smtp
        with suppress(OSError, smtplib.SMTPException):
            smtp.quit()
    finally:
        smtp.close()


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):  # the other side was quicker
        line.shutdown(socket.SHUT_RDWR)
