"""The quotas of Amazon Keyspaces, with their default values: one row each.

Source: developer guide, "Quotas" (the tables of the service and of user-defined types) and, for tags, "Tagging
restrictions". Not modelled: the quotas of restores, of streams and of capacity decreases a day.
"""

from enum import Enum

from local_keyspaces.guidance import ServiceRule
from local_keyspaces.refusals import invalid

_KB = 1024
_MB = 1024 * _KB


class Quota(Enum):
    """most: the largest value that the service accepts. unit: the things that are counted."""

    KEYSPACES = (256, "keyspaces in a Region")
    TABLES = (256, "tables in a Region")
    TYPES = (256, "user-defined types in a Region")
    CONCURRENT_DDL = (50, "concurrent DDL operations")
    # The service's measure of a schema is not documented; this endpoint takes the CREATE statement in UTF-8.
    TABLE_SCHEMA = (350 * _KB, "bytes of table schema")
    TYPE_SCHEMA = (25 * _KB, "bytes of type schema")

    NESTED_COLLECTIONS = (8, "levels of nested collections")
    TYPE_NESTING = (8, "levels of nested user-defined types")
    TYPE_NAME = (48, "characters in a type's name")
    FIELD_NAME = (128, "characters in a field's name")
    TYPES_OF_A_TABLE = (50, "user-defined types in a table")
    TABLES_OF_A_TYPE = (100, "tables that use a type")
    CHILD_TYPES = (10, "user-defined types directly in a type")
    PARENT_TYPES = (10, "user-defined types that use a type directly")

    READ_CAPACITY = (40_000, "read capacity units of a table")
    WRITE_CAPACITY = (40_000, "write capacity units of a table")
    ACCOUNT_READ_CAPACITY = (80_000, "provisioned read capacity units in a Region")
    ACCOUNT_WRITE_CAPACITY = (80_000, "provisioned write capacity units in a Region")

    TAGS = (50, "tags of a resource")
    TAG_KEY = (128, "characters in a tag's key")
    TAG_VALUE = (256, "characters in a tag's value")

    PARTITION_KEY = (2048, "bytes in the partition key")
    CLUSTERING_KEY = (850, "bytes in the clustering key")
    ROW = (_MB, "bytes in the row")
    STATIC_DATA = (_MB, "bytes of static data")
    COLUMNS = (225, "regular columns in a statement")
    COLUMNS_WITH_TTL = (166, "regular columns in a statement where TTL is on")
    SUBQUERIES = (100, "subqueries of IN")
    LOGGED_STATEMENTS = (100, "statements in a logged batch")
    LOGGED_STATEMENTS_WITH_STATIC = (50, "statements in a logged batch on tables with static columns")
    UNLOGGED_STATEMENTS = (30, "statements in an unlogged batch")
    BATCH = (4 * _MB, "bytes in the batch")

    def __init__(self, most: int, unit: str) -> None:
        self.most = most
        self.unit = unit

    def check(self, count: int, where: str = "") -> None:
        """where: the statement's part that is counted, for the message. Raises Refused above the quota."""
        if count > self.most:
            message = f"{where}{': ' if where else ''}{count} {self.unit}; at most {self.most} are supported"
            raise invalid(message, ServiceRule.IN_SUBQUERIES if self is Quota.SUBQUERIES else ServiceRule.QUOTA)
