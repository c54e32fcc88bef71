"""cqlsh with a user name and a password, as people use it against the service."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.keyspaces import EVERYTHING, LocalKeyspaces

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def cqlsh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    environment = tmp_path_factory.mktemp("cqlsh")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", environment, "cqlsh==6.2.2"]
    subprocess.run(install, check=True, timeout=300)
    return environment / "bin" / "cqlsh"


def test_runs_statements_of_cqlsh_with_a_password(keyspaces: LocalKeyspaces, cqlsh: Path, tmp_path: Path) -> None:
    """A user could not sign in with cqlsh, the first tool of the developer guide, or would see another server's
    name."""
    issued = keyspaces.store.issue_password(keyspaces.store.session_of(EVERYTHING))

    def run(password: str, statement: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [cqlsh, "localhost", str(keyspaces.port), "--ssl", "-u", issued.user_name, "-p", password, "-e", statement],
            env={**os.environ, "SSL_CERTFILE": str(keyspaces.ca_file), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    shown = run(issued.password, "SHOW VERSION; SELECT cluster_name FROM system.local")
    assert "Cassandra 3.11.2 | CQL spec 3.4.4 | Native protocol v4" in shown.stdout
    assert "Amazon Keyspaces" in shown.stdout
    refused = run("guess", "SHOW VERSION")
    assert refused.returncode == 1
    assert f"Provided username {issued.user_name} and/or password are incorrect" in refused.stderr
