"""Tables on a phone: one that is too wide for it carries its headings into its cells, so that its
rows can be stacked.

A table whose longest words fit beside each other stays a table (class `fits`). One of numbers stays
a table too, and slides under its first column (class `slides`): numbers are compared down a column.
Every other becomes a list of its rows below 720 pixels (class `stacks`): each cell stands under its
heading, and no column is cut or squeezed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from bs4 import BeautifulSoup, NavigableString, Tag

TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
ROOM = 36
"""Letters that a phone shows side by side, each column's longest word and two letters of space."""
FIGURE = 26
"""Letters of the longest cell that still reads as a number: an estimate, its interval and a
word."""
NAMED = "table.table:not(.methods, .sweeps) > tbody > tr > td:first-child:not(:only-child)"
"""The cell of a Markdown table that names its row."""
ROLES = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "td": "cell"}


def tables(body: str) -> str:
    """A page's HTML with every table made ready for a phone."""
    return TABLE.sub(lambda match: _ready(match.group()), body)


def _ready(text: str) -> str:
    soup = BeautifulSoup(text, "html.parser")
    table = soup.find("table")
    assert isinstance(table, Tag)
    for cell in filter(_text, table.select(NAMED)):
        cell.name, cell["scope"] = "th", "row"
    rows = [row.find_all(["th", "td"], recursive=False) for row in table.select("tbody > tr")]
    heads = [row.find_all(["th", "td"], recursive=False) for row in table.select("thead > tr")]
    for cell in table("th"):
        if not _text(cell):
            cell.name = "td"  # nothing is named here
    # pandas writes an index's name in a second row of headings: of each column, the last that says
    # something.
    headings = zip_longest(*(map(_text, row) for row in heads), fillvalue="")
    names = [next(filter(None, reversed(column)), "") for column in headings]
    stacks = _width([*heads, *rows]) > ROOM and all(len(row) == len(rows[0]) for row in rows)
    slides = stacks and _of_numbers(rows)
    classes = table.get_attribute_list("class") if table.has_attr("class") else []
    table["class"] = " ".join(
        [*map(str, classes), "slides" if slides else "stacks" if stacks else "fits"]
    )
    if stacks and not slides:
        # Of two columns the first is the title, the second what it means.
        for row in rows if len(names) > 2 else ():
            for name, cell in list(zip(names, row, strict=False))[1:]:
                if name and _text(cell):
                    cell["data-label"] = name
        _say_what_it_is(table)
    return str(soup)


def _width(rows: list[list[Tag]]) -> int:
    """Letters that a table needs: each column's longest word, and the space after it."""
    columns = zip_longest(*(map(_text, row) for row in rows), fillvalue="")
    return sum(
        2 + max(len(word) for text in column for word in text.split() or [""]) for column in columns
    )


def _of_numbers(rows: Sequence[Sequence[Tag]]) -> bool:
    """Whether the cells beside the first are short, and at least half of those that say something
    hold a digit."""
    texts = [text for row in rows for text in map(_text, row[1:]) if text]
    numbers = sum(any(map(str.isdigit, text)) for text in texts)
    return len(rows) > 2 and max(map(len, texts), default=0) <= FIGURE and 2 * numbers >= len(texts)


def _say_what_it_is(table: Tag) -> None:
    """Roles, because a table that is laid out as blocks is no table to a screen reader."""
    for tag in [table, *table.find_all(list(ROLES))]:
        tag["role"] = ROLES[tag.name]
    for cell in table.find_all("th"):
        cell["role"] = "columnheader" if cell.find_parent("thead") else "rowheader"


def _text(cell: Tag) -> str:
    """What one sees in a cell; of a formula, what is drawn and not what is said."""
    shown = [
        str(part) if isinstance(part, NavigableString) else " "
        for part in cell.descendants
        if (isinstance(part, NavigableString) and not part.find_parent("math"))
        or (isinstance(part, Tag) and part.name == "wbr")
    ]
    return " ".join("".join(shown).split())
