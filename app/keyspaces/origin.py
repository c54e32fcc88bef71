"""The request that statements are executed for, as an endpoint learns it that shows whose statements they are.

Such an endpoint, as the local Keyspaces, says in its SUPPORTED message that it takes a custom payload of this name; no
other endpoint is sent one.
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
