"""A mail server that writes down who got which message, and that fails in every way that a mail server can.

It serves all connections from one event loop, so that its work does not set the pace of a run.
"""

import asyncio
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from tests.chaos.network import Loop

MESSAGE_ID = re.compile(rb"(?im)^message-id:[ \t]*(\S+)")
BUSY = b"451 4.3.0 try again later"
END_OF_MAIL = b"\r\n.\r\n"
ANSWERS = {"EHLO": b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME", "DATA": b"354 go on", "QUIT": b"221 bye"}


@dataclass
class RecordingSink:
    """Listens on a free port of `host` while used as a context manager."""

    network: Loop
    knows_ids: bool = False
    """Whether it delivers a Message-ID that it has had already a second time."""
    host: str = "127.0.0.1"
    received: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By recipient and Message-ID: how often it was delivered."""
    mails: int = 0
    """How many were delivered, altogether."""
    repeats: int = 0
    """How many were dropped, as their Message-ID was known."""
    answers_lost: int = 0
    refused: int = 0
    busy_for: int = 0
    """One in so many addresses is refused for now; 0: none."""
    lose_every: int = 0
    """Of so many mails, one is taken and the connection broken off before the answer; 0: none."""
    answer_seconds: float = 0.0
    sessions: set["_Session"] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._server = self.network.run(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *details: object) -> None:
        self.network.call(self._server.close)
        self.cut()
        self.network.run(asyncio.sleep(0))

    async def _listen(self) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: _Session(self), self.host, 0, backlog=64)

    def cut(self) -> None:
        """End every connection at once."""
        self.network.each(lambda session: session.transport.abort(), self.sessions)

    def half_close(self) -> None:
        """Say nothing more on any connection, and go on taking what comes."""
        self.network.each(_Session.fall_mute, self.sessions)

    def is_busy(self, recipient: str) -> bool:
        """Whether this address is to be tried again later."""
        return bool(self.busy_for) and zlib.crc32(recipient.encode()) % self.busy_for == 0

    def take(self, recipient: str, content: bytes) -> bool:
        """Deliver a mail; False: the answer to it is lost."""
        found = MESSAGE_ID.search(content, 0, content.find(b"\r\n\r\n") + 2)
        assert found, "a mail without a Message-ID"
        key = (recipient, found[1].decode())
        if self.knows_ids and key in self.received:
            self.repeats += 1
        else:
            self.received[key] += 1
            self.mails += 1
        lost = bool(self.lose_every) and (self.mails + self.repeats) % self.lose_every == 0
        self.answers_lost += lost
        return not lost


class _Session(asyncio.Protocol):
    """One connection. What comes in one packet is answered in one packet (RFC 2920)."""

    transport: asyncio.Transport

    def __init__(self, sink: RecordingSink) -> None:
        self.sink = sink
        self.waiting = bytearray()
        self.searched = 0
        self.recipient = ""
        self.in_mail = self.is_thinking = self.is_mute = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.sink.sessions.add(self)
        self._say(b"220 sink")

    def connection_lost(self, _error: Exception | None) -> None:
        self.sink.sessions.discard(self)

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        self._work()

    def _work(self) -> None:
        answers: list[bytes] = []
        while not self.is_thinking and not self.transport.is_closing():
            answer = self._mail() if self.in_mail else self._command()
            if answer is None:
                break
            answers.append(answer)
            if answer.startswith(b"221"):
                self._say(*answers)
                self.transport.close()
                return
        if answers:
            self._say(*answers)

    def fall_mute(self) -> None:
        """End this direction."""
        if not self.is_mute and not self.transport.is_closing():
            self.is_mute = True
            self.transport.write_eof()

    def _say(self, *answers: bytes) -> None:
        if not self.is_mute and not self.transport.is_closing():
            self.transport.write(b"".join(answer + b"\r\n" for answer in answers))

    def _mail(self) -> bytes | None:
        """Take the mail that has come to its end; None: it has not, or its answer comes later or never."""
        if self.waiting.startswith(END_OF_MAIL[2:]):
            end = -2  # a mail of no lines
        else:
            end = self.waiting.find(END_OF_MAIL, max(0, self.searched - len(END_OF_MAIL)))
        if end == -1:
            self.searched = len(self.waiting)
            return None
        content = bytes(self.waiting[: max(0, end)])
        del self.waiting[: end + len(END_OF_MAIL)]
        self.in_mail, self.searched = False, 0
        return self._answer_to(content)

    def _answer_to(self, content: bytes) -> bytes | None:
        if not content:
            return b"554 no mail"
        if not self.sink.take(self.recipient, content):
            self.transport.abort()
            return None
        if self.sink.answer_seconds:
            self.is_thinking = True
            asyncio.get_running_loop().call_later(self.sink.answer_seconds, self._answer_late)
            return None
        return b"250 kept"

    def _answer_late(self) -> None:
        self.is_thinking = False
        self._say(b"250 kept")
        self._work()

    def _command(self) -> bytes | None:
        end = self.waiting.find(b"\r\n")
        if end == -1:
            return None
        line = self.waiting[:end].decode("ascii", "replace")
        del self.waiting[: end + 2]
        verb = line[:4].upper()
        if verb == "RCPT":
            return self._recipient(line[line.find("<") + 1 : line.rfind(">")])
        if verb == "DATA" and not self.recipient:
            return b"503 5.5.1 nobody to send to"
        self.in_mail = verb == "DATA"
        if verb in {"MAIL", "RSET"}:
            self.recipient = ""
        return ANSWERS.get(verb, b"250 ok")

    def _recipient(self, address: str) -> bytes:
        if self.sink.is_busy(address):
            self.sink.refused += 1
            return BUSY
        self.recipient = address
        return b"250 ok"
