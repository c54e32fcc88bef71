"""For every rule about single resources, what it lets through and what it refuses."""

from dataclasses import dataclass

from tests.policy.validation import Given


@dataclass(frozen=True, kw_only=True)
class Example:
    """says: what the message must name, empty for what the rule lets through. case: what is special about it."""

    rule: str
    case: str
    given: Given
    says: tuple[str, ...] = ()
    settings: dict[str, object] | None = None

    @property
    def id(self) -> str:
        return f"{self.rule}: {self.case}"
