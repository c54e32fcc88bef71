"""Signing in: from a client's first frame to the AUTH_RESPONSE that identifies its principal."""

from dataclasses import dataclass

from local_keyspaces import frames, plain, sigv4
from local_keyspaces.credentials import CredentialStore
from local_keyspaces.frames import ErrorCode, Frame, FrameBuffer, Opcode, ProtocolError, Reader
from local_keyspaces.guidance import ServiceRule
from local_keyspaces.iam import Principal
from local_keyspaces.link import Link

# The class name that the service sends, and some clients require; seen in apache/cassandra-gocql-driver, pull request
# 1379.
_AUTHENTICATOR = "com.amazon.helenus.auth.HelenusAuthenticator"
_SUPPORTED = frames.string_multimap(
    {
        "CQL_VERSION": ["3.4.4"],
        "COMPRESSION": [frames.COMPRESSION],
        "PROTOCOL_VERSIONS": ["4/v4"],
        # The service does not have it: clients that support it send the id of the request that a statement belongs to.
        "CUSTOM_PAYLOAD": [frames.REQUEST_ID],
    }
)
# No frame before the sign-in is larger.
LARGEST_BEFORE = 64 * 1024


class SignInRefused(Exception):
    """The client has received the error, and its connection must be closed."""

    def __init__(self, message: str, rule: ServiceRule = ServiceRule.SIGN_IN) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """request: the frame that must still be answered with AUTH_SUCCESS. options: those in STARTUP."""

    principal: Principal
    options: dict[str, str]
    request: Frame


async def sign_in(
    client: Link,
    buffer: FrameBuffer,
    *,
    region: str,
    store: CredentialStore,
    all_expired: bool,
) -> SignedIn:
    """Signs a client in; data after its last frame stays in `buffer`. all_expired: refuses temporary credentials as
    expired. Raises SignInRefused, EOFError and ProtocolError."""
    options: dict[str, str] | None = None
    nonce: bytes | None = None
    while True:
        frame = await next_frame(client, buffer)
        try:
            check_version(frame)
            match frame.opcode, options, nonce:
                case Opcode.OPTIONS, _, _:
                    reply = supported(frame)
                case Opcode.STARTUP, None, _:
                    options = _startup_options(frame)
                    reply = frame.reply(Opcode.AUTHENTICATE, frames.string(_AUTHENTICATOR))
                case Opcode.AUTH_RESPONSE, dict(), None:
                    if (token := _token(frame)) != sigv4.FIRST_TOKEN:
                        return SignedIn(principal=plain.verify(token, store=store), options=options, request=frame)
                    nonce = sigv4.new_nonce()
                    reply = frame.reply(Opcode.AUTH_CHALLENGE, frames.bytes_(sigv4.challenge(nonce)))
                case Opcode.AUTH_RESPONSE, dict(), bytes():
                    credentials = sigv4.verify(_token(frame), nonce, region=region, store=store)
                    if all_expired and credentials.expires is not None:
                        raise sigv4.BadCredentials(sigv4.EXPIRED)
                    return SignedIn(principal=credentials.principal, options=options, request=frame)
                case _:
                    raise ProtocolError("Unexpected message: sign in first, with STARTUP and AUTH_RESPONSE")
        except sigv4.BadCredentials as error:
            await _refuse(client, frame, ErrorCode.BAD_CREDENTIALS, str(error))
        except ProtocolError as error:
            await _refuse(client, frame, ErrorCode.PROTOCOL_ERROR, str(error))
        client.send(reply.encode())
        await client.drain()


async def next_frame(link: Link, buffer: FrameBuffer) -> Frame:
    """Raises EOFError at the end of the connection, and ProtocolError."""
    while (frame := buffer.next()) is None:
        chunk = await link.read()
        if not chunk:
            raise EOFError
        buffer.feed(chunk)
    return frame


def check_version(frame: Frame) -> None:
    """Raises ProtocolError, with Cassandra's message: drivers recognise it, and try a lower version."""
    if frame.version != frames.VERSION:
        raise ProtocolError(
            f"Invalid or unsupported protocol version ({frame.version & 0x7F}); supported versions are (4/v4)"
        )


def supported(request: Frame) -> Frame:
    return request.reply(Opcode.SUPPORTED, _SUPPORTED)


def _startup_options(frame: Frame) -> dict[str, str]:
    reader = Reader(frame.body)
    options = reader.string_map()
    reader.end()
    if options.get("COMPRESSION", frames.COMPRESSION).lower() != frames.COMPRESSION:
        raise ProtocolError(f"unknown compression {options['COMPRESSION']!r}; {frames.COMPRESSION} is supported")
    return options


def _token(frame: Frame) -> bytes:
    reader = Reader(frame.body)
    token = reader.bytes_or_null()
    reader.end()
    return token or b""


async def _refuse(client: Link, frame: Frame, code: ErrorCode, message: str) -> None:
    client.send(frame.reply_error(code, message).encode())
    await client.drain()
    raise SignInRefused(
        message, ServiceRule.SIGN_IN if frame.version == frames.VERSION else ServiceRule.PROTOCOL_VERSION
    )
