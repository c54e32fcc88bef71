"""Statements about keyspaces, tables and types, with Keyspaces' additions: tags, and maps of maps."""

from collections.abc import Callable, Mapping

from local_keyspaces.cql.lexer import Tokens
from local_keyspaces.cql.statements import (
    AlterKeyspace,
    AlterTable,
    CreateKeyspace,
    CreateTable,
    CreateType,
    DropKeyspace,
    DropTable,
    DropType,
    Option,
    Order,
    Statement,
    TableName,
    Type,
    Unsupported,
)
from local_keyspaces.cql.types import is_reserved, read_type

_HEADS: Mapping[tuple[str, ...], str] = {
    **{
        (verb, *what.split()): f"{verb} {what}".upper()
        for verb in ("create", "alter", "drop")
        for what in ("index", "materialized view", "function", "aggregate", "trigger", "role", "user")
    },
    ("create", "custom", "index"): "CREATE INDEX",
    ("create", "or", "replace", "function"): "CREATE FUNCTION",
    ("create", "or", "replace", "aggregate"): "CREATE AGGREGATE",
    ("alter", "type"): "ALTER TYPE",
    ("add", "identity"): "ADD IDENTITY",
    ("drop", "identity"): "DROP IDENTITY",
    ("list", "roles"): "LIST ROLES",
    ("list", "users"): "LIST USERS",
    ("list", "superusers"): "LIST SUPERUSERS",
    ("list",): "LIST PERMISSIONS",
    ("grant",): "GRANT",
    ("revoke",): "REVOKE",
    ("truncate",): "TRUNCATE",
    ("restore", "table"): "RESTORE TABLE",
    ("describe",): "DESCRIBE",
    ("desc",): "DESCRIBE",
}


def parse_unsupported(tokens: Tokens) -> Unsupported | None:
    for words, what in _HEADS.items():
        if tokens.at_words(*words):
            return _unsupported(tokens, what)
    return None


def parse_schema_statement(tokens: Tokens) -> Statement | None:
    for words, parse in _STATEMENTS.items():
        if tokens.accept_words(*words):
            return parse(tokens)
    return None


def parse_table_name(tokens: Tokens) -> TableName:
    start = tokens.peek().start
    keyspace, name = None, tokens.name()
    end = tokens.peek(-1).end
    if tokens.accept("."):
        keyspace, name = name, tokens.name()
        end = tokens.peek(-1).end
    return TableName(keyspace=keyspace, name=name, start=start, end=end)


def _if_not_exists(tokens: Tokens) -> bool:
    return tokens.accept_words("if", "not", "exists")


def _if_exists(tokens: Tokens) -> bool:
    return tokens.accept_words("if", "exists")


def _create_keyspace(tokens: Tokens) -> CreateKeyspace:
    if_not_exists, keyspace = _if_not_exists(tokens), tokens.name()
    tokens.expect_words("with")
    return CreateKeyspace(keyspace=keyspace, if_not_exists=if_not_exists, options=_options(tokens))


def _alter_keyspace(tokens: Tokens) -> AlterKeyspace:
    keyspace = tokens.name()
    add_tags, drop_tags, options = _tags(tokens, "add"), _tags(tokens, "drop"), {}
    if tokens.accept_words("with"):
        options = _options(tokens)
    if [bool(add_tags), bool(drop_tags), bool(options)].count(True) != 1:
        tokens.fail()
    return AlterKeyspace(keyspace=keyspace, options=options, add_tags=add_tags, drop_tags=drop_tags)


def _drop_keyspace(tokens: Tokens) -> DropKeyspace:
    return DropKeyspace(if_exists=_if_exists(tokens), keyspace=tokens.name())


def _drop_table(tokens: Tokens) -> DropTable:
    return DropTable(if_exists=_if_exists(tokens), table=parse_table_name(tokens))


def _drop_type(tokens: Tokens) -> DropType:
    return DropType(if_exists=_if_exists(tokens), name=_user_type_name(tokens))


def _create_type(tokens: Tokens) -> CreateType:
    if_not_exists, name, fields = _if_not_exists(tokens), _user_type_name(tokens), _Columns(tokens)
    tokens.expect("(")
    fields.add(with_static=False)
    _more(tokens, lambda: fields.add(with_static=False))
    return CreateType(name=name, if_not_exists=if_not_exists, fields=fields.types)


def _user_type_name(tokens: Tokens) -> TableName:
    token = tokens.peek(2 if tokens.at(".", ahead=1) else 0)
    if token.kind == "identifier" and is_reserved(token.text):
        tokens.fail(f"Invalid (reserved) user type name {token.text}")
    return parse_table_name(tokens)


def _more(tokens: Tokens, parse: Callable[[], object]) -> None:
    """Parses the lines of a definition after the first; extra commas are allowed, as in Cassandra."""
    while tokens.accept(","):
        if not tokens.at(",", ")"):
            parse()
    tokens.expect(")")


class _Columns:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.types: dict[str, Type] = {}
        self.static: set[str] = set()

    def add(self, *, with_static: bool = True) -> str:
        name = self._tokens.name()
        if name in self.types:
            self._tokens.fail(f"Duplicate column '{name}' declaration")
        self.types[name] = read_type(self._tokens)
        if with_static and self._tokens.accept_words("static"):
            self.static.add(name)
        return name


class _Table(_Columns):
    """The definitions between the parentheses of CREATE TABLE."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens)
        self.partition_key: tuple[str, ...] = ()
        self.clustering_key: tuple[str, ...] = ()

    def parse_line(self) -> None:
        tokens = self._tokens
        if tokens.accept_words("primary"):
            tokens.expect_words("key")
            tokens.expect("(")
            self._set_key(_names(tokens) if tokens.accept("(") else (tokens.name(),))
            self.clustering_key = _names(tokens) if tokens.accept(",") else ()
            if not self.clustering_key:
                tokens.expect(")")
            return
        name = self.add()
        if tokens.accept_words("primary", "key"):
            self._set_key((name,))

    def _set_key(self, names: tuple[str, ...]) -> None:
        if self.partition_key:
            self._tokens.fail("Multiple PRIMARY KEY specified (exactly one required)")
        self.partition_key = names


def _names(tokens: Tokens) -> tuple[str, ...]:
    names = [tokens.name()]
    while tokens.accept(","):
        names.append(tokens.name())
    tokens.expect(")")
    return tuple(names)


def _create_table(tokens: Tokens) -> CreateTable:
    if_not_exists, name, table = _if_not_exists(tokens), parse_table_name(tokens), _Table(tokens)
    tokens.expect("(")
    table.parse_line()
    _more(tokens, table.parse_line)
    order: dict[str, Order] = {}
    return CreateTable(
        options=_options(tokens, order) if tokens.accept_words("with") else {},
        table=name,
        if_not_exists=if_not_exists,
        columns=table.types,
        static=frozenset(table.static),
        partition_key=table.partition_key,
        clustering_key=table.clustering_key,
        clustering_order=order,
    )


def _alter_table(tokens: Tokens) -> AlterTable | Unsupported:
    name, columns, options = parse_table_name(tokens), _Columns(tokens), {}
    add_tags = _tags(tokens, "add")
    drop_tags = {} if add_tags else _tags(tokens, "drop")
    if not (add_tags or drop_tags):
        for word in ("drop", "rename", "alter"):
            if tokens.at_words(word):
                return _unsupported(tokens, f"ALTER TABLE {word.upper()}")
        if tokens.accept_words("with"):
            options = _options(tokens)
        else:
            _add_columns(tokens, columns)
    return AlterTable(
        table=name,
        add=columns.types,
        static=frozenset(columns.static),
        options=options,
        add_tags=add_tags,
        drop_tags=drop_tags,
    )


def _add_columns(tokens: Tokens, columns: _Columns) -> None:
    tokens.expect_words("add")
    if not tokens.accept("("):
        columns.add()
        return
    columns.add()
    while tokens.accept(","):
        columns.add()
    tokens.expect(")")


def _unsupported(tokens: Tokens, what: str) -> Unsupported:
    while tokens.take().kind != "end":
        pass
    return Unsupported(what=what)


def _tags(tokens: Tokens, verb: str) -> Mapping[str, str]:
    """Parses `ADD TAGS {..}`; without the brace, `tags` is a column's name."""
    if not (tokens.at_words(verb, "tags") and tokens.at("{", ahead=2)):
        return {}
    tokens.expect_words(verb, "tags")
    tags: dict[str, str] = {}
    for key, value in _map(tokens).items():
        if not isinstance(value, str):
            tokens.fail(f"Invalid value for tag: {key}")
        tags[key] = value
    if not tags:
        tokens.fail("No tags given")
    return tags


def _options(tokens: Tokens, order: dict[str, Order] | None = None) -> dict[str, Option]:
    """order: receives a table's CLUSTERING ORDER BY; None if the clause is not allowed."""
    options: dict[str, Option] = {}
    while True:
        if order is not None and tokens.accept_words("clustering", "order", "by"):
            _clustering_order(tokens, order)
        elif order is not None and tokens.accept_words("compact", "storage"):
            options["compact storage"] = "true"
        else:
            name = tokens.name()
            name = name.lower() if name.isascii() else name  # case-insensitive in Cassandra, even in quotes
            tokens.expect("=")
            if name in options:
                tokens.fail(f"Multiple definition for property '{name}'")
            options[name] = _option(tokens)
        if not tokens.accept_words("and"):
            return options


def _clustering_order(tokens: Tokens, order: dict[str, Order]) -> None:
    tokens.expect("(")
    while True:
        name = tokens.name()
        if name in order:
            tokens.fail(f"Duplicate column '{name}' in CLUSTERING ORDER BY clause")
        ascending = tokens.accept_words("asc")
        if not ascending:
            tokens.expect_words("desc")
        order[name] = "ASC" if ascending else "DESC"
        if not tokens.accept(","):
            break
    tokens.expect(")")


def _option(tokens: Tokens) -> Option:
    if tokens.at("{"):
        return _map(tokens)
    if tokens.at("["):
        return _list(tokens)
    return _constant(tokens)


def _constant(tokens: Tokens) -> str:
    if not tokens.peek().is_constant:
        tokens.fail()
    return tokens.take().text


def _map(tokens: Tokens) -> dict[str, Option]:
    entries: dict[str, Option] = {}
    with tokens.nested():
        tokens.expect("{")
        while not tokens.at("}") or entries:
            key = _constant(tokens)
            tokens.expect(":")
            if key in entries:
                tokens.fail(f"Multiple definition for property {key}")
            entries[key] = _option(tokens)
            if not tokens.accept(","):
                break
        tokens.expect("}")
    return entries


def _list(tokens: Tokens) -> tuple[Option, ...]:
    values: list[Option] = []
    with tokens.nested():
        tokens.expect("[")
        while not tokens.at("]") or values:
            values.append(_option(tokens))
            if not tokens.accept(","):
                break
        tokens.expect("]")
    return tuple(values)


_STATEMENTS: Mapping[tuple[str, ...], Callable[[Tokens], Statement]] = {
    ("create", "keyspace"): _create_keyspace,
    ("alter", "keyspace"): _alter_keyspace,
    ("drop", "keyspace"): _drop_keyspace,
    ("create", "table"): _create_table,
    ("alter", "table"): _alter_table,
    ("drop", "table"): _drop_table,
    ("create", "columnfamily"): _create_table,
    ("alter", "columnfamily"): _alter_table,
    ("drop", "columnfamily"): _drop_table,
    ("create", "type"): _create_type,
    ("drop", "type"): _drop_type,
}
