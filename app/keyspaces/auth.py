"""SigV4 for the driver, with the container's credentials and without two defects of cassandra-sigv4 4.0.2."""

from datetime import UTC, datetime

import boto3
from cassandra_sigv4 import auth


class SigV4AuthProvider(auth.SigV4AuthProvider):  # type: ignore[misc]  # the package has no types
    """Signs each new connection with the current credentials."""

    def __init__(self, region: str) -> None:
        super().__init__(session=boto3.Session(region_name=region))

    def new_authenticator(self, host: object) -> "_Authenticator":
        return _Authenticator(self.session)


class _Authenticator(auth.SigV4Authenticator):  # type: ignore[misc]
    def evaluate_challenge(self, challenge: bytes) -> str:
        credentials = self.session.get_credentials()
        if credentials is None:
            raise RuntimeError("there are no AWS credentials in the environment")
        # The package reads access key, secret and token one by one; a refresh in between would mix two sets.
        credentials = credentials.get_frozen_credentials()
        nonce = auth._extract_nonce(challenge)
        # The package also rounds to milliseconds: 0.9995 s becomes ".1000Z", with four digits. So truncate before.
        now = datetime.now(UTC).replace(tzinfo=None)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        signature = auth._generate_signature(nonce, now, credentials, self.session.region_name)
        response = f"signature={signature},access_key={credentials.access_key},amzdate={auth._format_timestamp(now)}"
        if credentials.token:
            response += f",session_token={credentials.token}"
        return response
