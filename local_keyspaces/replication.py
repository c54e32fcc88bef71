"""Replication of keyspaces: in one Region, or in several.

Source: developer guide, "Keyspaces" (CREATE KEYSPACE, ALTER KEYSPACE). This endpoint keeps the data of a multi-Region
keyspace in one Region only, and shows clients all its Regions in the system tables.
"""

import re
from collections.abc import Mapping

from local_keyspaces.cql import Option
from local_keyspaces.options import switch, tags, text_map
from local_keyspaces.refusals import invalid

_REGION = re.compile("[a-z]{2}(-[a-z]+)+-[0-9]+")
_FACTOR = "3"
_OPTIONS = ("client_side_timestamps", "durable_writes", "replication", "tags")

Regions = tuple[str, ...]
"""The Regions of a multi-Region keyspace, in alphabetical order; empty for a keyspace in one Region."""


def as_shown(regions: Regions) -> Mapping[str, str]:
    """The replication as system_schema shows it. For one Region it is the value in the guide's "Create a keyspace",
    because drivers know this class."""
    if not regions:
        return {"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": _FACTOR}
    return {"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", **dict.fromkeys(regions, _FACTOR)}


def check_options(options: Mapping[str, Option], *, altered: bool = False) -> None:
    """Checks all options but the replication itself. Raises Refused."""
    for option in options:
        if option not in _OPTIONS or (altered and option in ("durable_writes", "tags")):
            raise invalid(f"Unknown property '{option}'")
    if options.get("durable_writes", "true") != "true":
        raise invalid("durable_writes must be true: writes to Amazon Keyspaces are always durable")
    tags(options.get("tags", {}))
    if "client_side_timestamps" in options:
        status = switch("client_side_timestamps", options["client_side_timestamps"])
        if status != "enabled":
            raise invalid("client_side_timestamps of a keyspace can only be changed to enabled")
        if "replication" not in options or not altered:
            raise invalid("client_side_timestamps can be given only where ALTER KEYSPACE adds a Region")


def regions(options: Mapping[str, Option], own: str) -> Regions:
    """own: the endpoint's Region. Raises Refused."""
    if "replication" not in options:
        raise invalid("Missing mandatory replication strategy class")
    given = dict(text_map("replication", options["replication"]))
    strategy = given.pop("class", "").removeprefix("org.apache.cassandra.locator.")
    match strategy:
        case "SingleRegionStrategy" | "DefaultReplication" if not given:
            return ()
        # Not documented; users report that the service accepts it, with any factor.
        case "SimpleStrategy" if not given or (set(given) == {"replication_factor"} and _is_whole(given)):
            return ()
        case "SingleRegionStrategy" | "DefaultReplication" | "SimpleStrategy":
            raise invalid(f"{strategy} takes no {', '.join(sorted(given))}: use {{'class': 'SingleRegionStrategy'}}")
        case "NetworkTopologyStrategy":
            return _several(given, own)
    raise invalid(f"Unknown replication strategy {strategy!r}: use {{'class': 'SingleRegionStrategy'}}")


def _is_whole(given: Mapping[str, str]) -> bool:
    return re.fullmatch("[1-9][0-9]?", given["replication_factor"]) is not None


def names_regions(options: Mapping[str, Option]) -> bool:
    """True if these options make a statement one about a multi-Region keyspace."""
    strategy = options.get("replication")
    return isinstance(strategy, Mapping) and str(strategy.get("class")).endswith("NetworkTopologyStrategy")


def _several(given: Mapping[str, str], own: str) -> Regions:
    for region, factor in given.items():
        if not _REGION.fullmatch(region):
            raise invalid(f"NetworkTopologyStrategy: {region!r} is no Region, such as us-east-1")
        if factor != _FACTOR:
            raise invalid(f"NetworkTopologyStrategy: the replication factor of {region} must be {_FACTOR}")
    if len(given) < 2:
        raise invalid("NetworkTopologyStrategy needs at least two Regions; for one, use SingleRegionStrategy")
    if own not in given:
        raise invalid(f"NetworkTopologyStrategy: {own}, the Region of this endpoint, must be one of the Regions")
    return tuple(sorted(given))
