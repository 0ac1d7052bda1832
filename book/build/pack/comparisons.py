"""Collect every comparison of recorded runs that the book prints into `trlab/comparisons.json`.

    python -m book.build.pack.comparisons                # after a sentence or a card compares anew
    python -m book.build.pack.comparisons 07_knobs       # after this notebook does: it is run
    python -m book.build.pack.comparisons --check        # fails if a page or card is ahead of it

A page prints one by `{rec}` with `over`, a claims card by a test, and both are read. A notebook is
run, and whatever it has decided is noted by the deciding itself (`trlab.comparison.register`); in
every other run of a notebook, a comparison that is not in the file fails its cell. One that an
earlier edition printed stays in the file: a question that was asked counts for ever, and no verdict
becomes easier because a sentence went.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from book.build.cards import FOLDER
from book.build.execute import NotebookFailed, execute
from book.build.paths import NOTEBOOKS, ROOT
from book.build.quoted import COUNTED, FILLED, parse
from trlab.claims import cards
from trlab.comparison import (
    PRINTED,
    Comparison,
    as_json,
    from_json,
    of_prediction,
    printed,
)
from trlab.record import is_recorded, read
from trlib.errors import unknown

Named = tuple[str, Comparison]
"""The name of a sweep and a comparison within it."""


def of_pages(folder: Path) -> Iterator[Named]:
    """What the pages of a folder compare."""
    for page in sorted(folder.glob("*.md")):
        for text, _ in FILLED.findall(page.read_text(encoding="utf-8")):
            quote = parse(text)
            if quote.against and quote.measure.partition(":")[0] not in COUNTED:
                yield quote.sweep, quote.comparison


def of_cards() -> Iterator[Named]:
    """What the claims cards compare."""
    for card in cards():
        for claim in card.claims:
            for test in claim.tests:
                yield test.sweep, test.comparison


def of_notebooks(paths: Sequence[Path]) -> list[Named]:
    """What notebooks compare that no family holds yet: they are run, at the smallest size.

    Raises:
        NotebookFailed: one does not run to its end.
    """
    with tempfile.TemporaryDirectory(prefix="comparisons-") as room:
        noted = Path(room, "noted")
        for path in paths:
            execute(path, profile="smoke", noted=noted)
        lines = noted.read_text(encoding="utf-8").splitlines() if noted.is_file() else []
    return [(name, from_json(one)) for name, one in map(json.loads, lines)]


def collect(more: Iterable[Named] = ()) -> dict[str, list[Comparison]]:
    """Every comparison that is or was printed, by sweep; each question once, and none that the
    sweep predicts.

    Args:
        more: what notebooks have noted.
    """
    named: list[Named] = [(name, one) for name, some in printed().items() for one in some]
    named += [*of_pages(ROOT / "book"), *of_pages(FOLDER), *of_cards(), *more]
    by_sweep: dict[str, list[Comparison]] = {}
    for name in sorted({name for name, _ in named if is_recorded(name)}):
        sweep = read(name)[0]
        predicted = {of_prediction(prediction).question(sweep) for prediction in sweep.predictions}
        questions: dict[frozenset[Any], Comparison] = {}
        for where, one in named:
            if where == name:
                questions.setdefault(one.question(sweep), one)
        by_sweep[name] = sorted(
            (one for question, one in questions.items() if question not in predicted),
            key=lambda one: json.dumps(as_json(one)),
        )
    return by_sweep


def text(by_sweep: Mapping[str, list[Comparison]]) -> str:
    """The file: a line for each comparison."""
    parts = []
    for name, some in by_sweep.items():
        lines = ",\n".join(f"  {json.dumps(as_json(one), ensure_ascii=False)}" for one in some)
        parts.append(f"{json.dumps(name)}: [\n{lines}\n ]" if some else f"{json.dumps(name)}: []")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m book.build.pack.comparisons", description=__doc__.splitlines()[0]
    )
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="such as 07_knobs")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if the file is out of step"
    )
    args = parser.parse_args(argv)
    by_name = {path.stem: path for path in NOTEBOOKS.glob("*.ipynb")}
    for name in args.notebooks:
        if name not in by_name:
            print(f"comparisons: {unknown('notebook', name, by_name)}", file=sys.stderr)
            return 2
    try:
        wanted = text(collect(of_notebooks([by_name[name] for name in args.notebooks])))
    except NotebookFailed as failed:
        print(f"comparisons: {failed}", file=sys.stderr)
        return 1
    if args.check:
        if PRINTED.read_text(encoding="utf-8") == wanted:
            return 0
        print(
            f"{PRINTED.name} is out of step with the book: run `python -m book.build.pack.comparisons`",
            file=sys.stderr,
        )
        return 1
    PRINTED.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
