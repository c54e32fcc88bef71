"""The OpenAPI document as an HTML page that loads no other files and needs no script."""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlencode

from service.problems import WriteOutcomeUnknown
from service.routes import Node

_PAGES = Path(__file__).with_name("pages")
STYLE = (_PAGES / "docs.css").read_text()
_FOLLOW = ("head", "options")  # methods that follow from a route, so the page does not list them


def render(document: Node) -> str:
    """The document as HTML."""
    routes = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method not in _FOLLOW
    }
    first, *others = (operation["responses"] for operation in routes.values())
    everywhere = {status: each for status, each in first.items() if all(other.get(status) == each for other in others)}
    return _fill(
        "docs.html",
        title=html.escape(document["info"]["title"]),
        version=html.escape(document["info"]["version"]),
        openapi=html.escape(document["openapi"]),
        style=STYLE,
        about="\n".join(f"<p>{_prose(each)}</p>" for each in document["info"]["description"].split("\n\n")),
        contents="\n".join(
            f'<li><a href="#{_anchor(*route)}"><code>{_route(*route)}</code></a> {_prose(operation["summary"])}</li>'
            for route, operation in routes.items()
        ),
        operations="\n".join(
            _operation(document, *route, operation, everywhere) for route, operation in routes.items()
        ),
        everywhere=_answers("Answers of all routes, besides their own", document, everywhere),
        outcome_unknown=_outcome_unknown(document),
        schemas="\n".join(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
    )


def _operation(document: Node, method: str, path: str, operation: Node, everywhere: Node) -> str:
    given = [_resolved(document, each) for each in operation["parameters"]]
    own = {status: each for status, each in operation["responses"].items() if status not in everywhere}
    return _fill(
        "operation.html",
        anchor=_anchor(method, path),
        route=_route(method, path),
        summary=_prose(operation["summary"]),
        curl=html.escape(_curl(document, method, path, operation, given)),
        parameters=_table(
            "Parameters",
            ("name", "place", "description", "values"),
            (
                (_code(each["name"]), each["in"], _prose(each["description"]), _constraints(each["schema"]))
                for each in given
            ),
        ),
        responses=_answers("Answers", document, own),
    )


def _outcome_unknown(document: Node) -> str:
    """The text that the problem's `type` links to; empty if no route changes anything."""
    found = document["components"]["responses"].get(WriteOutcomeUnknown.__name__)
    if found is None:
        return ""
    anchor = WriteOutcomeUnknown.type.partition("#")[2]
    return f'<h2 id="{anchor}">Outcome unknown</h2>\n<p>{_prose(found["description"])}</p>'


def _answers(caption: str, document: Node, responses: Node) -> str:
    resolved = {status: _resolved(document, each) for status, each in responses.items()}
    return _table(
        caption,
        ("status", "when", "headers", "body"),
        (
            (
                _code(status),
                _prose(each["description"]),
                ", ".join(_code(name) for name in each["headers"]),
                ", ".join(map(_code, each.get("content", {}))),
            )
            for status, each in resolved.items()
        ),
    )


def _curl(document: Node, method: str, path: str, operation: Node, given: Sequence[Node]) -> str:
    examples = {
        place: {each["name"]: each["example"] for each in given if "example" in each and each["in"] == place}
        for place in ("path", "query", "header")
    }
    query = f"?{urlencode(examples['query'])}" if examples["query"] else ""
    address = path.format_map(_Examples(examples["path"]))
    parts = ["curl -i", *([f"-X {method}"] if method not in ("GET", "POST") else []), f'"$URL{address}{query}"']
    parts += [f"-H '{name}: {value}'" for name, value in examples["header"].items()]
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        example = _resolved(document, content["schema"]).get("examples", [{}])[0]
        parts.append(f"--json '{json.dumps(example, ensure_ascii=False)}'")
    return " ".join(parts)


class _Examples(dict[str, str]):
    def __missing__(self, name: str) -> str:
        """The name in braces, for a parameter without an example."""
        return f"{{{name}}}"


def _schema(name: str, schema: Node) -> str:
    rows = (
        (_code(field), _prose(each.get("description", "")), _constraints(each))
        for field, each in schema["properties"].items()
    )
    example = "".join(
        f'<pre tabindex="0">{html.escape(json.dumps(each, indent=2, ensure_ascii=False))}</pre>'
        for each in schema.get("examples", [])
    )
    fields = _table("Fields", ("name", "description", "values"), rows)
    return f"<h3>{html.escape(name)}</h3>\n<p>{_prose(schema['description'])}</p>\n{fields}{example}"


def _constraints(schema: Mapping[str, Any]) -> str:
    """A JSON schema's keywords, without those that only describe."""
    shown = {key: value for key, value in schema.items() if key not in ("description", "examples")}
    return ", ".join(f"{html.escape(key)} {_code(json.dumps(value))}" for key, value in shown.items())


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table; empty without rows. rows: cells of HTML; the first cell is the row's header."""
    lines = [f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows]
    if not lines:
        return ""
    titles = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in head)
    return "\n".join([f"<table><caption>{html.escape(caption)}</caption>", f"<tr>{titles}</tr>", *lines, "</table>"])


def _resolved(document: Node, node: Node) -> Node:
    """The target of a node's reference within the document; the node itself if it has no reference."""
    if "$ref" not in node:
        return node
    found: Any = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _code(text: str) -> str:
    return f"<code>{html.escape(text)}</code>"


def _prose(text: str) -> str:
    """HTML of a text that has code in backticks."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _route(method: str, path: str) -> str:
    return html.escape(f"{method} {path}")


def _anchor(method: str, path: str) -> str:
    return re.sub("[^a-z]+", "-", f"{method}-{path}".lower()).strip("-")


def _fill(page: str, **values: str) -> str:
    return Template((_PAGES / page).read_text()).substitute(values)
