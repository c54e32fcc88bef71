"""A stack's settings, with the defaults of Pulumi.yaml, which only a real engine applies by itself."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from declared.errors import ProgramError


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """values: by full key, such as `aws:region`; a value that is not a string is JSON text."""

    project: str
    stack: str
    values: Mapping[str, str]

    @property
    def region(self) -> str:
        region = self.values.get("aws:region") or os.environ.get("AWS_REGION")
        if not region:
            raise ProgramError(f"no region: set aws:region in Pulumi.{self.stack}.yaml")
        return region


def read_settings(root: Path, stack: str) -> StackSettings:
    """Reads Pulumi.yaml and Pulumi.<stack>.yaml in `root`. Raises ProgramError when they are missing or malformed."""
    project = _read_yaml(root / "Pulumi.yaml")
    path = root / f"Pulumi.{stack}.yaml"
    if not path.exists():
        files = (p.name for p in root.glob("Pulumi.*.yaml") if not p.name.endswith(".example.yaml"))
        stacks = ", ".join(sorted(name.removeprefix("Pulumi.").removesuffix(".yaml") for name in files)) or "none"
        raise ProgramError(f"there is no stack {stack!r}: no {path.name} here (stacks: {stacks})")
    values = {
        f"{project['name']}:{key}": schema["default"]
        for key, schema in project.get("config", {}).items()
        if "default" in schema
    }
    for key, value in (_read_yaml(path).get("config") or {}).items():
        if isinstance(value, dict) and "secure" in value:
            raise ProgramError(f"{path.name}: {key} is encrypted; a stack that runs here needs it in plain text")
        values[key if ":" in key else f"{project['name']}:{key}"] = value
    return StackSettings(
        project=project["name"],
        stack=stack,
        values={key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()},
    )


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ProgramError(f"there is no {path.name} in {path.parent}: run this in the project's folder") from None
    except yaml.YAMLError as error:
        raise ProgramError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ProgramError(f"{path.name} is not a mapping of settings")
    return content
