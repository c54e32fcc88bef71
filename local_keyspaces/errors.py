"""The error of commands of `python -m local_keyspaces`."""


class LocalKeyspacesError(Exception):
    """Says in one sentence what is wrong and what to do; shown without a traceback, exit code 1."""
