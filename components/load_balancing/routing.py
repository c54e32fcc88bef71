"""Listener rules: host and path patterns, and priorities that do not clash.

A load balancer evaluates its rules in the order of their priorities, the lowest number first. Each microservice has one
rule. Unless a microservice sets its own priority, it is derived from its hosts, paths and name alone, so that it stays
the same when other microservices are added or removed: AWS refuses a priority that another rule still has, and the
update would fail halfway.
"""

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from components.arguments import raise_for

PRIORITIES = (1, 50_000)

# Elastic Load Balancing user guide, "Condition types for listener rules": at most 128 of these characters, where *
# stands for any number of characters and ? for one. In HTTP a path begins with a slash.
_LONGEST = 128
_PATTERN = re.compile(r"""/[A-Za-z0-9_.$/~"'@:+&*?-]{0,127}""")
# The same page: at least one dot, and only letters after the last. Hosts are case-insensitive; capitals are refused
# here, so that one host cannot be written in two ways and counted as two.
_HOST_PATTERN = re.compile(r"(?=.{1,128}\Z)([a-z0-9*?-]+\.)+[a-z]+")
_WILDCARD = re.compile(r"[*?]")
# "Quotas for your Application Load Balancers": five condition values a rule. "Condition types for listener rules" says
# five match evaluations too, but no more than three a condition; whether four paths are refused is UNVERIFIED.
_VALUES = 5
# The page of quotas says six wildcards a rule, that of condition types five.
_WILDCARDS = 5

# The host of a claim without hosts, for comparisons. It equals no host pattern, since each of those has a dot.
_ANY_HOST = ("*",)

# From the most specific path, one of 128 characters without a wildcard, to the most general, `/*`.
_BANDS = 2 * _LONGEST
_BAND_WIDTH = PRIORITIES[1] // _BANDS
# The first and last band of the rules for each kind of hosts; a kind goes before the next, whatever the paths.
_EXACT_HOSTS, _WILDCARD_HOSTS, _WITHOUT_HOSTS = (0, 64), (65, 129), (130, _BANDS - 1)


def paths_mistake(paths: Sequence[str]) -> str | None:
    """The mistake in a rule's path patterns that a load balancer would refuse."""
    if isinstance(paths, str):
        return f"is the string {paths!r}; give a list of path patterns such as [{paths!r}]"
    if not 1 <= len(paths) <= _VALUES:
        return f"are {len(paths)}; a load balancer's rule takes 1 to {_VALUES}"
    wrong = [path for path in paths if not _PATTERN.fullmatch(path)]
    if wrong:
        return (
            f"has {', '.join(map(repr, wrong))}; a path pattern is a slash and up to {_LONGEST - 1} of A-Z, a-z, 0-9"
            " and _ - . $ / ~ \" ' @ : + & with * for any number of characters and ? for one"
        )
    if len(set(paths)) < len(paths):
        return "names the same path twice"
    wildcards = _count_wildcards(paths)
    return f"have {wildcards} wildcards; a load balancer's rule takes {_WILDCARDS}" if wildcards > _WILDCARDS else None


def hosts_mistake(hosts: Sequence[str], paths: Sequence[str]) -> str | None:
    """The mistake in a rule's host patterns, alone or with its paths, that a load balancer would refuse."""
    if isinstance(hosts, str):
        return f"is the string {hosts!r}; give a list of host patterns such as [{hosts!r}]"
    wrong = [host for host in hosts if not _HOST_PATTERN.fullmatch(host)]
    if wrong:
        return (
            f"has {', '.join(map(repr, wrong))}; a host pattern is up to {_LONGEST} of a-z, 0-9, - and . with * for any"
            " number of characters and ? for one; after the last dot, only letters"
        )
    if len(set(hosts)) < len(hosts):
        return "names the same host twice"
    if not hosts or paths_mistake(paths):
        return None
    if len(hosts) + len(paths) > _VALUES:
        return (
            f"are {len(hosts)}, beside {len(paths)} in `paths`; a load balancer's rule takes {_VALUES} of both together"
        )
    wildcards = _count_wildcards([*hosts, *paths])
    if wildcards > _WILDCARDS:
        return f"have, with paths, {wildcards} wildcards; a load balancer's rule takes {_WILDCARDS}"
    return None


def _count_wildcards(patterns: Sequence[str]) -> int:
    return sum(len(_WILDCARD.findall(pattern)) for pattern in patterns)


def derive_priority(name: str, paths: Sequence[str], hosts: Sequence[str] = ()) -> int:
    """A priority that depends on nothing but the microservice's own name, paths and hosts.

    Hosts without wildcards go before hosts with wildcards, and both go before rules without hosts, whatever the paths.

    Among rules of the same kind, the most general path decides: the more characters it has before its first wildcard,
    the lower the number, so `/orders/*` goes before `/*`. A path without a wildcard goes before the same path followed
    by a wildcard. Only the first 63 characters of a path count; with hosts, the first 32. Microservices that are equal
    in all this share a band of 195 numbers, and the hash of name and hosts selects one of them, since several teams may
    have an `api`.
    """
    first, last = _bands(hosts)
    band = max(first, last + _specificity("/*") - min(map(_specificity, paths)))
    identity = "\n".join([name, *sorted(hosts)])
    place = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8]) % _BAND_WIDTH
    return PRIORITIES[0] + band * _BAND_WIDTH + place


def _bands(hosts: Sequence[str]) -> tuple[int, int]:
    if not hosts:
        return _WITHOUT_HOSTS
    return _WILDCARD_HOSTS if _count_wildcards(hosts) else _EXACT_HOSTS


def _specificity(path: str) -> int:
    literal = len(_WILDCARD.split(path, maxsplit=1)[0])
    return 2 * literal + (literal == len(path))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The requests that a microservice claims: those for `paths` of `hosts`, or of any host if `hosts` is empty."""

    name: str
    hosts: Sequence[str] = ()
    paths: Sequence[str]
    priority: int

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Pairs of a host pattern and a path pattern."""
        return list(itertools.product(self.hosts or _ANY_HOST, self.paths))


class Claims:
    """The claims of this program's microservices at one load balancer, without the rules of other programs."""

    def __init__(self) -> None:
        self._claims: list[Claim] = []

    def add(self, claim: Claim) -> None:
        """Raises InvalidArguments if another microservice has the same priority, or a path that equals or hides one."""
        for other in self._claims:
            raise_for(
                f"Service of {claim.name}",
                {
                    "paths": _same_path(claim, other) or _hidden_path(claim, other) or _hidden_path(other, claim),
                    "priority": _same_priority(claim, other),
                },
            )
        self._claims.append(claim)


def _same_path(claim: Claim, other: Claim) -> str | None:
    both = sorted(set(claim.requests) & set(other.requests))
    return f"has {_shown(*both[0])}, which {other.name} has too: remove it from one of them" if both else None


def _same_priority(claim: Claim, other: Claim) -> str | None:
    if claim.priority != other.priority:
        return None
    return f"is {claim.priority}, and so is that of {other.name}: set `priority` of one of them to another number"


def _hidden_path(behind: Claim, before: Claim) -> str | None:
    """A path of `behind` that gets no request at all, because the rule of `before` goes first and matches them all."""
    if behind.priority <= before.priority:
        return None
    for (host, path), (taken_host, taken_path) in itertools.product(behind.requests, before.requests):
        if _covers(taken_host, host) and _covers(taken_path, path):
            return (
                f"{_shown(host, path)} of {behind.name} gets no request: {_shown(taken_host, taken_path)} of"
                f" {before.name} goes first (priority {before.priority} before {behind.priority}); set priority of"
                f" {behind.name} below that"
            )
    return None


def _shown(host: str, path: str) -> str:
    return path if host in _ANY_HOST else host + path


def _covers(general: str, special: str) -> bool:
    """Whether `general` matches all that `special` matches; False if this is not certain."""
    wildcards = {"*": ".*", "?": "[^*]"}
    return bool(re.fullmatch("".join(wildcards.get(each) or re.escape(each) for each in general), special))
