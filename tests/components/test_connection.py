"""Signing in through roles, against an STS that answers over HTTP."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from components.connection import SignIn, WrongAccount, session_from
from tests.serving.threads import in_thread

_ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{0}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::000000000002:assumed-role/deploy/ci</Arn><Account>000000000002</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            signed_with = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
            received.append({**request, "signed with": signed_with})
            answer = _IDENTITY if request["Action"] == "GetCallerIdentity" else _ANSWER
            body = answer.format(f"KEY{len(received)}").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with in_thread(server):
        yield received


def test_assumes_one_role_after_the_other(requests: list[dict[str, str]]) -> None:
    """An organisation that deploys through a chain of roles runs the one-off task with another role than the stack."""
    roles = [
        {"roleArn": "arn:aws:iam::1:role/hub"},
        {"roleArn": "arn:aws:iam::2:role/deploy", "sessionName": "ci", "externalId": "ours"},
    ]
    settings = {"aws:assumeRoles": json.dumps(roles)}  # As the engine passes it.
    session = session_from({"region": "eu-west-1", "account": "000000000002"}, SignIn.from_config(settings.get))
    first, second, asked = requests
    assert (asked["Action"], asked["signed with"]) == ("GetCallerIdentity", "KEY2")
    assert (first["RoleArn"], first["RoleSessionName"], first["signed with"]) == (
        "arn:aws:iam::1:role/hub",
        "pulumi",
        "OWN",
    )
    assert (second["RoleArn"], second["RoleSessionName"], second["ExternalId"], second["signed with"]) == (
        "arn:aws:iam::2:role/deploy",
        "ci",
        "ours",
        "KEY1",
    )
    credentials = session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == "KEY2"
    assert session.region_name == "eu-west-1"


def test_signs_in_with_a_profile(
    requests: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The task runs in the account of the default profile."""
    (tmp_path / "credentials").write_text("[prod]\naws_access_key_id = PRODKEY\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    session = session_from({"region": "eu-west-1", "account": "000000000002"}, SignIn(profile="prod"))
    assert [request["signed with"] for request in requests] == ["PRODKEY"]
    assert session.region_name == "eu-west-1"


def test_passes_on_every_attribute_of_a_role(requests: list[dict[str, str]]) -> None:
    """The one-off task runs in a session with more permissions, or without the tags that policies require."""
    role = {
        "roleArn": "arn:aws:iam::1:role/deploy",
        "duration": "1h30m",
        "policy": "{}",
        "policyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "sourceIdentity": "alice",
        "tags": {"Team": "shop"},
        "transitiveTagKeys": ["Team"],
    }
    session_from({"region": "eu-west-1", "account": "000000000002"}, SignIn(roles=[role]))
    request, _ = requests
    assert {key: value for key, value in request.items() if key not in ("Action", "Version", "signed with")} == {
        "RoleArn": "arn:aws:iam::1:role/deploy",
        "RoleSessionName": "pulumi",
        "DurationSeconds": "5400",
        "Policy": "{}",
        "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "SourceIdentity": "alice",
        "Tags.member.1.Key": "Team",
        "Tags.member.1.Value": "shop",
        "TransitiveTagKeys.member.1": "Team",
    }


def test_refuses_another_account_than_the_providers(requests: list[dict[str, str]]) -> None:
    """A secret is made in the wrong account, and `pulumi destroy` deletes by name in that account."""
    with pytest.raises(WrongAccount) as refused:
        session_from({"region": "eu-west-1", "account": "000000000001"}, SignIn())
    assert str(refused.value) == (
        "the stack's aws provider is signed in to account 000000000001, and boto3 to 000000000002 as"
        " arn:aws:sts::000000000002:assumed-role/deploy/ci: sign both in to 000000000001 by aws:profile,"
        " aws:assumeRoles or the AWS_* environment variables, since the credentials of an explicit aws.Provider do not"
        " reach boto3"
    )
    assert [request["Action"] for request in requests] == ["GetCallerIdentity"]
