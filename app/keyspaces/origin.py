"""The HTTP request that a statement is executed for, sent to endpoints that show it beside the statement.

Such an endpoint, for example the local Keyspaces, announces in its SUPPORTED message that it accepts this custom
payload. Other endpoints do not get it.
"""

from contextvars import ContextVar
from typing import Any, Final

from cassandra.protocol import SupportedMessage

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
PAYLOAD: Final = "request-id"

_OPTION: Final = "CUSTOM_PAYLOAD"


def is_wanted(supported: Any) -> bool:
    """supported: the server's answer to OPTIONS."""
    return isinstance(supported, SupportedMessage) and PAYLOAD in supported.options.get(_OPTION, ())
