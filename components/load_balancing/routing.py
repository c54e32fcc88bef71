"""Which microservice gets a request: path patterns, and priorities that do not clash.

A load balancer asks its rules in the order of their priorities, the lowest number first. Each microservice has one.
Unless a microservice sets its own, its priority is made of its paths and its name alone, so that it stays the same when
other microservices come and go: giving a rule a priority that another still holds fails in the middle of an update.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from components.arguments import refuse

PRIORITIES = (1, 50_000)

# Elastic Load Balancing user guide, "Condition types for listener rules": at most 128 of these characters, where *
# stands for any number of characters and ? for one. That a path begins with a slash follows from HTTP.
_LONGEST = 128
_PATTERN = re.compile(r"""/[A-Za-z0-9_.$/~"'@:+&*?-]{0,127}""")
_WILDCARD = re.compile(r"[*?]")
# "Quotas for your Application Load Balancers": five condition values a rule. "Condition types for listener rules" says
# three match evaluations a condition instead; whether four paths are refused is UNVERIFIED.
_PATHS = 5
# The first says six, the second five wildcards a rule.
_WILDCARDS = 5

# From the most specific path, one of 128 characters without a wildcard, to the most general, `/*`.
_BANDS = 2 * _LONGEST
_BAND_WIDTH = PRIORITIES[1] // _BANDS


def paths_mistake(paths: Sequence[str]) -> str | None:
    """What a load balancer would refuse about a rule's path patterns."""
    if isinstance(paths, str):
        return f"is the string {paths!r}; give a list of path patterns such as [{paths!r}]"
    if not 1 <= len(paths) <= _PATHS:
        return f"are {len(paths)}; a load balancer's rule takes 1 to {_PATHS}"
    wrong = [path for path in paths if not _PATTERN.fullmatch(path)]
    if wrong:
        return (
            f"has {', '.join(map(repr, wrong))}; a path pattern is a slash and up to {_LONGEST - 1} of A-Z, a-z, 0-9"
            " and _ - . $ / ~ \" ' @ : + & with * for any number of characters and ? for one"
        )
    if len(set(paths)) < len(paths):
        return "names the same path twice"
    wildcards = sum(len(_WILDCARD.findall(path)) for path in paths)
    return f"have {wildcards} wildcards; a load balancer's rule takes {_WILDCARDS}" if wildcards > _WILDCARDS else None


def derive_priority(name: str, paths: Sequence[str]) -> int:
    """A priority that depends on nothing but the microservice's own name and paths.

    What counts is how much of the most general path comes before its first wildcard: the more, the lower the number, so
    `/countries/*` goes before `/*`; and a path without a wildcard goes before one that continues it. Microservices that
    are equal in this share a band of 195 numbers, in which the name's hash decides.
    """
    band = _BANDS + 1 - min(map(_specificity, paths))
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % _BAND_WIDTH
    return PRIORITIES[0] + band * _BAND_WIDTH + place


def _specificity(path: str) -> int:
    literal = len(_WILDCARD.split(path, maxsplit=1)[0])
    return 2 * literal + (literal == len(path))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a microservice wants of a load balancer."""

    name: str
    paths: Sequence[str]
    priority: int


class Claims:
    """What the microservices of this program want of one load balancer. It knows nothing of other programs' rules."""

    def __init__(self) -> None:
        self._claims: list[Claim] = []

    def add(self, claim: Claim) -> None:
        """Raises InvalidArguments if another microservice has the same priority or path, or hides a path."""
        for other in self._claims:
            refuse(
                f"Service of {claim.name}",
                {
                    "paths": _same_path(claim, other) or _hidden_path(claim, other) or _hidden_path(other, claim),
                    "priority": _same_priority(claim, other),
                },
            )
        self._claims.append(claim)


def _same_path(claim: Claim, other: Claim) -> str | None:
    both = sorted(set(claim.paths) & set(other.paths))
    return f"has {both[0]}, which {other.name} has too: take it from one of them" if both else None


def _same_priority(claim: Claim, other: Claim) -> str | None:
    if claim.priority != other.priority:
        return None
    return f"is {claim.priority}, and so is that of {other.name}: set priority of one of them to another number"


def _hidden_path(behind: Claim, before: Claim) -> str | None:
    """A path of `behind` that gets no request at all, because `before` is asked first and takes them all."""
    if behind.priority <= before.priority:
        return None
    for path in behind.paths:
        for taken in before.paths:
            if _covers(taken, path):
                return (
                    f"{path} of {behind.name} gets no request: {taken} of {before.name} goes first (priority"
                    f" {before.priority} before {behind.priority}); set priority of {behind.name} below that"
                )
    return None


def _covers(general: str, special: str) -> bool:
    """Whether `general` matches all that `special` does; False when that is not plain to see."""
    wildcards = {"*": ".*", "?": "[^*]"}
    return bool(re.fullmatch("".join(wildcards.get(each) or re.escape(each) for each in general), special))
