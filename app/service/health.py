"""The health routes: whether the process is alive, and whether it accepts requests.

These routes never use the database: a fault that all tasks share must not take all tasks out of service (AWS Builders'
Library, "Implementing health checks").
"""

from collections.abc import Mapping, Sequence

from service.problems import Problem, ServiceUnavailable
from service.representations import Representation
from service.routes import Content, Handler, Route, get

_TEXT = "text/plain; charset=utf-8"
PATHS = frozenset(("/ping", "/livez", "/readyz"))


class Health:
    """ready: true from the moment when the server listens until SIGTERM."""

    def __init__(self) -> None:
        self.ready = False

    def routes(self) -> Sequence[Route]:
        async def readyz() -> Representation:
            if not self.ready:
                raise ServiceUnavailable("This task is stopping; send requests to other tasks.")
            return _text("ready")

        declined: Mapping[type[Problem], str] = {ServiceUnavailable: "No: the task is stopping."}
        return [
            get("/ping", "Ask whether the task answers, as the load balancer does", answers=_word("pong"))(
                _say("pong")
            ),
            get("/livez", "Ask whether the process is alive", answers=_word("live"))(_say("live")),
            get("/readyz", "Ask whether the task accepts requests", answers=_word("ready"), problems=declined)(readyz),
        ]


def _say(word: str) -> Handler:
    representation = _text(word)

    async def answer() -> Representation:
        return representation

    return answer


def _text(word: str) -> Representation:
    return Representation.of(f"{word}\n".encode(), _TEXT)


def _word(word: str) -> Content:
    schema = {"type": "string", "const": f"{word}\n"}
    return Content(media_type=_TEXT, schema=schema, description="Yes.", conditional=False)
