"""Signing in through roles, against an STS that answers over HTTP."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pytest

from components.connection import session_from

_ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{0}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            signed_with = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
            received.append({**request, "signed with": signed_with})
            body = _ANSWER.format(f"KEY{len(received)}").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


def test_assumes_one_role_after_the_other(requests: list[dict[str, str]]) -> None:
    """Organisations deploy through a chain of roles; the one-off task must run at its end, like everything else."""
    session = session_from(
        {
            "region": "eu-west-1",
            "assumeRoles": [
                {"roleArn": "arn:aws:iam::1:role/hub"},
                {"roleArn": "arn:aws:iam::2:role/deploy", "sessionName": "ci", "externalId": "ours"},
            ],
        }
    )
    first, second = requests
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
