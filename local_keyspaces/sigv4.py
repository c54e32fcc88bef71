"""The server's side of Keyspaces' SigV4 authentication.

The exchange is documented only by AWS's open-source driver plugins; the server's checks follow from the data that the
plugins sign. Two assumptions are not verified against the service: the permitted clock skew, and that the service
accepts `.1000Z`, which AWS's Python plugin (cassandra-sigv4 4.0.2) writes in the last half millisecond of a second.
"""

import datetime
import hashlib
import hmac
import re
import secrets
from urllib.parse import quote_plus

from local_keyspaces.credentials import Credentials, CredentialStore

FIRST_TOKEN = b"SigV4\0\0"
INVALID_SIGNATURE = "Authentication failure: Invalid signature"  # developer guide, "Troubleshooting connections"
EXPIRED = "Authentication failure: Expired session token"
_EXPIRES = datetime.timedelta(seconds=900)  # X-Amz-Expires of every plugin
_AMZDATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?:\d{3}|1000)Z")


class BadCredentials(Exception):
    """The sign-in is refused. The message is for the client, and contains no fact that the client does not know."""


def new_nonce() -> bytes:
    """32 lower-case hexadecimal characters, the only form that every plugin reads."""
    return secrets.token_hex(16).encode()


def challenge(nonce: bytes) -> bytes:
    return b"nonce=" + nonce


def verify(
    token: bytes, nonce: bytes, *, region: str, store: CredentialStore, now: datetime.datetime | None = None
) -> Credentials:
    """The credentials that signed `nonce`. Raises BadCredentials."""
    now = now or datetime.datetime.now(datetime.UTC)
    # A token may contain `=`, so only the first `=` separates. The signature does not cover session_token.
    try:
        fields = dict(part.split("=", 1) for part in token.decode().split(","))
        signature, access_key, amzdate = fields["signature"], fields["access_key"], fields["amzdate"]
    except (KeyError, ValueError, UnicodeDecodeError):
        raise BadCredentials(INVALID_SIGNATURE) from None
    credentials = store.find(access_key)
    if credentials is None or not _AMZDATE.fullmatch(amzdate):
        raise BadCredentials(INVALID_SIGNATURE)
    expected = sign(nonce, access_key=access_key, secret_key=credentials.secret_key, amzdate=amzdate, region=region)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise BadCredentials(INVALID_SIGNATURE)
    try:
        signed_at = datetime.datetime.strptime(amzdate, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        raise BadCredentials(INVALID_SIGNATURE) from None
    if abs(now - signed_at) > _EXPIRES:
        raise BadCredentials("Authentication failure: Signature expired")
    session_token = fields.get("session_token", "")
    if not hmac.compare_digest((credentials.session_token or "").encode(), session_token.encode()):
        raise BadCredentials("Authentication failure: Invalid session token")
    if credentials.expires is not None and credentials.expires <= now:
        raise BadCredentials(EXPIRED)
    return credentials


def sign(nonce: bytes, *, access_key: str, secret_key: str, amzdate: str, region: str) -> str:
    """The signature, 64 lower-case hexadecimal characters. Not ordinary SigV4: see the plugins' `canonical request`."""
    date = amzdate[:10].replace("-", "")
    scope = f"{date}/{region}/cassandra/aws4_request"
    canonical_request = (
        "PUT\n/authenticate\n"
        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential={access_key}%2F{quote_plus(scope)}"
        f"&X-Amz-Date={quote_plus(amzdate)}"
        f"&X-Amz-Expires={_EXPIRES.seconds}\n"
        f"host:cassandra\n\nhost\n{hashlib.sha256(nonce).hexdigest()}"
    )
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, "cassandra", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, f"AWS4-HMAC-SHA256\n{amzdate}\n{scope}\n{digest}".encode(), "sha256").hex()
