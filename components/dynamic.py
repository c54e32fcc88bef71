"""The common base of the dynamic providers.

The engine loads a provider by module name in a process of its own, so an edit of its code never makes a resource appear
changed.
"""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Collection
from typing import Any, ClassVar

from pulumi.dynamic import ConfigureRequest, DiffResult, ResourceProvider, UpdateResult

from components.aws_errors import AWS_ERRORS, ResourceFailed, forget_calls, in_words
from components.connection import SignIn, WrongAccount


class Provider(ResourceProvider):
    """Compares the inputs with the previous ones. By default, an update only records the new inputs.

    computed: outputs that the provider fills in; the program declares them as None.
    replacing: inputs whose change replaces the resource; a change of any other input updates it.
    sign_in: the credentials to call AWS with; never among the inputs.

    An error of AWS becomes ResourceFailed: one sentence with the resource, the action and what to do.
    """

    sign_in: SignIn = SignIn()

    computed: ClassVar[Collection[str]] = ()
    replacing: ClassVar[Collection[str]] = ()

    # The inputs hold no secrets, and secret inputs would hide every diff.
    serialize_as_secret_always = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("create", "read", "update", "delete"):
            if name in cls.__dict__:
                setattr(cls, name, _with_errors_in_words(cls.__dict__[name]))

    def subject(self, props: dict[str, Any]) -> str:
        """The name of a resource with these inputs in an error."""
        raise NotImplementedError

    def configure(self, req: ConfigureRequest) -> None:
        """Called in the provider's own process, before anything else, with all settings of the stack.

        The engine passes them with their namespaces, and secrets in plain text (pulumi,
        pkg/resource/deploy/target.go, GetPackageConfig; sdk/python/lib/pulumi/dynamic/__main__.py, Configure).
        """
        self.sign_in = SignIn.from_config(req.config.get)
        _leave_out_tracebacks()

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        # The engine leaves out an input that is None, so an input that has become None is only in `olds`.
        inputs = [key for key in {**olds, **news} if key != "__provider" and key not in self.computed]
        changed = [key for key in inputs if news.get(key) != olds.get(key)]
        return DiffResult(changes=bool(changed), replaces=[key for key in changed if key in self.replacing])

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=news)


def _with_errors_in_words(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Provider, *args: Any) -> Any:
        forget_calls()
        try:
            return method(self, *args)
        except WrongAccount as error:
            raise ResourceFailed(f"{self.subject(args[-1])}: {error}") from error
        except AWS_ERRORS as error:
            raise ResourceFailed(f"{self.subject(args[-1])}: {in_words(error)}") from error

    return call


class _Sentences:
    """Replaces the module `traceback`: shows a ResourceFailed as its message alone."""

    def format_exc(self) -> str:
        error = sys.exc_info()[1]
        return str(error) if isinstance(error, ResourceFailed) else traceback.format_exc()

    def __getattr__(self, name: str) -> Any:
        return getattr(traceback, name)


def _leave_out_tracebacks() -> None:
    # Pulumi's host of dynamic providers sends `traceback.format_exc()` of every exception to the user, and offers no
    # other way (pulumi sdk/python/lib/pulumi/dynamic/__main__.py, `_abort_with_traceback`). In another version of
    # the host without these names, the message is still the traceback's last line.
    host: Any = sys.modules["__main__"]
    if hasattr(host, "_abort_with_traceback") and getattr(host, "traceback", None) is traceback:
        host.traceback = _Sentences()
