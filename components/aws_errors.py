"""Errors of AWS in a dynamic resource: one sentence with the action, the reason and what to do."""

import threading
from collections.abc import Collection
from typing import Any

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
)

AWS_ERRORS = (ClientError, BotoCoreError)

# Error codes of the services, and "Common Error Types" of their API references. The throttling codes are botocore's
# own list of errors to retry (botocore/retries/standard.py, ThrottledRetryableChecker).
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized")
_THROTTLED = (
    *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
    *("TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException"),
    *("SlowDown", "PriorRequestNotComplete", "TransactionInProgressException", "EC2ThrottledException"),
)
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
_NOT_ACCEPTED = (
    *("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "OptInRequired"),
    *("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken"),
)
_SIGN_IN = "sign in by aws:profile, aws:assumeRoles or the AWS_* environment variables"

_calls = threading.local()


class ResourceFailed(Exception):
    """A dynamic resource has failed; the message says why and what to do. Pulumi shows it without a traceback."""


def record_calls(session: boto3.Session) -> None:
    """Remembers the last action that a client of `session` calls: botocore's own errors, such as an unreachable
    endpoint, do not name the action."""
    session.events.register("before-call", _record)


def _record(model: Any, **_: Any) -> None:
    _calls.last = f"{model.service_model.signing_name}:{model.name}"


def forget_calls() -> None:
    _calls.last = None


def in_words(error: ClientError | BotoCoreError) -> str:
    """One sentence: the action as IAM spells it, the reason, the remedy, and the message of AWS or botocore."""
    last: str | None = getattr(_calls, "last", None)
    if isinstance(error, ClientError):
        action = last if last and last.endswith(f":{error.operation_name}") else error.operation_name
        code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        return f"{_client_error(code, action)}, then run this again ({' '.join(f'{code}: {message}'.split())})"
    return f"{_botocore_error(error, last or 'signing in')}, then run this again ({' '.join(str(error).split())})"


def _client_error(code: str, action: str) -> str:
    kinds: list[tuple[Collection[str], str]] = [
        (_DENIED, f"{action} is not allowed: grant it to the principal that runs Pulumi"),
        (_THROTTLED, f"{action} is throttled: wait a minute"),
        (_EXPIRED, f"the credentials have expired at {action}: sign in again"),
        (_NOT_ACCEPTED, f"AWS does not accept the credentials for {action}: {_SIGN_IN}"),
    ]
    return next((words for codes, words in kinds if code in codes), f"{action} failed: remove the cause")


def _botocore_error(error: BotoCoreError, action: str) -> str:
    if isinstance(error, SSOError):
        return f"the sign-in by IAM Identity Center is not valid for {action}: sign in again (aws sso login)"
    if isinstance(error, ProfileNotFound):
        return "the profile is not in the AWS configuration of this machine: create it or correct aws:profile"
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return f"there are no credentials for {action}: {_SIGN_IN}"
    if isinstance(error, ConnectionError | HTTPClientError):
        return f"{action} cannot reach its endpoint: check the region, the network and the proxy of this machine"
    return f"{action} failed: remove the cause"
