"""Credentials with which clients sign in: temporary ones of roles, as STS issues them, and long-term ones of users.

Service-specific credentials are user names with passwords. IAM makes them for users only; here roles have them, too.
"""

import datetime
import secrets
from dataclasses import dataclass, field

from local_keyspaces.iam import Policy, Principal
from local_keyspaces.least_privilege import RoleDecisions

_LIFETIME = datetime.timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """session_token and expires: None for long-term credentials, which never expire."""

    principal: Principal
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires: datetime.datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Password:
    """A service-specific credential; it never expires."""

    principal: Principal
    user_name: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Role:
    """The policies of a role's sessions."""

    arn: str
    policies: tuple[Policy, ...]


class CredentialStore:
    """Credentials by access key, and passwords by user name, in memory only."""

    def __init__(self) -> None:
        self._by_access_key: dict[str, Credentials] = {}
        self._by_user_name: dict[str, Password] = {}
        self.decisions = RoleDecisions()
        """The decisions of all principals of these credentials, including expired ones."""

    def add(self, credentials: Credentials) -> None:
        self._by_access_key[credentials.access_key] = credentials

    def find(self, access_key: str) -> Credentials | None:
        return self._by_access_key.get(access_key)

    def issue_for_role(self, role: Role, lifetime: datetime.timedelta = _LIFETIME) -> Credentials:
        """New temporary credentials of an assumed role; forgets the expired ones."""
        now = datetime.datetime.now(datetime.UTC)
        self._by_access_key = {
            key: known for key, known in self._by_access_key.items() if known.expires is None or known.expires > now
        }
        credentials = Credentials(
            principal=self.session_of(role),
            access_key="ASIA" + _random_id(16),
            secret_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(48),
            expires=now + lifetime,
        )
        self.add(credentials)
        return credentials

    def session_of(self, role: Role) -> Principal:
        """A new session of an assumed role."""
        account, name = role.arn.split(":")[4], role.arn.rpartition("/")[2]
        return Principal(
            arn=f"arn:aws:sts::{account}:assumed-role/{name}/{secrets.token_hex(8)}",
            policies=role.policies,
            decided=self.decisions.of(name),
        )

    def issue_for_user(self, user: Principal) -> Credentials:
        """New long-term credentials of a user."""
        credentials = Credentials(
            principal=user, access_key="AKIA" + _random_id(16), secret_key=secrets.token_urlsafe(30)
        )
        self.add(credentials)
        return credentials

    def issue_password(self, principal: Principal, password: str | None = None) -> Password:
        """Issues a user name, in IAM's form, with a password. password: None for a random one."""
        name = f"{principal.name}-at-{principal.arn.split(':')[4]}"
        issued = Password(principal=principal, user_name=name, password=password or secrets.token_urlsafe(33))
        self._by_user_name[name] = issued
        return issued

    def find_password(self, user_name: str) -> Password | None:
        return self._by_user_name.get(user_name)


def _random_id(length: int) -> str:
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(length))
