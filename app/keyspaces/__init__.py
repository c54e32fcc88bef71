"""The client: sessions with Amazon Keyspaces, and the statements that read and write its tables.

Errors:

target.UnknownTable            the environment names no table by this name
session.Unreachable            the keyspace or a table could not be used before the startup timeout
statements.DeadlineExceeded    no answer came within the caller's deadline, and nothing was written
statements.OutcomeUnknown      a write may have been executed, or not
serialize.Unwritable           a value does not fit its column
results.SchemaChanged          the table's columns are not those that a statement was prepared for
types.Unrepresentable          a value is too large to be written as text
session.DRIVER_ERRORS          the driver's own errors, as a tuple for `except`
"""
