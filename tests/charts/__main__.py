"""`python -m tests.charts` writes anew what is made from something else: golden files, schema, table of values."""

from __future__ import annotations

from . import schema, table
from .rendering import FOLDER, VALUES, golden, values_of

if __name__ == "__main__":
    schema.FILE.write_text(schema.written())
    table.README.write_text(table.written(table.README.read_text()))
    for stale in (FOLDER / "golden").glob("*.yaml"):
        stale.unlink()
    for file in VALUES:
        (FOLDER / "golden" / file.name).write_text(golden(values_of(file)))
