"""A product page that carries the widget, as a test sees it."""

from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Route

from tests.widget.stub import Stub

ELEMENT = '<stockbell-notify product-id="p1" variant-id="v1" available="false">{fallback}</stockbell-notify>'
FALLBACK = '<a href="/hosted">Notify me</a>'
SOLD_OUT = ELEMENT.format(fallback=FALLBACK)

PAGE = """<!doctype html>
<html lang="{lang}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Blue mug</title>
  <script{nonce}>
    window.told = [];
    for (const name of ["opened", "subscribed", "error"]) {{
      addEventListener(`stockbell-${{name}}`, (event) => told.push([name, event.detail]));
    }}
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
  </script>
  {script}
</head>
<body>
  <button id="before">Before</button>
  <h1>Blue mug</h1>
  {body}
  <button id="after">After</button>
</body>
</html>
"""


class Storefront:
    """One page of the shop, the widget on it, and what the page's console said."""

    def __init__(self, page: Page, stub: Stub) -> None:
        self.page = page
        self.stub = stub
        self.complaints: list[str] = []
        page.set_viewport_size({"width": 1280, "height": 800})
        page.on("console", self._hear)
        page.on("pageerror", self._hear_error)

    def leave(self) -> None:
        """Take back what this test did to the tab."""
        self.page.unroute_all()
        self.page.goto("about:blank")
        self.page.mouse.move(0, 0)
        self.page.remove_listener("console", self._hear)
        self.page.remove_listener("pageerror", self._hear_error)

    def _hear_error(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _hear(self, message: ConsoleMessage) -> None:
        # The browser itself logs each failed request; no script can keep it from that.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def visit(
        self,
        body: str = SOLD_OUT,
        *,
        lang: str = "en",
        policy: str = "",
        nonce: str = "",
        script: str | None = None,
        query: str = "",
    ) -> None:
        """Open a product page with the given content and wait until the widget is there."""
        attribute = f' nonce="{nonce}"' if nonce else ""
        if script is None:
            script = f'<script src="{self.stub.script}" async{attribute}></script>'
        headers = {"Content-Security-Policy": policy} if policy else {}
        html = PAGE.format(lang=lang, nonce=attribute, script=script, body=body)
        self.stub.pages["/product"] = (headers, html)
        self.page.goto(f"{self.stub.shop}/product{query}")
        if "stockbell" in body:
            self.page.wait_for_function("() => customElements.get('stockbell-notify')")

    @property
    def element(self) -> Locator:
        return self.page.locator("stockbell-notify")

    @property
    def button(self) -> Locator:
        return self.page.locator("stockbell-notify button[part=button]")

    @property
    def dialog(self) -> Locator:
        return self.page.locator("stockbell-notify dialog")

    @property
    def email(self) -> Locator:
        return self.dialog.locator("input[type=email]")

    @property
    def submit(self) -> Locator:
        return self.dialog.locator("button[type=submit]")

    @property
    def close(self) -> Locator:
        return self.dialog.locator("button.close")

    @property
    def status(self) -> Locator:
        return self.dialog.get_by_role("status")

    @property
    def alert(self) -> Locator:
        return self.dialog.locator("[role=alert]")

    @property
    def told(self) -> list[Any]:
        """The widget's events that reached the window, as name and detail."""
        told: list[Any] = self.page.evaluate("() => told")
        return told

    @property
    def focus(self) -> str:
        """What has the focus, as tag name and the id, name or type that tells it from others."""
        path: str = self.page.evaluate(
            """() => {
              let active = document.activeElement;
              while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
              const part = active.getAttribute("part");
              const word = part || active.className || active.name || active.id || active.type;
              return `${active.localName} ${word}`.trim();
            }"""
        )
        return path

    def open(self) -> None:
        """Open the dialog by a click."""
        self.button.click()
        self.email.wait_for()

    def sign_up(self, address: str = "ada@example.com") -> None:
        """Fill in the form and send it."""
        self.open()
        self.email.fill(address)
        self.submit.click()

    def cut(self, pattern: str) -> None:
        """Make the requests that match fail, as when the server cannot be reached."""

        def abort(route: Route) -> None:
            route.abort()

        self.page.route(pattern, abort)
