"""docs/your-own-service.md, followed block by block in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.keyspaces import JARS
from tests.processes import ROOT, free_port

_TEXT = (ROOT / "docs" / "your-own-service.md").read_text()
_BLOCK = re.compile(r"(?:^`([\w./]+)`[^\n]*:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.long
def test_leads_from_an_empty_folder_to_a_tested_service(tmp_path: Path) -> None:
    """A newcomer follows the page, and one of its blocks does not work."""
    (tmp_path / ".local").mkdir(mode=0o700)
    (tmp_path / ".local" / "jars").symlink_to(JARS)
    script = ["set -eu", "export PS4='+ '"]
    for file, language, content in _BLOCK.findall(_TEXT):
        if language == "sh":
            script += [f"echo '--- {line.split()[0]}'; {line}" if line else "" for line in content.splitlines()]
        else:
            assert file, f"a block of {language} does not name its file:\n{content}"
            script += [f"cat > {file} <<'END_OF_FILE'", content.rstrip("\n"), "END_OF_FILE"]
    run = "\n".join(script).replace("up --detach", f"up --detach --port {free_port()}")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", run], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=400
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output[-4000:]
    assert '"text":"It works."' in output, "the written note is not in the output"
    assert '"text": "It works."' in output, "the note that was read back is not in the output"
    assert "1 passed" in output
    assert "notes.notes" in output
    assert "With 5 million requests: $" in output
