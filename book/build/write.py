"""Write into the pages what is made from the code and the records, so that a page's source holds what
the book shows.

    python -m book.build.write            # after a method, a claim, a sentence or a record has changed
    python -m book.build.write NAME       # the page of a sweep alone
    python -m book.build.write --check    # changes nothing; names what is out of step

Tables (`book.build.tables`), numbers of the records (`numbers`), pictures of recorded figures
(`pictures`) and what lines of Python print (`printed`) stand between comments. The page of a recorded
sweep is the README of its record's folder, written whole (`records`), and so is a method's card
(`cards`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from book.build import cards, numbers, pictures, printed, records, tables
from book.build.ext.quoted import FILLED, NOT_RUN
from book.build.paths import ROOT
from trlib.errors import unknown


def pages() -> list[Path]:
    """The pages that are written by hand, in which something is filled in."""
    book = ROOT / "book"
    return sorted([*book.glob("*.md"), *book.glob("interface/*.md"), book / "methods" / "index.md"])


def stale(sweeps: Iterable[str]) -> Iterator[str]:
    """What is out of step with the code and the records: in the pages, and in those of these sweeps.
    Pictures are not compared, nor what lines of Python print: both differ between processors."""
    for path in pages():
        text = path.read_text(encoding="utf-8")
        after = numbers.filled(tables.filled(text))
        if after != text:
            yield f"{path.relative_to(ROOT)}: {', '.join(_differ(text, after))}"
        for asked, told in FILLED.findall(text):
            if told == NOT_RUN:
                yield f"{path.relative_to(ROOT)}: {asked}: not run yet"
    for name in cards.stale():
        yield f"book/methods/{name}.md"
    for name in sweeps:
        text = records.readme(name)[0]
        if not records.is_current(name, text):
            yield f"trlab/records/{name}/{records.PAGE}"


def _differ(before: str, after: str) -> list[str]:
    """The lines that a page should have and has not, the first of them."""
    had = set(before.splitlines())
    return [line[:200] for line in after.splitlines() if line not in had][:3]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m book.build.write", description=__doc__)
    parser.add_argument("sweeps", nargs="*", metavar="NAME", help="recorded sweeps: their pages")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if out of step")
    given = parser.parse_args(argv)
    known = records.shown()
    for name in given.sweeps:
        if name not in known:
            print(f"write: {unknown('recorded sweep', name, known)}", file=sys.stderr)
            return 2
    if given.check:
        found = list(stale(given.sweeps or known))
        print("\n".join(found))
        return bool(found)
    for path in () if given.sweeps else pages():
        before = path.read_text(encoding="utf-8")
        pictures.draw(before)
        after = printed.filled(numbers.filled(tables.filled(pictures.filled(before))))
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: written")
    for name in () if given.sweeps else cards.write():
        print(f"book/methods/{name}.md: written")
    for name in given.sweeps or known:
        if records.write(name):
            print(f"trlab/records/{name}/{records.PAGE}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
