"""Identity-based IAM policies: the permissions of the principal that signed in.

Sources: IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements reference".

A statement that cannot be evaluated here never grants access. If it has a Condition, or a policy variable in its
resources, an Allow allows nothing, and a Deny denies everything that it could match. A warning is logged, once per
statement, when such a statement decides.

Simplifications: a resource pattern is matched over the whole ARN, so that a wildcard may span its segments, which AWS
promises for the last segment only; neither the ARN's form nor the existence of an action or service is checked.
"""

import functools
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from local_keyspaces.least_privilege import Decisions

_log = logging.getLogger(__name__)

_DECISIONS = 1024  # per principal; clients choose the resources, so their number is otherwise unlimited
_LONGEST_REMEMBERED = 512
_MOST_RECORDED = 2_000
_ELEMENTS = ("Version", "Id", "Statement")
_STATEMENT_ELEMENTS = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
_SID = re.compile(r"[A-Za-z0-9]*")  # reference, "Sid"
_ACTION = re.compile(r"\*|[\w*?-]+:[\w*?-]+", re.ASCII)
_PIECES = re.compile(r"\*|[^*$]+|\$")
# Only version 2012-10-17 has variables. A default value, in single quotes, may contain any character. A
# variable without its end extends to the end of the pattern.
_PIECES_AND_VARIABLES = re.compile(r"\$\{(?:'[^']*'|[^'{}])*\}|\$\{.*|" + _PIECES.pattern, re.DOTALL)
_ESCAPES = ("${*}", "${?}", "${$}")  # reference, "Variables and tags": the characters themselves


class MalformedPolicy(ValueError):
    """Says in one sentence what is wrong, where, and what to do."""


@dataclass(eq=False)
class _Statement:
    where: str
    allows: bool
    actions: re.Pattern[str]
    not_action: bool
    resources: re.Pattern[str]
    not_resource: bool
    services: re.Pattern[str]  # the services with at least one action in Action, or with every action in NotAction
    unknown: str  # the part that cannot be evaluated, or ""
    reported: bool = False

    def matches(self, action: str, resource: str) -> bool:
        """True if the statement applies, or may apply because a part of it cannot be evaluated here."""
        return (self.actions.fullmatch(action) is None) == self.not_action and (
            self.resources.fullmatch(resource) is None
        ) == self.not_resource

    def reaches(self, service: str) -> bool:
        return (self.services.fullmatch(service) is None) == self.not_action

    def report(self) -> None:
        if not self.reported:
            self.reported = True
            effect = "this Allow allows nothing" if self.allows else "this Deny denies all that it could match"
            _log.warning("%s: %s cannot be evaluated here, so %s", self.where, self.unknown, effect)


@dataclass(frozen=True, eq=False)
class Policy:
    """A parsed document; `parse` creates it."""

    name: str
    statements: tuple[_Statement, ...] = field(repr=False)

    @classmethod
    def parse(cls, document: str | Mapping[str, Any], name: str = "unnamed") -> Self:
        """`name` is used in messages. Raises MalformedPolicy, also for a document that IAM would not create."""
        where = f"policy {name!r}"
        if isinstance(document, str):
            try:
                document = json.loads(document, object_pairs_hook=_without_duplicates)
            except (ValueError, RecursionError) as error:
                raise MalformedPolicy(f"{where} is not valid JSON ({error}): correct the document.") from None
        if not isinstance(document, Mapping):
            raise MalformedPolicy(f"{where} is not a JSON object: make it one with a Statement.")
        _refuse_unknown(document, _ELEMENTS, where)
        version = document.get("Version", "2008-10-17")
        if version not in ("2012-10-17", "2008-10-17"):
            raise MalformedPolicy(f"{where} has the Version {version!r}: use '2012-10-17'.")
        if not isinstance(document.get("Id", ""), str):
            raise MalformedPolicy(f"{where} has an Id that is not a string: correct or remove it.")
        given = document.get("Statement")
        statements = [given] if isinstance(given, Mapping) else given
        if not isinstance(statements, list) or not statements:
            raise MalformedPolicy(f"{where} has no statement: make Statement an object, or a list of at least one.")
        parsed, sids = [], set()
        for number, statement in enumerate(statements, start=1):
            at = f"{where}, statement {number}"
            if not isinstance(statement, Mapping):
                raise MalformedPolicy(f"{at} is not an object: give it at least Effect, Action and Resource.")
            sid = statement.get("Sid", "")
            if not isinstance(sid, str) or not _SID.fullmatch(sid):
                raise MalformedPolicy(f"{at} has the Sid {sid!r}: use letters A-Z, a-z and digits only.")
            if sid in sids:
                raise MalformedPolicy(f"{at} repeats the Sid {sid!r} of an earlier statement: make it unique.")
            if sid:
                at += f" ({sid})"
                sids.add(sid)
            parsed.append(_parse_statement(statement, at, variables=version == "2012-10-17"))
        return cls(name, tuple(parsed))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The decision on an action on a resource. statement: the deciding one, as `policy 'x', statement 1 (Sid)`.

    reason: a sentence for people.
    """

    action: str
    resource: str
    allowed: bool
    statement: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A principal that signed in: its ARN (user or assumed role) and its identity-based policies."""

    arn: str
    policies: tuple[Policy, ...]
    decided: Decisions = field(default_factory=dict, repr=False, compare=False)
    """The answers of `may` by action and resource, up to 2,000."""
    _decide: Callable[[str, str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # One cache for each principal: a shared cache would hash the principal for every statement, and outlive it.
        object.__setattr__(self, "_decide", functools.lru_cache(_DECISIONS)(self._evaluate))

    @property
    def name(self) -> str:
        """The name of the user, or of the role without its session."""
        kind, _, rest = self.arn.rpartition(":")[2].partition("/")
        return rest.partition("/")[0] if kind == "assumed-role" else rest

    def may(self, action: str, resource: str) -> bool:
        """True if an Allow matches and no Deny does. `action` as `service:Name`, in any case; `resource` an ARN."""
        return (self._decide if len(resource) <= _LONGEST_REMEMBERED else self._evaluate)(action, resource)

    def has_any(self, service: str) -> bool:
        """True if any Allow could allow any action of the service, on any resource; no Deny is considered."""
        allows = [statement for statement in self._statements() if statement.allows and statement.reaches(service)]
        if all(statement.unknown for statement in allows):
            for statement in allows:
                statement.report()
            return False
        return True

    def _statements(self) -> Iterable[_Statement]:
        return (statement for policy in self.policies for statement in policy.statements)

    def _evaluate(self, action: str, resource: str) -> bool:
        allowed = self.decide(action, resource).allowed
        if len(resource) <= _LONGEST_REMEMBERED and len(self.decided) < _MOST_RECORDED:
            self.decided[action, resource] = allowed
        return allowed

    def decide(self, action: str, resource: str) -> Decision:
        """Like `may`, but also returns the statement that decides."""
        matching = [statement for statement in self._statements() if statement.matches(action, resource)]
        allows = [statement for statement in matching if statement.allows]
        denies = [statement for statement in matching if not statement.allows]
        evaluated = [statement for statement in denies if not statement.unknown]
        if evaluated:
            return _decision(action, resource, evaluated[0], "denies it")
        if not allows:
            return Decision(
                action=action, resource=resource, allowed=False, statement="", reason="no statement allows it"
            )
        allowing = [statement for statement in allows if not statement.unknown]
        for statement in denies if allowing else denies + allows:
            statement.report()
        if denies:
            return _decision(action, resource, denies[0], f"could deny it: {denies[0].unknown} is not evaluated here")
        if not allowing:
            return _decision(action, resource, allows[0], f"may allow it: {allows[0].unknown} is not evaluated here")
        return _decision(action, resource, allowing[0], "allows it", allowed=True)


def _decision(action: str, resource: str, by: _Statement, does: str, *, allowed: bool = False) -> Decision:
    return Decision(action=action, resource=resource, allowed=allowed, statement=by.where, reason=f"{by.where} {does}")


def _parse_statement(statement: Mapping[str, Any], where: str, *, variables: bool) -> _Statement:
    for element in ("Principal", "NotPrincipal"):
        if element in statement:
            raise MalformedPolicy(f"{where} has a {element}, which identity-based policies do not: remove it.")
    _refuse_unknown(statement, _STATEMENT_ELEMENTS, where)
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise MalformedPolicy(f"{where} has the Effect {effect!r}: use 'Allow' or 'Deny'.")
    actions, not_action = _one_of("Action", statement, where)
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise MalformedPolicy(f"{where} has the action {action!r}: write it as 'service:Action', or '*' for all.")
    resources, not_resource = _one_of("Resource", statement, where)
    pieces = [(_PIECES_AND_VARIABLES if variables else _PIECES).findall(resource) for resource in resources]
    known = [each for each in pieces if not any(map(_is_variable, each))]
    unknown = "a policy variable in its resources" if len(known) < len(pieces) else ""
    services = [action.partition(":") for action in actions]
    return _Statement(
        where=where,
        allows=effect == "Allow",
        actions=_any_of(map(_PIECES.findall, actions), re.IGNORECASE | re.ASCII),
        not_action=not_action,
        # An exception (NotResource) with a variable might not cover the requested resource, so it covers none.
        resources=_any_of(known if not_resource else pieces),
        not_resource=not_resource,
        services=_any_of(
            (_PIECES.findall(service) for service, _, name in services if not not_action or not name.strip("*")),
            re.IGNORECASE | re.ASCII,
        ),
        unknown="its Condition" if "Condition" in statement else unknown,
    )


def _one_of(element: str, statement: Mapping[str, Any], where: str) -> tuple[list[str], bool]:
    """The values of the element or of its Not… form, and True for the latter. Raises MalformedPolicy."""
    negated = f"Not{element}"
    if (element in statement) == (negated in statement):
        count = "both" if element in statement else "neither"
        raise MalformedPolicy(f"{where} has {count} of {element} and {negated}: give one of them.")
    given = element if element in statement else negated
    values = [statement[given]] if isinstance(statement[given], str) else statement[given]
    if not isinstance(values, list) or not values or not all(isinstance(value, str) and value for value in values):
        raise MalformedPolicy(f"{where} has an invalid {given}: give a string, or a list of at least one, none empty.")
    return values, given == negated


def _refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for element in given:
        if element not in known:
            raise MalformedPolicy(f"{where} has the unknown element {element!r}: use only {', '.join(known)}.")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Python keeps the last of two equal keys, so a Deny in the first would silently be lost.
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError(f"an object has the same key twice, among {', '.join(map(repr, result))}")
    return result


def _is_variable(piece: str) -> bool:
    return piece.startswith("${") and piece not in _ESCAPES


def _any_of(patterns: Iterable[list[str]], flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """One expression for all patterns, given in pieces; without patterns, it matches nothing."""
    return re.compile("|".join(map(_regex, patterns)) or "(?!)", flags | re.DOTALL)


def _regex(pieces: list[str]) -> str:
    """`*` and a variable match any text, `?` matches any character. Matching takes at most (length of the text) x
    (length of the pattern) steps: the text between two `*` is matched at its first possible place, because a later
    place would leave less text for the rest."""
    parts = [""]
    for piece in pieces:
        if piece == "*" or _is_variable(piece):
            parts.append("")
        elif piece in _ESCAPES:
            parts[-1] += re.escape(piece[2])
        else:
            parts[-1] += re.escape(piece).replace(r"\?", ".")
    first, *rest = parts
    if not rest:
        return first
    return first + "".join(f"(?>.*?{part})" for part in rest[:-1] if part) + ".*" + rest[-1]


ADMINISTRATOR = Policy.parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, "Administrator")
