"""What stops a command of `python -m local`."""


class LocalError(Exception):
    """Says in one sentence what is wrong and what to do; shown without a traceback, exit code 1."""
