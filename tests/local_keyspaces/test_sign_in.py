"""Sign-in on the wire: the endpoint accepts and refuses the same clients as the service."""

import asyncio
import configparser
import json
import socket
import ssl
import struct
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from cassandra import Unauthorized
from cassandra.auth import PlainTextAuthProvider

from declared.aws import ACCOUNT
from local_keyspaces.credentials import CredentialStore
from local_keyspaces.frames import ErrorCode, Opcode
from local_keyspaces.profiles import keep_profiles
from tests.keyspaces import ARN, EVERYTHING, READ_SYSTEM, REGION, LocalKeyspaces, allow, role
from tests.local_keyspaces.wire import answer, connect, frame, long_bytes, startup

STARTUP = startup()[9:]


@pytest.mark.parametrize("name", ["localhost", "cassandra.us-east-1.amazonaws.com"])
def test_has_a_certificate_for_its_names(keyspaces: LocalKeyspaces, name: str) -> None:
    """Clients that check the server's name could not connect."""
    with connect(keyspaces, name) as client:
        assert client.ask(frame(Opcode.OPTIONS))[0] == Opcode.SUPPORTED


def test_has_no_certificate_for_another_regions_name(keyspaces: LocalKeyspaces) -> None:
    """A client that checks the server's name would not notice a wrong server."""
    with (
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
        connect(keyspaces, "cassandra.eu-west-1.amazonaws.com"),
    ):
        pass


def test_answers_nothing_without_tls(keyspaces: LocalKeyspaces) -> None:
    """A program without TLS would work here, and fail on Keyspaces, which speaks TLS only."""
    with socket.create_connection(("127.0.0.1", keyspaces.port), timeout=10) as plain:
        plain.sendall(frame(Opcode.OPTIONS) * 10)
        try:
            answer = plain.recv(100)
        except ConnectionError:
            answer = b""
    assert answer[:1] in (b"", b"\x15")  # closed, or a TLS alert


@pytest.mark.parametrize("version", [3, 5])
def test_refuses_other_protocol_versions(keyspaces: LocalKeyspaces, version: int) -> None:
    """A driver of another protocol version would work here and not in the cloud."""
    with connect(keyspaces) as client:
        code, message = client.ask_error(frame(Opcode.STARTUP, STARTUP, version))
        assert code == ErrorCode.PROTOCOL_ERROR
        assert f"protocol version ({version})" in message
        assert client.is_closed()


def test_requests_authentication_with_the_class_name_that_clients_expect(keyspaces: LocalKeyspaces) -> None:
    """gocql would refuse to sign in, since it accepts only approved authenticators."""
    with connect(keyspaces) as client:
        opcode, body = client.ask(frame(Opcode.STARTUP, STARTUP))
        assert (opcode, body[2:]) == (Opcode.AUTHENTICATE, b"com.amazon.helenus.auth.HelenusAuthenticator")
        opcode, body = client.ask(frame(Opcode.AUTH_RESPONSE, long_bytes(b"SigV4\0\0")))
        assert opcode == Opcode.AUTH_CHALLENGE
        assert body[4:10] == b"nonce="
        assert len(body[10:]) == 32


def test_refuses_a_forged_signature(keyspaces: LocalKeyspaces) -> None:
    """A client with a wrong key would be accepted, or read another message than in the cloud."""
    with connect(keyspaces) as client:
        client.ask(frame(Opcode.STARTUP, STARTUP))
        client.ask(frame(Opcode.AUTH_RESPONSE, long_bytes(b"SigV4\0\0")))
        forged = b"signature=" + b"0" * 64 + b",access_key=AKIA,amzdate=2020-06-09T22:41:51.000Z"
        assert client.ask_error(frame(Opcode.AUTH_RESPONSE, long_bytes(forged))) == (
            ErrorCode.BAD_CREDENTIALS,
            "Authentication failure: Invalid signature",
        )
        assert client.is_closed()


def test_refuses_a_signature_of_another_connection(keyspaces: LocalKeyspaces) -> None:
    """A recorded sign-in could be used again, on another connection or a second time."""
    credentials = keyspaces.store.issue_for_role(EVERYTHING)
    first = frame(Opcode.AUTH_RESPONSE, long_bytes(b"SigV4\0\0"))
    with connect(keyspaces) as client:
        client.ask(startup())
        good = answer(credentials, client.ask(first)[1], REGION)
        assert client.ask(good)[0] == Opcode.AUTH_SUCCESS
        assert client.ask_error(good)[0] == ErrorCode.PROTOCOL_ERROR
    with connect(keyspaces) as client:
        client.ask(startup())
        client.ask(first)
        assert client.ask_error(good) == (ErrorCode.BAD_CREDENTIALS, "Authentication failure: Invalid signature")
        assert client.is_closed()


READER = role(READ_SYSTEM, allow(["cassandra:Select"], f"{ARN}shop/table/items"), name="reader")


def test_signs_in_with_a_password_and_its_roles_permissions(keyspaces: LocalKeyspaces) -> None:
    """Graphical clients, which have no SigV4, could not sign in, or could do more than the role."""
    issued = keyspaces.store.issue_password(keyspaces.store.session_of(READER))
    auth = PlainTextAuthProvider(issued.user_name, issued.password)
    with keyspaces.connect(auth_provider=auth) as session:
        assert session.execute("SELECT cluster_name FROM system.local").one().cluster_name == "Amazon Keyspaces"
        with pytest.raises(Unauthorized, match=r"assumed-role/reader/\w+ has no MODIFY permission"):
            session.execute("INSERT INTO shop.items (id) VALUES (1)")


@pytest.mark.parametrize(
    ("user_name", "password"),
    [
        ("reader-at-111122223333", None),
        (f"reader-at-{ACCOUNT}", ""),
        (f"reader-at-{ACCOUNT}", "guess"),
        ("cassandra", "cassandra"),
        ("", "of no user"),
        ("nobody", "of no user"),
    ],
)
def test_refuses_a_wrong_password_in_the_services_words(
    keyspaces: LocalKeyspaces, user_name: str, password: str | None
) -> None:
    """A stranger could sign in, or a developer could not tell a wrong password from another fault."""
    issued = keyspaces.store.issue_password(keyspaces.store.session_of(READER))
    sent = issued.password if password is None else password
    with connect(keyspaces) as client:
        client.ask(startup())
        request = frame(Opcode.AUTH_RESPONSE, long_bytes(f"\0{user_name}\0{sent}".encode()))
        message = f"Provided username {user_name} and/or password are incorrect"
        assert client.ask_error(request) == (ErrorCode.BAD_CREDENTIALS, message)
        assert client.is_closed()


@pytest.mark.parametrize("token", [b"", b"SigV4", b"PLAIN", b"\0user", b"\0a\0b\0c", b"\0\xff\0b"])
def test_refuses_a_token_that_is_neither_sigv4_nor_plain(keyspaces: LocalKeyspaces, token: bytes) -> None:
    """A client with another mechanism would wait for a response, or end the endpoint's own work."""
    with connect(keyspaces) as client:
        client.ask(startup())
        code, message = client.ask_error(frame(Opcode.AUTH_RESPONSE, long_bytes(token)))
        assert code == ErrorCode.BAD_CREDENTIALS
        assert "Neither SigV4 nor a user name and a password" in message


def test_keeps_passwords_from_start_to_start(tmp_path: Path) -> None:
    """A user would have to set up a graphical client again each morning, or another user could read the password."""
    file = tmp_path / "credentials"

    async def start() -> tuple[CredentialStore, configparser.RawConfigParser]:
        store, written = CredentialStore(), configparser.RawConfigParser()
        async with keep_profiles(file, store, account=ACCOUNT, roles={"reader": READER}):
            written.read(file)
        return store, written

    _, first = asyncio.run(start())
    store, second = asyncio.run(start())
    assert file.stat().st_mode & 0o777 == 0o600
    for name in ("administrator", "reader"):
        user_name, password = second[name]["keyspaces_user_name"], second[name]["keyspaces_password"]
        assert password == first[name]["keyspaces_password"]
        assert (user_name, len(password)) == (f"{name}-at-{ACCOUNT}", 44)
        known = store.find_password(user_name)
        assert known is not None
        assert (known.principal.name, known.password) == (name, password)
        assert password not in repr(known)
    assert first["administrator"]["keyspaces_password"] != first["reader"]["keyspaces_password"]


@pytest.mark.parametrize(
    "request_",
    [
        frame(0x07, long_bytes(b"SELECT * FROM system.local") + b"\x00\x01\x00"),
        frame(Opcode.AUTH_RESPONSE, long_bytes(b"SigV4\0\0")),
        frame(Opcode.STARTUP, b"\xff\xff"),
        frame(0x7F),
    ],
)
def test_refuses_statements_before_authentication(keyspaces: LocalKeyspaces, request_: bytes) -> None:
    """A client could leave out the sign-in and read tables."""
    with connect(keyspaces) as client:
        assert client.ask_error(request_)[0] == ErrorCode.PROTOCOL_ERROR
        assert client.is_closed()


def test_ends_a_connection_that_sends_too_much_before_signing_in(keyspaces: LocalKeyspaces) -> None:
    """A stranger could fill the memory before signing in."""
    with connect(keyspaces) as client:
        client.connection.sendall(struct.pack(">BBhBI", 4, 0, 7, Opcode.STARTUP, 1 << 30))
        assert client.is_closed()


def test_serves_credentials_only_for_a_tasks_own_token(keyspaces: LocalKeyspaces) -> None:
    """Every task would have every role."""
    environment = keyspaces.environment()
    url = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    token = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": token})) as response:
        credentials = json.load(response)
    assert credentials.keys() == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration", "RoleArn"}
    for headers in ({}, {"Authorization": "guess"}):
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            urllib.request.urlopen(urllib.request.Request(url, headers=headers))
        refused.value.close()
