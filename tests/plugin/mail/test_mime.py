import email
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.channels.base import Envelope
from integrations.channels.smtp import SMTPChannel
from plugin.mail.mime import PreparedMail, blank, encoded_words, mailbox
from tests.sink import MailSink

# Texts of mails hold no control characters but line ends; the composer sees to that.
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], include_characters="\n\t"), max_size=400)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)
pieces = st.lists(st.one_of(words, st.just(blank("link")), st.just(blank("name"))), max_size=6).map("".join)


def prepare(text: str = "", html: str = "", **headers: str) -> PreparedMail:
    return PreparedMail(
        headers={"From": "Fern <alerts@shop.example>", **headers},
        personal_headers=[("To", f"<{blank('to')}>"), ("X-Link", f"<{blank('link')}>")],
        text=text,
        html=html,
    )


def parse(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    assert part is not None
    assert not part.defects
    return str(part.get_content()).replace("\r\n", "\n")


@given(text=pieces, html=pieces, link=values, name=values)
def test_what_goes_in_comes_out_of_the_standard_librarys_parser(text: str, html: str, link: str, name: str) -> None:
    filling = {"to": "ann@example.com", "link": link, "name": name}

    content = prepare(text, html).fill(filling)

    message = parse(content)
    for kind, given_text in (("plain", text), ("html", html)):
        expected = given_text.replace(blank("link"), link).replace(blank("name"), name)
        assert body(message, kind) == expected.replace("\r\n", "\n")
    assert message["To"] == "ann@example.com"
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert content.isascii()
    bodies = content.partition(b"\r\n\r\n")[2]
    assert max(map(len, bodies.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("length", range(70, 82))
def test_lines_stay_short_around_a_blank(length: int) -> None:
    content = prepare("x" * length + blank("link") + "y" * length).fill({"to": "a@b.example", "link": "z" * length})

    assert max(map(len, content.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76
    assert body(parse(content), "plain") == "x" * length + "z" * length + "y" * length


def test_all_kinds_of_line_ends_become_one() -> None:
    content = prepare("one\r\ntwo\nthree\rfour").fill({"to": "a@b.example", "link": "l"})

    assert body(parse(content), "plain") == "one\ntwo\nthree\nfour"


def test_headers_of_any_words_are_encoded() -> None:
    subject = 'Größe “42” · 赤い "靴"! ' * 8 + "."

    header = encoded_words(subject, before=len("Subject: "))
    content = prepare("x", "x", Subject=header).fill({"to": "a@b.example", "link": "l"})

    assert content.isascii()
    assert parse(content)["Subject"] == subject
    assert max(map(len, content.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 78


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=300))
def test_any_words_come_back_out_of_a_header(given_words: str) -> None:
    subject = " ".join(given_words.split())

    header = encoded_words(subject, before=len("Subject: "))

    assert header.isascii()
    parsed = parse(prepare(Subject=header).fill({"to": "a@b.example", "link": "l"}))
    assert str(make_header(decode_header(header))) == subject or parsed["Subject"] == subject


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=120))
def test_any_name_makes_one_address(given_words: str) -> None:
    name = " ".join(given_words.split())

    header = mailbox(name, "alerts@shop.example")

    (address,) = parse(b"From: " + header.encode("ascii") + b"\r\n\r\n")["From"].addresses
    assert address.addr_spec == "alerts@shop.example"
    # The newer parser of Python 3.11 puts spaces between the parts of a long name; the older one knows better.
    phrase = header.rpartition(" <")[0]
    assert name in {address.display_name, str(make_header(decode_header(phrase)))}


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_line_end_in_a_header_is_refused(end: str) -> None:
    with pytest.raises(ValueError, match="line end"):
        prepare("x", "x", Subject=f"Hello{end}Bcc: eve@example.com")


@pytest.mark.parametrize("value", ["a@b.example\r\nBcc: eve@example.com", "a@b.example\n", "a@b\r", "ä@b.example"])
def test_a_value_that_could_break_a_header_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        prepare("x", "x").fill({"to": value, "link": "l"})


def test_a_mail_prepared_once_is_another_for_each_person() -> None:
    prepared = prepare(f"Bye: {blank('link')}", f'<a href="{blank("link")}">bye</a>')

    first = parse(prepared.fill({"to": "a@b.example", "link": "https://h.example/u/1"}))
    second = parse(prepared.fill({"to": "c@d.example", "link": "https://h.example/u/2"}))

    assert (first["To"], second["To"]) == ("a@b.example", "c@d.example")
    assert body(first, "plain") == "Bye: https://h.example/u/1"
    assert body(second, "html") == '<a href="https://h.example/u/2">bye</a>'


def test_lines_that_begin_with_a_dot_survive_smtp(sink: MailSink) -> None:
    text = ".\n..\n.hidden\nend." + blank("link") + "\n.\n"
    content = prepare(text, text).fill({"to": "a@b.example", "link": ".l"})

    with SMTPChannel(sink.url).connect() as connection:
        assert connection.send(Envelope("s@b.example", "a@b.example", content)).outcome == "accepted"

    assert sink.delivered[0].content == content
    assert body(sink.delivered[0].message, "plain") == text.replace(blank("link"), ".l")


def test_it_is_as_good_as_what_the_standard_library_builds() -> None:
    header = encoded_words("Grüße")
    ours = parse(prepare("Grüße", "<p>Grüße</p>", Subject=header).fill({"to": "a@b.example", "link": "l"}))
    theirs = EmailMessage(policy=SMTP)
    theirs["Subject"] = "Grüße"
    theirs.set_content("Grüße")
    theirs.add_alternative("<p>Grüße</p>", subtype="html")

    assert ours.get_content_type() == theirs.get_content_type()
    assert [part.get_content_type() for part in ours.iter_parts()] == [
        part.get_content_type() for part in theirs.iter_parts()
    ]
    assert body(ours, "html").strip() == body(parse(theirs.as_bytes()), "html").strip()
