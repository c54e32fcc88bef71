"""Gives tasks the temporary credentials of their role over HTTP, as the ECS agent does on Fargate.

Implements the protocol of AWS_CONTAINER_CREDENTIALS_FULL_URI (SDKs and tools reference, "Container credential
provider"): SDKs send a GET with the task's token in `Authorization`, and repeat it before the credentials expire.
"""

import hmac
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from local.serving import serve_on
from local_keyspaces.credentials import CredentialStore, Role
from local_keyspaces.listening import listen


class CredentialsEndpoint:
    def __init__(self, store: CredentialStore) -> None:
        self._store = store
        self._role_by_token: dict[str, Role] = {}
        self._port = 0

    def environment_for(self, role: Role) -> Mapping[str, str]:
        """The environment variables with which a task of this role gets its credentials."""
        token = secrets.token_urlsafe(32)
        self._role_by_token[token] = role
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self._port}/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/credentials", self._answer)
        listener = listen(0, "again")
        self._port = listener.getsockname()[1]
        async with serve_on(listener, app):
            yield

    async def _answer(self, request: web.Request) -> web.Response:
        # A header may have any bytes; bytes that are not UTF-8 arrive as surrogates.
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        known = self._role_by_token.items()
        role = next((role for token, role in known if hmac.compare_digest(token.encode(), given)), None)
        if role is None:
            return web.json_response({"code": "AccessDenied", "message": "unknown authorization token"}, status=403)
        credentials = self._store.issue_for_role(role)
        assert credentials.expires is not None
        return web.json_response(
            {
                "AccessKeyId": credentials.access_key,
                "SecretAccessKey": credentials.secret_key,
                "Token": credentials.session_token,
                "Expiration": credentials.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "RoleArn": role.arn,
            },
            headers={"Cache-Control": "no-store"},
        )
