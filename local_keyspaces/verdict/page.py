"""The verdict as one HTML file that loads nothing from elsewhere."""

import json
from pathlib import Path

import jinja2

from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.verdict.report import Verdict, times


def write_report(verdict: Verdict, file: Path) -> None:
    """HTML, or JSON if the file's name ends in .json. Raises LocalKeyspacesError if it cannot be written."""
    text = json.dumps(verdict.as_json(), indent=2) if file.suffix == ".json" else as_html(verdict)
    try:
        file.write_text(text)
    except OSError as error:
        raise LocalKeyspacesError(f"{file} cannot be written: {error.strerror}") from None


def as_html(verdict: Verdict) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(Path(__file__).with_name("report.html").read_text())
    return template.render(verdict=verdict, times=times)
