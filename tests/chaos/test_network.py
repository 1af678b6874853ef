"""The fault runner's own mail server and proxy do what runs rely on."""

import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integrations.channels.base import ChannelConnection, Envelope
from integrations.channels.smtp import SMTPChannel
from tests.chaos.network import Loop, Proxy
from tests.chaos.sink import RecordingSink
from tests.processes import wait_for


@pytest.fixture
def network() -> Iterator[Loop]:
    with Loop() as network:
        yield network


@pytest.fixture
def sink(network: Loop) -> Iterator[RecordingSink]:
    with RecordingSink(network) as sink:
        yield sink


def mail(number: int) -> Envelope:
    content = f"Subject: Hi\r\nMessage-ID: <{number}@x>\r\n\r\n.dots\r\n..more\r\n".encode()
    return Envelope("shop@x.example", f"p{number}@x.example", content)


@contextlib.contextmanager
def connected(port: int) -> Iterator[ChannelConnection]:
    connection = SMTPChannel(f"smtp://127.0.0.1:{port}").connect()
    try:
        yield connection
    finally:
        connection.close()


def sent(connection: ChannelConnection, *numbers: int) -> list[str]:
    mails = [mail(number) for number in numbers]
    return [connection.send(each, following).outcome for each, following in zip(mails, [*mails[1:], None], strict=True)]


def test_the_sink_counts_mails_by_recipient_and_id(sink: RecordingSink) -> None:
    with connected(sink.port) as connection:
        assert sent(connection, 1, 2, 1) == ["accepted"] * 3

    assert sink.received == {("p1@x.example", "<1@x>"): 2, ("p2@x.example", "<2@x>"): 1}
    assert sink.mails == 3


def test_a_sink_that_knows_ids_delivers_each_once(sink: RecordingSink) -> None:
    sink.knows_ids = True
    with connected(sink.port) as connection:
        assert sent(connection, 1, 1) == ["accepted"] * 2

    assert set(sink.received.values()) == {1}
    assert (sink.mails, sink.repeats) == (1, 1)


def test_a_lost_answer_leaves_the_mail_taken(sink: RecordingSink) -> None:
    sink.lose_every = 2
    with connected(sink.port) as connection:
        assert sent(connection, 1, 2) == ["accepted", "uncertain"]

    assert (sink.mails, sink.answers_lost) == (2, 1)


def test_a_busy_sink_refuses_some_for_now(sink: RecordingSink) -> None:
    sink.busy_for = 2
    with connected(sink.port) as connection:
        outcomes = sent(connection, *range(20))

    assert set(outcomes) == {"accepted", "temporary"}
    assert sink.refused == outcomes.count("temporary")
    assert sink.mails == outcomes.count("accepted")


def test_a_slow_answer_comes(sink: RecordingSink) -> None:
    sink.answer_seconds = 0.2
    started = time.monotonic()
    with connected(sink.port) as connection:
        assert sent(connection, 1, 2) == ["accepted"] * 2

    assert 0.4 <= time.monotonic() - started < 2


@pytest.mark.parametrize("hurt", [RecordingSink.cut, RecordingSink.half_close])
def test_a_broken_connection_is_noticed_and_half_a_mail_is_none(
    sink: RecordingSink, hurt: Callable[[RecordingSink], None]
) -> None:
    with socket.create_connection(("127.0.0.1", sink.port), 5) as client:
        client.sendall(b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nMessage-ID: <1>\r\n\r\nhalf")
        while b"354" not in client.recv(1000):
            pass

        hurt(sink)

        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1000) == b""
    wait_for(lambda: not sink.sessions, "the end of the connection")
    assert sink.mails == 0


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path leaves room for a socket's name: a path of one has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="echo-") as folder:
        yield Path(folder)


@pytest.fixture
def echo(network: Loop, short_folder: Path) -> Iterator[Proxy]:
    """A proxy in front of a server that says what it hears, and "end" when there is nothing more to hear."""
    path = short_folder / "echo"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client, contextlib.suppress(OSError):
                        while heard := client.recv(1000):
                            client.sendall(heard)
                        client.sendall(b"end")

        threading.Thread(target=serve, daemon=True).start()
        with Proxy(network, path) as proxy:
            yield proxy
        listener.shutdown(socket.SHUT_RDWR)


def test_the_proxy_passes_on_delays_half_closes_and_cuts(echo: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", echo.port), 5) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        echo.delay_seconds = 0.1
        started = time.monotonic()
        client.sendall(b"two")
        assert client.recv(100) == b"two"
        assert time.monotonic() - started >= 0.2
        echo.delay_seconds = 0
        echo.half_close()
        assert client.recv(100) == b"end"
        assert client.recv(100) == b""
    with socket.create_connection(("127.0.0.1", echo.port), 5) as client:
        client.sendall(b"three")
        assert client.recv(100) == b"three"
        echo.cut()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""


def test_a_silent_proxy_tells_nobody(echo: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", echo.port), 5) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"

        echo.fall_silent()
        client.sendall(b"two")

        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(100)
