"""IAM policy documents, whether identity-based, resource-based or a role's trust."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rules.values import is_known, items, objects, texts

# Condition keys that, with a fixed value, keep everyone else out (S3 user guide, 'The meaning of "public"'; the keys
# for organizations besides aws:PrincipalOrgID, and those for principals, are of the same kind).
_NARROWING_KEYS = {
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
}
# With ...IfExists and ForAllValues: a request without the key gets in.
_NARROWING_OPERATORS = {
    "stringequals",
    "stringequalsignorecase",
    "stringlike",
    "arnequals",
    "arnlike",
    "foranyvalue:stringequals",
    "foranyvalue:stringlike",
}
_EVERYTHING = re.compile(r"\*|arn:[^:]*:\*:\*?:\*?:\*")
_ANY_SUBJECT = re.compile(r"(\w+:)?[*?].*")  # such as GitHub's repo:*
_OF_ONE_ACCOUNT = re.compile(r"arn:[^:*]+:[^:*]+:[^:]*:\d{12}:.+")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement that allows something. label: what to call it; elements: by lower-case name."""

    label: str
    elements: dict[str, Any]

    @property
    def actions(self) -> list[str]:
        return texts(self.elements.get("action"))

    @property
    def is_about_everything(self) -> bool:
        return any(_EVERYTHING.fullmatch(resource) for resource in texts(self.elements.get("resource")))

    def public_principals(self) -> Iterator[str]:
        """Principals that anyone is, such as `*`, unless a condition keeps others out, or may: it is not known yet."""
        conditions = self._conditions()
        if conditions is None or any(
            key in _NARROWING_KEYS and all(map(_may_be_fixed, values)) for key, values in conditions
        ):
            return
        principal = self.elements.get("principal")
        if principal == "*":
            yield "*"
        for of_kind in objects(principal):
            yield from (name for name in texts(of_kind.get("AWS")) if "*" in name)
            if any(key.endswith(":sub") and all(map(_may_be_somebody, values)) for key, values in conditions):
                continue
            for provider in texts(of_kind.get("Federated")):
                if ":oidc-provider/" in provider:
                    yield f"{provider} without a condition on {provider.partition(':oidc-provider/')[2]}:sub"

    def _conditions(self) -> list[tuple[str, list[Any]]] | None:
        """Lower-case keys that a request must have, with the values it may have; None if they are not known yet."""
        operators = self.elements.get("condition", {})
        if not isinstance(operators, dict) or not all(isinstance(keys, dict) for keys in operators.values()):
            return None
        return [
            (key.lower(), items(values))
            for operator, keys in operators.items()
            if operator.lower() in _NARROWING_OPERATORS
            for key, values in keys.items()
        ]


def allowing(document: Any) -> Iterator[Statement]:
    """The statements of a document that allow something. document: JSON text, or its content.

    There are none in one that is not known yet, or not a document; the provider refuses the latter.
    """
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return
    for content in objects(document):
        elements = {key.lower(): value for key, value in content.items()}
        for number, statement in enumerate(items(elements.get("statement")), start=1):
            for known in objects(statement):
                named = {key.lower(): value for key, value in known.items()}
                if named.get("effect") == "Allow":
                    label = "".join(texts(named.get("sid"))) or f"statement {number}"
                    yield Statement(label=label, elements=named)


def _may_be_fixed(value: Any) -> bool:
    return not is_known(value) or "*" not in str(value) or _OF_ONE_ACCOUNT.fullmatch(str(value)) is not None


def _may_be_somebody(subject: Any) -> bool:
    return not is_known(subject) or not _ANY_SUBJECT.fullmatch(str(subject))
