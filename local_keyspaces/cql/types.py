"""Types of columns and fields."""

import re

from local_keyspaces.cql.lexer import RESERVED, Tokens, quoted
from local_keyspaces.cql.statements import Type

_NATIVE_WORDS = """
ascii bigint blob boolean counter date decimal double duration float inet int smallint text time timestamp timeuuid
tinyint uuid varchar varint
"""
_NATIVE = frozenset(_NATIVE_WORDS.split())
_PARAMETERS = {"frozen": 1, "list": 1, "set": 1, "map": 2, "tuple": None, "vector": 1}
_COLLECTIONS = frozenset(["list", "set", "map"])
# Words that may name a column, but not a type: Parser.g's non_type_ident and reservedTypeNames.
_NO_TYPE_WORDS = """
ttl count writetime maxwritetime cast json distinct byte complex enum interval macaddr bitstring
"""
_NO_TYPES = frozenset(_NO_TYPE_WORDS.split())
_UNQUOTED = re.compile("[a-z][a-z0-9_]*")


def read_type(tokens: Tokens) -> Type:
    if tokens.peek().text in _PARAMETERS and tokens.peek().is_word and tokens.at("<", ahead=1):
        with tokens.nested():
            return _parse_parametrised(tokens)
    if tokens.at(".", ahead=1):
        keyspace = _quote(tokens.name())
        tokens.expect(".")
        return _user_type(tokens, f"{keyspace}.")
    if tokens.peek().kind == "identifier" and tokens.peek().text in _NATIVE:
        name = tokens.take().text
        return Type(cql=name, names=frozenset([name]), user_types=frozenset(), depth=0)
    return _user_type(tokens, "")


def parse_type(text: str) -> Type:
    """Parses exactly one type, in Cassandra's notation. Raises CqlSyntaxError."""
    tokens = Tokens(text)
    type_ = read_type(tokens)
    if tokens.peek().kind != "end":
        tokens.fail()
    return type_


def is_native(name: str) -> bool:
    return name in _NATIVE


def _parse_parametrised(tokens: Tokens) -> Type:
    constructor = tokens.take().text
    tokens.expect("<")
    parameters = [read_type(tokens)]
    while tokens.at(",") and (len(parameters) != _PARAMETERS[constructor]):
        tokens.expect(",")
        parameters.append(read_type(tokens))
    texts = [parameter.cql for parameter in parameters]
    if _PARAMETERS[constructor] not in (None, len(parameters)):
        tokens.fail()
    if constructor == "vector":
        tokens.expect(",")
        if tokens.peek().kind != "integer":
            tokens.fail()
        texts.append(tokens.take().text)
    tokens.expect(">")
    return Type(
        cql=f"{constructor}<{', '.join(texts)}>",
        names=frozenset([constructor]).union(*(parameter.names for parameter in parameters)),
        user_types=frozenset().union(*(parameter.user_types for parameter in parameters)),
        depth=(constructor in _COLLECTIONS) + max(parameter.depth for parameter in parameters),
    )


def _user_type(tokens: Tokens, keyspace: str) -> Type:
    """keyspace: its written form with the dot, or empty."""
    token = tokens.peek()
    if token.kind == "identifier" and is_reserved(token.text):
        tokens.fail()
    plain = tokens.name()
    name = keyspace + _quote(plain)
    return Type(cql=name, names=frozenset([name]), user_types=frozenset([plain]), depth=0)


def _quote(name: str) -> str:
    special = name in RESERVED or is_reserved(name) or name in _PARAMETERS
    return name if _UNQUOTED.fullmatch(name) and not special else quoted(name)


def is_reserved(name: str) -> bool:
    """True if no user-defined type may have this name without quotes."""
    return name in _NATIVE or name in _NO_TYPES
