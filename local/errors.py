"""The error of commands of `python -m local`.

A command also ends with `declared.errors.ProgramError` if the program does not evaluate, and with
`local_keyspaces.errors.LocalKeyspacesError` if Cassandra or the endpoint does not run. Each is one
sentence; the exit code is 1.
"""


class LocalError(Exception):
    """Says in one sentence what is wrong and what to do; shown without a traceback, exit code 1."""
