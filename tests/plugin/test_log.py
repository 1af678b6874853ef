"""No address and no token of a link is ever in a line of the log (norm S13)."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from plugin import log
from plugin.mail import links

ADDRESS = "canary.person+tag@example.com"
TOKEN = links.make_token("s" * 40, "unsubscribe", 7, b"k" * 16)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged, as it would be on standard error."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    output = io.StringIO()
    monkeypatch.setattr("sys.stderr", output)
    log.configure("test")
    yield output
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def only_line(lines: io.StringIO) -> dict[str, Any]:
    text = lines.getvalue()
    assert "canary" not in text
    assert TOKEN not in text
    (line,) = text.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize(
    "value",
    [
        ADDRESS,
        f"no such user <{ADDRESS}>: rejected",
        f"GET /u/{TOKEN}?x=1 and https://host/c/{TOKEN}",
        f"/n/key/v1?email={ADDRESS.replace('@', '%40')}&x=1",
        {"recipient": ADDRESS, "nested": [{"to": (ADDRESS, 7)}]},
        [ADDRESS, {f"key {ADDRESS}": f"/u/{TOKEN}"}],
        ValueError(f"bad {ADDRESS}"),
        {ADDRESS},
        ADDRESS.encode(),
    ],
)
def test_addresses_and_tokens_are_taken_out_of_what_we_log(lines: io.StringIO, value: Any) -> None:
    structlog.get_logger("plugin").info("something_happened", value=value, number=7)

    line = only_line(lines)
    assert (line["event"], line["number"], line["process"]) == ("something_happened", 7, "test")
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_what_is_nested_keeps_its_shape(lines: io.StringIO) -> None:
    structlog.get_logger("plugin").info("x", value={"to": [ADDRESS, 7], "ok": True})

    assert only_line(lines)["value"] == {"to": ["<address>", 7], "ok": True}


def test_addresses_are_taken_out_of_what_libraries_log(lines: io.StringIO) -> None:
    logging.getLogger("library").warning("cannot reach %s at /u/%s", ADDRESS, TOKEN)

    assert only_line(lines)["event"] == "cannot reach <address> at /u/<token>"


def test_addresses_are_taken_out_of_traces(lines: io.StringIO) -> None:
    logger = logging.getLogger("library")
    try:
        int(f"[parameters: {{'email': '{ADDRESS}'}}] /c/{TOKEN}")
    except ValueError:
        logger.exception("failed for %s", ADDRESS)

    assert "Traceback" in only_line(lines)["exception"]


@given(st.emails(domains=st.just("canary.example")), st.text(" <>\"'(),;:=&?/", max_size=3))
def test_any_usual_address_is_taken_out(address: str, around: str) -> None:
    local = address.partition("@")[0]
    if not set(local) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"):
        return

    event = log.without_personal_data(None, "info", {"event": f"x{around} {address}{around} y"})

    assert "canary" not in event["event"]
