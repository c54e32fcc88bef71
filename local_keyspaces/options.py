"""The options of a table after WITH. Every value is checked, and no option is silently lost.

Source: developer guide, "Tables" (CREATE TABLE, ALTER TABLE), "Create a table with automatic scaling", "Pre-warm a
table", "Tagging restrictions". The endpoint refuses options that the guide documents but the endpoint does not model.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local_keyspaces.cql import Option
from local_keyspaces.quotas import Quota
from local_keyspaces.refusals import Refused, invalid
from local_keyspaces.tables import Autoscaling, Properties

_LONGEST_TTL = 630_720_000  # seconds
_SWITCHES = ("client_side_timestamps", "point_in_time_recovery", "ttl")
_NOT_MODELLED = {
    "cdc": "change data capture",
    "cdc_specification": "change data capture",
    "replica_updates": "capacity of a single Region of a multi-Region table",
}
_PROPERTIES = (*_SWITCHES, "capacity_mode", "encryption_specification", "warm_throughput")
_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]+:(key|alias)/[A-Za-z0-9/_-]+")
_TAG = re.compile(r"[\w\s+\-=._:/]+")
_AUTOSCALING = {
    "provisioned_read_capacity_autoscaling_update": Quota.READ_CAPACITY,
    "provisioned_write_capacity_autoscaling_update": Quota.WRITE_CAPACITY,
}


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """The options of one statement. time_to_live: seconds. time_to_live and comment: None if they are not given."""

    properties: Properties
    autoscaling: Autoscaling
    time_to_live: int | None
    comment: str | None
    tags: Mapping[str, str]

    @classmethod
    def read(cls, options: Mapping[str, Option]) -> "TableOptions":
        """Raises Refused."""
        for name, value in options.items():
            if name in _IGNORED:
                _IGNORED[name](name, value)
            elif name == "cdc" and value == "false":
                continue
            elif name in _NOT_MODELLED:
                raise _not_modelled(name)
            elif name not in ("autoscaling_settings", "comment", "custom_properties", "default_time_to_live", "tags"):
                raise invalid(f"Unknown property '{name}'")
        time_to_live = options.get("default_time_to_live")
        comment = options.get("comment")
        return cls(
            properties=_properties(as_map("custom_properties", options.get("custom_properties", {}))),
            autoscaling=_autoscaling(as_map("autoscaling_settings", options.get("autoscaling_settings", {}))),
            time_to_live=(
                None if time_to_live is None else _whole("default_time_to_live", time_to_live, 0, _LONGEST_TTL)
            ),
            comment=None if comment is None else _text("comment", comment),
            tags=tags(options.get("tags", {})),
        )


def as_map(name: str, value: Option) -> Mapping[str, Option]:
    """Raises Refused."""
    if not isinstance(value, Mapping):
        raise invalid(f"{name} must be a map")
    return value


def text_map(name: str, value: Option) -> Mapping[str, str]:
    """Raises Refused."""
    return {key: _text(f"{name}: {key}", text) for key, text in as_map(name, value).items()}


def tags(value: Option) -> Mapping[str, str]:
    """Raises Refused."""
    given = text_map("tags", value)
    for key, text in given.items():
        Quota.TAG_KEY.check(len(key))
        Quota.TAG_VALUE.check(len(text), f"tag {key}")
        if not _TAG.fullmatch(key) or not _TAG.fullmatch(text):
            raise invalid(f"tag {key!r}: use letters, white space, digits and + - = . _ : / in its key and its value")
        if key.startswith("aws:"):
            raise invalid(f"tag {key!r}: keys that begin with 'aws:' are reserved for the service")
    return given


def switch(name: str, value: Option) -> str:
    """The status in a map: `enabled` or `disabled`. Raises Refused."""
    values = text_map(name, value)
    status = values.get("status", "").lower()
    if set(values) != {"status"} or status not in ("enabled", "disabled"):
        raise invalid(f"{name} must be {{'status': 'enabled'}} or {{'status': 'disabled'}}")
    return status


def _properties(given: Mapping[str, Option]) -> Properties:
    properties: dict[str, Mapping[str, str]] = {}
    for key, value in given.items():
        name = key.lower()
        if name in _NOT_MODELLED:
            raise _not_modelled(name)
        if name not in _PROPERTIES:
            raise invalid(f"Unknown custom property '{key}'; use {', '.join(sorted(_PROPERTIES))}")
        if name in properties:
            raise invalid(f"Multiple definition for property '{name}'")
        if name in _SWITCHES:
            properties[name] = {"status": switch(f"custom property {name}", value)}
        elif name == "capacity_mode":
            properties[name] = _capacity(text_map(name, value))
        elif name == "encryption_specification":
            properties[name] = _encryption(text_map(name, value))
        else:
            properties[name] = _warm_throughput(text_map(name, value))
    return properties


def _capacity(values: Mapping[str, str]) -> Mapping[str, str]:
    match values.get("throughput_mode"), sorted(values):
        case "PAY_PER_REQUEST", ["throughput_mode"]:
            return values
        case "PROVISIONED", ["read_capacity_units", "throughput_mode", "write_capacity_units"]:
            return {
                "throughput_mode": "PROVISIONED",
                "read_capacity_units": _units("read_capacity_units", values, Quota.READ_CAPACITY),
                "write_capacity_units": _units("write_capacity_units", values, Quota.WRITE_CAPACITY),
            }
    raise invalid(
        "capacity_mode must be {'throughput_mode': 'PAY_PER_REQUEST'}, or 'PROVISIONED' with read_capacity_units"
        " and write_capacity_units, and nothing else"
    )


def _encryption(values: Mapping[str, str]) -> Mapping[str, str]:
    match values.get("encryption_type"), sorted(values):
        case "AWS_OWNED_KMS_KEY", ["encryption_type"]:
            return values
        case "CUSTOMER_MANAGED_KMS_KEY", ["encryption_type", "kms_key_identifier"]:
            if _KEY_ARN.fullmatch(values["kms_key_identifier"]):
                return values
            raise invalid("kms_key_identifier must be the ARN of a KMS key")
    raise invalid(
        "encryption_specification must be {'encryption_type': 'AWS_OWNED_KMS_KEY'}, or 'CUSTOMER_MANAGED_KMS_KEY' with"
        " kms_key_identifier, and nothing else"
    )


def _warm_throughput(values: Mapping[str, str]) -> Mapping[str, str]:
    quotas = {"read_units_per_second": Quota.READ_CAPACITY, "write_units_per_second": Quota.WRITE_CAPACITY}
    if not values or not values.keys() <= quotas.keys():
        raise invalid(f"warm_throughput takes {' and '.join(quotas)}, and nothing else")
    return {**{name: _units(name, values, quotas[name]) for name in values}, "status": "AVAILABLE"}


def _autoscaling(given: Mapping[str, Option]) -> Autoscaling:
    settings: dict[str, Mapping[str, str]] = {}
    for key, value in given.items():
        name = key.lower()
        if name in _NOT_MODELLED:
            raise _not_modelled(name)
        if name not in _AUTOSCALING:
            raise invalid(f"Unknown auto scaling setting '{key}'; the settings are {' and '.join(_AUTOSCALING)}")
        settings[name] = _autoscaling_of(name, as_map(name, value), _AUTOSCALING[name])
    return settings


def _autoscaling_of(name: str, given: Mapping[str, Option], quota: Quota) -> Mapping[str, str]:
    """Auto scaling of reads or of writes, as `system_schema_mcs.autoscaling` shows it; empty if it is turned off."""
    _only(name, given, ("autoscaling_disabled", "minimum_units", "maximum_units", "scaling_policy"))
    disabled = _flag("autoscaling_disabled", given.get("autoscaling_disabled", "false"))
    if disabled:
        if len(given) > 1:
            raise invalid(f"{name}: no other setting is allowed with autoscaling_disabled")
        return {}
    if missing := {"minimum_units", "maximum_units", "scaling_policy"} - given.keys():
        raise invalid(f"{name}: {', '.join(sorted(missing))} must be given")
    least, most = (_units(key, text_map(name, {key: given[key]}), quota) for key in ("minimum_units", "maximum_units"))
    if int(least) > int(most):
        raise invalid(f"{name}: minimum_units is {least}, more than maximum_units, {most}")
    policy = as_map("scaling_policy", given["scaling_policy"])
    kind = "target_tracking_scaling_policy_configuration"
    if set(policy) != {kind}:
        raise invalid(f"scaling_policy must have {kind}, and nothing else")
    target = as_map(kind, policy[kind])
    _only(kind, target, ("target_value", "scale_in_cooldown", "scale_out_cooldown", "disable_scale_in"))
    if "target_value" not in target:
        raise invalid(f"{kind}: target_value must be given")
    value = _number("target_value", target["target_value"], 20, 90)
    tracking = {
        "scale_out_cooldown": _whole("scale_out_cooldown", target.get("scale_out_cooldown", "0"), 0),
        "disable_scale_in": _flag("disable_scale_in", target.get("disable_scale_in", "false")),
        "target_value": int(value) if value.is_integer() else value,
        "scale_in_cooldown": _whole("scale_in_cooldown", target.get("scale_in_cooldown", "0"), 0),
    }
    return {"minimum_units": least, "maximum_units": most, "scaling_policy": json.dumps({kind: tracking})}


def _not_modelled(name: str) -> Refused:
    return invalid(f"{name}: {_NOT_MODELLED[name]} is not modelled by this local endpoint")


def _only(name: str, given: Mapping[str, Option], allowed: tuple[str, ...]) -> None:
    for key in given:
        if key not in allowed:
            raise invalid(f"{name}: unknown setting '{key}'; the settings are {', '.join(allowed)}")


def _units(name: str, values: Mapping[str, str], quota: Quota) -> str:
    units = _whole(name, values[name], 1)
    quota.check(units, name)
    return str(units)


def _whole(name: str, value: Option, least: int, most: int | None = None) -> int:
    if not isinstance(value, str) or not re.fullmatch("-?[0-9]{1,18}", value):
        raise invalid(f"{name} must be a whole number")
    if int(value) < least or (most is not None and int(value) > most):
        raise invalid(f"{name} must be " + (f"at least {least}" if most is None else f"between {least} and {most}"))
    return int(value)


def _number(name: str, value: Option, least: float, most: float) -> float:
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        raise invalid(f"{name} must be a number")
    if not least <= float(value) <= most:
        raise invalid(f"{name} must be between {least} and {most}")
    return float(value)


def _flag(name: str, value: Option) -> bool:
    if not isinstance(value, str) or value.lower() not in ("true", "false"):
        raise invalid(f"{name} must be true or false")
    return value.lower() == "true"


def _text(name: str, value: Option) -> str:
    if not isinstance(value, str):
        raise invalid(f"{name} must be text")
    return value


def _chance(name: str, value: Option) -> object:
    return _number(name, value, 0, 1)


def _count(name: str, value: Option) -> object:
    return _whole(name, value, 0)


# Cassandra's options that the service accepts and ignores (developer guide, "Functional differences"). Cassandra never
# sees them, so its checks of their form are made here.
_IGNORED: Mapping[str, Callable[[str, Option], object]] = {
    **dict.fromkeys(
        ("bloom_filter_fp_chance", "crc_check_chance", "dclocal_read_repair_chance", "read_repair_chance"), _chance
    ),
    **dict.fromkeys(
        ("gc_grace_seconds", "max_index_interval", "memtable_flush_period_in_ms", "min_index_interval"), _count
    ),
    **dict.fromkeys(("caching", "compaction", "compression"), text_map),
    "speculative_retry": _text,
}
