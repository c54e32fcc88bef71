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
# Without ...IfExists and ForAllValues, which let in a request that does not have the key.
_NARROWING_OPERATORS = {
    "stringequals",
    "stringequalsignorecase",
    "stringlike",
    "arnequals",
    "arnlike",
    "foranyvalue:stringequals",
    "foranyvalue:stringlike",
}
# The resource part of an ARN that names only types: `*`, `role/*`, `/keyspace/*/table/*`.
_ONLY_WILDCARDS = re.compile(r"[*?]+([/:]([\w-]+[/:])?[*?]+)*")
_TYPE = re.compile(r"/?[\w-]+[/:]")
# Services whose ARNs begin with a name instead of a type, such as arn:aws:s3:::bucket/*.
_WITHOUT_TYPE = {"codecommit", "execute-api", "s3", "sns", "sqs"}
# The part of a subject before its first wildcard, if it names an owner: repo:us/, system:serviceaccount:orders.
_OWNED_SUBJECT = re.compile(r"[^:]+:[^/:]+[/:].*", re.DOTALL)
# Identity providers for everyone; the audience identifies the application (IAM user guide, "Available keys for AWS
# web identity federation").
_PUBLIC_PROVIDERS = ("accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com")
_APPLICATION_KEYS = (":aud", ":app_id", ":sub")
_OF_ONE_ACCOUNT = re.compile(r"arn:[^:*]+:[^:*]+:[^:]*:\d{12}:.+")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement that allows something. label: its name in messages; elements: by lower-case name."""

    label: str
    elements: dict[str, Any]

    @property
    def actions(self) -> list[str]:
        return texts(self.elements.get("action"))

    @property
    def is_about_everything(self) -> bool:
        return any(map(_is_everything, texts(self.elements.get("resource"))))

    def public_principals(self) -> Iterator[str]:
        """Principals that include everyone, such as `*`; none if a condition keeps others out, or is not known yet."""
        conditions = self._conditions()
        if conditions is None or any(
            key in _NARROWING_KEYS and values and all(map(_may_be_fixed, values)) for key, values in conditions
        ):
            return
        principal = self.elements.get("principal")
        yield from (name for name in texts(principal) if "*" in name)
        for of_kind in objects(principal):
            for kind, names in of_kind.items():
                if kind.lower() != "federated":
                    yield from (name for name in texts(names) if "*" in name)
                    continue
                for provider in texts(names):
                    missing = _missing_key(provider, conditions)
                    if missing:
                        yield f"{provider} without a condition on {missing}"

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

    No statements if the document is not known yet, or is no document, which the provider refuses.
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


def _is_everything(resource: str) -> bool:
    """Whether the resource stands for all resources, or for all of a service or of a type."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return _has_wildcard(resource)
    service, name = parts[2], parts[5]
    if service not in _WITHOUT_TYPE:
        name = _TYPE.sub("", name, count=1) if _TYPE.match(name) else name
    return _has_wildcard(service) or _ONLY_WILDCARDS.fullmatch(name) is not None


def _missing_key(provider: str, conditions: list[tuple[str, list[Any]]]) -> str | None:
    """The condition key without which anyone with an account at this identity provider gets in."""
    if ":oidc-provider/" in provider:
        host = provider.partition(":oidc-provider/")[2]
        somebody = any(
            key.endswith(":sub") and values and all(map(_may_be_owned, values)) for key, values in conditions
        )
        return None if somebody else f"{host}:sub"
    if provider not in _PUBLIC_PROVIDERS and not _has_wildcard(provider):
        return None  # a SAML provider of an account
    own = any(
        key.endswith(_APPLICATION_KEYS)
        and values
        and all(not is_known(value) or not _has_wildcard(str(value)) for value in values)
        for key, values in conditions
    )
    return None if own else f"{provider}:aud"


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


def _may_be_fixed(value: Any) -> bool:
    return not is_known(value) or not _has_wildcard(str(value)) or _OF_ONE_ACCOUNT.fullmatch(str(value)) is not None


def _may_be_owned(subject: Any) -> bool:
    if not is_known(subject) or not _has_wildcard(str(subject)):
        return True
    return _OWNED_SUBJECT.fullmatch(re.split(r"[*?]", str(subject), maxsplit=1)[0]) is not None
