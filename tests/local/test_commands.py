"""`python -m local` as a user runs it: processes, signals, files."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from costs.measured import read_measured
from local_keyspaces import cassandra
from tests.keyspaces import JARS
from tests.processes import ROOT, free_port, get, listens, wait_until

FILES = (
    "Pulumi.yaml",
    "Pulumi.dev.yaml",
    "__main__.py",
    "settings",
    "components",
    "app",
    "declared",
    "diagram",
    "local",
    "local_keyspaces",
)


class Machine:
    """A copy of the project with a `.local` of its own, which has the jars already."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        for name in FILES:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name)
            else:
                shutil.copy(source, root)
        (root / ".local").mkdir(mode=0o700)
        (root / ".local" / "jars").symlink_to(JARS)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def local(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments), cwd=self.root, input=stdin, capture_output=True, text=True, timeout=120
        )

    @contextmanager
    def up(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        with self.run("up", "--port", str(self.port), *arguments) as process:
            yield process

    @contextmanager
    def run(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Runs in the foreground; ended with the block unless it has ended before."""
        with subprocess.Popen(
            self._command(*arguments),
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()
                    try:
                        process.communicate(timeout=30)
                    except subprocess.TimeoutExpired:
                        process.kill()

    def fails(self, *arguments: str) -> str:
        """The message of an `up` that fails; the exit code is 1 and no process is left."""
        with self.up(*arguments) as process:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 1
        assert "Traceback" not in errors
        assert self.processes() == []
        return errors

    def processes(self) -> list[str]:
        """The processes whose working directory is this copy."""
        found = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()).is_relative_to(self.root):
                    found.append(" ".join(process.cmdline()))
            except (psutil.Error, OSError):
                continue
        return found

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "local", *arguments]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path.resolve())
    yield made
    made.local("down")
    assert made.processes() == []


@pytest.fixture(scope="module", autouse=True)
def _jars() -> None:
    """The jars, fetched once for all tests and for `make up`."""
    import asyncio

    asyncio.run(cassandra.fetch_jars(JARS))


@pytest.mark.first
def test_runs_the_declared_stack_from_up_to_destroy(machine: Machine) -> None:
    """A newcomer could not run the README's commands in their order."""
    with machine.up() as process:
        wait_until(lambda: "Ctrl-C" in (process.stdout.readline() if process.stdout else ""), 120)
        assert machine.local("output", "url").stdout == f"{machine.url}\n"
        assert get(f"{machine.url}/countries/us").json()["name"] == "United States"
        assert "load-countries: 5 rows" in machine.local("status").stdout
        assert "query-api: 2 of 2 tasks healthy" in machine.local("status").stdout
        assert '"table": "countries"' in machine.local("output", "--json").stdout
        assert "geography_domain.countries" in machine.local("meter").stdout
        used = machine.local("permissions")
        assert used.returncode == 0, used.stderr
        assert "used        cassandra:Modify  geography_domain.countries" in used.stdout
        written = [each["write_units"] for each in json.loads(machine.local("meter", "--json").stdout)["statements"]]
        assert sum(written) >= 5
        requests = json.loads(machine.local("requests", "--json").stdout)["requests"]
        (statement,) = requests[0]["statements"]
        assert statement["permissions"][0]["because"].startswith("policy 'query-api-task', statement 1")
        (api,) = json.loads(machine.local("status", "--json").stdout)["services"]
        assert (api["name"], api["healthy"]) == ("query-api", 2)
        lines = machine.local("logs", "--json", "--request", requests[0]["request_id"]).stdout.splitlines()
        assert [json.loads(line)["status"] for line in lines] == [200]
        (table,) = json.loads(machine.local("describe", "load-countries-countries", "--json").stdout)[-1:]
        assert table["declared_at"][0].startswith("__main__.py:")
        assert machine.local("deploy").stdout == "nothing has changed\n"
        assert "read units" in machine.local("status").stdout
        wrong = machine.local("output", "nope")
        assert (wrong.returncode, wrong.stdout) == (1, "")
        assert "there is no output 'nope'; the outputs are cluster" in wrong.stderr
        assert "load-countries/" in machine.local("logs", "load-countries").stdout
        secrets = (machine.root / ".local" / "secrets" / "dev.json").read_text()
        assert "(5 rows)" in machine.local("cql", "SELECT * FROM geography_domain.countries").stdout
        piped = machine.local(
            "cql",
            stdin="INSERT INTO geography_domain.countries (id, name) VALUES ('zz', 'Ours; kept');\n"
            "SELECT name FROM geography_domain.countries\n WHERE id = 'zz'",
        )
        assert "Ours; kept" in piped.stdout
        refused = machine.local("cql", "SELECT * FROM nowhere.at_all")
        assert refused.returncode == 1
        assert "InvalidRequest" in refused.stderr

        as_the_api = ("cql", "--profile", "query-api-task")
        assert "(6 rows)" in machine.local(*as_the_api, "SELECT id FROM geography_domain.countries").stdout
        unauthorized = machine.local(*as_the_api, "DELETE FROM geography_domain.countries WHERE id = 'zz'")
        assert unauthorized.returncode == 1
        assert "code=2100" in unauthorized.stderr
        assert "has no MODIFY permission" in machine.local("logs", "keyspaces").stdout
        used = machine.local("permissions")
        assert used.returncode == 1
        assert "REFUSED     cassandra:Modify" in used.stdout and "smallest policy" in used.stdout
        assert "use one of administrator, load" in machine.local("cql", "--profile", "nobody", "SELECT").stderr

        assert machine.local("faults").stdout == "no faults are on\n"
        assert machine.local("faults", "throttle_reads=1").stdout == "throttle_reads=1.0\n"
        assert get(f"{machine.url}/countries/us").status == 503
        assert machine.local("faults", "--off").stdout == "no faults are on\n"
        assert get(f"{machine.url}/countries/us").status == 200

        _uses_the_console(machine)

        again = machine.local("up", "--port", str(free_port()))
        assert again.returncode == 1
        assert "already running" in again.stderr

        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert machine.processes() == []
    assert not listens(machine.port)
    assert machine.local("status").stdout == "not running\n"
    found = read_measured(machine.root / ".local" / "measured.json")
    assert found is not None and found.services[0].requests["GET"] >= 3
    assert found.services[0].read_units >= 2  # one was throttled
    assert "nothing is running in" in machine.local("output", "url").stderr

    detached = machine.local("up", "--detach", "--port", str(machine.port))
    assert detached.returncode == 0, detached.stderr
    assert f"url: {machine.url}" in detached.stdout
    assert (machine.root / ".local" / "secrets" / "dev.json").read_text() == secrets
    assert get(f"{machine.url}/countries/zz").json()["name"] == "Ours; kept"
    assert machine.local("down").stdout == "stopped\n"
    assert machine.processes() == []
    assert machine.local("down").stdout == "nothing was running\n"

    assert machine.local("destroy").returncode == 0
    assert sorted(path.name for path in (machine.root / ".local").iterdir()) == ["jars", "lock", "up.log"]


def _uses_the_console(machine: Machine) -> None:
    """A user could not run CQL as administrator or as a role, or restart and stop tasks."""
    address = machine.local("console").stdout.strip()
    with httpx.Client(follow_redirects=True, timeout=30) as browser:
        base = str(browser.get(address).url)
        browser.headers["Origin"] = base[: base.index("/", 8)]
        select = {"statement": "SELECT id, name FROM geography_domain.countries;", "profile": "query-api-task"}
        rows = browser.post(f"{base}cql", data=select).text
        assert "<td>Malta</td>" in rows
        assert re.search(r"6 rows in [\d.]+ ms, .*consumed [1-9]\d* read units? and 0 write units", rows), rows
        delete = {**select, "statement": "DELETE FROM geography_domain.countries WHERE id = 'mt'"}
        assert "has no MODIFY permission" in browser.post(f"{base}cql", data=delete).text
        assert "geography_domain.countries" in browser.get(f"{base}meter").text
        assert "/countries/{id}" in browser.get(f"{base}requests").text

        def tasks() -> list[str]:
            page = browser.get(f"{base}live/stack").text
            return re.findall(r'name="task" value="(\w+)"', page) if page.count(">healthy<") == 2 else []

        before = tasks()
        browser.post(f"{base}tasks", data={"task": before[0], "action": "restart"})
        wait_until(lambda: before[1] in (now := tasks()) and before[0] not in now)
        stopped = machine.local("stop", before[1])
        assert stopped.stdout == f"query-api: stops task {before[1]}\n", stopped.stderr
        wait_until(lambda: bool(now := tasks()) and before[1] not in now)
        assert "No service runs this task" in machine.local("stop", before[1]).stderr


@pytest.mark.long
def test_restarts_tasks_that_die_and_cleans_up_after_its_own_death(machine: Machine) -> None:
    """A service would not restart after a crash, as it does on Fargate; or a `kill -9` would leave a Cassandra
    running."""
    with machine.up() as process:
        wait_until(lambda: "Ctrl-C" in (process.stdout.readline() if process.stdout else ""), 120)
        tasks = [found for found in psutil.Process(process.pid).children() if "countries" in " ".join(found.cmdline())]
        assert len(tasks) == 2
        environments = [task.environ() for task in tasks]
        (key,) = {environment["CURSOR_KEY"] for environment in environments}
        assert {environment["TRUSTED_PROXIES"] for environment in environments} == {"127.0.0.0/8"}
        said = machine.local("status").stdout + machine.local("logs").stdout + machine.local("output").stdout
        assert key not in said + "".join(machine.processes())
        for task in tasks:
            task.kill()
        wait_until(lambda: "2 of 2" not in machine.local("status").stdout)
        wait_until(lambda: "2 of 2" in machine.local("status").stdout)
        again = [found for found in psutil.Process(process.pid).children() if "countries" in " ".join(found.cmdline())]
        assert {task.environ()["CURSOR_KEY"] for task in again} == {key}
        assert get(f"{machine.url}/ping").status == 200

        process.kill()
        process.wait()
    assert len(machine.processes()) == 3
    down = machine.local("down")
    assert "of an earlier run: Cassandra" in down.stdout
    assert machine.processes() == []


def test_reports_that_the_port_is_in_use(machine: Machine) -> None:
    """A newcomer's first `make up` would fail without a clear reason where the port is taken."""
    import socket

    with socket.create_server(("127.0.0.1", machine.port)):
        assert f"port {machine.port} of 127.0.0.1 cannot be used" in machine.fails()


def test_reports_that_there_is_no_such_stack(machine: Machine) -> None:
    """A typo in --stack would end in a traceback, or start another stack."""
    assert "no stack 'prod'" in machine.fails("--stack", "prod")


@pytest.mark.long
def test_reports_why_the_loader_failed_and_stops_what_was_started(machine: Machine) -> None:
    """`up` would serve an API over an empty table although the loader failed, unlike `pulumi up`."""
    data = machine.root / "app" / "load_countries" / "countries.json"
    data.write_text('[{"id": "us", "continent": "America"}]')
    errors = machine.fails()
    assert "load-countries failed with exit code 3; its log ends with:" in errors
    assert "continent" in errors


@pytest.mark.long
def test_reports_why_cassandra_did_not_start(machine: Machine) -> None:
    """A user would have to search the end of a long log for the reason."""
    data = machine.root / ".local" / "data" / "dev"
    data.mkdir(parents=True)
    (data / "commitlog").write_text("in the way")
    errors = machine.fails()
    assert "Cassandra ended with exit code" in errors
    assert "cassandra.log" in errors


@pytest.mark.long
def test_stops_when_interrupted_while_starting(machine: Machine) -> None:
    """Ctrl-C during the start would leave processes behind."""
    with machine.up() as process:
        wait_until(lambda: any("CassandraDaemon" in command for command in machine.processes()))
        process.send_signal(signal.SIGHUP)  # as when the terminal is closed
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 1
    assert machine.processes() == []
