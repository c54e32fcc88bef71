"""What stops the evaluation of a program."""


class ProgramError(Exception):
    """Says in one sentence what is wrong with the program or its settings, and what to do; shown without traceback."""
