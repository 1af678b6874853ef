"""E-mail over SMTP, on a connection that stays open from one message to the next."""

import contextlib
import re
import smtplib
import ssl
import time
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from integrations.channels.base import Channel, ChannelConnection, Envelope, SendResult
from integrations.errors import AuthError, UnreachableError

CONNECT_SECONDS = 10
COMMAND_SECONDS = 60
# RFC 5321 4.5.3.2.6 lets a server think for ten minutes about a message; giving up means sending it twice.
ACCEPT_SECONDS = 300
ROUND_TRIPS = 3
RECIPIENT_CODES = {550, 551, 553}
DEFAULT_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
MOST_DETAIL_CHARS = 300


class SMTPChannel(Channel):
    """The mail server at an address like smtp://host:25, smtps://user:password@host or smtp+starttls://..."""

    def __init__(self, url: str) -> None:
        """Keep the address; nothing is opened yet."""
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or "localhost"
        self._port = parts.port or DEFAULT_PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def connect(self) -> "SMTPConnection":
        """Connect, encrypt and sign in, as the address says.

        Raises:
            AuthError: the server does not accept user and password.
            UnreachableError: it does not answer properly.
        """
        return SMTPConnection(self._ready_server)

    def _ready_server(self) -> tuple[smtplib.SMTP, float]:
        """A server that awaits a message, and the seconds of a round trip to it."""
        server: smtplib.SMTP | None = None
        try:
            server = self._open()
            server.ehlo_or_helo_if_needed()
            if self._user:
                server.login(self._user, self._password)
            return server, _round_trip_seconds(server)
        except smtplib.SMTPAuthenticationError as error:
            _close(server)
            raise AuthError("The mail server does not accept the user name and password.") from error
        except (OSError, smtplib.SMTPException) as error:
            _close(server)
            raise UnreachableError(f"The mail server {self._host}:{self._port} cannot be used: {error}") from error

    def _open(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            return smtplib.SMTP_SSL(
                self._host, self._port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
            )
        server = smtplib.SMTP(self._host, self._port, timeout=CONNECT_SECONDS)
        if self._scheme == "smtp+starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


class SMTPConnection(ChannelConnection):
    """One connection to a mail server."""

    def __init__(self, ready_server: Callable[[], tuple[smtplib.SMTP, float]]) -> None:
        """Take how to reach a server that awaits a message, and reach it."""
        self._ready_server = ready_server
        self._server, self.round_trip_seconds = ready_server()
        self._pipelining = self._server.has_extn("pipelining")
        self._offered = False
        self._set_timeout(COMMAND_SECONDS)

    def send(self, envelope: Envelope, following: Envelope | None = None) -> SendResult:
        """Hand one message over; see `ChannelConnection.send`."""
        try:
            refusal = self._offer(envelope)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self.close()
            raise UnreachableError("The connection to the mail server was lost.") from error
        if refusal:
            return refusal
        try:
            return self._transmit(envelope, following if self._pipelining else None)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return SendResult("uncertain", f"no answer after the message was handed over: {type(error).__name__}")

    def take_back(self) -> None:
        """A message that was offered ahead will not come: only a new connection undoes DATA.

        Raises:
            AuthError, UnreachableError: there is no new one.
        """
        if self._offered:
            self._offered = False
            self._server.close()  # without a goodbye, which would be the message
            self._server, self.round_trip_seconds = self._ready_server()
            self._set_timeout(COMMAND_SECONDS)

    def close(self) -> None:
        """Say goodbye; never raises."""
        _close(self._server)

    def _offer(self, envelope: Envelope) -> SendResult | None:
        """MAIL, RCPT and DATA, in one packet where the server allows it (RFC 2920); None: it waits for the data."""
        replies = self._offer_at_once(envelope) if self._pipelining else self._offer_in_steps(envelope)
        if any(reply[0] < 200 for reply in replies):  # smtplib's -1: words that are no reply
            raise smtplib.SMTPServerDisconnected("The mail server does not speak SMTP.")
        refused = next((reply for reply in replies if reply[0] >= 400), None)
        if refused is None:
            return None
        if len(replies) == 3 and replies[-1][0] == 354:
            # A server that takes data for nobody: RFC 2920 3.1 has us send none.
            self._server.send(".\r\n")
            self._server.getreply()
        else:
            self._server.docmd("RSET")
        return _refusal(refused, envelope, is_about_sender=refused is replies[0])

    def _offer_at_once(self, envelope: Envelope) -> list[tuple[int, bytes]]:
        if not self._offered:
            self._server.send(_offer_of(envelope))
        self._offered = False
        return [self._server.getreply() for _ in range(3)]

    def _offer_in_steps(self, envelope: Envelope) -> list[tuple[int, bytes]]:
        replies: list[tuple[int, bytes]] = []
        for command in _offer_of(envelope).decode().splitlines():
            replies.append(self._server.docmd(command))
            if replies[-1][0] >= 400:
                break
        return replies

    def _transmit(self, envelope: Envelope, following: Envelope | None) -> SendResult:
        """The mail itself, and in the same packet the offer of the next one: one round trip for each mail."""
        content = envelope.content
        if b"\r\n." in content:
            content = content.replace(b"\r\n.", b"\r\n..")
        self._set_timeout(ACCEPT_SECONDS)
        end = b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"
        self._server.send(content + end + (_offer_of(following) if following else b""))
        self._offered = following is not None
        reply = self._server.getreply()
        self._set_timeout(COMMAND_SECONDS)
        if reply[0] < 200:
            self.close()
            return SendResult("uncertain", "the answer to the message cannot be read")
        return SendResult("accepted") if reply[0] < 300 else _refusal(reply, envelope)

    def _set_timeout(self, seconds: float) -> None:
        if self._server.sock:
            self._server.sock.settimeout(seconds)


def _round_trip_seconds(server: smtplib.SMTP) -> float:
    """The shortest of a few: the others measure how busy this machine is."""
    trips = []
    for _ in range(ROUND_TRIPS):
        asked_at = time.monotonic()
        server.noop()
        trips.append(time.monotonic() - asked_at)
    return min(trips)


def _offer_of(envelope: Envelope) -> bytes:
    return f"MAIL FROM:<{envelope.sender}>\r\nRCPT TO:<{envelope.recipient}>\r\nDATA\r\n".encode("ascii")


def _refusal(reply: tuple[int, bytes], envelope: Envelope, *, is_about_sender: bool = False) -> SendResult:
    code, words = reply
    said = re.sub(re.escape(envelope.recipient), "<address>", words.decode("ascii", "replace"), flags=re.IGNORECASE)
    detail = f"{code} {said}"[:MOST_DETAIL_CHARS]
    permanent = not is_about_sender and _is_about_recipient(code, said)
    return SendResult("permanent" if permanent else "temporary", detail)


def _is_about_recipient(code: int, said: str) -> bool:
    """Whether the address or mailbox itself is the fault.

    Everything else (policy, quota, relaying) is ours, and will be mended, so nobody is given up for it.
    Source: RFC 3463, classes X.1 (addressing) and X.2 (mailbox).
    """
    enhanced = re.match(r"([245])\.(\d{1,3})\.\d{1,3}\b", said)
    if enhanced:
        return enhanced[1] == "5" and enhanced[2] in {"1", "2"}
    return code in RECIPIENT_CODES


def _close(server: smtplib.SMTP | None) -> None:
    if server is None:
        return
    if server.sock:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.sock.settimeout(2)
            server.quit()
    server.close()
