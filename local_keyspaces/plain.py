"""The server's side of the SASL mechanism PLAIN (RFC 4616), for service-specific credentials.

The message for a wrong password is the service's (developer guide, "Troubleshooting connections").
"""

import hmac

from local_keyspaces.credentials import CredentialStore
from local_keyspaces.iam import Principal
from local_keyspaces.sigv4 import BadCredentials

_UNKNOWN = b"of no user"


def verify(token: bytes, *, store: CredentialStore) -> Principal:
    """The principal with this user name and password. Raises BadCredentials."""
    try:
        _, name, password = token.split(b"\0")
        user_name = name.decode()
    except ValueError:
        raise BadCredentials("Authentication failure: Neither SigV4 nor a user name and a password") from None
    known = store.find_password(user_name)
    expected = known.password.encode() if known is not None else _UNKNOWN
    if not hmac.compare_digest(expected, password) or known is None:
        raise BadCredentials(f"Provided username {user_name} and/or password are incorrect")
    return known.principal
