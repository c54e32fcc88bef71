"""The diagram of a program's declared resources: it is complete and well-formed, and the same program gives the
same file.
"""

import xml.etree.ElementTree as ElementTree

import pytest

from declared.program import Program
from diagram.__main__ import draw
from diagram.stack_view import resources_by_line, view_of
from diagram.svg import render
from tests.evaluation import ROOT

_SVG = "{http://www.w3.org/2000/svg}"


def _texts(picture: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(picture).iter(f"{_SVG}text")]


@pytest.fixture(scope="module")
def orders() -> str:
    return draw(ROOT / "examples" / "orders", "dev")


def test_shows_each_microservice_with_its_permissions(orders: str) -> None:
    """A reader trusts a diagram that hides a permission or a table."""
    texts = _texts(orders)
    for expected in (
        *("orders-api", "2 tasks, 0.25 vCPU, 0.5 GB", "role orders-api-task:", "load-orders", "HTTP 80"),
        *("write orders", "write order_events", "write order_requests", "keyspace shop", "table order_events"),
        *("VPC 10.0.0.0/16, 2 availability zones", "Egress: NAT gateway"),
    ):
        assert expected in texts


def test_leads_from_each_line_to_its_resource_where_links_are_given(program: Program) -> None:
    """A click on a resource in the console's diagram leads nowhere, or to another resource."""
    resources = resources_by_line(program)
    drawn = ElementTree.fromstring(
        render(view_of(program, "dev"), {line: f"?urn={each.urn}" for line, each in resources.items()})
    )
    links = {link[0].text: link.attrib["href"].rpartition("::")[2] for link in drawn.iter(f"{_SVG}a")}
    assert links == {
        "Load balancer": "keyspaces",
        "Endpoint": "keyspaces-keyspaces",
        "keyspace geography_domain": "keyspaces",
        "table countries": "load-countries-countries",
        "load-countries": "load-countries",
        "role load-countries-task:": "load-countries-task",
        "query-api": "query-api",
        "role query-api-task:": "query-api-task",
    }
    assert drawn.attrib["role"] == "group", "a screen reader does not find links inside an image"


def test_keeps_all_text_inside_its_box(orders: str) -> None:
    """A long name is written over its neighbour."""
    root = ElementTree.fromstring(orders)
    boxes = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        for box in root.iter(f"{_SVG}rect")
        if box.attrib["class"] == "box"
    ]
    for text in root.iter(f"{_SVG}text"):
        if text.get("text-anchor") == "middle":
            x, y, wide = float(text.attrib["x"]), float(text.attrib["y"]), 6.4 * len(text.text or "")
            assert any(
                left <= x - wide / 2 and x + wide / 2 <= left + width and top <= y <= top + height
                for left, top, width, height in boxes
            ), text.text


def test_has_colours_for_dark_pages_and_a_title_for_screen_readers(orders: str) -> None:
    """Readers with dark pages see black text on black, and a screen reader only says "image"."""
    assert "@media (prefers-color-scheme: dark)" in orders
    assert "orders-api (2 tasks) may write orders" in orders[: orders.index("</title>")]


def test_loads_nothing_external(orders: str) -> None:
    """GitHub does not show a diagram that loads fonts or scripts."""
    assert orders.count("http") == orders.count("http://www.w3.org/2000/svg")
    assert "<script" not in orders


def test_is_drawn_the_same_each_time(orders: str) -> None:
    """A commit changes the diagram although the program is the same."""
    assert draw(ROOT / "examples" / "orders", "dev") == orders
