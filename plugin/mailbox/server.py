"""The mailbox's SMTP server."""

import asyncio
import threading

from aiosmtpd.smtp import SMTP, Envelope, Session

from plugin.mailbox.store import MailStore

MOST_MAIL_BYTES = 10 * 1024 * 1024
STOP_SECONDS = 5


class _Keeper:
    def __init__(self, store: MailStore) -> None:
        self.store = store

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content or b""
        for recipient in envelope.rcpt_tos:
            self.store.keep(recipient, content if isinstance(content, bytes) else content.encode())
        return "250 kept"


class MailboxServer:
    """Listens on a free port of 127.0.0.1, in a thread of its own."""

    def __init__(self, store: MailStore) -> None:
        """Nothing is started yet."""
        self._keeper = _Keeper(store)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mailbox", daemon=True)
        self._port = 0

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def stop(self) -> None:
        """End."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where the running server is reached."""
        return f"smtp://127.0.0.1:{self._port}"

    def _session(self) -> SMTP:
        return SMTP(self._keeper, hostname="localhost", ident="Stockbell mailbox", data_size_limit=MOST_MAIL_BYTES)

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(self._session, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks(self._loop) if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
