"""docs/service.md shows the countries' routes as its example."""

from tests.processes import ROOT


def test_shows_the_routes_as_they_are() -> None:
    """A reader would copy an example that does not run."""
    document = (ROOT / "docs" / "service.md").read_text()
    shown = document.split("<!-- routes: begin -->\n```python\n")[1].split("```\n<!-- routes: end -->")[0]
    assert shown == (ROOT / "app" / "countries" / "routes.py").read_text()
