"""The widget is a guest on the shop's page: it keeps the page's policy, and breaks and leaks nothing."""

import pytest
from playwright.sync_api import expect

from tests.widget.storefront import SOLD_OUT, Storefront
from tests.widget.stub import PUBLIC_KEY, Stub

pytestmark = pytest.mark.browser

HOSTILE = """
<style>
  * { all: unset !important; }
  button, p, h2, input { display: none !important; }
</style>
"""


@pytest.mark.parametrize("script_source", ["{host}", ""], ids=["host allowed", "nonce alone"])
def test_a6_signs_up_under_a_strict_content_security_policy(
    storefront: Storefront, stub: Stub, script_source: str
) -> None:
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src 'nonce-abc' {script_source.format(host=stub.host)}",
            "style-src 'self'",
            f"connect-src {stub.host}",
            "img-src 'self'",
            "require-trusted-types-for 'script'",
        ]
    )
    storefront.visit(policy=policy, nonce="abc")
    storefront.sign_up()
    expect(storefront.status).to_contain_text("as soon as")

    expect(storefront.submit).to_have_css("border-radius", "6px")
    assert storefront.page.evaluate("violations") == []


def test_loading_twice_changes_nothing(storefront: Storefront, stub: Stub) -> None:
    twice = f'<script src="{stub.script}"></script><script src="{stub.script}?again"></script>'
    storefront.visit(script=twice)
    storefront.sign_up()
    expect(storefront.status).to_contain_text("as soon as")

    assert len(stub.subscriptions) == 1
    assert stub.asked("GET", f"/s/{PUBLIC_KEY}.js?again")


def test_loader_that_no_server_filled_in_does_nothing(storefront: Storefront, stub: Stub) -> None:
    bare = next(stub.dist.glob("*/loader.js")).read_text()
    storefront.visit("<p>Nothing here.</p>", script=f"<script>{bare}</script>")

    assert storefront.page.evaluate("customElements.get('stockbell-notify') === undefined")


def test_leaves_one_global_behind(storefront: Storefront) -> None:
    storefront.visit("<p>Plain.</p>", script="")
    before = set(storefront.page.evaluate("Object.getOwnPropertyNames(window)"))
    storefront.visit()
    storefront.sign_up()
    after = set(storefront.page.evaluate("Object.getOwnPropertyNames(window)"))

    assert after - before == {"stockbell"}


def test_keeps_its_shape_under_hostile_styles(storefront: Storefront) -> None:
    storefront.visit(HOSTILE + SOLD_OUT)
    storefront.sign_up()

    expect(storefront.status).to_contain_text("as soon as")
    expect(storefront.submit).to_have_css("border-radius", "6px")


def test_changes_no_style_of_the_page(storefront: Storefront) -> None:
    style = "JSON.stringify(Object.entries(getComputedStyle(document.querySelector('#after'))))"
    storefront.visit("<p>Plain.</p>", script="")
    before = storefront.page.evaluate(style)
    storefront.visit()
    storefront.sign_up()
    storefront.close.click()

    assert storefront.page.evaluate(style) == before


def test_keys_typed_in_the_form_do_not_reach_the_themes_shortcuts(storefront: Storefront) -> None:
    storefront.visit()
    storefront.page.evaluate("window.keys = []; addEventListener('keydown', (event) => keys.push(event.key));")
    storefront.open()
    storefront.email.press("s")

    assert storefront.page.evaluate("keys") == []


def test_escape_closes_the_form_alone_and_the_themes_dialog_at_the_next(storefront: Storefront) -> None:
    quick_add = "<div id='quick-add' onkeyup=\"window.escapes = (window.escapes || 0) + (event.key === 'Escape')\">"
    storefront.visit(f"{quick_add}{SOLD_OUT}</div>")
    storefront.open()
    storefront.page.keyboard.press("Escape")
    expect(storefront.dialog).to_be_hidden()
    assert not storefront.page.evaluate("window.escapes")

    storefront.page.keyboard.press("Escape")
    assert storefront.page.evaluate("window.escapes") == 1


def test_survives_being_moved_by_the_theme(storefront: Storefront) -> None:
    storefront.visit()
    storefront.element.evaluate("element => document.querySelector('h1').before(element)")
    storefront.sign_up()

    expect(storefront.status).to_contain_text("as soon as")


def test_writes_nothing_to_cookies_or_storage(storefront: Storefront) -> None:
    storefront.visit()
    storefront.sign_up()
    expect(storefront.status).to_contain_text("as soon as")

    assert storefront.page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == [
        "",
        0,
        0,
    ]
