"""Write into the pages what is made from the code and the records, so that a page's source holds what
the book shows.

    python -m book.build.write            # after a method, a claim, a sentence or a record has changed
    python -m book.build.write NAME ...   # these alone: pages, methods' cards, recorded sweeps
    python -m book.build.write --check    # changes nothing; names what is out of step

Tables (`book.build.tables`), what is computed on a method's card (`cards.blocks`), numbers of the
records (`numbers`), pictures of recorded figures (`pictures`) and what lines of Python print
(`printed`) stand between comments. `methods` is the list of methods as JSON. The page of a recorded
sweep is the README of its record's folder, written whole (`records`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from book.build import methods, numbers, pictures, printed, records, tables
from book.build.cards import CARDS, FOLDER
from book.build.paths import ROOT
from book.build.quoted import FILLED, NOT_RUN
from trlib.errors import unknown


def pages() -> dict[str, Path]:
    """The pages that are written by hand, in which something is filled in: `purpose`,
    `methods/index`; a method's card by the method's name."""
    book = ROOT / "book"
    found = [*book.glob("*.md"), *book.glob("interface/*.md"), FOLDER / "index.md"]
    named = {path.relative_to(book).with_suffix("").as_posix(): path for path in sorted(found)}
    return named | {name: FOLDER / f"{name}.md" for name in CARDS}


def stale(names: Iterable[str]) -> Iterator[str]:
    """What of some pages is out of step with the code and the records. Pictures are not compared, nor
    what lines of Python print: both differ between processors."""
    names, by_hand = set(names), pages()
    for path in methods.stale() if methods.NAME in names else []:
        yield str(path.relative_to(ROOT))
    for name in by_hand.keys() & names:
        text = by_hand[name].read_text(encoding="utf-8")
        after = numbers.filled(tables.filled(text, name))
        if after != text:
            yield f"{name}: {', '.join(_differ(text, after))}"
        for asked, told in FILLED.findall(text):
            if told == NOT_RUN:
                yield f"{name}: {asked}: not run yet"
    for name in names.intersection(records.shown()):
        if not records.is_current(name, records.readme(name)[0]):
            yield f"trlab/records/{name}/{records.PAGE}"


def _differ(before: str, after: str) -> list[str]:
    """The lines that a page should have and has not, the first of them."""
    had = set(before.splitlines())
    return [line[:200] for line in after.splitlines() if line not in had][:3]


def fill_in(path: Path) -> bool:
    """Writes what a page by hand is filled in with; whether anything is new."""
    before = path.read_text(encoding="utf-8")
    pictures.draw(before)
    name = path.stem
    tables.draw(before, name)
    after = printed.filled(numbers.filled(tables.filled(pictures.filled(before), name)))
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after != before


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m book.build.write", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of a page, a method or a recorded sweep"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail if out of step")
    given = parser.parse_args(argv)
    by_hand, sweeps = pages(), records.shown()
    known = {methods.NAME, *by_hand, *sweeps}
    for name in given.names:
        if name not in known:
            print(f"write: {unknown('page, method or sweep', name, known)}", file=sys.stderr)
            return 2
    wanted = set(given.names) or known
    if given.check:
        found = list(stale(wanted))
        print("\n".join(found))
        return bool(found)
    for path in methods.write() if methods.NAME in wanted else []:
        print(f"{path.relative_to(ROOT)}: written", flush=True)
    for name, path in by_hand.items():
        if name in wanted and fill_in(path):
            print(f"{path.relative_to(ROOT)}: written", flush=True)
    for name in sweeps:
        if name in wanted and records.write(name):
            print(f"trlab/records/{name}/{records.PAGE}: written", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
