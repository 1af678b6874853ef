"""Kept mails, as files of a folder: one mail a file, named after its Message-ID and recipient."""

import email
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

SHOWN_MAILS = 200


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail in the mailbox."""

    key: str
    arrived_at: datetime
    recipient: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return str(self.message.get("Subject", "(no subject)"))

    def body(self, kind: str) -> str:
        """The "plain" or "html" part; empty when there is none."""
        part = self.message.get_body(preferencelist=(kind,))
        return str(part.get_content()) if part else ""


@dataclass(frozen=True, slots=True)
class MailStore:
    """The folder of kept mails. The same mail to the same person is kept once, as by any good provider."""

    folder: Path

    def keep(self, recipient: str, content: bytes) -> bool:
        """Keep a mail; False when it was there already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        message = email.message_from_bytes(content, policy=default)
        identity = f"{message.get('Message-ID', hashlib.sha256(content).hexdigest())}\0{recipient}"
        path = self.folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.eml"
        if path.exists():
            return False
        draft = path.with_suffix(".part")
        draft.write_bytes(f"X-Stockbell-Recipient: {recipient}\r\n".encode() + content)
        draft.replace(path)
        return True

    def newest(self, limit: int = SHOWN_MAILS) -> list[KeptMail]:
        """The newest mails, newest first."""
        try:
            with os.scandir(self.folder) as entries:
                stamped = [(entry.stat().st_mtime_ns, entry.name) for entry in entries if entry.name.endswith(".eml")]
        except FileNotFoundError:
            return []
        found = (self.find(name.removesuffix(".eml")) for _, name in sorted(stamped, reverse=True)[:limit])
        return [mail for mail in found if mail]

    def count(self) -> int:
        """How many mails are kept."""
        return len(list(self.folder.glob("*.eml")))

    def find(self, key: str) -> KeptMail | None:
        """One mail, or None."""
        path = self.folder / f"{key}.eml"
        if not key.isalnum() or not path.is_file():
            return None
        message = email.message_from_bytes(path.read_bytes(), policy=default)
        assert isinstance(message, EmailMessage)
        arrived_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return KeptMail(key, arrived_at, str(message.get("X-Stockbell-Recipient", "")), message)
