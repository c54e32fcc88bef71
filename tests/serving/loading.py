"""The table of countries, filled by its loader."""

from tests.keyspaces import COUNTRIES, LocalKeyspaces
from tests.processes import run_program


def load_countries(keyspaces: LocalKeyspaces) -> None:
    keyspaces.create(COUNTRIES)
    with keyspaces.cassandra() as session:
        # Other tests write to the table too. TRUNCATE contacts all nodes by internode messages, which are closed here.
        delete = session.prepare("DELETE FROM geography_domain.countries WHERE id = ?")
        for row in session.execute("SELECT id FROM geography_domain.countries"):
            session.execute(delete, row)
    result = run_program("load_countries", environment=keyspaces.environment())
    assert result.returncode == 0, result.stderr
