"""The endpoint from which tasks get the temporary credentials of their roles."""

import asyncio

import pytest

from local.credentials_endpoint import CredentialsEndpoint
from local_keyspaces.credentials import CredentialStore
from tests.keyspaces import EVERYTHING


@pytest.mark.parametrize("token", [b"", b"wrong", b"\xff", "é".encode()])
def test_refuses_a_token_that_it_has_not_given(token: bytes) -> None:
    """A stranger's token would give a role's credentials, or a developer's terminal would show a traceback."""

    async def scenario() -> bytes:
        endpoint = CredentialsEndpoint(CredentialStore())
        async with endpoint.serve():
            address = endpoint.environment_for(EVERYTHING)["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
            port = int(address.split(":")[2].split("/")[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /credentials HTTP/1.1\r\nHost: a\r\nAuthorization: " + token + b"\r\n\r\n")
            status = await reader.readline()
            writer.close()
            return status

    assert b" 403 " in asyncio.run(scenario())
