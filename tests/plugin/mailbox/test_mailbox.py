import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from plugin.mailbox.server import MailboxServer
from plugin.mailbox.store import MailStore
from plugin.settings import Settings

MAIL = (
    b"From: Fern <alerts@shop.example>\r\nTo: <ann@example.com>\r\nSubject: =?utf-8?q?Gr=C3=B6=C3=9Fe?= <b>\r\n"
    b"Message-ID: <1@shop.example>\r\nList-Unsubscribe: <https://h.example/u/token>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello https://h.example/p <script>\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p style='color:red'>Hello</p><script>alert(1)</script>\r\n"
    b"--b--\r\n"
)


@pytest.fixture
def store(settings: Settings) -> MailStore:
    """The mailbox of the application under test."""
    return MailStore(settings.home / "mailbox")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailboxServer]:
    """A running mailbox."""
    server = MailboxServer(MailStore(tmp_path / "served"))
    server.start()
    yield server
    server.stop()


def other(number: int) -> bytes:
    return MAIL.replace(b"<1@", f"<{number}@".encode())


def test_the_same_mail_to_the_same_person_is_kept_once(tmp_path: Path) -> None:
    store = MailStore(tmp_path)

    assert store.keep("ann@example.com", MAIL)
    assert not store.keep("ann@example.com", MAIL)
    assert store.keep("bob@example.com", MAIL)
    assert store.keep("ann@example.com", other(2))
    assert store.count() == 3


def test_an_empty_mailbox_holds_nothing(tmp_path: Path) -> None:
    assert MailStore(tmp_path / "nothing").newest() == []
    assert MailStore(tmp_path / "nothing").count() == 0


@pytest.mark.parametrize("key", ["", ".", "../x", "a/b", "nothing", "x\0", "é"])
def test_what_is_not_there_is_not_found(tmp_path: Path, key: str) -> None:
    (tmp_path / "x.eml").write_bytes(MAIL)

    assert MailStore(tmp_path / "inside").find(key) is None


def test_the_newest_come_first(tmp_path: Path) -> None:
    store = MailStore(tmp_path)
    for number in range(5):
        store.keep(f"p{number}@example.com", MAIL)

    assert [mail.recipient for mail in store.newest(2)] == ["p4@example.com", "p3@example.com"]


def test_a_mail_without_a_body_or_subject_is_shown_as_it_is(tmp_path: Path) -> None:
    store = MailStore(tmp_path)
    store.keep("ann@example.com", b"X: y\r\n\r\n")

    (mail,) = store.newest()
    assert (mail.subject, mail.body("html")) == ("(no subject)", "")


def test_the_server_keeps_what_it_gets(server: MailboxServer, tmp_path: Path) -> None:
    host, _, port = server.url.removeprefix("smtp://").partition(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.sendmail("alerts@shop.example", ["ann@example.com", "bob@example.com"], MAIL)
        client.sendmail("alerts@shop.example", ["ann@example.com"], MAIL)

    store = MailStore(tmp_path / "served")
    assert sorted(mail.recipient for mail in store.newest()) == ["ann@example.com", "bob@example.com"]
    assert store.newest()[0].message["Message-ID"] == "<1@shop.example>"


def test_the_list_names_subject_and_recipient(client: FlaskClient, store: MailStore) -> None:
    assert "No mail yet" in client.get("/mailbox").text
    store.keep("ann@example.com", MAIL)

    page = client.get("/mailbox").text

    assert "Größe &lt;b&gt;" in page
    assert "ann@example.com" in page
    assert 'http-equiv="refresh"' in page
    assert 'http-equiv="refresh"' not in client.get("/mailbox?reload=off").text


def test_a_mail_is_shown_where_it_can_do_nothing(client: FlaskClient, store: MailStore) -> None:
    store.keep("ann@example.com", MAIL)
    key = store.newest()[0].key

    page = client.get(f"/mailbox/{key}")
    assert "Größe &lt;b&gt;" in page.text
    assert "List-Unsubscribe" in page.text
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text

    html = client.get(f"/mailbox/{key}/html")
    policy = html.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert html.mimetype == "text/html"

    source = client.get(f"/mailbox/{key}/source")
    assert source.mimetype == "text/plain"
    assert b"Message-ID: <1@shop.example>" in source.data


def test_an_unknown_mail_is_not_found(client: FlaskClient) -> None:
    for path in ("x", "x/html", "x/source", "..%2Fx", "%2e%2e"):
        assert client.get(f"/mailbox/{path}").status_code == 404
