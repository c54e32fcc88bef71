"""Draws the picture: boxes and arrows at fixed places, legible on light and on dark pages."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from diagram.stack_view import BALANCER, ENDPOINT, MicroserviceView, StackView, keyspace_line, role_line, table_line

_WIDTH: Final = 980
_TOP: Final = 52
_GAP: Final = 16  # between microservices
_LINE: Final = 16
_BALANCER: Final = (150, 130)  # left edge, width
_TASKS: Final = (335, 230)
_ENDPOINT: Final = (620, 110)
_KEYSPACES: Final = (790, 170)
_STYLE: Final = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.small { font-size: 11px; fill: #57606a; }
.name { font-weight: 600; }
.box { fill: #f6f8fa; stroke: #57606a; }
.room { fill: none; stroke: #57606a; stroke-dasharray: 5 4; }
.arrow { fill: none; stroke: #0969da; stroke-width: 1.6; marker-end: url(#tip); }
#tip path { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #9198a1; }
  .box { fill: #161b22; stroke: #9198a1; }
  .room { stroke: #9198a1; }
  .arrow { stroke: #58a6ff; }
  #tip path { fill: #58a6ff; }
}"""


def render(stack: StackView, links: Mapping[str, str] | None = None) -> str:
    """An SVG document that loads no other files. links: addresses for lines of its text."""
    links = links or {}
    lines = [_lines(each) for each in stack.microservices]
    heights = [28 + _LINE * len(each) for each in lines]
    tops = [_TOP + sum(heights[:number]) + number * _GAP for number in range(len(heights))]
    bottom = _TOP + sum(heights) + len(heights) * _GAP
    middle = (_TOP + bottom - _GAP) / 2
    centre = _TASKS[0] + _TASKS[1] / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 84:g}"'
        # Screen readers find no links inside an image.
        f' role="{"group" if links else "img"}"'
        ' aria-labelledby="title">',
        f'<title id="title">{escape(_in_words(stack))}</title>',
        f"<style>\n{_STYLE}\n</style>",
        '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">'
        '<path d="M0 0 L9 4.5 L0 9 z"/></marker></defs>',
        *_room(120, 10, 640, bottom, _network(stack)),
        *_box(10, middle - 26, 84, 52, ["Clients"], {}),
        *_box(_BALANCER[0], middle - 38, _BALANCER[1], 76, [BALANCER, *stack.listeners, "public subnets"], links),
        *_box(_ENDPOINT[0], middle - 38, _ENDPOINT[1], 76, [ENDPOINT, "for Keyspaces", "CQL on 9142, TLS"], links),
        *_keyspaces(stack, middle, links),
        _arrow(94, middle, _BALANCER[0], middle),
        _arrow(sum(_ENDPOINT), middle, _KEYSPACES[0], middle),
    ]
    for top, height, each, text in zip(tops, heights, stack.microservices, lines, strict=True):
        parts += _box(_TASKS[0], top, _TASKS[1], height, text, links)
        if each.is_called:
            parts.append(_arrow(sum(_BALANCER), middle, _TASKS[0], top + height / 2))
        parts.append(_arrow(sum(_TASKS), top + height / 2, _ENDPOINT[0], middle))
    egress = [f"Egress: {stack.egress}", "images (ECR), logs (CloudWatch)"]
    parts += _box(_TASKS[0], bottom + 28, _TASKS[1], 48, egress, {})
    parts.append(_arrow(centre, bottom - _GAP, centre, bottom + 28))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _in_words(stack: StackView) -> str:
    services = "; ".join(f"{each.name} ({each.runs}) may {', '.join(_access(each))}" for each in stack.microservices)
    return f"{stack.project}: clients reach the load balancer, tasks reach Keyspaces by an endpoint. {services}."


def _network(stack: StackView) -> str:
    return f"VPC {stack.cidr}, {stack.zones} availability zones" if stack.zones else "An existing VPC"


def _lines(each: MicroserviceView) -> Sequence[str]:
    return [each.name, f"{each.runs}, {each.size}", role_line(each.role), *_access(each)]


def _access(each: MicroserviceView) -> Sequence[str]:
    return [f"{access} {table}" for table, access in each.access.items()]


def _keyspaces(stack: StackView, middle: float, links: Mapping[str, str]) -> Iterator[str]:
    height = 58 + 18 * len(stack.tables)
    lines = ["Amazon Keyspaces", keyspace_line(stack.keyspace), *map(table_line, stack.tables)]
    yield from _box(_KEYSPACES[0], middle - height / 2, _KEYSPACES[1], height, lines, links)


def _room(x: float, y: float, width: float, height: float, title: str) -> Iterator[str]:
    yield f'<rect class="room" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8"/>'
    yield f'<text class="small" x="{x + 12:g}" y="{y + 18:g}">{escape(title)}</text>'


def _box(
    x: float, y: float, width: float, height: float, lines: Sequence[str], links: Mapping[str, str]
) -> Iterator[str]:
    """A box with lines of text; the first line is the name."""
    yield f'<rect class="box" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'
    first = y + height / 2 - (len(lines) - 1) * 8 + 4
    for number, line in enumerate(lines):
        kind = "name" if number == 0 else "small"
        text = (
            f'<text class="{kind}" x="{x + width / 2:g}" y="{first + number * 16:g}" text-anchor="middle">'
            f"{escape(line)}</text>"
        )
        yield f'<a href="{escape(links[line])}">{text}</a>' if line in links else text


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    half = (x1 + x2) / 2
    straight = y1 == y2 or x1 == x2
    way = f"L{x2:g} {y2:g}" if straight else f"C{half:g} {y1:g} {half:g} {y2:g} {x2:g} {y2:g}"
    return f'<path class="arrow" d="M{x1:g} {y1:g} {way}"/>'
