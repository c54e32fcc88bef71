"""When a failed statement is tried again, and how often at most.

The numbers are those of the AWS SDKs ("Retry behavior", standard mode): an attempt again takes 5 of 500 tokens, and
success gives back what the last of them took, or 1. So a third of the statements may fail for ever and all are tried
again, but of an outage the database sees at most 100 attempts more than there are statements.
"""

import random

ATTEMPTS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds
_CAPACITY, _COST = 500, 5  # tokens


class RetryBudget:
    """Tokens for one kind of statement."""

    def __init__(self) -> None:
        self._tokens = _CAPACITY

    def spend(self) -> bool:
        """Whether there may be another attempt."""
        if self._tokens < _COST:
            return False
        self._tokens -= _COST
        return True

    def succeeded(self, attempt: int) -> None:
        """attempt: the number of the one that succeeded, from 1."""
        if self._tokens < _CAPACITY:
            self._tokens = min(self._tokens + (1 if attempt == 1 else _COST), _CAPACITY)


def pause_after(attempt: int) -> float:
    """Seconds. With full jitter: what was refused together does not come back together."""
    return random.uniform(0, min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))  # noqa: S311  # not a secret
