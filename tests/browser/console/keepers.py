"""People who decide how long things are kept: each at a console of their own, by keyboard."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

from tests.browser.console.conftest import DESK, PHONE
from tests.browser.console.desk import CallCentre, take

if TYPE_CHECKING:
    from collections.abc import Callable

SHOTS = os.environ.get("CALLVAULT_TEST_SHOTS")  # a folder for pictures of what was tested
STOPS = 120  # of the keyboard on one page


def record_call(centre: CallCentre) -> tuple[str, str]:
    """Make a call that is recorded; returns the paths of its page and of its visitor's recording."""
    agent = centre.agent()
    centre.visitor()
    take(agent)
    agent.get_by_role("button", name="Hang up").click()
    agent.get_by_role("link", name="The call: who called, messages, notes").click()
    side = agent.get_by_role("region", name="Recordings", exact=True).get_by_role("link", name="Visitor")
    path = str(side.get_attribute("href"))
    agent.goto(centre.program.base + path)
    agent.get_by_label("Purpose").wait_for()  # ready
    call = agent.get_by_role("link", name="The call: who called").get_attribute("href")
    centre.clear()
    return str(call), path


def signed_in(centre: CallCentre, role: str, name: str, *, language: str = "en", size: Any = DESK) -> Page:
    """Add a person of this role and sign them in, in a window of their own."""
    context = centre.browser.new_context(viewport=size, timezone_id="Europe/Paris")
    centre.contexts.append(context)
    cookie = {"name": "callvault_language", "value": language, "url": centre.program.base}
    context.add_cookies([cookie])  # type: ignore[list-item]  # Playwright's type asks for its own class
    page = context.new_page()
    page.on("pageerror", lambda error: centre.faults.append(str(error)))
    page.goto(f"{centre.program.base}/console#code={new_code(centre, role, name)}")
    page.locator("#list").wait_for()
    return page


def new_code(centre: CallCentre, role: str, name: str) -> str:
    """Add a person as the administrator who made the first call; returns a code that signs them in."""
    context = centre.browser.new_context()
    context.add_cookies(centre.admin)
    base, headers = centre.program.base, centre.same_origin()
    person = {"name": name, "email": f"{role}@example.com", "role": role}
    made = context.request.post(f"{base}/v1/people", data=person, headers=headers).json()
    path = f"{base}/v1/people/{made['id']}/sign-in-codes"
    code = context.request.post(path, headers=headers).json()["code"]
    context.close()
    return str(code)


def press(page: Page, name: str, *, within: str = "body") -> None:
    """Reach a button of this name with the Tab key, and press Enter on it."""
    reach(page, f"{within} :is(button, a, summary)", name)
    page.keyboard.press("Enter")


def reach(page: Page, selector: str, name: str = "") -> None:
    """Press Tab until an element has the focus whose words, or label, begin like this."""
    page.locator(selector).first.wait_for()
    matches = """([selector, name]) => {
      const at = document.activeElement;
      const words = at.getAttribute("aria-label") ?? at.textContent ?? "";
      return at.matches(selector) && words.trim().startsWith(name) && !at.disabled;
    }"""
    for _ in range(STOPS):
        if page.evaluate(matches, [selector, name]):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard never reached {selector} {name}")


def choose(page: Page, selector: str, code: str) -> None:
    """Reach a choice and go down in it until it has this value."""
    reach(page, selector)
    for _ in range(20):
        if page.locator(selector).input_value() == code:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"{selector} has no {code}")


def write(page: Page, selector: str, text: str) -> None:
    """Reach a field and write it anew."""
    reach(page, selector)
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.type(text)


def submit(page: Page) -> None:
    """Send the dialog that is open, and wait until it is closed."""
    reach(page, "dialog button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


def judge(page: Page, axe: Callable[[Page], list[str]], name: str) -> None:
    """No barrier and nothing that spills over, on a desk and on a phone; a picture for who wants one."""
    for size, kind in ((DESK, "desk"), (PHONE, "phone")):
        page.set_viewport_size(size)  # type: ignore[arg-type]  # Playwright's type asks for its own class
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}-{kind}.png", full_page=True)
        barriers = axe(page)
        assert not barriers, (name, kind, barriers)
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), (name, kind)
    page.set_viewport_size(DESK)  # type: ignore[arg-type]  # Playwright's type asks for its own class
