"""Names of environment variables that hold secrets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

# With the longest names of project, stack and microservice, a parameter's name stays below the 1011 characters that
# Parameter Store takes (Systems Manager API reference, PutParameter).
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def names_mistake(names: Iterable[str], *, own: Collection[str], others: Mapping[str, Collection[str]]) -> str | None:
    """The mistake in the names of an argument. own: the component's variables. others: those of other arguments."""
    names = list(names)
    for name in names:
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            return f"has {name!r}; use names of environment variables: up to 128 letters, digits and _, no digit first"
        if name in own:
            return f"has {name}, which the component sets; use another name"
        for argument, taken in others.items():
            if name in taken:
                return f"has {name}, which `{argument}` has too; name it in one of them"
    twice = [name for name, count in Counter(names).items() if count > 1]
    return f"has {twice[0]} twice; name each once" if twice else None
