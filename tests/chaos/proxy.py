"""A TCP proxy that delays, cuts and half-closes connections."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

BLOCK_BYTES = 65536


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes everything on while used as a context manager."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        """Take how to reach the server behind; asked for each connection, as servers come and go."""
        self._connect = connect
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self.delay_seconds = 0.0
        """How long each block of bytes waits."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection at once."""
        for pair in self._taken():
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def half_close(self) -> None:
        """Tell every server that its client has nothing more to say; answers still come through."""
        for _, server in self._taken():
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_WR)

    def _taken(self) -> list[tuple[socket.socket, socket.socket]]:
        with self._lock:
            return list(self._pairs)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            for source, target in (pair, pair[::-1]):
                threading.Thread(target=self._pass_on, args=(pair, source, target), daemon=True).start()

    def _pass_on(self, pair: tuple[socket.socket, socket.socket], source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BLOCK_BYTES):
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        with self._lock:
            if pair in self._pairs:  # the first direction that ends; the other one closes both
                self._pairs.discard(pair)
                return
        for end in pair:
            end.close()
