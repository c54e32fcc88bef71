"""Examples for every rule about single resources: accepted ones and refused ones."""

from dataclasses import dataclass

from tests.policy.validation import Given


@dataclass(frozen=True, kw_only=True)
class Example:
    """An example of one rule.

    says: the parts that the message must contain; empty if the rule accepts the resource. case: the special property of
    the example, for the test's ID.
    """

    rule: str
    case: str
    given: Given
    says: tuple[str, ...] = ()
    settings: dict[str, object] | None = None

    @property
    def id(self) -> str:
        return f"{self.rule}: {self.case}"
