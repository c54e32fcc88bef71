"""docs/settings.md, compared with Pulumi.yaml and the components."""

import inspect
import re
from typing import Any

import pytest
import yaml

import components
from tests.evaluation import ROOT

_SETTINGS = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
_ROW = re.compile(r"^\| `(\w+)` \| (.*) \| (.*) \| `(\w+)\.(\w+)` \|$", re.MULTILINE)
_ROWS = {row[1]: row for row in _ROW.finditer((ROOT / "docs" / "settings.md").read_text())}


def _shown(default: Any) -> str:
    if default in ("", []):
        return "none"
    if isinstance(default, list):
        return ", ".join(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_documents_every_setting() -> None:
    """A reader does not learn of a setting, or sets one that no longer exists and is refused."""
    assert set(_ROWS) == set(_SETTINGS)


@pytest.mark.parametrize("key", _SETTINGS)
def test_documents_a_setting_correctly(key: str) -> None:
    """The table and `pulumi config` differ in a default or an effect, or the table names an argument that does
    not exist.
    """
    setting, (_, default, effect, class_, name) = _SETTINGS[key], _ROWS[key].groups()
    assert (default, effect) == (_shown(setting["default"]), setting["description"])
    assert name in inspect.signature(getattr(components, class_)).parameters
