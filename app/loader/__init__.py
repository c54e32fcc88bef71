"""The loader, which fills a table from data: a program names its table and its data, and calls `run`.

    sys.exit(run(name="load-things", table="things", data=Path(__file__).with_name("things.json")))

Errors:

sources.BadData        the data cannot be read as rows of the table
retries.LoadFailed     a row could not be written or read back
ledger.StateInUse      another load uses the state's folder, or the folder cannot be used
"""

from loader.program import run

__all__ = ["run"]
