"""What the widget costs a shopper's slow phone, in every theme and on pages that are heavy (A8)."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.widget.stub import Stub
from tests.widget.themes import THEMES, Theme, button, pick, serve

Event = dict[str, Any]

pytestmark = pytest.mark.browser

SLOWDOWN = 4
LONGEST_TASK_MS = 50
LONGEST_WAIT_MS = 200
TRIES = 8
"""Fresh loads, of which one must be good: the widget's own faults show in each, those of a busy machine do not."""
LOOKS_MS = 400
"""How long the page is left alone meanwhile; the element looks at it every 100 ms."""

TRACED = ["devtools.timeline", "disabled-by-default-devtools.timeline", "v8", "v8.execute"]
SCRIPTS = {"EvaluateScript", "FunctionCall", "v8.compile", "v8.compileModule"}
PROMISES = "RunMicrotasks"
TIMER = "TimerFire"
NAMED = "AnimationFrame::Script::Execute"
"""Tells whose script ran, also after an `await`, where it ran for 5 ms or longer."""

OBSERVE_WAITS = """() => {
  window.waits = [];
  new PerformanceObserver((list) => {
    window.waits.push(...list.getEntries().filter((each) => each.interactionId).map((each) => each.duration));
  }).observe({ type: "event", durationThreshold: 16 });
}"""
# The browser reports an event after the frame that shows what it did.
TAKE_WAITS = """async () => {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 100)));
  return window.waits.splice(0);
}"""

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Mugs</title>
  %SCRIPT%
  {head}
</head>
<body>
<main>
  <h1>Mugs</h1>
  {body}
</main>
</body>
</html>
"""


@dataclass(frozen=True)
class Heavy(Theme):
    """A page that is too big to be kept in a file."""

    text: str = ""

    @property
    def html(self) -> str:
        return self.text


def _big_product() -> str:
    """500 variants to choose from, 3,000 nodes, and 200 kB for search engines, which alone tell what is sold out."""
    variants = ["v1", "v2", "v3", *(f"other-{number}" for number in range(497))]
    described = [
        {
            "@type": "Product",
            "sku": variant,
            "name": f"Blue mug, {variant}",
            "description": "A mug of fired clay. " * 10,
            "offers": {
                "@type": "Offer",
                "price": "9.90",
                "availability": f"https://schema.org/{'InStock' if variant == 'v1' else 'OutOfStock'}",
            },
        }
        for variant in variants
    ]
    data = {"@context": "https://schema.org", "@type": "ProductGroup", "name": "Blue mug", "hasVariant": described}
    options = "".join(f'<option value="{variant}">{variant}</option>' for variant in variants)
    reviews = "<li><b>Good.</b> <span>It is blue.</span></li>" * 830
    return PAGE.format(
        head=f'<script type="application/ld+json">{json.dumps(data)}</script>',
        body=f"""
        <form method="post" action="/buy">
          <label>Size <select name="id" class="pick">{options}</select></label>
          <button type="submit">Buy</button>
          <stockbell-notify product-id="p1"></stockbell-notify>
        </form>
        <ul>{reviews}</ul>""",
    )


def _collection() -> str:
    """48 products, all sold out, each with an element of its own."""
    cards = [
        f"""<li><h2>Mug {number}</h2><form method="post" action="/buy">
          <select name="id"><option value="v2">S</option><option value="v3">M</option></select>
          <button type="submit">Buy</button>
          <stockbell-notify id="notify-{number}" product-id="p{number}" sold-out="v2 v3"></stockbell-notify>
        </form></li>"""
        for number in range(48)
    ]
    return PAGE.format(head="", body=f"<ul>{''.join(cards)}</ul>")


def _leave(page: Page, variant: str) -> None:
    """All are sold out there."""


BIG = Heavy("big", pick, text=_big_product())
COLLECTION = Heavy("collection", _leave, element="#notify-0", text=_collection())
FEW = [theme for theme in THEMES if theme.name in {"dawn", "hostile", "components"}]


def named(theme: Theme) -> str:
    return theme.name


@contextmanager
def slow_tab(browser: Browser) -> Iterator[Page]:
    """A tab in a process of its own, with nothing loaded or compiled before, on a slow phone."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(15_000)
    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    yield page
    context.close()


def browse(page: Page, theme: Theme, address: str) -> None:
    """Load the page, stay there, choose what is sold out."""
    page.goto(address)
    page.wait_for_timeout(LOOKS_MS)
    theme.choose(page, "v2")
    page.wait_for_timeout(LOOKS_MS)


def open_form(page: Page, theme: Theme) -> None:
    button(page, theme).click()
    page.locator(f"{theme.element} dialog input[type=email]").fill("ada@example.com")


def submit_form(page: Page, theme: Theme) -> None:
    page.locator(f"{theme.element} dialog button[type=submit]").click()
    expect(page.locator(f"{theme.element} dialog").get_by_role("status")).to_contain_text("ada@example.com")


USUAL_WORK_MS = 12.0
"""How long `WORK` takes in such a tab on the machine on which the limits were set."""
WORK = """
() => {
  const times = [];
  for (let round = 0; round < 9; round++) {
    const begun = performance.now();
    const list = document.createElement("ul");
    for (let number = 0; number < 1500; number++) {
      const item = document.createElement("li");
      item.setAttribute("data-number", String(number));
      item.append(document.createElement("b"), String(number));
      list.append(item);
    }
    list.querySelectorAll("[data-number='7'] b").length;
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[4];
}
"""


def allowed(browser: Browser, milliseconds: float) -> float:
    """A limit for this machine at this moment: more where the same work takes it longer, and never less."""
    taken = []
    for _ in range(3):
        with slow_tab(browser) as page:
            taken.append(float(page.evaluate(WORK)))
    return milliseconds * max(1.0, max(taken) / USUAL_WORK_MS)


def tries(measure: Callable[[], float], enough: float) -> list[float]:
    """What was measured, until it was little enough."""
    found = [measure()]
    while min(found) > enough and len(found) < TRIES:
        found.append(measure())
    return found


def tasks(trace: bytes) -> list[list[Event]]:
    """What happened in each task of the pages' main threads."""
    events = json.loads(trace)["traceEvents"]
    threads = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    main = [e for e in events if e["ph"] in "Xb" and threads.get((e["pid"], e["tid"])) == "CrRendererMain"]
    found: list[list[Event]] = []
    process, end = 0, 0
    for event in sorted(main, key=lambda e: (e["pid"], e["ts"], -e.get("dur", 0))):
        if event["pid"] == process and event["ts"] < end:
            found[-1].append(event)
        elif event["name"] == "RunTask":
            process, end = event["pid"], event["ts"] + event["dur"]
            found.append([])
    return found


def our_milliseconds(task: list[Event], host: str) -> float:
    """How long the widget's scripts kept the processor in a task, with what the browser did for them meanwhile."""
    ours = [event for event in task if f'"{host}/' in json.dumps(event["args"])]
    named = [event["ts"] for event in ours if event["name"] == NAMED]
    called = [event["ts"] for event in ours if event["name"] in SCRIPTS]
    total, end = 0.0, 0
    for event in task:
        after = event["ts"] + event.get("dur", 0)
        is_ours = event["name"] in SCRIPTS and event in ours
        is_promise_of_ours = event["name"] == PROMISES and any(event["ts"] <= at < after for at in named)
        # What waits for a timer of ours runs in it.
        is_timer_of_ours = event["name"] == TIMER and any(event["ts"] <= at < after for at in called)
        if (is_ours or is_promise_of_ours or is_timer_of_ours) and event["ts"] >= end:
            # Without the time for which another process had the processor, where the system tells.
            total += event.get("tdur", event["dur"]) / 1000
            end = after
    return total


def longest_task(browser: Browser, stub: Stub, theme: Theme, *steps: Callable[[Page, Theme], None]) -> float:
    """The most that the widget does at a stretch, in milliseconds, while the page is looked at and then used."""
    with slow_tab(browser) as page:
        browser.start_tracing(page=page, categories=TRACED)
        try:
            browse(page, theme, serve(stub, theme))
            for step in steps:
                step(page, theme)
        finally:
            trace = browser.stop_tracing()
    ours = [our_milliseconds(task, stub.host) for task in tasks(trace)]
    # The looks are there: else nothing was measured.
    assert len([each for each in ours if each]) > LOOKS_MS / 100
    return max(ours)


@pytest.mark.parametrize("theme", [*THEMES, COLLECTION], ids=named)
def test_a8_no_task_is_over_50_ms_on_a_slow_phone(browser: Browser, stub: Stub, theme: Theme) -> None:
    found = tries(lambda: longest_task(browser, stub, theme, open_form, submit_form), LONGEST_TASK_MS)

    assert min(found) <= LONGEST_TASK_MS or min(found) <= allowed(browser, LONGEST_TASK_MS), found


def test_a8_no_task_is_over_50_ms_while_a_heavy_page_is_looked_at(browser: Browser, stub: Stub) -> None:
    found = tries(lambda: longest_task(browser, stub, BIG), LONGEST_TASK_MS)

    assert min(found) <= LONGEST_TASK_MS or min(found) <= allowed(browser, LONGEST_TASK_MS), found


@pytest.mark.parametrize("theme", [*FEW, BIG, COLLECTION], ids=named)
def test_a8_a_shopper_waits_at_most_200_ms_on_a_slow_phone(browser: Browser, stub: Stub, theme: Theme) -> None:
    address = serve(stub, theme)

    def longest_wait() -> float:
        with slow_tab(browser) as page:
            browse(page, theme, address)
            page.evaluate(OBSERVE_WAITS)
            open_form(page, theme)
            opening = page.evaluate(TAKE_WAITS)
            submit_form(page, theme)
            sending = page.evaluate(TAKE_WAITS)
        return max(max(waits, default=math.inf) for waits in (opening, sending))

    found = tries(longest_wait, LONGEST_WAIT_MS)

    assert min(found) <= LONGEST_WAIT_MS, found
