"""The console: its access control, and the content of its pages."""

import asyncio
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from declared.program import Program
from local.console.server import Console
from local.console.sources import Watched
from local.state import StackState
from local_keyspaces.credentials import Role
from local_keyspaces.faults import FaultsFile
from local_keyspaces.listening import listen
from local_keyspaces.state import Running

_LINE = {
    "time": "2026-11-26T12:00:00.123456Z",
    "level": "ERROR",
    "method": "GET",
    "route": "/things/{id}",
    "status": 503,
    "ms": 12.3,
    "bytes": 10,
    "request_id": "5f2f54c8ca5e4566",
    "client": "127.0.0.1",
    "reason": "the table <script> cannot be read",
}


ROLE = Role(arn="arn:aws:iam::000000000000:role/query-api-task", policies=())


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    state = StackState(tmp_path)
    (state.logs / "query-api").mkdir(parents=True)
    state.keyspaces.mkdir()
    log = state.logs / "query-api" / "0a1b2c3d.log"
    log.write_text(json.dumps(_LINE) + "\nTraceback (most recent call last):\n  deep inside\n")
    return state


@pytest.fixture
def console(program: Program, state: StackState) -> Iterator[str]:
    """The console's address with the token."""
    running = Running(pid=1, stack="dev", region="us-east-1", ready=True, outputs={"url": "http://127.0.0.1:8080"})
    watched = Watched(
        state=state,
        running=running,
        declared=lambda: program,
        rollout=None,
        roles={"query-api-task": ROLE},
        events=[
            "12:00:00 Edited: a.py",
            "12:00:01 not deployed, the old version keeps running: <b> exited with 1",
        ],
    )
    listener = listen(0, "again")
    made = Console(watched, listener.getsockname()[1])

    async def serve(started: asyncio.Event, stop: asyncio.Event) -> None:
        async with made.serve(listener):
            started.set()
            await stop.wait()

    with _in_thread(serve):
        yield made.address


@contextmanager
def _in_thread(serve: Any) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    started, stop = asyncio.Event(), asyncio.Event()
    serving = asyncio.run_coroutine_threadsafe(serve(started, stop), loop)
    asyncio.run_coroutine_threadsafe(started.wait(), loop).result(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        serving.result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def browser(console: str) -> Iterator[tuple[httpx.Client, str]]:
    """A browser's session that has opened the address; and the console's path."""
    with httpx.Client(follow_redirects=True) as client:
        opened = client.get(console)
        assert opened.status_code == 200
        assert "token" not in str(opened.url), "the token would stay in the history"
        client.headers["Origin"] = str(opened.url.copy_with(path="/")).rstrip("/")
        yield client, str(opened.url)


def test_refuses_requests_without_the_token(console: str) -> None:
    """Every user of the machine, and every program that a user runs, could read the tables."""
    base = console.partition("?")[0]
    for address in (base, f"{base}?token=guess", f"{base}logs", f"{base}cql", f"{base}static/htmx.min.js"):
        assert httpx.get(address).status_code == 403
    assert httpx.get(httpx.URL(base).copy_with(path="/")).status_code == 403


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer {token}", 200),
        ("Bearer guess", 403),
        ("Bearer", 403),
        ("Bearer {token}x", 403),
        ("Basic {token}", 403),
        ("Bearer {prefix}", 403),
    ],
)
def test_accepts_a_command_with_the_token_alone(console: str, header: str, status: int) -> None:
    """A program without the token could read the tables through the commands' interface, or the commands could not."""
    url = httpx.URL(console)
    given = header.format(token=url.params["token"], prefix=url.path.strip("/"))
    base = console.partition("?")[0]
    assert httpx.get(f"{base}api/status", headers={"Authorization": given}).status_code == status
    for path in ("api/deploy", "faults", "tasks"):
        answer = httpx.post(f"{base}{path}", headers={"Authorization": given})
        assert answer.status_code == 403, "a change needs an Origin, whoever asks for it"


@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_refuses_other_origins_without_the_token(console: str, header: str) -> None:
    """A page that has obtained the token could use it from its own address."""
    url = httpx.URL(console)
    headers = {"Authorization": f"Bearer {url.params['token']}", header: "http://evil.example.com"}
    assert httpx.get(f"{console.partition('?')[0]}api/status", headers=headers).status_code == 403


def test_keeps_the_token_in_a_file_that_no_other_user_reads(console: str) -> None:
    """Every user of the machine could read the tables, if the token were in a readable file."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        state = StackState(Path(place) / ".local")
        with state.lock():
            state.write(Running(pid=1, stack="dev", region="us-east-1", console=console))
            assert stat.S_IMODE(state.directory.stat().st_mode) == 0o700
            state.directory.chmod(0o755)  # as somebody's own directory may be
            (file,) = (each for each in state.directory.iterdir() if console in each.read_text())
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            if os.geteuid() == 0:  # only root can be another user
                as_another = "import os, sys; os.setuid(65534); open(sys.argv[1])"
                read = subprocess.run([sys.executable, "-c", as_another, file], capture_output=True, text=True)
                assert "PermissionError" in read.stderr


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ({"Host": "evil.example.com"}, "GET"),
        ({"Host": "localhost.evil.example.com"}, "GET"),
        ({"Origin": "http://evil.example.com"}, "GET"),
        ({"Origin": "http://127.0.0.1:1"}, "POST"),
        ({"Origin": "null"}, "POST"),
        ({"Origin": ""}, "POST"),
    ],
)
def test_refuses_other_origins_and_host_names(
    browser: tuple[httpx.Client, str], headers: dict[str, str], method: str
) -> None:
    """A page on the internet could run CQL on the developer's machine, through the browser or by DNS rebinding."""
    client, base = browser
    assert client.request(method, f"{base}cql", headers=headers).status_code == 403


def test_accepts_changes_only_with_an_origin(browser: tuple[httpx.Client, str]) -> None:
    """Any page could make changes through an old browser, which sends no Origin."""
    client, base = browser
    del client.headers["Origin"]
    assert client.post(f"{base}faults", data={"latency": "1"}).status_code == 403


def test_keeps_its_cookie_from_other_servers_and_scripts(console: str) -> None:
    """The browser would send the token to another server of this machine, at another port."""
    answer = httpx.get(console)
    cookie = answer.headers["set-cookie"]
    path = httpx.URL(console).path
    assert len(path) > 12
    assert {"HttpOnly", f"Path={path}", "SameSite=Strict"} <= set(cookie.split("; "))


def test_loads_nothing_from_elsewhere(browser: tuple[httpx.Client, str]) -> None:
    """Another server would learn which pages the developer visits, or a script from there would run here."""
    client, base = browser
    for page in ("", "logs", "requests", "cql", "faults", "meter"):
        answer = client.get(f"{base}{page}")
        assert answer.status_code == 200, answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        loaded = re.findall(r'(?:src|href|action|hx-get)="([^"]+)"', answer.text)
        ours = httpx.URL(base).path
        known = (ours, "#", "data:,", "resource?urn=", "http://127.0.0.1:8080")
        assert all(each.startswith(known) for each in loaded), loaded


def test_shows_declared_resources_with_their_properties(browser: tuple[httpx.Client, str]) -> None:
    """A reader would have to search the code for a resource."""
    client, base = browser
    page = client.get(base).text
    in_picture = re.search(r'<a href="(resource[^"]+)"><text[^>]+>table countries<', page)
    assert in_picture is not None
    assert "geography_domain" in client.get(f"{base}{in_picture[1]}").text
    found = re.findall(r'href="([^"]+)">load-countries-countries</a></th><td><code>aws:keyspaces/table', page)
    resource = client.get(httpx.URL(base).join(found[0].replace("&amp;", "&"))).text
    assert "geography_domain" in resource
    assert re.search(r"<li><code>__main__.py:\d+</code></li>", resource)
    assert ": storage" in client.get(f"{base}meter").text
    assert client.get(f"{base}resource?urn=none").status_code == 404


def test_shows_why_an_edit_was_not_deployed(browser: tuple[httpx.Client, str]) -> None:
    """A developer would believe that an edit runs, although it does not."""
    client, base = browser
    page = client.get(f"{base}live/stack").text
    assert (
        '<p class="line error">12:00:01 not deployed, the old version keeps running: &lt;b&gt; exited with 1</p>'
        in page
    )
    assert page.index("not deployed") < page.index("Edited: a.py"), "the newest comes first"


def test_shows_and_searches_logs_as_text(browser: tuple[httpx.Client, str]) -> None:
    """A log line would run as a script, or a search would not find a line."""
    client, base = browser
    everything = client.get(f"{base}logs").text
    assert "the table &lt;script&gt; cannot be read" in everything
    assert "deep inside" in everything
    assert "deep inside" not in client.get(f"{base}live/logs?text=5f2f54c8ca5e4566").text
    assert "5f2f54c8ca5e4566" in client.get(f"{base}live/logs?text=5F2F54C8&service=query-api").text
    assert "No line matches" in client.get(f"{base}live/logs?text=nothing").text
    requests = client.get(f"{base}requests").text
    assert "/things/{id}" in requests
    assert "Traceback" not in requests


def test_switches_faults_and_refuses_bad_ones(browser: tuple[httpx.Client, str], state: StackState) -> None:
    """A fault would have no effect, or could not be ended."""
    client, base = browser
    file = FaultsFile(state.faults)
    answer = client.post(f"{base}faults", data={"throttle_reads": "0.5", "empty_pages": "on", "page_rows": "2"})
    assert answer.status_code == 200
    assert (file.read().throttle_reads, file.read().empty_pages, file.read().page_rows) == (0.5, True, 2)
    assert "fault drop is 7.0; give a share from 0 to 1" in client.post(f"{base}faults", data={"drop": "7"}).text
    assert "give a number" in client.post(f"{base}faults", data={"drop": "much"}).text
    assert file.read().throttle_reads == 0.5
    client.post(f"{base}faults")
    assert file.read() == type(file.read())()


def test_reports_that_nothing_is_metered_yet(browser: tuple[httpx.Client, str]) -> None:
    """The console would fail without an endpoint."""
    client, base = browser
    assert "no local Keyspaces runs" in client.get(f"{base}meter").text


def test_reports_the_measured_cost_of_a_million_requests(browser: tuple[httpx.Client, str], state: StackState) -> None:
    """Requests that read a hundred rows would be shown at the price of one row."""
    client, base = browser
    assert "After the first requests" in client.get(f"{base}meter").text
    assert client.get(f"{base}api/meter").status_code == 503  # no endpoint
    service = {"requests": {"GET": 200}, "request_bytes": 1, "response_bytes": 1, "read_units": 20_000.0}
    run = {"stack": "dev", "at": "2026-11-26T12:00:00+00:00", "services": {"query-api": {**service, "write_units": 0}}}
    state.measured.write_text(json.dumps(run))
    page = client.get(f"{base}meter").text
    found = re.search(r"that were answered here cost <strong>\$([\d.]+)</strong>", page)
    assert found is not None
    assert float(found[1]) > 12.5, "a hundred read units a request are $12.50 a million"
    assert "query-api: 200 requests (GET 200)" in page
    state.measured.write_text("[]")
    assert "is not a measured run" in client.get(f"{base}meter").text


def test_refuses_a_profile_and_a_task_that_there_are_not(browser: tuple[httpx.Client, str]) -> None:
    """A form that was sent by hand would cause a traceback in the terminal."""
    client, base = browser
    assert client.post(f"{base}cql", data={"statement": "SELECT", "profile": "root"}).status_code == 400
    assert client.post(f"{base}tasks", data={"task": "0a1b2c3d", "action": "stop"}).status_code == 404
    assert client.post(f"{base}tasks", data={"task": "0a1b2c3d", "action": "kill"}).status_code == 400
