"""Builds the documentation as a site: `make docs`.

The pages keep their paths, so that links of GitHub also work here. Linked files are copied; a link to a folder becomes
a link to its README. The reference is made from the packages' docstrings.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = ROOT / "build" / "pages"
_LINK = re.compile(r"(\]\()(?!https?:|#)([^)\s#]+)(#[^)\s]*)?\)")
# Titles of the reference's pages, by package.
_REFERENCE = {
    "components": "The components",
    "service": "The kit",
    "loader": "The loader",
    "local.testing": "Tests of a stack",
    "local_keyspaces.metered": "The meter in tests",
}


def main() -> int:
    shutil.rmtree(PAGES, ignore_errors=True)
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "examples" / "orders" / "README.md"]:
        _place(page)
    for module, title in _REFERENCE.items():
        page = PAGES / "reference" / f"{module}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"# {title}\n\n::: {module}\n")
    config = Path(__file__).with_name("mkdocs.yml")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", config]
    built = subprocess.run(command, cwd=ROOT, env=environment)
    if built.returncode == 0:
        print(f"built {(ROOT / 'build' / 'site' / 'index.html').relative_to(ROOT)}")
    return built.returncode


def _place(page: Path) -> None:
    """Copies a page and the files that it links to."""
    target = PAGES / page.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)

    def to_file(link: "re.Match[str]") -> str:
        linked = (page.parent / link[2]).resolve()
        address = link[2]
        if linked.is_dir():
            address = f"{address.rstrip('/')}/README.md"
        elif linked.suffix != ".md" and linked.is_file():
            copied = PAGES / linked.relative_to(ROOT)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(linked, copied)
        return f"{link[1]}{address}{link[3] or ''})"

    target.write_text(_LINK.sub(to_file, page.read_text()))


if __name__ == "__main__":
    sys.exit(main())
