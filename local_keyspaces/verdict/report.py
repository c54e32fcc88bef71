"""The verdict as data: findings, consumption, and whether the program is ready for the service."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local_keyspaces.guidance import ServiceRule
from local_keyspaces.least_privilege import smallest_policy
from local_keyspaces.profiles import ADMINISTRATOR
from local_keyspaces.verdict.places import find_places
from local_keyspaces.verdict.prices import READS, WRITES
from local_keyspaces.witness import Sighting, Witness

_MOST_SHAPES = 50


@dataclass(frozen=True, kw_only=True)
class RefusedStatement:
    """A refused statement without its values. message: the endpoint's. places: `file:line` in the source text."""

    text: str
    message: str
    role: str
    times: int
    places: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Everything that one rule refused. rule: its name. times: the count of all statements, or of a client setting.

    blocks: the program does not work on the service as it is.
    """

    rule: str
    title: str
    source: str
    rewrite: str
    blocks: bool
    times: int
    message: str
    statements: Sequence[RefusedStatement]


@dataclass(frozen=True, kw_only=True)
class Usage:
    """name: a table, or a statement without its values. dollars: on demand, in us-east-1."""

    name: str
    statements: int
    read_units: float
    write_units: float
    dollars: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """exit_code: the command's. reasons: against "ready". unseen: the settings that no endpoint can observe."""

    command: Sequence[str]
    exit_code: int
    region: str
    ready: bool
    reasons: Sequence[str]
    refusals: Sequence[Finding]
    settings: Sequence[Finding]
    notes: Sequence[str]
    unseen: Sequence[str]
    connections: int
    policies: Mapping[str, Any]
    """For each role, the smallest IAM policy that would have been enough."""
    total: Usage
    tables: Sequence[Usage]
    shapes: Sequence[Usage]

    def as_json(self) -> Mapping[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A command that has ended.

    metered: the meter's statements. decisions: by role. directory: the folder of the command's source text.
    """

    command: Sequence[str]
    exit_code: int
    region: str
    witness: Witness
    metered: Sequence[Mapping[str, Any]]
    decisions: Mapping[str, Sequence[Mapping[str, Any]]]
    directory: Path = field(default_factory=Path.cwd)


def judge(run: Run) -> Verdict:
    """Reads the source text below the command's directory."""
    sightings = list(run.witness.sightings.values())
    places = find_places({each.text for each in sightings if each.text}, run.directory)
    findings = [_finding(rule, sightings, places) for rule in ServiceRule]
    found = [(rule, finding) for rule, finding in zip(ServiceRule, findings, strict=True) if finding is not None]
    total = _consumed("all tables", run.metered)
    reasons = list(_reasons(run, [finding for _, finding in found], total))
    return Verdict(
        command=run.command,
        exit_code=run.exit_code,
        region=run.region,
        ready=not reasons,
        reasons=reasons,
        refusals=[finding for rule, finding in found if not rule.of_connection],
        settings=[finding for rule, finding in found if rule.of_connection],
        notes=list(_notes(run)),
        unseen=_unseen(run.region),
        connections=run.witness.connections,
        policies={role: smallest_policy(run.decisions.get(role, ())) for role in sorted(run.witness.roles)},
        total=total,
        tables=_by(run.metered, lambda each: f"{each['keyspace']}.{each['table']}"),
        shapes=_by(run.metered, lambda each: str(each["text"]))[:_MOST_SHAPES],
    )


def _finding(rule: ServiceRule, sightings: Iterable[Sighting], places: Mapping[str, Sequence[str]]) -> Finding | None:
    of_rule = [each for each in sightings if each.rule is rule]
    if not of_rule:
        return None
    return Finding(
        rule=rule.name,
        title=rule.title,
        source=rule.source,
        rewrite=rule.rewrite,
        blocks=rule.blocks,
        times=sum(each.times for each in of_rule),
        message=of_rule[0].message,
        statements=[
            RefusedStatement(
                text=each.shape,
                message=each.message,
                role=each.role,
                times=each.times,
                places=places.get(each.text, ()),
            )
            for each in of_rule
            if each.shape
        ],
    )


def _reasons(run: Run, findings: Sequence[Finding], total: Usage) -> Iterable[str]:
    if run.exit_code:
        yield f"the command ended with exit code {run.exit_code}"
    if not run.witness.connections:
        yield "no client has signed in: the command does not use the endpoint that its environment names"
    elif not total.statements:
        yield (
            "no statement has read or written a table, so the run proves nothing. A driver with another local data"
            f" centre than {run.region} also connects and runs no statement"
        )
    for finding in findings:
        if finding.blocks:
            yield f"{finding.title}: {times(finding.times)}"


def times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _notes(run: Run) -> Iterable[str]:
    if ADMINISTRATOR in run.witness.roles:
        yield "the command has run as administrator, so its permissions were not tested: give its policy with --policy"
    if estimated := sum(each["estimated"] for each in run.metered):
        yield f"{estimated} of the statements are metered by an estimate"


def _unseen(region: str) -> Sequence[str]:
    return (
        f"the local data centre is the Region, {region}; a load-balancing policy must not name another",
        "a client that sends a server name may still not check the certificate's name and authority",
        "each address needs enough connections for the load: plan 500 requests a second for each connection. The local"
        " endpoint has one address, the service has up to nine, and two or three in a VPC",
        "request timeouts must be at least 5 seconds, and retries need an exponential backoff",
    )


def _by(metered: Sequence[Mapping[str, Any]], name: Callable[[Mapping[str, Any]], str]) -> Sequence[Usage]:
    names = dict.fromkeys(name(each) for each in metered)
    grouped = [_consumed(each, [one for one in metered if name(one) == each]) for each in names]
    return sorted(grouped, key=lambda each: -each.dollars)


def _consumed(name: str, metered: Sequence[Mapping[str, Any]]) -> Usage:
    reads, writes = (float(sum(each[unit] for each in metered)) for unit in ("read_units", "write_units"))
    return Usage(
        name=name,
        statements=sum(each["statements"] for each in metered),
        read_units=reads,
        write_units=writes,
        dollars=reads * READS + writes * WRITES,
    )
