"""Sign-in to Keyspaces, and the certificate authorities that the programs trust."""

import datetime
import hashlib
import ssl
from pathlib import Path

import pytest

import keyspaces
from keyspaces import auth
from local_keyspaces import sigv4
from local_keyspaces.credentials import CredentialStore, Role

NONCE = b"91703fdc2ef562e19fbdab0f58e42fe5"

# Published by Amazon Trust Services ("Root CAs") and Starfield ("Class 2 Certification Authority").
ROOTS = {
    "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "1465fa205397b876faa6f0a9958e5590e40fcc7faa4fb7c2c8677521fb5fb658",
}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> CredentialStore:
    """A credentials provider with one temporary set of credentials, which is also in the environment."""
    store = CredentialStore()
    issued = store.issue_for_role(Role(arn="arn:aws:iam::000000000000:role/test", policies=()))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", issued.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", issued.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", str(issued.session_token))
    return store


@pytest.mark.parametrize("microsecond", [0, 499, 999_499, 999_500, 999_999])
def test_signs_in_at_every_microsecond(
    store: CredentialStore, monkeypatch: pytest.MonkeyPatch, microsecond: int
) -> None:
    """The service could refuse a sign-in, since cassandra-sigv4 writes the last half millisecond of a second as
    ".1000Z"."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=microsecond)

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
            return now

    monkeypatch.setattr(auth, "datetime", Clock)
    authenticator = auth.SigV4AuthProvider("us-east-1").new_authenticator(None)
    assert authenticator.initial_response() == sigv4.FIRST_TOKEN
    token = authenticator.evaluate_challenge(sigv4.challenge(NONCE)).encode()
    assert f".{microsecond // 1000:03d}Z".encode() in token
    assert ":assumed-role/test/" in sigv4.verify(token, NONCE, region="us-east-1", store=store).principal.arn


def test_reports_that_there_are_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user would read "'NoneType' object has no attribute 'access_key'" instead of the missing credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    authenticator = auth.SigV4AuthProvider("us-east-1").new_authenticator(None)
    with pytest.raises(RuntimeError, match="no AWS credentials"):
        authenticator.evaluate_challenge(sigv4.challenge(NONCE))


def test_trusts_amazons_roots_and_no_other() -> None:
    """One authority too few, and a certificate of Keyspaces is refused; one too many, and a stranger's is accepted."""
    bundle = Path(keyspaces.__file__).with_name("keyspaces-bundle.pem")
    certificates = ssl.create_default_context(cafile=bundle).get_ca_certs(binary_form=True)
    assert sorted(hashlib.sha256(certificate).hexdigest() for certificate in certificates) == sorted(ROOTS)
