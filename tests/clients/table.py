"""The results as a table in docs/keyspaces.md."""

import re
from collections.abc import Sequence

from tests.clients.languages import PROGRAMS, Client
from tests.clients.run import Result
from tests.processes import ROOT

_DOCUMENT = ROOT / "docs" / "keyspaces.md"
_BETWEEN = re.compile(r"(<!-- clients: begin -->\n).*?(<!-- clients: end -->)", re.DOTALL)


def render(results: Sequence[Result]) -> str:
    lines = ["| program | driver | sign-in | passed | refused |", "| --- | --- | --- | --- | --- |"]
    lines += [_row(result) for result in results]
    return "".join(f"{line}\n" for line in lines)


def stored() -> str:
    """The table of the last run, in the document."""
    (found,) = _BETWEEN.finditer(_DOCUMENT.read_text())
    return found[0]


def store(table: str) -> None:
    text = _DOCUMENT.read_text()
    _DOCUMENT.write_text(_BETWEEN.sub(lambda found: f"{found[1]}\n{table}\n{found[2]}", text))


def driver_of(client: Client) -> str:
    return f"{client.driver.rpartition('/')[2]} {client.version(client.driver)}"


def plugin_of(client: Client) -> str:
    """The plugin for SigV4, or "" if there is none."""
    if client.plugin is None:
        return ""
    return f"{client.plugin.rpartition('/')[2]} {client.version(client.plugin)}"


def _link(result: Result) -> str:
    client = result.client
    path = (PROGRAMS / client.folder / client.source).relative_to(ROOT)
    return f"[{client.language}](../{path})"


def _row(result: Result) -> str:
    client = result.client
    driver = driver_of(client)
    sign_in = f"SigV4: {plugin_of(client)}" if result.sign_in == "sigv4" else "password"
    if result.missing:
        return f"| {_link(result)} | {driver} | {sign_in} | | not run: {result.missing} |"
    refused = "; ".join(f"{step}: {_cell(why)}" for step, why in result.failed.items()) or "nothing"
    steps = len(client.steps)
    return f"| {_link(result)} | {driver} | {sign_in} | {len(result.passed)} of {steps} | {refused} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
