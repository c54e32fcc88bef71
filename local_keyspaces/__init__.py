"""A local Amazon Keyspaces endpoint in front of a real Apache Cassandra. It imports nothing else of this repository.

A statement passes these modules in this order:

service         starts everything below; running adds Cassandra (cassandra, jars)
endpoint        the listener with TLS (certificates)
sign_in         the client signs in (sigv4, credentials)
connection      the client's requests (frames, requests) are answered here or passed on
plans           a statement is parsed (cql has the grammar) and planned
gate            the plan is checked: permissions (iam), the service's rules (rules), existing tables (catalog)
fault_injector  injects faults (faults)
relay           passes the request to Cassandra and the answer back (link, awaited, results; prepared)
consumption     adds the capacity units that it consumed (metering has the service's rules) to the meter (metered,
                meter_report)
ddl, schema     change keyspaces, tables and types (tables) asynchronously (changes), in Cassandra (cassandra_session)
                and in the system tables (catalog, system_tables); options, replication and quotas check the statement
refusals        the answers to refused statements (guidance has each reason, its source, and the rewrite)
witness         records refused statements and settings, if a verdict on the program is wanted (verdict)

Errors:

errors.LocalKeyspacesError  Cassandra or the endpoint does not run; commands show it as one sentence
refusals.Refused            a statement is refused; the client gets its code and message
sign_in.SignInRefused       a client is refused before it has signed in
cql.lexer.CqlSyntaxError    a statement is not in the CQL that Keyspaces accepts
frames.ProtocolError        bytes are not CQL's native protocol 4
iam.MalformedPolicy         a policy document is malformed
faults.BadFaults            faults.json, or a fault on the command line, is malformed
tables.SchemaConflict       an existing table cannot be changed into the declared one
"""
