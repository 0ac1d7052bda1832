"""Write into the pages what is made from the code and the records, so that a page's source holds what
the book shows.

    python -m book.build.write            # after a method, a claim, a sentence or a record has changed
    python -m book.build.write NAME ...   # these alone: pages, methods' cards, questions (records/NAME),
                                          # notebooks (notebooks/NAME)
    python -m book.build.write --check    # changes nothing; names what is out of step

Tables (`book.build.tables`), what is computed on a method's card (`cards.blocks`), numbers of the
records (`numbers`), pictures of recorded figures (`pictures`) and what lines of Python print
(`printed`) stand between comments; in a notebook's text numbers do. `methods` is the list of methods as
JSON. The page of a recorded question is the README of its folder (`records`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from book.build import methods, numbers, pictures, printed, records, tables
from book.build.cards import CARDS, FOLDER
from book.build.paths import ROOT, chapters
from trlib.errors import unknown

BOOK = "../../../book/"
"""The book's folder, from the page of a question."""


def pages() -> dict[str, Path]:
    """The pages that are written by hand, in which something is filled in: `purpose`,
    `methods/index`; a method's card by the method's name."""
    book = ROOT / "book"
    found = [
        *book.glob("*.md"),
        *book.glob("check/*.md"),
        *book.glob("interface/*.md"),
        FOLDER / "index.md",
    ]
    named = {path.relative_to(book).with_suffix("").as_posix(): path for path in sorted(found)}
    cards = {name: FOLDER / f"{name}.md" for name in CARDS}
    notebooks = {f"notebooks/{path.stem}": path for path in chapters()}
    return named | cards | notebooks | dict(records.pages())


def filled(text: str, path: Path) -> str:
    """The source of a page or a notebook as the code and the records have it."""
    if path.suffix == ".ipynb":
        return numbers.filled_notebook(text)
    text = printed.filled(text, str(path.relative_to(ROOT)))
    text = pictures.filled(text, BOOK if path.name == records.PAGE else "")
    return numbers.filled(tables.filled(text, path.stem))


def drawn(text: str, path: Path) -> Iterator[tuple[Path, str]]:
    """The files of a page's pictures that should hold something else, and what."""
    if path.suffix != ".ipynb":
        found = (*pictures.drawings(text), *tables.drawings(text, path.stem))
        yield from pictures.stale(found)


def stale(names: Iterable[str]) -> Iterator[str]:
    """What of some pages is out of step with the code and the records."""
    names, by_hand = set(names), pages()
    for path in methods.stale() if methods.NAME in names else []:
        yield str(path.relative_to(ROOT))
    for name in by_hand.keys() & names:
        text = by_hand[name].read_text(encoding="utf-8")
        after = filled(text, by_hand[name])
        if after != text:
            yield f"{name}: {', '.join(_differ(text, after))}"
        for file, _ in drawn(text, by_hand[name]):
            yield f"{name}: {file.relative_to(ROOT)}"


def _differ(before: str, after: str) -> list[str]:
    """The lines that a page should have and has not, the first of them."""
    had = set(before.splitlines())
    return [line[:200] for line in after.splitlines() if line not in had][:3]


def fill_in(path: Path) -> bool:
    """Writes what a page is filled in with; whether anything is new."""
    before = path.read_text(encoding="utf-8")
    for file, content in drawn(before, path):
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    after = filled(before, path)
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after != before


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m book.build.write", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of a page, a method, or a question: records/NAME"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail if out of step")
    given = parser.parse_args(argv)
    by_hand = pages()
    known = {methods.NAME, *by_hand}
    for name in given.names:
        if name not in known:
            print(f"write: {unknown('page or method', name, known)}", file=sys.stderr)
            return 2
    wanted = set(given.names) or known
    if any(name.startswith("records/") for name in wanted):  # whose answers it lists
        wanted.add("recorded")
    if given.check:
        found = list(stale(wanted))
        print("\n".join(found))
        return bool(found)
    for path in methods.write() if methods.NAME in wanted else []:
        print(f"{path.relative_to(ROOT)}: written", flush=True)
    for name, path in by_hand.items():
        if name in wanted and fill_in(path):
            print(f"{path.relative_to(ROOT)}: written", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
