"""A handler's typed parameters: reads them from the address, checks them, and describes them for OpenAPI.

A handler is a function whose parameters have types that msgspec knows, such as `str`, `int`, `bool`, `uuid.UUID`,
`Literal["a", "b"]`, or these with constraints: `Annotated[int, Meta(ge=1, le=9, description="The level.")]`. The
parameters that the path names come from the path, others from the query.

Some types have a meaning of their own: `Page` stands for `limit` and `cursor`, a `msgspec.Struct` for the body,
`IfMatch` for the header of this name, and `IdempotentRequest` for a request with an `Idempotency-Key`.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_type_hints

import msgspec
from msgspec import Meta

from service.bodies import Body
from service.cursors import LENGTH_AT_MOST
from service.idempotency import IdempotentRequest
from service.preconditions import IfMatch
from service.problems import BadRequest

Schema = dict[str, Any]

LIMIT: Final = 100
LIMIT_AT_MOST: Final = 1000
_REQUIRED: Final[Any] = object()
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})").fullmatch
_ECHOED: Final = 50  # characters of a wrong value that the error message repeats
_PATH_NAME: Final = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Page:
    """The requested page of a list: at most `limit` rows from `cursor` on, or from the beginning without a cursor."""

    limit: int
    cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """place: path or query. schema: its JSON schema. parse: converts text to the value; raises BadRequest."""

    name: str
    place: Literal["path", "query"]
    schema: Schema
    parse: Callable[[str], Any]
    description: str
    example: Any = None
    default: Any = _REQUIRED

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED


class Signature:
    """Converts a request to the arguments of a handler.

    body_name, if_match, idempotent: names of the parameters for the body, If-Match and the idempotent request, or None.
    """

    def __init__(self, handler: Callable[..., object], path: str) -> None:
        """Raises TypeError, which names the handler, for a parameter without a supported type."""
        in_path = set(_PATH_NAME.findall(path))
        hints = get_type_hints(handler, include_extras=True)
        declared = inspect.signature(handler).parameters
        if missing := in_path - declared.keys():
            raise TypeError(f"{handler.__qualname__} lacks the parameters of {path}: {', '.join(sorted(missing))}")
        self.returns = hints.get("return")
        self._page = next((name for name in declared if hints.get(name) is Page), None)
        self.if_match = next((name for name in declared if hints.get(name) is IfMatch), None)
        self.idempotent = next((name for name in declared if hints.get(name) is IdempotentRequest), None)
        self.body_name = next((name for name in declared if _is_struct(hints.get(name))), None)
        self.body = Body(hints[self.body_name]) if self.body_name else None
        special = {self._page, self.if_match, self.idempotent, self.body_name}
        self._own = [
            _parameter(handler, each, hints.get(each.name), "path" if each.name in in_path else "query")
            for each in declared.values()
            if each.name not in special
        ]
        self._from_path = [(each.name, each.parse) for each in self._own if each.place == "path"]
        self._from_query = [each for each in self._own if each.place == "query"]

    @property
    def parameters(self) -> Sequence[Parameter]:
        return [*self._own, *([_CURSOR, _LIMIT] if self._page else [])]

    def arguments(self, path: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Any]:
        """Raises BadRequest, which names the parameter and the expected values."""
        found: dict[str, Any] = {}
        for name, parse in self._from_path:
            found[name] = parse(path[name])
        for each in self._from_query:
            found[each.name] = _value(each, query)
        if self._page is not None:
            found[self._page] = Page(_value(_LIMIT, query), query.get(_CURSOR.name)) if query else _FIRST_PAGE
        return found


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _value(parameter: Parameter, query: Mapping[str, str]) -> Any:
    text = query.get(parameter.name)
    if text is not None:
        return parameter.parse(text)
    if parameter.required:
        raise BadRequest(f"Query parameter {parameter.name!r} is missing.")
    return parameter.default


def _parameter(
    handler: Callable[..., object], declared: inspect.Parameter, type_: Any, place: Literal["path", "query"]
) -> Parameter:
    try:
        if type_ is None:
            raise TypeError("it has no annotation")
        schema = msgspec.json.schema(type_)
    except TypeError as error:
        raise TypeError(f"parameter {declared.name} of {handler.__qualname__}: {error}") from error
    default = _REQUIRED if declared.default is inspect.Parameter.empty else declared.default
    return make_parameter(declared.name, type_, schema, place=place, default=default)


def make_parameter(
    name: str,
    type_: Any,
    schema: Schema,
    *,
    place: Literal["path", "query"],
    default: Any = _REQUIRED,
    expected: str = "",
) -> Parameter:
    """expected: the expected values in error messages; by default derived from the schema."""
    schema = dict(schema)
    description, examples = schema.pop("description", ""), schema.pop("examples", [])
    expected = expected or _expected(schema, description, examples)
    fits = re.compile(schema["pattern"]).fullmatch if "pattern" in schema else None
    is_integer = schema.get("type") == "integer"
    is_text = schema.keys() <= {"type", "pattern"} and schema.get("type") == "string"

    def parse(text: str) -> Any:
        # Rejects a final line break, before which Python's `$` matches, and 1e2, which msgspec reads as an integer.
        if (fits is None or fits(text)) and (not is_integer or _INTEGER(text)):
            if is_text:
                return text
            try:
                return msgspec.convert(text, type_, strict=False)
            except msgspec.ValidationError:
                pass
        raise BadRequest(f"{name} is {text[:_ECHOED]!r}; give {expected}.")

    return Parameter(
        name=name,
        place=place,
        schema=schema if default is _REQUIRED or default is None else {**schema, "default": default},
        parse=parse,
        description=description,
        example=examples[0] if examples else None,
        default=default,
    )


def _expected(schema: Schema, description: str, examples: Sequence[Any]) -> str:
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if schema.get("type") == "boolean":
        return "true or false"
    if schema.get("type") == "integer":
        low, high = schema.get("minimum"), schema.get("maximum")
        return "a whole number" + (f" from {low} to {high}" if low is not None and high is not None else "")
    what = description[:1].lower() + description[1:].rstrip(".") if description else schema.get("format", "text")
    return f"{what}, such as {examples[0]}" if examples else what


def _kit_parameter(name: str, type_: Any, *, default: Any, expected: str = "") -> Parameter:
    return make_parameter(name, type_, msgspec.json.schema(type_), place="query", default=default, expected=expected)


_Limit = Annotated[
    int, Meta(ge=1, le=LIMIT_AT_MOST, description=f"Rows on a page, {LIMIT_AT_MOST} at most.", examples=[2])
]
_Cursor = Annotated[
    str,
    Meta(
        max_length=LENGTH_AT_MOST,
        description="The page's start: opaque, from the `Link` of the page before, valid for a day.",
        extra_json_schema={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]
_Pretty = Annotated[Literal["", "true", "false"], Meta(description="Indents the JSON. `true`, `false` or no value.")]

_LIMIT: Final = _kit_parameter("limit", _Limit, default=LIMIT)
_CURSOR: Final = _kit_parameter("cursor", _Cursor, default=None)  # `Cursors` checks the signature
PRETTY: Final = _kit_parameter("pretty", _Pretty, default="false", expected="no value, or true or false")
_FIRST_PAGE: Final = Page(LIMIT, None)
