"""Live edits: which files matter, what they change, and a stack that applies them while it serves."""

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import aiohttp
import pytest

from declared.errors import ProgramError
from declared.program import Program
from declared.settings import read_settings
from local import translation
from local.differences import differences
from local.edits import is_of_image, is_of_program, is_watched
from local.errors import LocalError
from local.evaluation import DeclaredStack
from local.live import Deployed, Edits
from local.stack_model import Stack
from local.testing import RunningStack, run_stack
from local_keyspaces.progress import Progress
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
def test_finds_the_images_that_contain_a_file(program: Program, file: str, of: set[str]) -> None:
    """An edit of the API would run the loader again, or an edit would have no effect."""
    steps = translation.read(program, ROOT, "http://127.0.0.1:1").steps
    assert {step.name for step in steps if is_of_image(ROOT / file, step.task)} == of


def test_finds_the_files_of_the_program(program: Program) -> None:
    """An edit of a setting would have no effect, or an edit of a test would evaluate the program."""
    import settings.service

    for file in (ROOT / "__main__.py", ROOT / "Pulumi.dev.yaml", Path(settings.service.__file__)):
        assert is_of_program(file, ROOT)
    for file in (ROOT / "README.md", ROOT / "app" / "countries" / "routes.py", ROOT / "local" / "live.py"):
        assert not is_of_program(file, ROOT)
    assert not is_watched(ROOT / ".local" / "up.log")
    assert not is_watched(ROOT / "app" / "__pycache__" / "routes.cpython-311.pyc")


def test_reports_what_an_edit_changes(program: Program) -> None:
    """A developer would learn of a changed role only when it is deployed to AWS."""
    assert differences(program, program).lines == []
    more_tasks = differences(program, evaluate(queryApiTasks="3"))
    assert "~ aws:ecs/service:Service query-api: desiredCount" in more_tasks.lines
    without = replace(program, resources=program.resources[:-1])
    (removed,) = differences(program, without).lines
    (added,) = differences(without, program).lines
    assert removed.startswith("- ")
    assert added == f"+ {removed[2:]}"
    assert differences(replace(program, resources=[]), program).lines[-1].endswith(" more")
    assert more_tasks.refused == []


def _with_inputs(program: Program, type_: str, *, protect: bool = False, **inputs: object) -> Program:
    return replace(
        program,
        resources=[
            replace(each, inputs={**each.inputs, **inputs}, protect=protect) if each.type == type_ else each
            for each in program.resources
        ],
    )


def test_reports_replacements_and_refusals_of_pulumi(program: Program) -> None:
    """A renamed load balancer, or a table that loses a column, would be a surprise of `pulumi up`."""
    balancer, table = "aws:lb/loadBalancer:LoadBalancer", "pulumi-python:dynamic/keyspaces:TableSchema"
    assert differences(program, _with_inputs(program, balancer, internal=True)).lines == [
        f"+- {balancer} keyspaces: internal"
    ]
    assert differences(program, _with_inputs(program, balancer, idleTimeout=7)).lines == [
        f"~ {balancer} keyspaces: idleTimeout"
    ]
    protected = _with_inputs(program, balancer, protect=True)
    found = differences(protected, _with_inputs(protected, balancer, protect=True, internal=True))
    assert found.lines == [f"! {balancer} keyspaces: internal would replace it, and it is protected"]
    assert found.refused
    gone = replace(program, resources=[each for each in program.resources if each.type != balancer])
    (removed,) = differences(protected, gone).refused
    assert removed == f"{balancer} keyspaces: is removed, and it is protected"
    (schema,) = program.of_type(table)
    columns = dict(schema.inputs["columns"])
    columns.pop("area")
    (lost,) = differences(program, _with_inputs(program, table, columns=columns)).refused
    assert re.search(r"column.*area.*Keyspaces cannot do that in place: the table would be replaced", lost)
    (rekeyed,) = differences(program, _with_inputs(program, table, partition_key=["name"])).refused
    assert "partition_key changes from (id) to (name)" in rekeyed
    assert differences(program, _with_inputs(program, table, columns={**columns, "area": "int", "x": "int"})).lines == [
        f"~ {table} load-countries-countries: columns"
    ]


_EDITS = 3  # measured with and without clients


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
    """A developer would have to restart the stack for each edit, or see another rollout here than on AWS. `pytest -s`
    shows the seconds from a saved edit to the first answer of the new code."""
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

    said = iter(["There is no country", *(f"No such country ({number}):" for number in range(2 * _EDITS))])
    last = next(said)

    def seconds_until_live() -> float:
        nonlocal last
        before, last = last, next(said)
        started = time.monotonic()
        _edit(routes, before, last)
        wait_until(lambda: detail().startswith(last))
        seconds = time.monotonic() - started
        wait_until(lambda: _log(running).count("2 new tasks serve") == int(re.findall(r"\d+", last)[0]) + 1)
        return seconds

    async def scenario() -> Counter[int]:
        answers, stop = Counter[int](), asyncio.Event()
        alone = [await asyncio.to_thread(seconds_until_live) for _ in range(_EDITS)]
        clients = [asyncio.create_task(load(answers, stop)) for _ in range(32)]
        loaded = [await asyncio.to_thread(seconds_until_live) for _ in range(_EDITS)]
        for clients_of, seconds in (("no client", alone), ("32 clients", loaded)):
            print(f"live with {clients_of}: {', '.join(f'{each:.1f}' for each in sorted(seconds))} s")
        print(f"load average {os.getloadavg()[0]:.1f}, {sum(answers.values())} requests")
        await asyncio.to_thread(_edit, routes, "def routes(", "def routes((")
        await asyncio.to_thread(wait_until, lambda: "not deployed, the old version keeps running" in _log(running))
        await asyncio.to_thread(_edit, routes, "def routes((", "def routes(")
        await asyncio.to_thread(wait_until, lambda: _log(running).count("2 new tasks serve") == 2 * _EDITS + 1)
        stop.set()
        await asyncio.gather(*clients)
        return answers

    answers = asyncio.run(scenario())
    assert set(answers) == {200}
    assert "SyntaxError" in _log(running)
    assert detail().startswith("No such")


@pytest.mark.long
def test_applies_edits_of_the_program_and_refuses_the_same_as_pulumi(stack: tuple[RunningStack, Path]) -> None:
    """A column could be removed here, which AWS refuses; or a setting would need a restart."""
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
    wait_until(lambda: "! pulumi-python:dynamic/keyspaces:TableSchema" in _log(running))
    assert get(f"{url}/countries/us").status == 200
    _edit(tree / "__main__.py", '"area": "int"}', '"area": "int", "motto": "text"}}')
    wait_until(lambda: "the old version keeps running: __main__.py cannot be evaluated: SyntaxError" in _log(running))
    assert get(f"{url}/countries/us").status == 200


class _Fixed:
    """Evaluates a program with a given result."""

    def __init__(self, root: Path, declared: DeclaredStack) -> None:
        self.root = root
        self.result: DeclaredStack | Exception = declared

    def run(self) -> DeclaredStack:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class _Rollout:
    """Records the requested changes, and fails on request."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.changed = 0

    async def change(self, stack: Stack, pending: set[str], say: object) -> None:
        if self.error:
            raise self.error
        self.changed += 1
        pending.clear()


@dataclass(frozen=True, kw_only=True)
class _Live:
    edits: Edits
    evaluation: _Fixed
    rollout: _Rollout
    progress: Progress
    shown: list[DeclaredStack]

    def deploy(self) -> Deployed:
        return asyncio.run(self.edits.deploy())


@pytest.fixture
def live(program: Program) -> _Live:
    stack = translation.read(program, ROOT, "http://127.0.0.1:1")
    declared = DeclaredStack(settings=read_settings(ROOT, "dev"), program=program, stack=stack)
    evaluation, rollout, progress = _Fixed(ROOT, declared), _Rollout(), Progress(StringIO())
    shown: list[DeclaredStack] = []

    async def tables(_: Stack) -> None:
        raise LocalError("table t exists and column 'c' changes its type, which Keyspaces cannot do in place")

    edits = Edits(
        evaluation,  # type: ignore[arg-type]
        declared,
        rollout,  # type: ignore[arg-type]
        tables=tables,
        progress=progress,
        outputs=shown.append,
    )
    return _Live(edits=edits, evaluation=evaluation, rollout=rollout, progress=progress, shown=shown)


def _not_deployed(live: _Live, reason: str) -> None:
    deployed = live.deploy()
    assert not deployed.deployed
    assert deployed.lines[-1].startswith("not deployed, the old version keeps running: ")
    assert reason in deployed.lines[-1]
    assert reason in live.progress.said[-1], "the terminal and the console do not say why"
    assert live.shown == [], "the console shows what was not deployed"


@pytest.mark.parametrize(
    "reason",
    [
        "query-api: 3 tasks ended before they were healthy, the last with exit code 1; its log ends with:\nSyntaxError",
        "query-api: its tasks are not healthy after 120 s: GET /ping answers 503; see `make logs`",
    ],
)
def test_reports_why_new_tasks_are_not_deployed_and_retries(live: _Live, reason: str) -> None:
    """A crashing edit would be silent, or its correction would not be deployed because the program looks unchanged."""
    live.rollout.error = LocalError(reason)
    _not_deployed(live, reason)
    live.rollout.error = None
    assert live.deploy() == Deployed(deployed=True, lines=["nothing has changed"])
    assert live.rollout.changed == 1
    assert len(live.shown) == 1


def test_changes_nothing_when_the_program_does_not_evaluate(live: _Live) -> None:
    """A half-written program would stop the running tasks, or cause a traceback in the terminal."""
    live.evaluation.result = ProgramError("__main__.py cannot be evaluated: SyntaxError: invalid syntax")
    _not_deployed(live, "SyntaxError: invalid syntax")
    live.evaluation.result = ZeroDivisionError("division by zero")
    _not_deployed(live, "ZeroDivisionError: division by zero")
    assert live.rollout.changed == 0


def test_changes_nothing_when_a_key_changes_or_a_column_is_removed(live: _Live, program: Program) -> None:
    """Tasks that expect another table would run with the existing one, or the table would lose its rows."""
    (schema,) = program.of_type("pulumi-python:dynamic/keyspaces:TableSchema")
    columns = {name: type_ for name, type_ in schema.inputs["columns"].items() if name != "area"}
    for inputs, reason in (({"columns": columns}, "area"), ({"partition_key": ["name"]}, "from (id) to (name)")):
        assert isinstance(live.evaluation.result, DeclaredStack)
        other = _with_inputs(program, schema.type, **inputs)
        live.evaluation.result = replace(live.evaluation.result, program=other)
        _not_deployed(live, "`pulumi up` refuses the changes that are marked with !")
        assert any(line.partition(" ! ")[2] and reason in line for line in live.progress.said)
    assert isinstance(live.evaluation.result, DeclaredStack)
    stack = replace(live.evaluation.result.stack, keyspaces=["other"])
    live.evaluation.result = replace(live.evaluation.result, program=program, stack=stack)
    _not_deployed(live, "column 'c' changes its type, which Keyspaces cannot do in place")
    assert live.rollout.changed == 0
