"""Permissions of roles, and their use."""

from declared.program import Program
from local import translation
from local.permissions import uses
from tests.evaluation import ROOT

_KEYSPACE = "arn:aws:cassandra:us-east-1:000000000000:/keyspace/"
_TABLE = f"{_KEYSPACE}geography_domain/table/countries"
_COUNTRIES = "geography_domain.countries"


def decision(action: str, resource: str, *, allowed: bool = True) -> dict[str, object]:
    return {"action": f"cassandra:{action}", "resource": resource, "allowed": allowed}


def test_finds_the_permission_that_nothing_used(program: Program) -> None:
    """A role would keep a permission that its program has not used for a year."""
    stack = translation.read(program, ROOT, "http://127.0.0.1:1")
    decisions = {
        "query-api-task": [decision("Select", f"{_KEYSPACE}system/table/local"), decision("Select", _TABLE)],
        "load-countries-task": [decision("Modify", _TABLE), decision("Select", f"{_TABLE}_old", allowed=False)],
        "administrator": [decision("Drop", _TABLE)],
    }
    loader, api = uses(stack, "us-east-1", decisions)
    assert (api.role, api.unused, api.refused) == ("query-api-task", [], [])
    assert api.allowed == {("cassandra:Select", _COUNTRIES)}
    assert list(api.lines()) == ["query-api-task", f"  used        cassandra:Select  {_COUNTRIES}"]
    assert (loader.role, loader.unused) == ("load-countries-task", [("cassandra:Select", _COUNTRIES)])
    assert list(loader.lines())[1:5] == [
        f"  used        cassandra:Modify  {_COUNTRIES}",
        f"  NEVER USED  cassandra:Select  {_COUNTRIES}",
        f"  REFUSED     cassandra:Select  {_TABLE}_old",
        "  The smallest policy that would have been enough:",
    ]
    assert loader.policy == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["cassandra:Modify"], "Resource": [_TABLE]}],
    }


def test_finds_nothing_before_anything_ran(program: Program) -> None:
    """A build that forgot to run its tests first would get a traceback instead of a list."""
    loader, api = uses(translation.read(program, ROOT, "http://127.0.0.1:1"), "us-east-1", {})
    assert (loader.policy, len(loader.unused), len(api.unused)) == (None, 2, 1)
    assert api.as_json()["policy"] is None
