"""An e-mail with blanks: encoded once, then filled in for one person after the other.

Building each mail anew with `email.message` takes milliseconds; joining prepared pieces takes microseconds.
"""

import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP

BLANK = re.compile(r"\x02([a-z_]+)\x03")
SOFT_BREAK = b"=\r\n"


def blank(name: str) -> str:
    """The mark in a text where the value called `name` is filled in for each person."""
    return f"\x02{name}\x03"


class PreparedMail:
    """A multipart/alternative mail of which only the blanks differ from person to person."""

    def __init__(
        self, *, headers: Mapping[str, str], personal_headers: Sequence[tuple[str, str]], text: str, html: str
    ) -> None:
        """Encode everything that is the same for all.

        Args:
            headers: the same for all; any words (they are encoded), no line ends.
            personal_headers: name and value, the value ASCII with blanks.
            text: plain text with blanks.
            html: HTML with blanks.

        Raises:
            ValueError: a header holds a line end.
        """
        boundary = f"=_{secrets.token_hex(16)}"
        common = EmailMessage(policy=SMTP)
        for name, value in headers.items():
            common[name] = value
        common["MIME-Version"] = "1.0"
        head = common.as_bytes().removesuffix(b"\r\n")
        pieces: list[bytes | str] = [head]
        for name, value in personal_headers:
            pieces += [f"{name}: ".encode(), *_plain_pieces(value), b"\r\n"]
        pieces.append(f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'.encode())
        for subtype, body in (("plain", text), ("html", html)):
            pieces.append(
                f"\r\n--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
                "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
            )
            pieces += _quoted_pieces(body)
        pieces.append(f"\r\n--{boundary}--\r\n".encode())
        self._pieces = _merged(pieces)

    def fill(self, values: Mapping[str, str]) -> bytes:
        """The whole mail for one person.

        Args:
            values: by the names of the blanks; ASCII without line ends.
        """
        plain = {name: value.encode("ascii") for name, value in values.items()}
        quoted = {name: SOFT_BREAK + _quoted(value) + SOFT_BREAK for name, value in values.items()}
        return b"".join(
            piece if isinstance(piece, bytes) else (quoted if piece[0] == "q" else plain)[piece[1:]]
            for piece in self._pieces
        )


def _plain_pieces(value: str) -> list[bytes | str]:
    parts = BLANK.split(value)
    return [f"p{part}" if index % 2 else part.encode("ascii") for index, part in enumerate(parts)]


def _quoted_pieces(body: str) -> list[bytes | str]:
    parts = BLANK.split(body.replace("\r\n", "\n"))
    return [f"q{part}" if index % 2 else _quoted(part) for index, part in enumerate(parts)]


def _quoted(value: str) -> bytes:
    """Quoted-printable (RFC 2045 6.7), lines of at most 76 characters."""
    return binascii.b2a_qp(value.encode(), istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _merged(pieces: Sequence[bytes | str]) -> list[bytes | str]:
    """The same with neighbouring constants joined."""
    merged: list[bytes | str] = []
    for piece in pieces:
        if merged and isinstance(piece, bytes) and isinstance(merged[-1], bytes):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged
