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
# Words that may name a column, but no type: Parser.g's non_type_ident and reservedTypeNames.
_NO_TYPE_WORDS = """
ttl count writetime maxwritetime cast json distinct byte complex enum interval macaddr bitstring
"""
_NO_TYPES = frozenset(_NO_TYPE_WORDS.split())
_UNQUOTED = re.compile("[a-z][a-z0-9_]*")


def parse_type(tokens: Tokens) -> Type:
    if tokens.peek().text in _PARAMETERS and tokens.peek().is_word and tokens.at("<", ahead=1):
        with tokens.nested():
            return _parse_parametrised(tokens)
    if tokens.at(".", ahead=1):
        keyspace = _quote(tokens.name())
        tokens.expect(".")
        name = f"{keyspace}.{_type_name(tokens)}"
    elif tokens.peek().kind == "identifier" and tokens.peek().text in _NATIVE:
        name = tokens.take().text
    else:
        name = _type_name(tokens)
    return Type(cql=name, names=frozenset([name]), frozen_depth=0)


def is_native(name: str) -> bool:
    return name in _NATIVE


def _parse_parametrised(tokens: Tokens) -> Type:
    constructor = tokens.take().text
    tokens.expect("<")
    parameters = [parse_type(tokens)]
    while tokens.at(",") and (len(parameters) != _PARAMETERS[constructor]):
        tokens.expect(",")
        parameters.append(parse_type(tokens))
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
        frozen_depth=1 + max(parameter.frozen_depth for parameter in parameters),
    )


def _type_name(tokens: Tokens) -> str:
    token = tokens.peek()
    if token.kind == "identifier" and is_reserved(token.text):
        tokens.fail()
    return _quote(tokens.name())


def _quote(name: str) -> str:
    special = name in RESERVED or is_reserved(name) or name in _PARAMETERS
    return name if _UNQUOTED.fullmatch(name) and not special else quoted(name)


def is_reserved(name: str) -> bool:
    """Whether no type of a user's may have this name, unless it is quoted."""
    return name in _NATIVE or name in _NO_TYPES
