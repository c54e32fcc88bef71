"""The documentation as a site."""

import subprocess

import pytest

from tests.processes import ROOT


@pytest.mark.long
def test_builds_without_a_broken_link() -> None:
    """A reader's link leads nowhere, or the reference lacks a package."""
    built = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    reference = (ROOT / "build" / "site" / "reference" / "service.html").read_text()
    for name in ("run", "get", "post", "Tables", "IdempotentRequest", "NotFound"):
        assert f'id="service.{name}"' in reference
