"""`If-Match`: a change is made only if the row is still the one that the client has read (RFC 9110, 13.1.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

from service.problems import PreconditionFailed
from service.representations import Representation


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The entity tags of the request's If-Match; None if it has no such header."""

    tags: frozenset[bytes] | None

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> "IfMatch":
        given = [value for name, value in headers if name == b"if-match"]
        if not given:
            return _NONE
        return cls(frozenset(tag.strip() for tag in b",".join(given).split(b",")))

    def check(self, current: Representation | None) -> None:
        """Raises PreconditionFailed if the client did not name the current row, in its plain or indented form.

        current: the row before the change, None if there is none.
        """
        if self.tags is None or (current is not None and self._names(current)):
            return
        raise PreconditionFailed("The row is not the one that If-Match names; read it again, then change it.")

    def _names(self, current: Representation) -> bool:
        return b"*" in self.tags or bool(self.tags & {current.etag, current.pretty().etag})  # type: ignore[operator]


_NONE = IfMatch(None)
