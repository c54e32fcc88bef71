"""The retry budget and the pauses between retries.

The numbers are those of the AWS SDKs ("Retry behavior", standard mode): a retry takes 5 of 500 tokens; a success gives
back the 5 tokens of its last retry, or 1 token without a retry. So every failed statement is retried as long as at most
a third of them fail, but an outage causes at most 100 retries in all.
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
        """Takes the tokens of one retry; False if too few are left."""
        if self._tokens < _COST:
            return False
        self._tokens -= _COST
        return True

    def succeeded(self, attempt: int) -> None:
        """Gives tokens back. attempt: number of the successful attempt, from 1."""
        if self._tokens < _CAPACITY:
            self._tokens = min(self._tokens + (1 if attempt == 1 else _COST), _CAPACITY)


def pause_after(attempt: int) -> float:
    """Seconds until the next attempt, with full jitter: statements that fail together are not retried together."""
    return random.uniform(0, min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))  # noqa: S311  # not a secret
