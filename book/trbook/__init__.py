"""What only the book needs: explorables, exercises, the size a notebook runs in.

In a notebook that imports it, matplotlib's figures look as the book's do (`trbook.figures`), and a cell
that runs before the cell it needs says so in one line (`trbook.missing_names`).
"""

import sys

try:
    from trlib.name_clash import check
except ModuleNotFoundError as error:
    raise ImportError(
        "`import trlib` does not bring the trlib of trust-region-book: another project of that "
        "name, from the package index, hides it, or it is not installed; `pip uninstall trlib`, "
        "then install trust-region-book again"
    ) from error

from trbook import missing_names

check()
missing_names.connect()
if "ipykernel" in sys.modules:
    from trbook import figures

    figures.connect()
