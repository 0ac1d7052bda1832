"""Write the numbers of the records into the pages, so that a page reads well without a build.

    python -m book.build.numbers            # after a sentence or a record has changed
    python -m book.build.numbers --check    # fails, and names what is out of step

A page asks for a number between two comments, which no reader of the source sees:

    The clip ends at <!--rec basin ppo lr=1e-05 plain-->0.91<!--/rec-->.

What stands between them is computed from the record (`book.build.ext.quoted` says what can be asked for).
Whoever writes a page may write the role alone, {rec}`basin ppo lr=1e-05 plain`; this command turns
it into the comments. The build asks the record again, whatever stands between them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from book.build.ext.quoted import FILLED, NOT_RUN, shown
from book.build.paths import ROOT

ROLE = re.compile(r"\{rec\}`([^`]+)`")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    return sorted((ROOT / "book").glob("*.md"))


def filled(text: str) -> str:
    """A page with every number as its record has it; code is left alone.

    Raises:
        ValueError: a number that no record answers.
    """
    parts, end = [], 0
    for fence in FENCED.finditer(text):
        parts += [_filled(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _filled(text[end:])])


def _filled(text: str) -> str:
    text = ROLE.sub(lambda found: f"<!--rec {found[1]}--><!--/rec-->", text)
    return FILLED.sub(lambda found: f"<!--rec {found[1]}-->{shown(found[1])}<!--/rec-->", text)


def stale(page: Path) -> Iterator[str]:
    """What of a page is not as its records have it."""
    text = page.read_text(encoding="utf-8")
    for asked, told in FILLED.findall(text):
        if told != (found := shown(asked)):
            yield f"{page.name}: {asked}: the page says {told!r}, the record {found!r}"
        if found == NOT_RUN:
            yield f"{page.name}: {asked}: not run yet"
    for role in ROLE.findall(FENCED.sub("", text)):
        yield f"{page.name}: {role}: a role where a reader of the source expects a number"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m book.build.numbers", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if out of step")
    if parser.parse_args(argv).check:
        found = [line for page in pages() for line in stale(page)]
        print("\n".join(found))
        return bool(found)
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"{page.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
