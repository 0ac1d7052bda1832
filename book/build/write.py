"""Write into the pages what is made from the code and the records, so that a page's source holds what
the book shows.

    python -m book.build.write            # after a method, a claim, a sentence or a record has changed
    python -m book.build.write NAME ...   # these alone: pages, methods' cards, questions (records/NAME),
                                          # notebooks (notebooks/NAME)
    python -m book.build.write --check    # changes nothing; names what is out of step

Tables (`book.build.tables`), numbers of the
records (`numbers`), pictures of recorded figures (`pictures`) and what lines of Python print
(`printed`) stand between comments; in a notebook's text numbers do. `methods` is the list of methods as
JSON. The page of a recorded question is the README of its folder (`records`). What is computed on a
method's card is not written: a build makes it (`cards.made`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from book.build import advice, methods, numbers, pictures, printed, records, tables
from book.build.cards import CARDS
from book.build.paths import ROOT, contents, source
from trlib.errors import TrlibError, unknown

BOOK = "../../../book/"
"""The book's folder, from the page of a question."""


def pages() -> dict[str, Path]:
    """The pages that are written by hand, in which something is filled in, by their names: `purpose`,
    `methods/index`, `notebooks/05_grpo`; that of a method's card by the method's name, too."""
    named = {page.removeprefix("book/"): source(page) for page in contents()}
    cards = {card.name: named[f"methods/{card.page}"] for card in CARDS.values()}
    return named | cards | dict(records.pages())


def made(path: Path) -> dict[Path, str]:
    """The source of a page or a notebook as the code and the records have it, and its pictures of
    which more than last digits are other ones."""
    text = path.read_text(encoding="utf-8")
    advice.one_wording(text, str(path.relative_to(ROOT)))
    if path.suffix == ".ipynb":
        return {path: numbers.filled_notebook(text)}
    drawings = (*pictures.drawings(text), *tables.drawings(text))
    text = printed.filled(text, str(path.relative_to(ROOT)))
    text = pictures.filled(text, BOOK if path.name == records.PAGE else "")
    return {**dict(pictures.stale(drawings)), path: numbers.filled(tables.filled(text))}


def stale(names: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """The files of some pages that are out of step with the code and the records, and what they
    should hold."""
    names = set(names)
    if methods.NAME in names:
        yield from _stale(methods.made())
    for name, path in pages().items():
        if name in names:
            yield from _stale(made(path))


def _stale(files: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    for path, text in files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield path, text


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m book.build.write", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of a page, a method, or a question: records/NAME"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail if out of step")
    given = parser.parse_args(argv)
    out_of_step = False
    try:
        known = {methods.NAME, *pages()}
        for name in given.names:
            if name not in known:
                raise ValueError(unknown("page or method", name, known))
        wanted = set(given.names) or known
        if any(name.startswith("records/") for name in wanted):  # whose answers it lists
            wanted.add("recorded")
        for path, text in stale(wanted):
            out_of_step = True
            if not given.check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
            outcome = "out of step" if given.check else "written"
            print(f"{path.relative_to(ROOT)}: {outcome}", flush=True)
    except (ValueError, TrlibError) as error:  # a sentence of ours says what is missing, and where
        print(f"write: {error}", file=sys.stderr)
        return 2
    return int(given.check and out_of_step)


if __name__ == "__main__":
    sys.exit(main())
