"""Fixtures of the components' tests."""

from collections.abc import Callable

import pytest

from declared import aws as mocked
from declared.program import Call, Inputs


@pytest.fixture
def aws_answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Call], Inputs]], None]:
    """Replaces answers of AWS: the given function is asked before the usual answers."""
    usual = mocked.answers_for

    def change(answer: Callable[[Call], Inputs]) -> None:
        monkeypatch.setattr(mocked, "answers_for", lambda region: lambda call: {**usual(region)(call), **answer(call)})

    return change
