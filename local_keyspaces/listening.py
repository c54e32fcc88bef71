"""Ports of this machine."""

import socket

from local_keyspaces.errors import LocalKeyspacesError


def listen(port: int, other: str) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 takes a free port. Raises LocalKeyspacesError if the port is taken.

    other: the way to choose another port, for the error.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise LocalKeyspacesError(
            f"port {port} of 127.0.0.1 cannot be used ({error.strerror}); choose another: {other}"
        ) from None
    return listener


def free_port() -> int:
    """A port of 127.0.0.1 that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
