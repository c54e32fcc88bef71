"""The client: sessions with Amazon Keyspaces, and reads of a table.

Errors:

Unreachable                    the table could not be used before the startup timeout
reads.DeadlineExceeded         no answer came within the caller's deadline
results.SchemaChanged          the table's columns are not those that a statement was prepared for
types.Unrepresentable          a value is too large to be written
session.DRIVER_ERRORS          the driver's own errors, as a tuple for `except`
"""
