"""A mail server that only counts: `python -m bench.sink PORT`.

Two commands are its own: STAT tells how many mails came; SEEN NAME when the first came whose recipient begins with
"NAME." (by the machine's monotonic clock, 0 when none did).
"""

import asyncio
import sys
import time
from typing import ClassVar

END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """Answers as a server with PIPELINING does, and throws every mail away."""

    mails = 0
    first_at: ClassVar[dict[bytes, float]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.rest = b""
        self.in_mail = False
        self.recipient = b""
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Take commands and mails as they come."""
        data = self.rest + data
        replies: list[bytes] = []
        position = 0
        while True:
            end = data.find(END if self.in_mail else b"\r\n", position)
            if end < 0:
                break
            if self.in_mail:
                position, self.in_mail = end + len(END), False
                Sink.mails += 1
                Sink.first_at.setdefault(self.recipient, time.monotonic())
                replies.append(b"250 ok\r\n")
            else:
                replies.append(self.answer(data[position:end]))
                position = end + 2
        # Of a mail that goes on only what may hold the beginning of its end is kept.
        self.rest = data[max(position, len(data) - len(END)) :] if self.in_mail else data[position:]
        self.transport.write(b"".join(replies))

    def answer(self, command: bytes) -> bytes:
        """The reply to one command."""
        verb = command[:4].upper()
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
        if verb == b"DATA":
            self.in_mail = True
            return b"354 go on\r\n"
        if verb == b"RCPT":  # RCPT TO:<name.number@host>
            self.recipient = command.partition(b"<")[2].partition(b".")[0]
        if verb == b"SEEN":
            return b"250 %f\r\n" % Sink.first_at.get(command[5:], 0)
        if verb == b"STAT":
            return b"250 %d\r\n" % Sink.mails
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n"


async def main(port: int) -> None:
    """Listen until ended."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
