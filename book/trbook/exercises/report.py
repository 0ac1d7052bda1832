"""A student's verdicts, in a file for the teacher.

In the first cell of a notebook:

    from trbook.exercises import report

    report.keep("ada.json")

From then on every check of an exercise is written to the file: how often it was tried, whether the
last answer was right, and what the check said. Checks of the folded solutions are left out. Several
chapters may share a file. A teacher reads a folder of them as one table:

    python -m trbook.exercises.report FOLDER > verdicts.csv
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trbook.exercises.verdict import Verdict
from trlib import __version__

CALLED = re.compile(r"^\s*(?:\w+\.)?(check_\w+)\(", re.MULTILINE)
COLUMNS = ("student", "exercise", "right", "tries", "says")


def note(file: str | Path, exercise: str, verdict: Verdict) -> None:
    """Writes a verdict into the file, over the one before it; tries are counted. A check of a
    solution changes nothing."""
    if verdict.whose:
        return
    path = Path(file)
    kept: dict[str, Any] = read(path) if path.exists() else {"version": __version__, "verdicts": {}}
    tries = kept["verdicts"].get(exercise, {}).get("tries", 0)
    kept["verdicts"][exercise] = {
        "right": verdict.right,
        "tries": tries + 1,
        "says": verdict.message,
    }
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """A file of verdicts.

    Raises:
        ValueError: it is another file.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        verdicts = kept["verdicts"]
        rows = [(one["right"], one["tries"], one["says"]) for one in verdicts.values()]
    except (KeyError, TypeError, AttributeError, ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected verdicts of `report.keep`, got another file") from error
    if not all(isinstance(right, bool) and isinstance(tries, int) for right, tries, _ in rows):
        raise ValueError(f"{path}: expected verdicts of `report.keep`, got another file")
    return kept


def keep(file: str | Path) -> None:
    """Writes every check of this notebook's exercises into the file, from the next cell on.

    Raises:
        RuntimeError: this is no notebook. ValueError: the file is there and holds something else.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        raise RuntimeError("keep: expected a notebook, got plain Python")
    path = Path(file)
    if path.exists():
        read(path)

    def watch(result: Any) -> None:
        called = CALLED.findall((result.info.raw_cell if result.info else "") or "")
        if isinstance(result.result, Verdict) and called:
            module = getattr(shell.user_ns.get("exercise"), "__name__", "").rpartition(".")[2]
            note(path, f"{module}.{called[-1]}", result.result)

    if before := getattr(shell, "trbook_report", None):
        shell.events.unregister("post_run_cell", before)
    shell.events.register("post_run_cell", watch)
    shell.trbook_report = watch


def table(files: Iterable[Path]) -> list[dict[str, Any]]:
    """A row for each student and exercise: `COLUMNS`; a student is called as the file is."""
    return [
        {"student": path.stem, "exercise": name, **one}
        for path in sorted(files)
        for name, one in read(path)["verdicts"].items()
    ]


def main(words: list[str]) -> int:
    """Prints the table of a folder as CSV."""
    if len(words) != 1 or not Path(words[0]).is_dir():
        print("usage: python -m trbook.exercises.report FOLDER", file=sys.stderr)
        return 2
    out = csv.DictWriter(sys.stdout, COLUMNS)
    out.writeheader()
    out.writerows(table(Path(words[0]).glob("*.json")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
