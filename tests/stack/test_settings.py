"""Pulumi.yaml: the settings a stack's owner finds with `pulumi config`."""

from pathlib import Path

import pytest
import yaml

from local.errors import LocalError
from tests.evaluation import ROOT, evaluate, one

_SETTINGS = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
_TYPES = {"string": str, "integer": int, "boolean": bool}


@pytest.mark.parametrize("key", _SETTINGS)
def test_describes_every_setting(key: str) -> None:
    """Else its owner has to read the program to learn what a setting does."""
    setting = _SETTINGS[key]
    assert setting.keys() == {"type", "description", "default"}
    assert type(setting["default"]) is _TYPES[setting["type"]]
    assert len(setting["description"]) > 20


@pytest.mark.parametrize("key", _SETTINGS)
def test_uses_every_setting(key: str) -> None:
    """Else it can be set and does nothing."""
    assert f'"{key}"' in Path(ROOT / "__main__.py").read_text()


def test_takes_a_stacks_setting_over_the_default() -> None:
    """Else a stack cannot differ from dev."""
    changed = evaluate(queryApiTasks="3", logRetentionDays="30", runId="again", keyspace="elsewhere")
    assert one(changed, "aws:ecs/service:Service", "query-api").inputs["desiredCount"] == 3
    assert one(changed, "aws:cloudwatch/logGroup:LogGroup", "query-api").inputs["retentionInDays"] == 30
    assert one(changed, "pulumi-python:dynamic/ecs:TaskRun", "load-countries").inputs["run_id"] == "again"
    assert changed.outputs["keyspace"] == "elsewhere"


def test_names_the_setting_that_is_wrong() -> None:
    """Else its owner sees a traceback."""
    with pytest.raises(LocalError, match=r"queryApiTasks.*int"):
        evaluate(queryApiTasks="two")
