"""The console in a real Chromium with a running stack, as a first-time reader uses it."""

import re
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from local.testing import RunningStack, run_stack
from tests.keyspaces import JARS
from tests.processes import ROOT, get

_PAGES = ("", "logs", "requests", "cql", "faults", "meter")
_PICTURES = ROOT / "docs" / "console"
_TAKEN = ROOT / "build" / "console"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with run_stack(ROOT, directory=tmp_path_factory.mktemp("stack"), jars=JARS) as running:
        yield running


@pytest.fixture
def page(browser: Browser, stack: RunningStack) -> Iterator[Page]:
    """Opens the console's first page. The browser's console must stay free of errors."""
    context = browser.new_context(viewport={"width": 1000, "height": 720})
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(stack.state.require_running().console)
    yield page
    context.close()
    assert errors == []


def _open(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name).click()


def _picture(page: Page, name: str) -> None:
    """Saves the picture that `make pictures` copies to docs/console."""
    _TAKEN.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=_TAKEN / f"{name}.png")


def _send(url: str, times: int, name: str) -> Counter[int]:
    """Sends requests one after the other, 0.1 s apart. Returns the number of each status."""
    answers = Counter[int]()
    for _ in range(times):
        request = urllib.request.Request(url, headers={"X-Request-ID": name})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answers[answer.status] += 1
        except urllib.error.HTTPError as error:
            with error:
                answers[error.code] += 1
        time.sleep(0.1)
    return answers


def _switch(page: Page, name: str, value: str) -> None:
    page.get_by_role("textbox", name=name, exact=True).fill(value)
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status")).to_contain_text(f"On: {name}")


def _end_faults(page: Page) -> None:
    page.get_by_role("button", name="End all faults").click()
    expect(page.get_by_role("status")).to_contain_text("No fault is on")


def test_shows_every_page_without_a_barrier_in_light_and_dark_narrow_and_wide(page: Page, stack: RunningStack) -> None:
    """A user of a screen reader, a keyboard, dark colours or large text could not read a page of the console."""
    get(f"{stack.outputs['url']}/countries/us")
    base = page.url
    # 320 pixels are a window of 1280 at 400 % (WCAG 2.2, 1.4.10).
    for width, scheme in ((1000, "light"), (1000, "dark"), (320, "light")):
        page.set_viewport_size({"width": width, "height": 720})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for name in _PAGES:
            page.goto(f"{base}{name}")
            found = Axe().run(page)["violations"]
            assert found == [], (
                f"{name or 'stack'}, {width}, {scheme}: {[(each['id'], each['nodes']) for each in found]}"
            )
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, f"{name or 'stack'} is {overflow} pixels wider than {width}"
            if width > 320:
                _picture(page, f"{name or 'stack'}-{scheme}")


def test_shows_the_five_rows_and_refuses_a_write_as_the_role_of_the_api(page: Page) -> None:
    """The first step of the walk-through would fail, or a role could write without permission."""
    _open(page, "CQL")
    page.get_by_label("Statement").fill("SELECT id, name FROM geography_domain.coun")
    page.get_by_label("Statement").press("End")
    page.get_by_label("Statement").press_sequentially("t")
    expect(page.get_by_role("option", name="geography_domain.countries")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Control+Enter")
    rows = page.get_by_role("region", name="Rows").get_by_role("row")
    expect(rows).to_have_count(6)
    expect(page.get_by_role("status")).to_contain_text("5 rows")
    expect(page.get_by_role("status")).to_contain_text("1 read unit")
    expect(page.get_by_text("Expensive: a full scan of geography_domain.countries")).to_be_visible()
    _picture(page, "dear")
    page.get_by_label("As").select_option("query-api-task")
    page.get_by_label("Statement").fill("INSERT INTO geography_domain.countries (id, name) VALUES ('zz', 'Z')")
    expect(page.get_by_text("It will be refused:")).to_be_visible()
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("has no MODIFY permission")
    expect(page.get_by_text("Refused by permission, as the role query-api-task")).to_contain_text(
        "no statement allows it"
    )
    _picture(page, "refused")


def test_shows_a_fault_and_the_chain_of_a_slow_request(page: Page, stack: RunningStack) -> None:
    """A first-time reader could not find the reason for a slow request."""
    url = f"{stack.outputs['url']}/countries/us"
    _open(page, "Faults")
    assert set(_send(url, 80, "as-usual")) == {200}
    _switch(page, "throttle_reads", "1")
    assert set(_send(url, 20, "throttled")) == {503}
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"[1-9]\d* of them failed"), timeout=10_000)
    _end_faults(page)
    assert set(_send(url, 40, "as-usual")) == {200}
    _switch(page, "latency", "0.3")
    assert set(_send(url, 20, "slow-one")) == {200}
    _end_faults(page)
    expect(page.get_by_role("img", name=re.compile(r"at most ([3-9]\d\d|\d{4})"))).to_be_visible(timeout=10_000)
    page.get_by_role("heading", name="Effects on requests").evaluate("each => each.scrollIntoView()")
    _picture(page, "fault")
    _open(page, "Requests")
    page.get_by_role("link", name="GET /countries/{id}").first.click()
    expect(page.get_by_text("Slow: the fault latency added 300 ms").first).to_be_visible()
    expect(page.get_by_text("policy 'query-api-task', statement 1").first).to_be_visible()
    assert Axe().run(page)["violations"] == []
    _picture(page, "slow")


def test_searches_logs_and_describes_a_resource(page: Page, stack: RunningStack) -> None:
    """A reader would have to search by hand for a request's log line, or for the program's line that declares a
    table."""
    request = urllib.request.Request(f"{stack.outputs['url']}/countries/us", headers={"X-Request-ID": "find-me"})
    urllib.request.urlopen(request, timeout=10).close()
    _open(page, "Logs")
    page.get_by_label("Request").fill("find-me")
    page.keyboard.press("Enter")
    lines = page.get_by_role("log").locator(".line")
    expect(lines).to_have_count(1)
    expect(lines).to_contain_text('"request_id":"find-me"')
    _open(page, "Stack")
    page.get_by_role("link", name="load-countries-countries").last.click()
    expect(page.get_by_role("listitem").first).to_contain_text("__main__.py:")
    expect(page.get_by_role("heading", name="Cost on AWS")).to_be_visible()
    _picture(page, "resource")


@pytest.mark.parametrize("action", ["Restart", "Stop"])
def test_restarts_and_stops_a_task_by_keyboard_while_it_serves(page: Page, stack: RunningStack, action: str) -> None:
    """A task could not be restarted or stopped without a mouse, or that would cost requests."""
    first = page.get_by_role("button", name=action).first
    name = first.get_attribute("aria-label") or ""
    first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=name)).to_have_count(0, timeout=30_000)
    expect(page.get_by_text("2 of 2 tasks healthy")).to_be_visible(timeout=60_000)
    assert get(f"{stack.outputs['url']}/countries/us").status == 200


def test_has_the_pictures_that_the_documentation_shows() -> None:
    """The documentation would show a page that does not exist."""
    shown = set(re.findall(r"console/([\w-]+\.png)", (ROOT / "docs" / "console.md").read_text()))
    assert shown == {picture.name for picture in _PICTURES.glob("*.png")}
