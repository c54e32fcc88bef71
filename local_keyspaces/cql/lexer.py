"""The tokens of CQL, split exactly as Cassandra 5 splits them (apache/cassandra, src/antlr/Lexer.g).

If Cassandra's generated lexer splits a text differently from its grammar, the text is refused: an accepted text must be
the same statement here and in Cassandra.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

_SHOWN = 100  # characters of a token, in a message
MAX_TOKENS = 100_000  # takes a second; the largest batch that Keyspaces allows has fewer
MAX_NESTING = 100  # far below Python's own limit, far above any statement that a person writes

# org/apache/cassandra/cql3/reserved_keywords.txt
_RESERVED = """
add allow alter and apply asc authorize batch begin by columnfamily create delete desc describe drop entries execute
from full grant if in index infinity insert into is keyspace limit materialized modify nan norecursive not null of on
or order primary rename revoke schema select set table to token truncate unlogged update use using view where with
"""
RESERVED = frozenset(_RESERVED.split())

_HEX = "[0-9a-fA-F]"
_TIME = r"T(?:\d+H(?:\d+M)?(?:\d+S)?|\d+M(?:\d+S)?|\d+S)"
_PERIOD = r"(?:\d+Y(?:\d+M)?(?:\d+D)?|\d+M(?:\d+D)?|\d+D)"
_WORD_ENDS = "(?![A-Za-z0-9_])"  # Cassandra splits `1abc` in two; no statement needs that

# Quantifiers are possessive where a failed match could be retried at every character. ASCII: a case-insensitive match
# must not accept the long s or the Kelvin sign.
_TOKEN = re.compile(
    rf"""
      (?P<hidden> [ \t\n\r]++ | (?:--|//) [^\n\r]*+ [\n\r] | /\*(?s:.*?)\*/ )
    | (?P<uuid> {_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}} {_WORD_ENDS} )
    | (?P<refused> {_HEX}{{8}}- | expr\( )   # Cassandra reads the first as a UUID, and the second as one token
    | (?P<hex> 0[xX]{_HEX}*+ {_WORD_ENDS} )
    | (?P<duration> -?(?: (?:\d++(?i:mo|ms|us|\u00b5s|ns|[ywdhms]))++
                        | P\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d | P{_TIME} | P\d+W | P{_PERIOD}(?:{_TIME})? ) {_WORD_ENDS} )
    | (?P<integer> -?\d++ (?!\.(?!\.)) {_WORD_ENDS} (?!\.\.\.) )
    | (?P<float> -?\d++ (?:\.(?!\.)\d*+)?+ (?:[eE][+-]?\d++)?+ {_WORD_ENDS} (?!\.\.\.) )
    | (?P<nan> -(?i:nan|infinity) {_WORD_ENDS} )
    | (?P<string> '(?:[^']|'')*+' )
    | (?P<dollar> \$\$(?s:.*?)\$\$ )
    | (?P<quoted> "(?:[^"]|"")*+" )
    | (?P<word> [A-Za-z][A-Za-z0-9_]*+ )
    | (?P<operator> \+= | -= | <= | >= | != | \.\. | -(?![-0-9iInNP]) | /(?![*/]) | [=<>+*%()\[\]{{}},.;:?] )
    """,
    re.VERBOSE | re.ASCII,
)
_CONSTANTS = frozenset(["string", "integer", "float", "boolean", "duration", "uuid", "hex", "nan"])


class CqlSyntaxError(Exception):
    """The text is not a statement that both this parser and Cassandra accept; the message is for the client."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        super().__init__(text, position, problem)
        self._text, self._position, self._problem = text, position, problem

    def __str__(self) -> str:
        # Lines are counted only when the message is needed: the errors of failed attempts are dropped, and may be many.
        line = self._text.count("\n", 0, self._position) + 1
        column = self._position - self._text.rfind("\n", 0, self._position) - 1
        return f"line {line}:{column} {self._problem.encode(errors='replace').decode()}"


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # a group's name, or identifier, reserved, boolean, end
    text: str  # decoded: without quotes, an unquoted word in lower case
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        return self.kind in ("identifier", "quoted")

    @property
    def is_constant(self) -> bool:
        return self.kind in _CONSTANTS

    @property
    def is_word(self) -> bool:
        return self.kind in ("identifier", "reserved")


class Tokens:
    """The tokens of one statement, and the parser's position."""

    def __init__(self, text: str) -> None:
        self._text = text
        tokens = list(islice(tokenize(text), MAX_TOKENS + 1))
        if len(tokens) > MAX_TOKENS:
            raise CqlSyntaxError(text, tokens[-1].start, f"more than {MAX_TOKENS} tokens")
        self._tokens = [*tokens, Token("end", "", len(text), len(text))]
        self._depth = 0
        self.position = 0

    def peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self.position + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.peek()
        self.position += token.kind != "end"
        return token

    def at_words(self, *words: str, ahead: int = 0) -> bool:
        tokens = (self.peek(ahead + index) for index in range(len(words)))
        return all(token.is_word and token.text == word for token, word in zip(tokens, words, strict=True))

    def at(self, *operators: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token.kind == "operator" and token.text in operators

    def accept_words(self, *words: str) -> bool:
        found = self.at_words(*words)
        self.position += len(words) if found else 0
        return found

    def accept(self, operator: str) -> bool:
        found = self.at(operator)
        self.position += found
        return found

    def expect_words(self, *words: str) -> None:
        for word in words:
            if not self.accept_words(word):
                self.fail(f"mismatched input '{self._shown()}' expecting K_{word.upper()}")

    def expect(self, operator: str) -> None:
        if not self.accept(operator):
            self.fail(f"mismatched input '{self._shown()}' expecting '{operator}'")

    def name(self) -> str:
        token = self.peek()
        if not token.is_name:
            self.fail()
        return self.take().text

    @contextmanager
    def nested(self) -> Iterator[None]:
        if self._depth == MAX_NESTING:
            self.fail(f"nested more than {MAX_NESTING} deep at input '{self._shown()}'")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def fail(self, problem: str | None = None) -> NoReturn:
        problem = problem or f"no viable alternative at input '{self._shown()}'"
        raise CqlSyntaxError(self._text, self.peek().start, problem)

    def _shown(self) -> str:
        token = self.peek()
        return "<EOF>" if token.kind == "end" else self._text[token.start : min(token.end, token.start + _SHOWN)]


def tokenize(text: str) -> Iterator[Token]:
    """The tokens of a text, without spaces and comments. Raises CqlSyntaxError."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        kind = match.lastgroup if match else None
        if match is None or kind is None or kind == "refused":
            raise CqlSyntaxError(text, position, f"no viable alternative at character '{text[position]}'")
        if kind != "hidden":
            yield _token(kind, match)
        position = match.end()


def _token(kind: str, match: re.Match[str]) -> Token:
    text, start, end = match.group(), match.start(), match.end()
    match kind:
        case "string":
            return Token(kind, text[1:-1].replace("''", "'"), start, end)
        case "dollar":
            return Token("string", text[2:-2], start, end)
        case "quoted" if text == '""':
            return Token("empty", "", start, end)  # only Thrift's super columns had an empty name
        case "quoted":
            return Token(kind, text[1:-1].replace('""', '"'), start, end)
        case "word":
            return Token(_kind_of_word(text.lower()), text.lower(), start, end)
    return Token(kind, text, start, end)


def _kind_of_word(word: str) -> str:
    if word in ("true", "false"):
        return "boolean"
    if word in ("nan", "infinity"):
        return "nan"
    return "reserved" if word in RESERVED else "identifier"


def names_in(text: str) -> frozenset[str]:
    """The names in a statement, mainly of columns, without parts of a qualified name such as keyspace.table."""
    tokens = Tokens(text)._tokens
    return frozenset(
        token.text
        for before, token, after in zip([None, *tokens], tokens, tokens[1:], strict=False)
        if token.is_name and after.text != "." and (before is None or before.text != ".")
    )


def shape(text: str) -> str:
    """The statement with `?` for each constant, so that statements which differ only in their values are equal."""
    pieces, at = [], 0
    for token in Tokens(text)._tokens:
        if token.is_constant:
            pieces += [text[at : token.start], "?"]
            at = token.end
    return " ".join("".join((*pieces, text[at:])).split())


def quoted(name: str) -> str:
    """A name in CQL's double quotes, which keep its case."""
    return '"{}"'.format(name.replace('"', '""'))
