"""Reads a request's JSON body and decodes it to the type that the handler declares."""

import re
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope

from service.problems import BadRequest, UnsupportedMediaType
from service.representations import JSON

_AT_PATH: Final = re.compile(r"(?P<what>.*) - at `(?P<path>.*)`", re.DOTALL)
_AT_BYTE: Final = re.compile(r"JSON is malformed: (?P<what>.*) \(byte (?P<byte>\d+)\)")


class Body:
    """Reads bodies of one type, a `msgspec.Struct`."""

    def __init__(self, type_: Any) -> None:
        self.type = type_
        self._decode = msgspec.json.Decoder(type_).decode

    async def read(self, scope: Scope, receive: Receive) -> tuple[bytes, Any]:
        """The body's bytes, and the decoded body. Raises UnsupportedMediaType, and BadRequest for an invalid body."""
        _check_media_type(scope)
        raw = await _whole(receive)
        if not raw:
            raise BadRequest("The body is empty; send a JSON object.")
        try:
            return raw, self._decode(raw)
        except msgspec.ValidationError as error:
            raise BadRequest(_sentence(str(error))) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            found = _AT_BYTE.fullmatch(str(error))
            mistake = f"JSON from byte {found['byte']} on: {found['what']}" if found else "complete JSON in UTF-8"
            raise BadRequest(f"The body is not {mistake}.") from error


def _check_media_type(scope: Scope) -> None:
    media_type, encoding = "", ""
    for name, value in scope["headers"]:
        if name == b"content-type":
            media_type = value.decode("latin-1").partition(";")[0].strip().lower()
        elif name == b"content-encoding":
            encoding = value.decode("latin-1").strip().lower()
    if media_type != JSON:
        raise UnsupportedMediaType(f"Send the body as {JSON}, with this Content-Type.")
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(
            "Send the body uncompressed, without Content-Encoding.", headers={"Accept-Encoding": "identity"}
        )


async def _whole(receive: Receive) -> bytes:
    """The whole body. The server has received it before the request starts, and has limited its size."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _sentence(message: str) -> str:
    """A sentence for msgspec's "Expected `str`, got `int` - at `$.items[0]`", which never repeats a value."""
    found = _AT_PATH.fullmatch(message)
    what, path = (found["what"], found["path"]) if found else (message, "$")
    where = f"The body's {path.removeprefix('$').removeprefix('.')}" if path != "$" else "The body"
    return f"{where} is wrong: {what[:1].lower()}{what[1:]}."
