"""Edits that are live: which files matter, what they change, and a stack that takes them while it serves."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from declared.program import Program
from local import translation
from local.differences import differences
from local.edits import is_of_image, is_of_program, is_watched
from local.testing import RunningStack, run_stack
from tests.evaluation import ROOT, evaluate
from tests.keyspaces import JARS
from tests.processes import get, wait_until
from tests.tree import copy_of_what_git_has


@pytest.mark.parametrize(
    ("file", "of"),
    [
        ("app/countries/routes.py", {"query-api"}),
        ("app/service/tables.py", {"query-api"}),
        ("app/keyspaces/session.py", {"query-api", "load-countries"}),
        ("app/load_countries/countries.json", {"load-countries"}),
        ("app/countries.requirements.txt", {"query-api"}),
        ("app/countries_old/routes.py", set()),
        ("components/iam.py", set()),
    ],
)
def test_knows_whose_image_a_file_is_in(program: Program, file: str, of: set[str]) -> None:
    """An edit of the API runs the loader again, or an edit changes nothing."""
    steps = translation.read(program, ROOT, "http://127.0.0.1:1").steps
    assert {step.name for step in steps if is_of_image(ROOT / file, step.task)} == of


def test_knows_which_files_the_program_is_made_of(program: Program) -> None:
    """An edit of a setting changes nothing, or one of a test evaluates the program."""
    import settings.service

    for file in (ROOT / "__main__.py", ROOT / "Pulumi.dev.yaml", Path(settings.service.__file__)):
        assert is_of_program(file, ROOT)
    for file in (ROOT / "README.md", ROOT / "app" / "countries" / "routes.py", ROOT / "local" / "live.py"):
        assert not is_of_program(file, ROOT)
    assert not is_watched(ROOT / ".local" / "up.log")
    assert not is_watched(ROOT / "app" / "__pycache__" / "routes.cpython-311.pyc")


def test_says_what_an_edit_changes(program: Program) -> None:
    """A developer learns of a changed role when it is deployed to AWS."""
    assert list(differences(program, program)) == []
    assert "~ aws:ecs/service:Service query-api: desiredCount" in differences(program, evaluate(queryApiTasks="3"))
    without = replace(program, resources=program.resources[:-1])
    (removed,) = differences(program, without)
    (added,) = differences(without, program)
    assert removed.startswith("- ")
    assert added == f"+ {removed[2:]}"
    assert list(differences(replace(program, resources=[]), program))[-1].endswith(" more")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningStack, Path]]:
    tree = copy_of_what_git_has(tmp_path_factory.mktemp("tree"))
    with run_stack(tree, directory=tree / ".local", jars=JARS) as stack:
        yield stack, tree


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _log(stack: RunningStack) -> str:
    return (stack.state.directory / "up.log").read_text()


@pytest.mark.long
def test_serves_edited_code_without_a_failed_request(stack: tuple[RunningStack, Path]) -> None:
    """A changed line means to stop the stack, and a deployment here teaches nothing about one on AWS."""
    running, tree = stack
    url = running.outputs["url"]
    routes = tree / "app" / "countries" / "routes.py"

    def detail() -> str:
        return str(get(f"{url}/countries/zz").json()["detail"])

    async def load(answers: Counter[int], stop: asyncio.Event) -> None:
        async with aiohttp.ClientSession() as session:
            while not stop.is_set():
                async with session.get(f"{url}/countries/us") as answer:
                    await answer.read()
                    answers[answer.status] += 1

    async def scenario() -> Counter[int]:
        answers, stop = Counter[int](), asyncio.Event()
        clients = [asyncio.create_task(load(answers, stop)) for _ in range(32)]
        started = time.monotonic()
        await asyncio.to_thread(_edit, routes, "There is no country", "No such country:")
        await asyncio.to_thread(wait_until, lambda: detail().startswith("No such"))
        print(f"live after {time.monotonic() - started:.1f} s under load")
        await asyncio.sleep(2)
        await asyncio.to_thread(_edit, routes, "def routes(", "def routes((")
        await asyncio.to_thread(wait_until, lambda: "not deployed, what ran before runs on" in _log(running))
        await asyncio.to_thread(_edit, routes, "def routes((", "def routes(")
        await asyncio.to_thread(wait_until, lambda: _log(running).count("2 new tasks serve") == 2)
        stop.set()
        await asyncio.gather(*clients)
        return answers

    answers = asyncio.run(scenario())
    assert set(answers) == {200}
    assert "SyntaxError" in _log(running)
    assert detail().startswith("No such")


@pytest.mark.long
def test_applies_edits_of_the_program_and_refuses_what_pulumi_refuses(stack: tuple[RunningStack, Path]) -> None:
    """A column is lost here as it would not be on AWS, or a setting needs a restart."""
    running, tree = stack
    url = running.outputs["url"]
    with (tree / "Pulumi.dev.yaml").open("a") as file:
        file.write('  keyspaces-platform:queryApiTasks: "1"\n')
    wait_until(lambda: "~ aws:ecs/service:Service query-api: desiredCount" in _log(running))
    wait_until(lambda: "query-api: 1 new tasks serve" in _log(running))
    _edit(tree / "__main__.py", '"area": "int"}', '"area": "int", "motto": "text"}')
    wait_until(
        lambda: (
            re.search(r"keyspaces/table:Table load-countries-countries: schemaDefinition", _log(running)) is not None
        )
    )
    _edit(tree / "__main__.py", '"area": "int", "motto": "text"}', '"area": "int"}')
    wait_until(lambda: "column 'motto' is removed, which Keyspaces cannot do in place" in _log(running))
    assert get(f"{url}/countries/us").status == 200
    _edit(tree / "__main__.py", '"area": "int"}', '"area": "int", "motto": "text"}}')
    wait_until(
        lambda: "not deployed, what ran before runs on: __main__.py does not evaluate: SyntaxError" in _log(running)
    )
    assert get(f"{url}/countries/us").status == 200
