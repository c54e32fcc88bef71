"""Parses CQL, for an endpoint that decides which statements reach Cassandra.

`parse` reads a text exactly as Cassandra 5 does, or refuses it. This package imports nothing else of the project.
"""

from local_keyspaces.cql.lexer import CqlSyntaxError, Token, names_in, quoted, shape, tokenize
from local_keyspaces.cql.parser import parse
from local_keyspaces.cql.statements import (
    AlterKeyspace,
    AlterTable,
    Batch,
    CreateKeyspace,
    CreateTable,
    CreateType,
    Delete,
    DropKeyspace,
    DropTable,
    DropType,
    Insert,
    Modification,
    Option,
    Order,
    Relation,
    SchemaChange,
    Select,
    Statement,
    TableName,
    Term,
    Type,
    Unsupported,
    Update,
    Use,
)
from local_keyspaces.cql.types import parse_type

__all__ = [
    "AlterKeyspace",
    "AlterTable",
    "Batch",
    "CqlSyntaxError",
    "CreateKeyspace",
    "CreateTable",
    "CreateType",
    "Delete",
    "DropKeyspace",
    "DropTable",
    "DropType",
    "Insert",
    "Modification",
    "Option",
    "Order",
    "Relation",
    "SchemaChange",
    "Select",
    "Statement",
    "TableName",
    "Term",
    "Token",
    "Type",
    "Unsupported",
    "Update",
    "Use",
    "names_in",
    "parse",
    "parse_type",
    "quoted",
    "shape",
    "tokenize",
]
