"""The loader that fills a table from a file: a program names its table and its data, and calls `run`.

    sys.exit(run(name="load-things", table="things", data=Path(__file__).with_name("things.json")))

Errors:

records.BadData        the file cannot be read as rows of the table; nothing was written
load.LoadFailed        a row could not be written, or reads back differently
"""

from loader.program import run

__all__ = ["run"]
