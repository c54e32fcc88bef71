"""What roles may do and have done."""

from declared.program import Program
from local import translation
from local.permissions import uses
from tests.evaluation import ROOT

_STATEMENT = {"keyspace": "geography_domain", "table": "countries"}


def test_finds_the_permission_that_nothing_used(program: Program) -> None:
    """A role keeps a permission that its program has not needed for a year."""
    stack = translation.read(program, ROOT, "http://127.0.0.1:1")
    statements = [
        {**_STATEMENT, "role": "query-api-task", "text": "SELECT * FROM countries"},
        {**_STATEMENT, "role": "load-countries-task", "text": "INSERT INTO countries (id) VALUES (?)"},
        {**_STATEMENT, "role": "administrator", "text": "DELETE FROM countries WHERE id = ?"},
    ]
    loader, api = uses(stack, "us-east-1", statements)
    assert (api.role, api.unused) == ("query-api-task", [])
    assert api.allowed == {("cassandra:Select", "geography_domain.countries")}
    assert (loader.role, loader.unused) == ("load-countries-task", [("cassandra:Select", "geography_domain.countries")])
    assert list(loader.lines())[1:] == [
        "  used        cassandra:Modify  geography_domain.countries",
        "  NEVER USED  cassandra:Select  geography_domain.countries",
    ]
