"""Where a statement stands in a program's source text, in whatever language.

The endpoint sees statements, not programs. A statement is found by its words and signs: a source may break it over
lines and string literals, and may have a placeholder for each value and name.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from local_keyspaces.cql import CqlSyntaxError, Token, tokenize

_SOURCES = frozenset(
    ".c .cc .clj .cpp .cql .cs .ex .exs .fs .go .groovy .h .java .js .jsx .kt .kts .mjs .php .properties .py .rb .rs"
    " .scala .sh .sql .swift .ts .tsx .xml .yaml .yml".split()
)
_SKIPPED = frozenset("node_modules build target dist venv vendor site-packages __pycache__".split())
_LARGEST = 1024 * 1024  # bytes of a file
_MOST_FILES, _MOST_PLACES = 5_000, 3
_LONGEST_LIST = 3  # elements; a longer one was probably made by the program

# Between two words of a statement, a source may end a string literal and begin the next.
_BETWEEN = r"""(?:[\s"'`+\\]|[bfru]{1,2}(?=["'])){0,120}?"""
_PLACEHOLDER = r"\?|%s|%\(\w+\)s|:\w+|\$\d+|\$?\{[^{}\n]*\}"


def find_places(statements: Iterable[str], root: Path) -> Mapping[str, Sequence[str]]:
    """The places of each statement, as `file:line` below `root`, three at most; none if it is not found."""
    wanted = list(statements)
    if not wanted:
        return {}
    sources = [(file.relative_to(root), text) for file, text in _read(root)]
    return {text: _places(text, sources) for text in wanted}


def _places(statement: str, sources: Sequence[tuple[Path, str]]) -> Sequence[str]:
    for pattern in _patterns(statement):
        if places := _matches(pattern, sources):
            return places
    for pattern in _patterns(statement, any_name=True):
        # With a placeholder for its table, many a statement looks alike: only a single place says something.
        if len(places := _matches(pattern, sources)) == 1:
            return places
    return []


def _matches(pattern: re.Pattern[str], sources: Sequence[tuple[Path, str]]) -> list[str]:
    places: list[str] = []
    for file, source in sources:
        for match in pattern.finditer(source):
            places.append(f"{file}:{source.count(chr(10), 0, match.start()) + 1}")
            if len(places) == _MOST_PLACES:
                return places
    return places


def _read(root: Path) -> Iterator[tuple[Path, str]]:
    read = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _SKIPPED)
        for name in sorted(names):
            file = Path(folder, name)
            if file.suffix not in _SOURCES or file.stat(follow_symlinks=False).st_size > _LARGEST:
                continue
            if read == _MOST_FILES:
                return
            read += 1
            yield file, file.read_text(errors="replace")


def _patterns(statement: str, *, any_name: bool = False) -> Sequence[re.Pattern[str]]:
    """A statement is searched up to a list that the program has probably made; of a batch, then its first statement.

    any_name: a placeholder may stand for a name, too.
    """
    try:
        tokens = list(tokenize(statement))
    except CqlSyntaxError:
        words = [re.escape(word) for word in statement.split()]
        return [re.compile(_BETWEEN.join(words), re.IGNORECASE)] if words else []
    tokens = _without_long_list(tokens)
    if tokens[:1] and tokens[0].text == "begin":
        inner = next((at for at, token in enumerate(tokens) if token.text == "batch"), 0) + 1
        end = next((at for at, token in enumerate(tokens) if at > inner and token.text in (";", "apply")), len(tokens))
        return [_pattern(statement, part, any_name) for part in (tokens, tokens[inner:end]) if part]
    return [_pattern(statement, tokens, any_name)] if tokens else []


def _without_long_list(tokens: list[Token]) -> list[Token]:
    elements = 0
    for at, token in enumerate(tokens):
        if token.is_constant or token.text == "?":
            elements += 1
            if elements > _LONGEST_LIST and tokens[at - 1].text == ",":
                opened = max(before for before in range(at) if tokens[before].text in ("(", "{", "["))
                return tokens[: opened + 1]
        elif token.text != ",":
            elements = 0
    return tokens


def _pattern(statement: str, tokens: Sequence[Token], any_name: bool) -> re.Pattern[str]:
    pieces = []
    at = 0
    while at < len(tokens):
        token, following = tokens[at], tokens[at + 1 : at + 3]
        raw = re.escape(statement[token.start : token.end])
        if token.is_name and len(following) == 2 and following[0].text == "." and following[1].is_name:
            # The endpoint names a prepared statement's table in full; the program may not have.
            pieces.append(rf"(?:{_name(token, any_name)}\s*\.\s*)?{_name(following[1], any_name)}")
            at += 2
        elif token.is_name:
            pieces.append(_name(token, any_name))
        elif token.is_constant or token.text == "?":
            pieces.append(f"(?:{raw}|{_PLACEHOLDER})")
        else:
            pieces.append(raw)
        at += 1
    return re.compile(_BETWEEN.join(pieces), re.IGNORECASE)


def _name(token: Token, any_name: bool) -> str:
    """In double quotes or without; they may be escaped in a string literal."""
    placeholder = f"|{_PLACEHOLDER}" if any_name else ""
    return rf'(?:(?<!\w)\\?"?{re.escape(token.text)}(?!\w)\\?"?{placeholder})'
