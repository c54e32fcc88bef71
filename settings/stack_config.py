"""A stack's settings, of the types and defaults that Pulumi.yaml declares; all mistakes are named at once."""

import difflib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import pulumi
import yaml
from pulumi.runtime.config import CONFIG, get_config_env

from components.arguments import InvalidArguments, none_of

T = TypeVar("T")


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", text):
        raise ValueError(text)  # int() accepts other forms, too
    return int(text)


def _texts(text: str) -> tuple[str, ...]:
    values = json.loads(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(text)
    return tuple(values)


# By type: the parser of the text that Pulumi passes, and the remedy for a text that it refuses.
_PARSED: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "string": (str, ""),
    "integer": (_integer, "use a whole number"),
    "boolean": ({"true": True, "false": False}.__getitem__, "use true or false"),
    "array": (_texts, 'use a list such as ["a", "b"]'),
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """value: a str, int, bool or tuple of str. wrong: the given value was refused, and `value` is a valid one."""

    key: str
    value: Any
    changed: bool
    wrong: bool = False

    def __bool__(self) -> bool:
        """Whether the value is not false, 0 or empty."""
        return bool(self.value)

    def or_none(self) -> "Setting":
        """The same setting with None instead of 0 or an empty text."""
        return self if self else Setting(key=self.key, value=None, changed=self.changed, wrong=self.wrong)


class StackConfig:
    """Settings by key: `config["vpcCidr"]`. Collects mistakes; `finish` reports them."""

    def __init__(self, project_file: Path = Path("Pulumi.yaml")) -> None:
        self._declared: Mapping[str, Mapping[str, Any]] = yaml.safe_load(project_file.read_text())["config"]
        self._config = pulumi.Config()
        self._region = pulumi.Config("aws").get("region") or os.environ.get("AWS_REGION")
        self._mistakes: list[str] = []
        for key in self._given():  # older CLIs refuse unknown keys themselves
            if key not in self._declared:
                close = difflib.get_close_matches(key, self._declared, n=1)
                self._mistakes.append(
                    f"{key} is not a setting; " + (f"did you mean {close[0]}?" if close else "Pulumi.yaml lists them")
                )

    def __getitem__(self, key: str) -> Setting:
        declared = self._declared[key]
        default = declared["default"]
        default = tuple(default) if isinstance(default, list) else default
        # The engine applies the defaults of Pulumi.yaml (sdk/go/common/workspace).
        given = self._config.require(key)
        parse, use = _PARSED[declared["type"]]
        try:
            value = parse(given)
        except (ValueError, KeyError):
            self.reject(key, f"is {given!r}; {use}")
            return Setting(key=key, value=default, changed=True, wrong=True)
        return Setting(key=key, value=value, changed=value != default)

    def choice(self, key: str, of: Any) -> Setting:
        """A setting that takes one of the values of the Literal type `of`."""
        setting = self[key]
        mistake = none_of(setting.value, of)
        if mistake is None:
            return setting
        self.reject(key, mistake)
        return Setting(key=key, value=get_args(of)[0], changed=True, wrong=True)

    def arn(self, key: str) -> Setting:
        """A setting that is an ARN in the stack's region, or none."""
        setting = self[key].or_none()
        parts = (setting.value or "").split(":")
        if self._region and len(parts) > 3 and parts[3] not in ("", self._region):
            self.reject(key, f"is in {parts[3]}, but the stack is in {self._region}; give one of that region")
        return setting

    def make(self, callable_: Callable[..., T], **arguments: Setting | Any) -> T | None:
        """The result of `callable_` with the settings' values; None if it refuses them."""
        settings = {name: value for name, value in arguments.items() if isinstance(value, Setting)}
        try:
            return callable_(**{**arguments, **{name: setting.value for name, setting in settings.items()}})
        except InvalidArguments as error:
            for argument, mistake in error.mistakes.items():
                about = [settings[argument]] if argument in settings else list(settings.values())
                if not any(setting.wrong for setting in about):  # its mistake has been reported
                    self.reject(", ".join(setting.key for setting in about), _in_keys(mistake, settings))
            return None

    def arguments(self, callable_: Callable[..., object], **arguments: Setting | Any) -> dict[str, Any]:
        """The arguments, checked by calling `callable_` with them."""
        self.make(callable_, **arguments)
        return {name: value.value if isinstance(value, Setting) else value for name, value in arguments.items()}

    def reject(self, key: str, mistake: str) -> None:
        self._mistakes.append(f"{key} {mistake}")

    def exclude(self, settings: Iterable[Setting], reason: str) -> None:
        """Refuses changed settings that have no effect. reason: why they have none."""
        for setting in settings:
            if setting.changed and not setting.wrong:
                self.reject(setting.key, f"does nothing, since {reason}: remove it")

    def finish(self) -> None:
        """Raises pulumi.RunError, which Pulumi shows without a traceback, if there were mistakes."""
        if self._mistakes:
            file = f"Pulumi.{pulumi.get_stack()}.yaml"
            lines = "".join(f"\n  {mistake}" for mistake in dict.fromkeys(self._mistakes))
            raise pulumi.RunError(
                f"nothing was changed, since settings of stack {pulumi.get_stack()} are wrong:{lines}\n"
                f"Correct them in {file} or with `pulumi config set <key> <value>` (of a list, `--path '<key>[0]'"
                " <value>`); Pulumi.yaml describes each."
            )

    def _given(self) -> list[str]:
        prefix = self._config.full_key("")
        return sorted(
            key.removeprefix(prefix) for key in {**get_config_env(), **CONFIG.get()} if key.startswith(prefix)
        )


def _in_keys(mistake: str, settings: Mapping[str, Setting]) -> str:
    """`mistake` with the keys of the settings in place of the arguments in backticks."""

    def key(name: re.Match[str]) -> str:
        return settings[name[1]].key if name[1] in settings else name[1]

    return re.sub(r"`(\w+)`", key, mistake)
