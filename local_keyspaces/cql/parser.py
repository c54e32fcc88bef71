"""Parses CQL statements; those about rows are parsed here. Source: apache/cassandra, src/antlr/Parser.g."""

from collections.abc import Callable
from typing import Literal

from local_keyspaces.cql.ddl import parse_schema_statement, parse_table_name, parse_unsupported
from local_keyspaces.cql.lexer import Tokens
from local_keyspaces.cql.statements import (
    Batch,
    Delete,
    Insert,
    Modification,
    Relation,
    Select,
    Statement,
    Term,
    Update,
    Use,
)
from local_keyspaces.cql.terms import Selection, literal

_COMPARISONS = ("=", "<", "<=", ">", ">=", "!=")


def parse(text: str) -> Statement:
    """Parses exactly one statement. Raises CqlSyntaxError, and no other exception."""
    tokens = Tokens(text)
    statement = parse_unsupported(tokens) or parse_schema_statement(tokens) or _Rows(tokens).parse()
    while tokens.accept(";"):
        pass
    if tokens.peek().kind != "end":
        tokens.fail()
    return statement


class _Rows(Selection):
    def parse(self) -> Statement:
        if self.tokens.accept_words("select"):
            return self._select()
        if self.tokens.accept_words("use"):
            return Use(keyspace=self.tokens.name())
        if self.tokens.accept_words("begin"):
            return self._batch()
        return self._modification() or self.tokens.fail()

    def _modification(self) -> Modification | None:
        self.functions = set()
        if self.tokens.accept_words("insert", "into"):
            return self._insert()
        if self.tokens.accept_words("update"):
            return self._update()
        if self.tokens.accept_words("delete"):
            return self._delete()
        return None

    def _batch(self) -> Batch:
        counter = self.tokens.accept_words("counter")
        unlogged = not counter and self.tokens.accept_words("unlogged")
        self.tokens.expect_words("batch")
        ttl, timestamp = self._using()
        if ttl:
            self.tokens.fail("Global TTL on the BATCH statement is not supported.")
        statements: list[Modification] = []
        while statement := self._modification():
            statements.append(statement)
            self.tokens.accept(";")
        self.tokens.expect_words("apply", "batch")
        kind: Literal["LOGGED", "UNLOGGED", "COUNTER"] = "COUNTER" if counter else "UNLOGGED" if unlogged else "LOGGED"
        return Batch(kind=kind, statements=tuple(statements), timestamp=timestamp)

    def _select(self) -> Select:
        self._accept_unless_column("json")
        distinct = self._accept_unless_column("distinct")
        if not self.tokens.accept("*"):
            self.listed(self.selector)
        self.tokens.expect_words("from")
        table, where = parse_table_name(self.tokens), self._where() if self.tokens.accept_words("where") else ()
        group_by = self.tokens.accept_words("group", "by")
        if group_by:
            self.listed(self.selected)
        ordering = self.listed(self._ordering) if self.tokens.accept_words("order", "by") else ()
        per_partition = self.tokens.accept_words("per", "partition", "limit")
        if per_partition:
            self.marker_or(self.integer)
        if self.tokens.accept_words("limit"):
            self.marker_or(self.integer)
        self.tokens.accept_words("allow", "filtering")
        return Select(
            table=table,
            where=where,
            distinct=distinct,
            group_by=group_by,
            ann=any(ordering),
            per_partition_limit=per_partition,
            functions=frozenset(self.functions),
        )

    def _accept_unless_column(self, word: str) -> bool:
        if not self.tokens.accept_words(word):
            return False
        if not self.at_selector():
            self.tokens.position -= 1
            return False
        return True

    def _ordering(self) -> bool:
        """Parses an ordering; returns True if it orders by the similarity of vectors."""
        self.tokens.name()
        ann = self.tokens.accept_words("ann", "of")
        if ann:
            self.term()
        if not self.tokens.accept_words("desc"):
            self.tokens.accept_words("asc")
        return ann

    def _insert(self) -> Insert:
        table, json = parse_table_name(self.tokens), None
        columns: tuple[str, ...] = ()
        values: tuple[Term, ...] = ()
        if self.tokens.accept_words("json"):
            json = self.marker_or(self._string)
            if self.tokens.accept_words("default") and not self.tokens.accept_words("unset"):
                self.tokens.expect_words("null")
        else:
            columns, values = self._columns_and_values()
        if_not_exists = self.tokens.accept_words("if", "not", "exists")
        ttl, timestamp = self._using()
        return Insert(
            table=table,
            columns=columns,
            values=values,
            json=json,
            if_not_exists=if_not_exists,
            ttl=ttl,
            timestamp=timestamp,
            functions=frozenset(self.functions),
        )

    def _columns_and_values(self) -> tuple[tuple[str, ...], tuple[Term, ...]]:
        columns = self._names()
        self.tokens.expect_words("values")
        return columns, self.tuple_literal().elements

    def _names(self) -> tuple[str, ...]:
        self.tokens.expect("(")
        names = self.listed(self.tokens.name)
        self.tokens.expect(")")
        return names

    def _string(self) -> Term:
        if self.tokens.peek().kind != "string":
            self.tokens.fail()
        return literal(self.tokens.take())

    def _using(self) -> tuple[Term | None, Term | None]:
        """Returns TTL and timestamp. Cassandra uses the last of repeated ones; here a repetition is an error."""
        found: dict[str, Term] = {}
        more = self.tokens.accept_words("using")
        while more:
            word = self.tokens.peek().text
            if word in found or not self.tokens.at_words(word) or word not in ("ttl", "timestamp"):
                self.tokens.fail()
            self.tokens.take()
            found[word] = self.marker_or(self.integer)
            more = self.tokens.accept_words("and")
        return found.get("ttl"), found.get("timestamp")

    def _update(self) -> Update:
        table, (ttl, timestamp) = parse_table_name(self.tokens), self._using()
        self.tokens.expect_words("set")
        assignments = self.listed(self._assignment)
        self.tokens.expect_words("where")
        return Update(
            table=table,
            assignments=assignments,
            where=self._where(),
            conditional=self.tokens.at_words("if"),
            if_exists=self._conditions(),
            ttl=ttl,
            timestamp=timestamp,
            functions=frozenset(self.functions),
        )

    def _assignment(self) -> tuple[str, tuple[Term, ...]]:
        column = self.tokens.name()
        if self.tokens.accept("+=") or self.tokens.accept("-="):
            return column, (self.term(),)
        if self.tokens.at("[", "."):
            key = self._element()
            self.tokens.expect("=")
            return column, (*key, self.term())
        self.tokens.expect("=")
        if self.tokens.peek().is_name and not self.tokens.at("(", ".", ahead=1):
            return column, (self._added_to(column),)
        value = self.term()
        if self.tokens.accept("+"):
            self._same_column(column)
        return column, (value,)

    def _added_to(self, column: str) -> Term:
        self._same_column(column)
        # `c -1` is a column and an integer.
        if self.tokens.peek().kind == "integer":
            return self.integer()
        if not self.tokens.accept("+"):
            self.tokens.expect("-")
        return self.term()

    def _same_column(self, column: str) -> None:
        if self.tokens.name() != column:
            self.tokens.fail("Only expressions of the form X = X + <value> are supported.")

    def _element(self) -> tuple[Term, ...]:
        """`[index or key]` or `.field`, if there is one."""
        if self.tokens.accept("."):
            self.tokens.name()
            return ()
        if self.tokens.accept("["):
            key = self.term()
            self.tokens.expect("]")
            return (key,)
        return ()

    def _delete(self) -> Delete:
        columns = () if self.tokens.at_words("from") else self.listed(self._deleted)
        self.tokens.expect_words("from")
        table, (ttl, timestamp) = parse_table_name(self.tokens), self._using()
        if ttl:
            self.tokens.fail()
        self.tokens.expect_words("where")
        return Delete(
            table=table,
            columns=columns,
            where=self._where(),
            conditional=self.tokens.at_words("if"),
            if_exists=self._conditions(),
            timestamp=timestamp,
            functions=frozenset(self.functions),
        )

    def _deleted(self) -> str:
        column = self.tokens.name()
        self._element()
        return column

    def _conditions(self) -> bool:
        """Parses the conditions; returns True for IF EXISTS."""
        if not self.tokens.accept_words("if"):
            return False
        names_column = self.tokens.at(*_COMPARISONS, "[", ".", ahead=1) or self.tokens.at_words("in", ahead=1)
        if not names_column and self.tokens.accept_words("exists"):
            return True
        self._condition()
        while self.tokens.accept_words("and"):
            self._condition()
        return False

    def _condition(self) -> None:
        self.tokens.name()
        self._element()
        if self.tokens.accept_words("in"):
            self._in_values(self.term)
        else:
            self._comparison()
            self.term()

    def _where(self) -> tuple[Relation, ...]:
        relations = [self._relation()]
        while self.tokens.accept_words("and"):
            relations.append(self._relation())
        return tuple(relations)

    def _relation(self) -> Relation:
        if self.tokens.accept_words("token"):
            self.functions.add("token")
            columns, operator = self._names(), self._comparison()
            return Relation(columns=columns, operator=operator, terms=(self.term(),), token=True)
        if not self.tokens.at("("):
            return self._column_relation()
        if self.tokens.peek(1).is_name and self.tokens.at(",", ")", ahead=2):
            return self._tuple_relation()
        with self.tokens.nested():
            self.tokens.expect("(")
            relation = self._relation()
            self.tokens.expect(")")
            return relation

    def _tuple_relation(self) -> Relation:
        columns = self._names()
        if self.tokens.accept_words("in"):
            return self._in(columns, lambda: self.marker_or(self.tuple_literal))
        operator = self._comparison()
        return Relation(columns=columns, operator=operator, terms=(self.marker_or(self.tuple_literal),))

    def _column_relation(self) -> Relation:
        columns = (self.tokens.name(),)
        if self.tokens.accept_words("in"):
            return self._in(columns, self.term)
        if self.tokens.accept_words("is", "not", "null"):
            return Relation(columns=columns, operator="IS NOT NULL", terms=())
        if self.tokens.at("["):
            key, operator = self._element(), self._comparison()
            return Relation(columns=columns, operator=operator, terms=(*key, self.term()))
        return Relation(columns=columns, operator=self._column_operator(), terms=(self.term(),))

    def _column_operator(self) -> str:
        if self.tokens.accept_words("like"):
            return "LIKE"
        if self.tokens.accept_words("contains"):
            return "CONTAINS KEY" if self.tokens.accept_words("key") else "CONTAINS"
        return self._comparison()

    def _comparison(self) -> str:
        if not self.tokens.at(*_COMPARISONS):
            self.tokens.fail()
        return self.tokens.take().text

    def _in(self, columns: tuple[str, ...], parse: Callable[[], Term]) -> Relation:
        terms, marker = self._in_values(parse)
        return Relation(columns=columns, operator="IN", terms=terms, in_marker=marker)

    def _in_values(self, parse: Callable[[], Term]) -> tuple[tuple[Term, ...], Term | None]:
        if self.at_marker():
            return (), self.marker()
        self.tokens.expect("(")
        return self.until(")", parse), None
