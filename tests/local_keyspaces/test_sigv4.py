"""The server's side of SigV4, with the test vectors of the driver plugins."""

import datetime

import pytest

from local_keyspaces import sigv4
from local_keyspaces.credentials import Credentials, CredentialStore, Role
from local_keyspaces.iam import Principal

NONCE = b"91703fdc2ef562e19fbdab0f58e42fe5"
SIGNED_AT = datetime.datetime(2020, 6, 9, 22, 41, 51, tzinfo=datetime.UTC)
SIGNATURE = "7f3691c18a81b8ce7457699effbfae5b09b4e0714ab38c1292dbdf082c9ddd87"
ROLE = Role(arn="arn:aws:iam::1:role/one", policies=())
TOKEN = f"signature={SIGNATURE},access_key=UserID-1,amzdate=2020-06-09T22:41:51.000Z"


@pytest.fixture
def store() -> CredentialStore:
    store = CredentialStore()
    user = Principal(arn="arn:aws:iam::1:user/one", policies=())
    store.add(Credentials(principal=user, access_key="UserID-1", secret_key="UserSecretKey-1"))
    return store


def verify(token: str, store: CredentialStore, region: str = "us-west-2", seconds_later: float = 0) -> Credentials:
    now = SIGNED_AT + datetime.timedelta(seconds=seconds_later)
    return sigv4.verify(token.encode(), NONCE, region=region, store=store, now=now)


def test_accepts_the_plugins_test_vector(store: CredentialStore) -> None:
    """No real driver could sign in."""
    assert verify(TOKEN, store).principal.arn == "arn:aws:iam::1:user/one"


@pytest.mark.parametrize("seconds", [-899, 899])
def test_accepts_a_clock_that_is_off_by_less_than_15_minutes(store: CredentialStore, seconds: float) -> None:
    """A machine whose clock is slightly wrong could not sign in."""
    verify(TOKEN, store, seconds_later=seconds)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (TOKEN.replace("7f36", "7f37"), "Invalid signature"),
        (TOKEN.replace("UserID-1", "UserID-2"), "Invalid signature"),
        (TOKEN.replace("51.000Z", "52.000Z"), "Invalid signature"),
        (TOKEN.replace(".000Z", ".0000Z"), "Invalid signature"),
        (TOKEN.replace("2020-06-09", "2020-99-99"), "Invalid signature"),
        (TOKEN + ",session_token=stolen", "Invalid session token"),
        ("", "Invalid signature"),
        ("signature=,access_key=,amzdate=", "Invalid signature"),
        (f"signature={SIGNATURE}", "Invalid signature"),
    ],
)
def test_refuses_a_wrong_signature(store: CredentialStore, token: str, message: str) -> None:
    """A forged signature would be accepted, so that tests would prove nothing about a program's own signature."""
    with pytest.raises(sigv4.BadCredentials, match=message):
        verify(token, store)


def test_refuses_another_regions_signature(store: CredentialStore) -> None:
    """A user would not learn of the most common mistake: AWS_DEFAULT_REGION differs from the endpoint's region."""
    with pytest.raises(sigv4.BadCredentials, match="Invalid signature"):
        verify(TOKEN, store, region="us-east-1")


def test_refuses_a_signature_for_another_nonce(store: CredentialStore) -> None:
    """A recorded sign-in could be replayed."""
    with pytest.raises(sigv4.BadCredentials, match="Invalid signature"):
        sigv4.verify(TOKEN.encode(), sigv4.new_nonce(), region="us-west-2", store=store, now=SIGNED_AT)


@pytest.mark.parametrize("seconds", [-901, 901])
def test_refuses_a_clock_that_is_off_by_more(store: CredentialStore, seconds: float) -> None:
    """A signature would be valid for longer than its 900 seconds."""
    with pytest.raises(sigv4.BadCredentials, match="Signature expired"):
        verify(TOKEN, store, seconds_later=seconds)


def _sign(credentials: Credentials, now: datetime.datetime, session_token: str | None) -> str:
    amzdate = now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    signature = sigv4.sign(
        NONCE,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        amzdate=amzdate,
        region="us-west-2",
    )
    token = f"signature={signature},access_key={credentials.access_key},amzdate={amzdate}"
    return token + (f",session_token={session_token}" if session_token else "")


def test_wants_the_session_token_of_temporary_credentials(store: CredentialStore) -> None:
    """A client with a wrong session token would be accepted, since the token is not part of the signature."""
    now = datetime.datetime.now(datetime.UTC)
    issued = store.issue_for_role(ROLE)
    good = sigv4.verify(
        _sign(issued, now, issued.session_token).encode(), NONCE, region="us-west-2", store=store, now=now
    )
    assert good.principal.arn.startswith("arn:aws:sts::1:assumed-role/one/")
    for wrong in (None, "other"):
        with pytest.raises(sigv4.BadCredentials, match="Invalid session token"):
            sigv4.verify(_sign(issued, now, wrong).encode(), NONCE, region="us-west-2", store=store, now=now)


def test_refuses_expired_credentials(store: CredentialStore) -> None:
    """A task that does not renew its credentials would fail only after an hour on Fargate."""
    issued = store.issue_for_role(ROLE, lifetime=datetime.timedelta(seconds=60))
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=61)
    with pytest.raises(sigv4.BadCredentials, match="Expired"):
        sigv4.verify(
            _sign(issued, later, issued.session_token).encode(), NONCE, region="us-west-2", store=store, now=later
        )


def test_shows_no_secret_when_printed(store: CredentialStore) -> None:
    """Credentials would end up in logs by being printed."""
    issued = store.issue_for_role(ROLE)
    assert issued.secret_key not in repr(issued)
    assert str(issued.session_token) not in repr(issued)


@pytest.mark.parametrize(("milliseconds", "good"), [("000", True), ("1000", True), ("00", False), ("1001", False)])
def test_accepts_times_as_the_plugins_write_them(store: CredentialStore, milliseconds: str, good: bool) -> None:
    """A client of AWS's Python plugin would fail now and then, since the plugin writes ".1000" once in 2,000
    sign-ins."""
    amzdate = f"2020-06-09T22:41:51.{milliseconds}Z"
    signature = sigv4.sign(
        NONCE, access_key="UserID-1", secret_key="UserSecretKey-1", amzdate=amzdate, region="us-west-2"
    )
    token = f"signature={signature},access_key=UserID-1,amzdate={amzdate}"
    if good:
        verify(token, store)
    else:
        with pytest.raises(sigv4.BadCredentials):
            verify(token, store)
