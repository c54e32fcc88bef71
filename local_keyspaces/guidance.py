"""The reasons for which the service refuses a statement or a client, each with its source and a rewrite.

The pages are those of the developer guide, read in September 2026. docs/keyspaces.md, "Assumptions", lists what was not
verified.
"""

from enum import Enum

_GUIDE = "https://docs.aws.amazon.com/keyspaces/latest/devguide/{}.html"


class ServiceRule(Enum):
    """title: the unsupported feature. source: a URL. rewrite: the recommended change.

    blocks: the program does not work on the service without a change. If it is False, Cassandra refuses the statement
    as well, or the program works and could be better.
    """

    COUNT = (
        "COUNT is not supported",
        "cassandra-apis",
        "keep a counter table that each write updates, or page through the rows and count them in the client; in Spark,"
        " call df.rdd.count(), since df.count() sends COUNT",
    )
    EXTREME = (
        "MIN and MAX are not supported",
        "cassandra-apis",
        "make the column a clustering column and read one row with ORDER BY and LIMIT 1, or keep the extreme in a"
        " separate table with a conditional UPDATE",
    )
    AGGREGATE = (
        "SUM, AVG and other aggregates are not supported",
        "cassandra-apis",
        "page through the rows and aggregate them in the client, or keep the aggregate in a table that each write"
        " updates",
    )
    FUNCTION = (
        "the function is not supported",
        "cql.functions",
        "compute it in the client; the page lists the supported functions",
    )
    TRUNCATE = (
        "TRUNCATE is not supported",
        "cassandra-apis",
        "DROP TABLE and CREATE TABLE again, and wait for both; or DELETE each partition; in tests, use a new key for"
        " each test",
    )
    INDEX = (
        "indexes are not supported",
        "cassandra-apis",
        "keep a second table whose partition key is the indexed column, and write to both in a logged batch",
    )
    VIEW = (
        "materialized views are not supported",
        "cassandra-apis",
        "keep a second table with the key of the view, and write to both in a logged batch",
    )
    ROLES = (
        "users, roles and GRANT are not supported",
        "security-iam",
        "give permissions by IAM policies of the role that the program runs as",
    )
    STATEMENT = (
        "the statement is not supported",
        "cassandra-apis",
        "leave it out, or do its work in the client; the page lists the supported statements",
    )
    SELECT_CLAUSE = (
        "the clause of SELECT is not in the service's grammar",
        "cql.dml.select",
        "read the rows by their keys and do the rest in the client; keep distinct values or groups in a separate table",
    )
    PER_PARTITION_LIMIT = (
        "PER PARTITION LIMIT is not supported",
        "cql.dml.select",
        "read each partition with a SELECT of its own and LIMIT; run them concurrently",
    )
    IN_SUBQUERIES = (
        "IN has too many values",
        "in.select",
        "split the values into several SELECTs of at most 100 combinations, or run one SELECT for each key"
        " concurrently",
    )
    IN_OF_WRITES = (
        "IN is not supported in UPDATE and DELETE",
        "functional-differences",
        "run one statement for each key, concurrently or in a batch",
    )
    BATCH = (
        "the batch is not supported",
        "batchStatements",
        "split it: at most 30 statements in an unlogged batch, 100 in a logged one; an unlogged batch gains nothing for"
        " statements of different partitions, so run them concurrently",
    )
    TTL = (
        "TTL is not enabled for the table",
        "TTL",
        "create the table with CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}, or enable it with ALTER TABLE",
    )
    TIMESTAMPS = (
        "client-side timestamps are not enabled for the table",
        "client-side-timestamps",
        "enable client_side_timestamps in CUSTOM_PROPERTIES, or leave out USING TIMESTAMP and WRITETIME",
    )
    DDL_NOT_WAITED_FOR = (
        "DDL is asynchronous, and the keyspace, table or column does not exist yet",
        "tables-create",
        "after CREATE, poll system_schema_mcs.tables until the table's status is ACTIVE (for a keyspace, poll"
        " system_schema_mcs.keyspaces until it is listed); do not rely on the driver's schema agreement",
    )
    DDL = (
        "the definition is not supported",
        "cql.ddl",
        "change the definition as the message says; the page lists the supported definitions",
    )
    PREPARED_DDL = (
        "DDL cannot be prepared",
        "functional-differences",
        "run CREATE, ALTER and DROP as simple statements",
    )
    QUOTA = (
        "a quota of the service is exceeded",
        "quotas",
        "make it smaller; a large value fits in Amazon S3 or in several rows",
    )
    SYSTEM_TABLES = (
        "system tables are read-only",
        "functional-differences",
        "leave the statement out: the service maintains its system tables",
    )
    SYNTAX = (
        "the statement is not in the CQL that the service accepts",
        "cql",
        "correct the statement; the service accepts the CQL of Cassandra 3.11",
    )
    PERMISSION = (
        "the role lacks the permission",
        "security_iam_id-based-policy-examples",
        "add the action on the table's ARN to the role's policy, or leave the statement out",
    )
    OTHER = (
        "the statement is not supported",
        "functional-differences",
        "change the statement as the message says",
    )
    NO_SUCH_TABLE = (
        "the keyspace or table does not exist",
        "troubleshooting.cql",
        "create it first; Cassandra refuses the statement as well",
        False,
    )
    ALREADY_EXISTS = (
        "it exists already",
        "troubleshooting.cql",
        "use IF NOT EXISTS; Cassandra refuses the statement as well",
        False,
    )
    THROTTLED = (
        "capacity was exceeded",
        "troubleshooting.serverless",
        "spread the load over more partitions or connections, raise the table's capacity, and retry with exponential"
        " backoff",
        False,
    )

    WRITE_CONSISTENCY = (
        "writes support only the consistency level LOCAL_QUORUM",
        "consistency",
        "set the driver's default consistency level to LOCAL_QUORUM; many drivers' own default is LOCAL_ONE",
    )
    READ_CONSISTENCY = (
        "reads support only the consistency levels ONE, LOCAL_ONE and LOCAL_QUORUM",
        "consistency",
        "set the driver's default consistency level to LOCAL_QUORUM",
    )
    SIGN_IN = (
        "a client could not sign in",
        "troubleshooting.connecting",
        "give the driver the SigV4 plugin, the credentials of the profile and the Region that the environment names",
    )
    REQUEST_RATE = (
        "more than 3,000 requests in a second on one connection",
        "connections",
        "open more connections to each address, and plan 500 requests a second for each; the service throttles the"
        " rest",
    )
    PROTOCOL_VERSION = (
        "clients ask for another version of the native protocol first",
        "programmatic.cqlsh",
        "set the driver's protocol version to 4: each refused version costs a connection with its TLS handshake",
        False,
    )
    SERVER_NAME = (
        "clients send no server name (SNI) with TLS, so they probably do not check the certificate's name",
        "using_python_driver",
        "check the host name: in Python, use an SSLContext with check_hostname and ssl_options={'server_hostname':"
        " host}. Java sends no name for localhost, so check its configuration",
        False,
    )

    def __init__(self, title: str, page: str, rewrite: str, blocks: bool = True) -> None:
        self.title = title
        self.source = _GUIDE.format(page)
        self.rewrite = rewrite
        self.blocks = blocks

    @property
    def of_connection(self) -> bool:
        """True if the rule is about a client's setting; False if it is about a statement."""
        return self in _SETTINGS


_SETTINGS = (
    *(ServiceRule.WRITE_CONSISTENCY, ServiceRule.READ_CONSISTENCY, ServiceRule.SIGN_IN, ServiceRule.REQUEST_RATE),
    *(ServiceRule.PROTOCOL_VERSION, ServiceRule.SERVER_NAME),
)

AGGREGATES = {
    **dict.fromkeys(("count", "countrows"), ServiceRule.COUNT),
    **dict.fromkeys(("min", "max"), ServiceRule.EXTREME),
    **dict.fromkeys(("sum", "avg"), ServiceRule.AGGREGATE),
}

_STATEMENTS = {
    "TRUNCATE": ServiceRule.TRUNCATE,
    "INDEX": ServiceRule.INDEX,
    "MATERIALIZED VIEW": ServiceRule.VIEW,
    **dict.fromkeys(
        ("ROLE", "USER", "ROLES", "USERS", "SUPERUSERS", "PERMISSIONS", "GRANT", "REVOKE"), ServiceRule.ROLES
    ),
}


def of_statement(what: str) -> ServiceRule:
    """The rule that refuses a statement. what: its first words, such as CREATE INDEX."""
    return next((rule for words, rule in _STATEMENTS.items() if what.endswith(words)), ServiceRule.STATEMENT)
