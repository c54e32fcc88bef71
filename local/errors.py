"""What stops a command of `python -m local`.

LocalError         this machine cannot run what is declared; exit code 1
  (declared.errors.ProgramError is the other: the program does not evaluate)
"""


class LocalError(Exception):
    """Says in one sentence what is wrong and what to do; shown without a traceback, exit code 1."""
