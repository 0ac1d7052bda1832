"""How large the code is: `python -m tools.size` prints the tokens of each part beside its budget.

Python's tokens are those of its own `tokenize`, without comments, docstrings and line breaks;
JavaScript's are those of Pygments, without comments and spaces. Nobody gets below a budget by
packing lines. Nothing fails above one; whoever adds looks first for what can go."""

from __future__ import annotations

import ast
import subprocess
import tokenize
from pathlib import Path

from pygments.lexers import JavascriptLexer
from pygments.token import Comment

from tools.paths import ROOT

BUDGETS = {
    "trlib": (84, ("trlib",)),
    "trlab": (126, ("trlab",)),
    "the book": (120, ("book/trbook", "book/_ext")),
    "tools": (24, ("tools",)),
    "tests": (350, ("tests",)),
}
"""Thousands of tokens of Python, and the folders that they are counted in."""
JAVASCRIPT = 204
"""Thousands of tokens of JavaScript, wherever it stands: without what is built or not ours."""
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


def tokens_of_javascript(path: Path) -> int:
    """The tokens of a script's code."""
    read = JavascriptLexer().get_tokens(path.read_text(encoding="utf-8"))
    return sum(kind not in Comment and bool(text.strip()) for kind, text in read)


def tracked(*patterns: str) -> list[str]:
    """The files that git tracks, without what is generated and what is copied from others."""
    ours = [f":(exclude,attr:linguist-{kind})" for kind in ("generated", "vendored")]
    listed = subprocess.run(
        ["git", "ls-files", *patterns, *ours], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


def sizes() -> dict[str, tuple[int, int]]:
    """The tokens of every part and its budget, over the files that git tracks."""
    files = tracked("*.py")
    python = {
        part: (
            sum(
                tokens(ROOT / name)
                for name in files
                if name.startswith(tuple(f"{folder}/" for folder in where))
            ),
            1000 * budget,
        )
        for part, (budget, where) in BUDGETS.items()
    }
    scripts = sum(tokens_of_javascript(ROOT / name) for name in tracked("*.js", "*.mjs"))
    return python | {"JavaScript": (scripts, 1000 * JAVASCRIPT)}


def main() -> int:
    print(f"{'thousand tokens':16}{'now':>5}{'budget':>8}")
    for part, (now, budget) in sizes().items():
        over = "   over" if now > budget else ""
        print(f"{part:16}{now / 1000:5.0f}{budget / 1000:8.0f}{over}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
