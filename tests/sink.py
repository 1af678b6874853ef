"""A mail server for tests: it speaks SMTP, keeps what it takes, and can be slow, refuse or break off."""

import email
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Self

CommandRule = Callable[[str], str | None]


@dataclass
class Delivered:
    """A mail that the sink has accepted."""

    sender: str
    recipient: str
    content: bytes
    connection: int

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        parsed = email.message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass
class MailSink:
    """Listens on a free port of 127.0.0.1 while used as a context manager."""

    answer: CommandRule = lambda _command: None
    """Asked for every command (and "." at the end of a mail): a reply of its own, "drop" to break off, or None."""
    pipelining: bool = True
    answer_seconds: float = 0.0
    delivered: list[Delivered] = field(default_factory=list)
    connections: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _Session(sink, self).run()

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"smtp://127.0.0.1:{self._server.server_address[1]}"

    @property
    def recipients(self) -> list[str]:
        """Who got mail, in order."""
        return [mail.recipient for mail in self.delivered]

    def wait_for(self, mails: int, seconds: float = 30) -> None:
        """Wait until so many mails have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.delivered) >= mails, seconds), (
                f"{len(self.delivered)} of {mails} mails came within {seconds} s"
            )

    def take(self, mail: Delivered) -> None:
        """Keep a mail."""
        with self.changed:
            self.delivered.append(mail)
            self.changed.notify_all()


class _Session:
    def __init__(self, sink: MailSink, handler: socketserver.StreamRequestHandler) -> None:
        self.sink, self.read, self.write = sink, handler.rfile, handler.wfile
        self.sender = self.recipient = ""
        with sink.changed:
            sink.connections += 1
            self.number = sink.connections

    def run(self) -> None:
        try:
            self.say("220 sink")
            while line := self.read.readline():
                if not self.obey(line.decode("ascii").rstrip("\r\n")):
                    return
        except (ConnectionError, BrokenPipeError):
            return

    def say(self, *lines: str) -> None:
        self.write.write("".join(f"{line}\r\n" for line in lines).encode())
        self.write.flush()

    def obey(self, command: str) -> bool:
        time.sleep(self.sink.answer_seconds)
        own = self.sink.answer(command)
        if own == "drop":
            return False
        verb = command.partition(" ")[0].upper()
        if own:
            self.say(own)
            if verb == "DATA" and own.startswith("354"):
                return self.take_mail()
        elif verb == "EHLO":
            self.say(*(["250-sink", "250-PIPELINING"] if self.sink.pipelining else ["250-sink"]), "250 8BITMIME")
        elif verb == "DATA":
            if not self.recipient:
                self.say("503 no recipient")
                return True
            self.say("354 go on")
            return self.take_mail()
        elif verb == "QUIT":
            self.say("221 bye")
            return False
        else:
            self.remember(verb, command)
            self.say("250 ok")
        return True

    def remember(self, verb: str, command: str) -> None:
        address = command[command.find("<") + 1 : command.rfind(">")]
        if verb == "MAIL":
            self.sender, self.recipient = address, ""
        elif verb == "RCPT":
            self.recipient = address
        elif verb == "RSET":
            self.sender = self.recipient = ""

    def take_mail(self) -> bool:
        lines = []
        while (line := self.read.readline()) != b".\r\n":
            if not line.endswith(b"\n"):  # it broke off: nobody has taken this mail
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        own = self.sink.answer(".")
        if own in {None, "drop-after"}:
            self.sink.take(Delivered(self.sender, self.recipient, b"".join(lines), self.number))
        if own in {"drop", "drop-after"}:
            return False
        self.say(own or "250 kept")
        return True
