"""Web addresses as browsers compare them."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

USUAL_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https address without user name, query and fragment."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self | None:
        """The parts of an absolute address; None for anything else."""
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if not host or parts.scheme not in USUAL_PORTS:
            return None
        return cls(parts.scheme, host, port or USUAL_PORTS[parts.scheme], parts.path or "/")

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def place(self) -> str:
        """The origin as it is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == USUAL_PORTS[self.scheme]
        return f"{self.scheme}://{host}" + ("" if usual else f":{self.port}")
