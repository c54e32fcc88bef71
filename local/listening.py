"""Listening on a port of this machine."""

import socket

from declared.errors import LocalError


def listen(port: int, other: str) -> socket.socket:
    """On 127.0.0.1; port 0 is a free one. other: how to choose another port. Raises LocalError if it is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise LocalError(
            f"port {port} of 127.0.0.1 cannot be used ({error.strerror}); choose another: {other}"
        ) from None
    return listener
