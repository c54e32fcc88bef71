"""Parses values and the selection of a SELECT, after apache/cassandra, src/antlr/Parser.g of 3.11 and 5.0.

Two parts of this grammar depend on ANTLR's lookahead: JSON and DISTINCT as columns, and type hints. An ambiguous text
is read in the way that finds the same names, functions and markers, or it is refused.
"""

from collections.abc import Callable
from typing import TypeVar

from local_keyspaces.cql.lexer import MAX_NESTING, CqlSyntaxError, Token, Tokens
from local_keyspaces.cql.statements import Term
from local_keyspaces.cql.types import is_native, read_type

T = TypeVar("T")

_ARITHMETIC = ("+", "-", "*", "/", "%")
_CELL_FUNCTIONS = frozenset(["ttl", "writetime", "maxwritetime"])  # only of a column, and only in a selection
_NO_FUNCTIONS = _CELL_FUNCTIONS | {"key", "cast", "json", "distinct"}


class Terms:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.functions: set[str] = set()
        self._markers = 0

    def listed(self, parse: Callable[[], T]) -> tuple[T, ...]:
        """One or more, separated by commas."""
        values = [parse()]
        while self.tokens.accept(","):
            values.append(parse())
        return tuple(values)

    def until(self, closing: str, parse: Callable[[], T]) -> tuple[T, ...]:
        """Zero or more, separated by commas, and the closing sign."""
        if self.tokens.accept(closing):
            return ()
        values = self.listed(parse)
        self.tokens.expect(closing)
        return values

    def term(self) -> Term:
        negated = self.tokens.accept("-")
        operands = [self._simple_term()]
        while self.tokens.at(*_ARITHMETIC) and not self.at_appended_column():
            self.tokens.take()
            negated |= self.tokens.accept("-")
            operands.append(self._simple_term())
        if negated or len(operands) > 1:
            return Term(kind="other", elements=tuple(operands))
        return operands[0]

    def at_appended_column(self) -> bool:
        """True at the `+ c` of `c = [1] + c`: this name is a column, and a name in a term can only be a function."""
        name = self.tokens.peek(1)
        return self.tokens.at("+") and name.is_name and not self.tokens.at("(", ".", ahead=2)

    def _simple_term(self) -> Term:
        with self.tokens.nested():
            if self.at_marker():
                return self.marker()
            if self.tokens.accept("["):
                return _collection(self.until("]", self.term))
            if self.tokens.accept("{"):
                return self._braces()
            if self.tokens.at("("):
                return self._simple_term() if self.accept_type_hint() else self.tuple_literal()
            if self.tokens.peek().is_constant or self.tokens.at_words("null"):
                return literal(self.tokens.take())
            return self._call()

    def tuple_literal(self) -> Term:
        self.tokens.expect("(")
        elements = self.listed(self.term)
        self.tokens.expect(")")
        return _collection(elements)

    def at_marker(self) -> bool:
        return self.tokens.at("?", ":")

    def marker(self) -> Term:
        name = self.tokens.name() if self.tokens.accept(":") else None
        if name is None:
            self.tokens.expect("?")
        self._markers += 1
        return Term(kind="marker", marker=self._markers - 1, marker_name=name)

    def marker_or(self, parse: Callable[[], Term]) -> Term:
        return self.marker() if self.at_marker() else parse()

    def integer(self) -> Term:
        if self.tokens.peek().kind != "integer":
            self.tokens.fail()
        return literal(self.tokens.take())

    def _braces(self) -> Term:
        if self.tokens.accept("}"):
            return _collection(())
        if self.tokens.peek().is_name and self.tokens.at(":", ahead=1):
            return _collection(self.until("}", self._field))
        elements = [self.term()]
        is_map = self.tokens.accept(":")
        if is_map:
            elements.append(self.term())
        while self.tokens.accept(","):
            elements.append(self.term())
            if is_map:
                self.tokens.expect(":")
                elements.append(self.term())
        self.tokens.expect("}")
        return _collection(tuple(elements))

    def _field(self) -> Term:
        self.tokens.name()
        self.tokens.expect(":")
        return self.term()

    def _call(self) -> Term:
        if self.tokens.at_words("cast") and self.tokens.at("(", ahead=1):
            return Term(kind="call", text="cast", elements=(self.cast(self._simple_term),))
        name = self.function_name()
        if name is None:
            self.tokens.fail()
        self.tokens.expect("(")
        arguments = self.until(")", self.term)
        self.functions.add(name)
        return Term(kind="call", text=name, elements=arguments)

    def cast(self, parse: Callable[[], T]) -> T:
        self.tokens.expect_words("cast")
        self.tokens.expect("(")
        value = parse()
        self.tokens.expect_words("as")
        if self.tokens.peek().kind != "identifier" or not is_native(self.tokens.take().text):
            self.tokens.fail("no native type to cast to")
        self.tokens.expect(")")
        self.functions.add("cast")
        return value

    def function_name(self) -> str | None:
        """The name of a called function; None if no function is called here: the word may still be a column."""
        if self.tokens.at("(", ahead=1) and _names_function(self.tokens.peek()):
            return self.tokens.take().text
        qualified = self.tokens.peek().is_name and self.tokens.at(".", ahead=1) and self.tokens.at("(", ahead=3)
        if qualified and _names_function(self.tokens.peek(2)):
            keyspace = self.tokens.take().text
            self.tokens.expect(".")
            return f"{keyspace}.{self.tokens.take().text}"
        return None

    def accept_type_hint(self) -> bool:
        """Accepts `(int)` if a value follows. A type ends at the first parenthesis, so little text is read twice."""
        position = self.tokens.position
        try:
            self.tokens.expect("(")
            read_type(self.tokens)
            self.tokens.expect(")")
            # `(a) AS b`, `GROUP BY (a) PER PARTITION LIMIT 1`
            unhinted = self.tokens.at_words("as") or self.tokens.at_words("per", "partition")
            found = self._at_value() and not unhinted
        except CqlSyntaxError:
            found = False
        if not found:
            self.tokens.position = position
        return found

    def _at_value(self) -> bool:
        token = self.tokens.peek()
        opening = self.tokens.at("(", "[", "{", "?", ":")
        return opening or token.is_name or token.is_constant or self.tokens.at_words("null") or _names_function(token)


class Selection(Terms):
    """The list of SELECT or GROUP BY. Only its functions and its markers are kept."""

    def selector(self) -> None:
        self.selected()
        if self.tokens.accept_words("as"):
            self.tokens.name()

    def selected(self) -> None:
        self._operand()
        while self.tokens.at(*_ARITHMETIC):
            self.tokens.take()
            self._operand()

    def at_selector(self) -> bool:
        """For the word after JSON or DISTINCT: if no selection begins here, JSON or DISTINCT is itself a column."""
        if self.tokens.at_words("as") and self.tokens.peek(1).is_name:
            return False
        return self._at_value() or self.tokens.at("*", "-")

    def _operand(self) -> None:
        # Limited because each sign takes stack in Cassandra, although it takes none here.
        for _ in range(MAX_NESTING):
            if not self.tokens.accept("-"):
                break
        with self.tokens.nested():
            self._unmodified()
        self._modifiers()

    def _modifiers(self) -> None:
        for _ in range(MAX_NESTING):
            if self.tokens.accept("."):
                self.tokens.name()
            elif self.tokens.accept("["):
                self._subscript()
            else:
                return
        self.tokens.fail()

    def _subscript(self) -> None:
        if self.tokens.accept(".."):
            self.term()
        else:
            self.term()
            if self.tokens.accept("..") and not self.tokens.at("]"):
                self.term()
        self.tokens.expect("]")

    def _unmodified(self) -> None:
        if self.at_marker():
            self.marker()
        elif self.tokens.at("("):
            self._parenthesised()
        elif self.tokens.accept("["):
            self.until("]", self.selected)
        elif self.tokens.accept("{"):
            self.until("}", self._entry())
        elif self.tokens.peek().is_constant or self.tokens.at_words("null"):
            self.tokens.take()
        else:
            self._column_or_call()

    def _parenthesised(self) -> None:
        if self.accept_type_hint():
            with self.tokens.nested():
                self._unmodified()
            return
        self.tokens.expect("(")
        self.listed(self.selected)
        self.tokens.expect(")")

    def _entry(self) -> Callable[[], None]:
        """Returns a parser of a set's elements or a map's entries; the first one decides between the two."""
        is_map: list[bool] = []

        def parse() -> None:
            self.selected()
            if not is_map:
                is_map.append(self.tokens.at(":"))
            if is_map[0]:
                self.tokens.expect(":")
                self.selected()

        return parse

    def _column_or_call(self) -> None:
        word = self.tokens.peek().text if self.tokens.peek().is_word else ""
        if word in _CELL_FUNCTIONS and self.tokens.at("(", ahead=1):
            self._cell_function()
        elif word == "cast" and self.tokens.at("(", ahead=1):
            self.cast(self.selected)
        elif word == "count" and self.tokens.at("(", ahead=1) and self.tokens.at("*", ahead=2):
            self.tokens.position += 3
            self.tokens.expect(")")
            self.functions.add("countrows")
        elif (name := self.function_name()) is not None:
            self._call_with_selection(name)
        else:
            self.tokens.name()

    def _cell_function(self) -> None:
        self.functions.add(self.tokens.take().text)
        self.tokens.expect("(")
        self.tokens.name()
        self._modifiers()
        self.tokens.expect(")")

    def _call_with_selection(self, name: str) -> None:
        self.tokens.expect("(")
        one, closed = self.tokens.peek(), self.tokens.at(")", ahead=1)
        self.until(")", self.selected)
        counts_rows = name == "count" and closed and one.kind == "integer" and one.text == "1"
        self.functions.add("countrows" if counts_rows else name)


def _names_function(token: Token) -> bool:
    if token.is_word:
        return token.text == "token" or (token.kind == "identifier" and token.text not in _NO_FUNCTIONS)
    return token.kind == "quoted"


def literal(token: Token) -> Term:
    match token.kind:
        case "reserved":
            return Term(kind="literal", size=0)
        case "string":
            # A text from the network has no lone surrogate.
            size = len(token.text.encode(errors="surrogatepass"))
        case "hex":
            size = (len(token.text) - 1) // 2
        case "integer" | "float":
            size = max(8, len(token.text))  # varint and decimal take fewer bytes than digits
        case kind:
            size = {"uuid": 16, "boolean": 1, "duration": 19}.get(kind, 8)
    text = token.text.lower() if token.kind == "boolean" else token.text
    return Term(kind="literal", text=text, size=size)


def _collection(elements: tuple[Term, ...]) -> Term:
    sizes = [element.size for element in elements if element.size is not None]
    return Term(kind="collection", elements=elements, size=sum(sizes) if len(sizes) == len(elements) else None)
