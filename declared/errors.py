"""The error of a program that cannot be evaluated."""


class ProgramError(Exception):
    """Says in one sentence what is wrong with the program or its settings, and what to do; shown without traceback."""
