"""An e-mail with blanks: encoded once, then filled in for one person after the other.

Building each mail anew with `email.message` takes milliseconds; joining prepared pieces takes microseconds.
"""

import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from email.header import Header

BLANK = re.compile(r"\x02([a-z_]+)\x03")
SOFT_BREAK = b"=\r\n"
PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*")
MOST_LINE_CHARS = 76
MOST_PLAIN_HEADER_CHARS = 900


def blank(name: str) -> str:
    """The mark in a text where the value called `name` is filled in for each person."""
    return f"\x02{name}\x03"


def encoded_words(words: str, *, before: int = 0) -> str:
    """Words as a header can hold them (RFC 2047), folded; the other way round gives the same words again.

    Args:
        words: one line of any characters.
        before: how many characters of the first line are taken.
    """
    as_they_are = words.isascii() and "=?" not in words and len(words) <= MOST_PLAIN_HEADER_CHARS
    charset = "us-ascii" if as_they_are else "utf-8"
    return Header(words, charset, MOST_LINE_CHARS - before).encode(linesep="\r\n")


def mailbox(name: str, address: str) -> str:
    """Name and address of a person or shop for a header; the name of any characters."""
    if PLAIN_NAME.fullmatch(name) and "=?" not in name:
        return f"{name} <{address}>" if name.strip() else f"<{address}>"
    if name.isascii() and "=?" not in name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{encoded_words(name, before=len('From: '))} <{address}>"


class PreparedMail:
    """A multipart/alternative mail of which only the blanks differ from person to person."""

    def __init__(
        self, *, headers: Mapping[str, str], personal_headers: Sequence[tuple[str, str]], text: str, html: str
    ) -> None:
        """Encode everything that is the same for all.

        Args:
            headers: the same for all; ASCII, folded where they are long (see `encoded_words`, `mailbox`).
            personal_headers: name and value, the value ASCII with blanks.
            text: plain text with blanks.
            html: HTML with blanks.

        Raises:
            ValueError: a header holds a line end that is no fold, or is not ASCII.
        """
        boundary = f"=_{secrets.token_hex(12)}"
        pieces: list[bytes | str] = [_header(name, value) for name, value in headers.items()]
        for name, value in personal_headers:
            pieces += [f"{name}: ".encode(), *_plain_pieces(value), b"\r\n"]
        pieces.append(f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n'.encode())
        for subtype, body in (("plain", text), ("html", html)):
            pieces.append(
                f"\r\n--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
                "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
            )
            pieces += _quoted_pieces(body)
        pieces.append(f"\r\n--{boundary}--\r\n".encode())
        self._pieces = _merged(pieces)
        self._quoted = {piece[1:] for piece in self._pieces if isinstance(piece, str) and piece[0] == "q"}

    def fill(self, values: Mapping[str, str]) -> bytes:
        """The whole mail for one person.

        Args:
            values: by the names of the blanks; printable ASCII.

        Raises:
            ValueError: a value holds anything else, so that it could break a header.
        """
        plain = {name: _checked(value) for name, value in values.items()}
        quoted = {name: SOFT_BREAK + _quoted(values[name]) + SOFT_BREAK for name in self._quoted}
        return b"".join(
            piece if isinstance(piece, bytes) else (quoted if piece[0] == "q" else plain)[piece[1:]]
            for piece in self._pieces
        )


def _header(name: str, value: str) -> bytes:
    if re.search(r"[\r\n]", value.replace("\r\n ", "")):
        raise ValueError(f"a line end in the header {name}")
    return f"{name}: {value}\r\n".encode("ascii")


def _checked(value: str) -> bytes:
    if not (value.isascii() and value.isprintable()):
        raise ValueError("a value for a mail must be printable ASCII")
    return value.encode("ascii")


def _plain_pieces(value: str) -> list[bytes | str]:
    parts = BLANK.split(value)
    return [f"p{part}" if index % 2 else part.encode("ascii") for index, part in enumerate(parts)]


def _quoted_pieces(body: str) -> list[bytes | str]:
    parts = BLANK.split(body.replace("\r\n", "\n").replace("\r", "\n"))
    return [f"q{part}" if index % 2 else _quoted(part) for index, part in enumerate(parts)]


def _quoted(value: str) -> bytes:
    """Quoted-printable (RFC 2045 6.7), lines of at most 76 characters, with room for a soft break at its end."""
    # The "X" holds the place of the soft break that may follow.
    return binascii.b2a_qp(value.encode() + b"X", istext=True)[:-1].replace(b"\n", b"\r\n")


def _merged(pieces: Sequence[bytes | str]) -> list[bytes | str]:
    """The same with neighbouring constants joined."""
    merged: list[bytes | str] = []
    for piece in pieces:
        if merged and isinstance(piece, bytes) and isinstance(merged[-1], bytes):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged
