import contextlib
import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from integrations.errors import (
    AuthError,
    ForbiddenAddressError,
    IntegrationError,
    PayloadError,
    RateLimitedError,
    RejectedError,
    ServerError,
    UnreachableError,
)
from integrations.http import MAX_REDIRECTS, HTTPClient, retry_after_seconds
from tests.site import Site


def read(client: HTTPClient, address: str, *, max_bytes: int = 10_000_000, max_seconds: float = 5) -> bytes:
    with client.get(address, max_bytes=max_bytes, max_seconds=max_seconds) as response:
        return b"".join(response.iter_raw())


def test_reads_body_in_blocks(site: Site, http: HTTPClient) -> None:
    body = b"0123456789" * 100_000
    address = site.answer("/", body=body, ETag='"1"')

    with http.get(address, max_bytes=len(body), max_seconds=5) as response:
        blocks = list(response.iter_raw())

    assert b"".join(blocks) == body
    assert len(blocks) > 1
    assert response.headers["etag"] == '"1"'


def test_request_sends_parts_and_reads_json(site: Site, http: HTTPClient) -> None:
    received = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        received.append((request.path, request.rfile.read(int(request.headers["Content-Length"]))))
        request.send_response(201)
        request.send_header("Content-Length", "9")
        request.end_headers()
        request.wfile.write(b'{"id": 1}')

    address = site.answer_with("/", answer)

    response = http.request("POST", address, params={"a": "b c"}, json={"x": 1}, headers={"X-Token": "t"})

    assert (response.status, response.json()) == (201, {"id": 1})
    assert received == [("/?a=b+c", b'{"x":1}')]
    assert site.requests[0][1]["x-token"] == "t"


def test_unpacks_gzip_answer(site: Site, http: HTTPClient) -> None:
    address = site.answer("/", body=gzip.compress(b"[1, 2]"), Content_Encoding="gzip")

    assert http.request("GET", address).json() == [1, 2]
    assert site.requests[0][1]["accept-encoding"] == "gzip"


@pytest.mark.parametrize("body", [b"<html>", b"", b"{", b"[" * 100_000, b"\xff"])
def test_answer_that_is_not_json_is_payload_error(body: bytes, site: Site, http: HTTPClient) -> None:
    response = http.request("GET", site.answer("/", body=body))

    with pytest.raises(PayloadError):
        response.json()


@pytest.mark.parametrize(
    ("status", "error", "reason", "permanent"),
    [
        (400, RejectedError, "rejected", True),
        (401, AuthError, "not_authorized", True),
        (403, AuthError, "not_authorized", True),
        (404, RejectedError, "not_found", True),
        (408, ServerError, "server_error", False),
        (410, RejectedError, "not_found", True),
        (422, RejectedError, "rejected", True),
        (429, RateLimitedError, "rate_limited", False),
        (500, ServerError, "server_error", False),
        (503, ServerError, "server_error", False),
        (300, RejectedError, "rejected", True),
    ],
)
def test_status_becomes_error(
    status: int, error: type[IntegrationError], reason: str, permanent: bool, site: Site, http: HTTPClient
) -> None:
    address = site.answer("/", status, body=b"secret detail", Retry_After="120")

    for attempt in (lambda: http.request("GET", address), lambda: read(http, address)):
        with pytest.raises(error) as caught:
            attempt()
        assert (caught.value.reason, caught.value.permanent) == (reason, permanent)
        assert "secret detail" not in str(caught.value)
        if error in {RateLimitedError, ServerError}:
            assert caught.value.retry_after_seconds == 120


def test_caller_may_look_at_error_statuses(site: Site, http: HTTPClient) -> None:
    response = http.request("GET", site.answer("/", 422, body=b"why"), raise_for_status=False)

    assert (response.status, response.content) == (422, b"why")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("17", 17), ("999999999", 86400), ("", None), ("soon", None), ("-5", None), ("1e3", None),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 21 Oct 2115 07:28:00 GMT", 86400), ("٣", None)],
)  # fmt: skip
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after_seconds(value) == seconds


def test_follows_redirects_by_hand(site: Site, http: HTTPClient) -> None:
    site.answer("/a", 301, Location="/b?x=1")
    site.answer("/b", 307, Location=site.origin + "/c")
    site.answer("/c", body=b"found")

    assert read(http, site.origin + "/a") == b"found"
    assert [path for path, _ in site.requests] == ["/a", "/b?x=1", "/c"]


def test_gives_up_after_too_many_redirects(site: Site, http: HTTPClient) -> None:
    address = site.answer("/", 302, Location="/")

    with pytest.raises(RejectedError) as caught:
        read(http, address)

    assert caught.value.reason == "too_many_redirects"
    assert len(site.requests) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("headers", [{}, {"Location": ""}])
def test_redirect_to_nowhere_is_refused(headers: dict[str, str], site: Site, http: HTTPClient) -> None:
    with pytest.raises(RejectedError):
        read(http, site.answer("/", 302, **headers))


def test_never_repeats_a_post_elsewhere(site: Site, http: HTTPClient) -> None:
    site.answer("/b")
    with pytest.raises(RejectedError) as caught:
        http.request("POST", site.answer("/a", 307, Location="/b"), json={})

    assert caught.value.reason == "unexpected_redirect"
    assert [path for path, _ in site.requests] == ["/a"]


def test_credentials_stay_with_their_origin(http: HTTPClient) -> None:
    first, second = Site(), Site()
    try:
        second.answer("/feed", body=b"ok")
        first.answer("/feed", 302, Location=second.origin + "/feed")
        address = first.origin.replace("//", "//user:p%40ss@") + "/feed"

        with http.get(
            address,
            headers={"X-Token": "t", "Cookie": "c=1", "If-None-Match": '"e"'},
            max_bytes=9,
            max_seconds=5,
        ) as response:
            assert b"".join(response.iter_raw()) == b"ok"

        assert first.requests[0][1]["authorization"] == "Basic dXNlcjpwQHNz"
        assert first.requests[0][1]["x-token"] == "t"
        assert not {"authorization", "x-token", "cookie"} & second.requests[0][1].keys()
        assert second.requests[0][1]["if-none-match"] == '"e"'
        assert second.requests[0][1]["host"] == f"127.0.0.1:{second.port}"
    finally:
        first.close()
        second.close()


def test_credentials_follow_within_their_origin(site: Site, http: HTTPClient) -> None:
    site.answer("/a", 302, Location="/b")
    site.answer("/b")

    read(http, site.origin.replace("//", "//user:pass@") + "/a")

    assert site.requests[1][1]["authorization"] == "Basic dXNlcjpwYXNz"


def test_keeps_nobodys_cookies(site: Site, http: HTTPClient) -> None:
    address = site.answer("/", Set_Cookie="session=1; Path=/")

    http.request("GET", address)
    http.request("GET", address)

    assert "cookie" not in site.requests[1][1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_ignores_proxies_of_the_environment(
    scheme: str, site: Site, connections: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.9:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    site.answer("/", body=b"direct")

    # The site speaks no TLS: with https it is enough that it, and nothing else, was spoken to.
    client = HTTPClient(allow_loopback=True, resolver=lambda *_: ["127.0.0.1"])
    with client, contextlib.suppress(UnreachableError):
        assert read(client, f"{scheme}://shop.example:{site.port}/") == b"direct"

    assert set(connections) == {"127.0.0.1"}


def test_error_sentences_hold_no_password(site: Site, http: HTTPClient) -> None:
    address = site.answer("/", 404).replace("//", "//user:hunter2@")

    with pytest.raises(RejectedError) as caught:
        read(http, address + "?token=hunter3")

    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("announced", [True, False])
def test_stops_at_the_size_limit(announced: bool, site: Site, http: HTTPClient) -> None:
    sent = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if announced:
            request.send_header("Content-Length", str(50_000_000))
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        try:
            for _ in range(50):
                request.wfile.write(b"x" * 1_000_000)
                sent.append(1)
        except OSError:
            return

    with pytest.raises(PayloadError) as caught:
        read(http, site.answer_with("/", answer), max_bytes=1_000_000)

    assert caught.value.reason == "too_large"
    assert str(caught.value) == "The answer of 127.0.0.1 is larger than 1 MB."
    assert len(sent) < 50


def test_bomb_is_stopped_after_unpacking_little(site: Site, http: HTTPClient) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    address = site.answer("/", body=bomb, Content_Encoding="gzip")

    with pytest.raises(PayloadError) as caught:
        http.request("GET", address, max_bytes=100_000)

    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip"])
def test_unasked_encoding_is_refused(encoding: str, site: Site, http: HTTPClient) -> None:
    with pytest.raises(PayloadError) as caught:
        http.request("GET", site.answer("/", body=b"..", Content_Encoding=encoding))

    assert caught.value.reason == "bad_encoding"


def test_silence_times_out(site: Site) -> None:
    released = threading.Event()
    address = site.answer_with("/", lambda _: released.wait(5) and None)

    client = HTTPClient(allow_loopback=True, read_timeout_seconds=0.1)
    with client, pytest.raises(UnreachableError) as caught:
        read(client, address)

    released.set()
    assert caught.value.reason == "timeout"


def test_silence_ends_at_the_total_time_too(site: Site) -> None:
    released = threading.Event()
    address = site.answer_with("/", lambda _: released.wait(5) and None)
    began = time.monotonic()

    client = HTTPClient(allow_loopback=True, read_timeout_seconds=5)
    with client, pytest.raises(UnreachableError) as caught:
        read(client, address, max_seconds=0.2)

    released.set()
    assert caught.value.reason == "timeout"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("dripping", ["headers", "body"])
def test_dripping_ends_at_the_total_time(dripping: str, site: Site) -> None:
    stop = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        try:
            request.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if dripping == "body" else b"X-Drip: "))
            while not stop.wait(0.02):
                request.wfile.write(b"x")
        except OSError:
            return

    address = site.answer_with("/", drip)
    began = time.monotonic()

    client = HTTPClient(allow_loopback=True, read_timeout_seconds=5)
    with client, pytest.raises(UnreachableError) as caught:
        read(client, address, max_seconds=0.3)

    stop.set()
    assert caught.value.reason == "timeout"
    assert time.monotonic() - began < 2


def test_broken_answer_is_a_plain_sentence(site: Site, http: HTTPClient) -> None:
    def break_off(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        request.close_connection = True

    with pytest.raises(UnreachableError) as caught:
        read(http, site.answer_with("/", break_off))

    assert caught.value.reason == "broken_answer"


def test_closed_port_is_a_plain_sentence(http: HTTPClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError) as caught:
            read(http, f"http://127.0.0.1:{unused.getsockname()[1]}/")

    assert caught.value.reason == "no_connection"


def test_https_needs_a_certificate_that_fits(tmp_path: Path, http: HTTPClient) -> None:
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1",
               "-keyout", key, "-out", certificate]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.handle_request)
    thread.start()

    with pytest.raises(UnreachableError) as caught:
        read(http, f"https://127.0.0.1:{server.server_port}/")

    thread.join()
    server.server_close()
    assert caught.value.reason == "bad_certificate"


def test_mock_transport_replaces_the_network(connections: list[str]) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"path": request.url.path}))

    with HTTPClient(transport=transport) as client:
        assert client.request("GET", "https://api.example/v1").json() == {"path": "/v1"}
        with pytest.raises(ForbiddenAddressError):
            client.request("GET", "http://api.example/v1")

    assert connections == []


def test_transport_errors_are_mapped() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with HTTPClient(transport=httpx.MockTransport(fail)) as client, pytest.raises(UnreachableError):
        client.request("GET", "https://api.example/")


def test_threads_keep_their_own_deadlines(site: Site, http: HTTPClient) -> None:
    address = site.answer("/", body=b"fine")
    errors: list[IntegrationError] = []

    def run(max_seconds: float) -> None:
        try:
            for _ in range(20):
                read(http, address, max_seconds=max_seconds)
        except IntegrationError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(seconds,)) for seconds in (5, 5, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [type(error) for error in errors] == [UnreachableError]
