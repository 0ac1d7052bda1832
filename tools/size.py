"""How large the code is: `python -m tools.size` prints the tokens of each part beside its budget.

Tokens as Python's own `tokenize` reads them, without comments, docstrings and line breaks: nobody
gets below a budget by packing lines. Nothing fails above one; whoever adds looks first for what can
go."""

from __future__ import annotations

import ast
import subprocess
import tokenize
from pathlib import Path

from tools.paths import ROOT

BUDGETS = {
    "trlib": (84, ("trlib",)),
    "trlab": (126, ("trlab",)),
    "the book": (120, ("book/trbook", "book/_ext")),
    "tools": (24, ("tools",)),
    "tests": (350, ("tests",)),
}
"""Thousands of tokens, and the folders that they are counted in."""
NO_CODE = {
    tokenize.COMMENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.NEWLINE,
    tokenize.NL,
    tokenize.INDENT,
    tokenize.DEDENT,
}


def tokens(path: Path) -> int:
    """The tokens of a file's code. A string that is a statement of its own is a docstring, and no
    code."""
    strings = {
        (node.lineno, node.col_offset)
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }
    with path.open("rb") as file:
        return sum(
            t.type not in NO_CODE and t.start not in strings
            for t in tokenize.tokenize(file.readline)
        )


def sizes() -> dict[str, int]:
    """The tokens of every part, over the files that git tracks."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    files = [name for name in listed.splitlines() if (ROOT / name).is_file()]
    folders = {
        part: tuple(f"{folder}/" for folder in where) for part, (_, where) in BUDGETS.items()
    }
    return {
        part: sum(tokens(ROOT / name) for name in files if name.startswith(folders[part]))
        for part in BUDGETS
    }


def main() -> int:
    print(f"{'thousand tokens':16}{'now':>5}{'budget':>8}")
    for part, count in sizes().items():
        budget = BUDGETS[part][0]
        print(f"{part:16}{count / 1000:5.0f}{budget:8}{'   over' if count > 1000 * budget else ''}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
