"""How large the code is: `python -m tools.size` prints machinery and content apart, beside budgets.

Machinery is what a colleague has to understand before changing anything; content grows with what is
asked, taught and measured, one file beside the other, and has one budget for all (`CONTENT`).

Python's tokens are those of its own `tokenize`, without comments, docstrings and line breaks;
JavaScript is counted in lines. Nobody gets below a budget by packing lines: the formatters set them.
Nothing fails above one; whoever adds looks first for what can go."""

from __future__ import annotations

import ast
import subprocess
import tokenize
from pathlib import Path

from book.build.paths import ROOT

CONTENT = (
    # Recorded sweeps: what was asked of which methods, with predictions.
    "trlab/sweeps/*",
    # What papers claim, and which runs judge it.
    "trlab/claims/*",
    ":!trlab/claims/__init__.py",
    ":!trlab/claims/card.py",
    ":!trlab/claims/outcome.py",
    ":!trlab/claims/text.py",
    # What implementations of each loss choose among: words.
    "trcheck/conformance/choices.py",
    "trcheck/conformance/families.py",
    # The sentences of a diagnosis.
    "trcheck/diagnose/messages.py",
    "trcheck/diagnose/sentences.py",
    # Exercises, their solutions and their typical wrong answers.
    "book/trbook/exercises/*",
    ":!book/trbook/exercises/attempt.py",
    ":!book/trbook/exercises/built.py",
    ":!book/trbook/exercises/check.py",
    ":!book/trbook/exercises/inside.py",
    ":!book/trbook/exercises/verdict.py",
    # Papers' settings, and what measures and axes are called.
    "book/trbook/scale/papers.py",
    "book/build/words.py",
)
"""Declarations, as patterns of git: a file more of their kind explains itself, and nothing else is
read for it."""
BUDGETS = {
    "trlib": (105, ("trlib",)),
    "trlab": (52, ("trlab",)),
    "trcheck": (52, ("trcheck",)),
    "the book and its build": (75, ("book", "tools")),
    "tests": (290, ("tests",)),
}
"""Thousands of tokens of Python, and the folders that they are counted in."""
CONTENT_BUDGET = 165
"""Thousands of tokens of all declarations together."""
JAVASCRIPT = 20
"""Thousands of lines of JavaScript, wherever it stands: without what is built or not ours."""
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


def tracked(*patterns: str) -> list[str]:
    """The files that git tracks, without what is generated and what is copied from others."""
    ours = [f":(exclude,attr:linguist-{kind})" for kind in ("generated", "vendored")]
    listed = subprocess.run(
        ["git", "ls-files", *patterns, *ours], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


def main() -> int:
    content = {*tracked(*CONTENT)}
    python, all_declared = tracked("*.py"), 0
    print(f"{'thousand tokens':24}{'now':>10}{'budget':>8}{'content':>9}")
    for part, (budget, folders) in BUDGETS.items():
        files = [name for name in python if name.partition("/")[0] in folders]
        declared = sum(tokens(ROOT / name) for name in files if name in content)
        all_declared += declared
        _say(part, sum(tokens(ROOT / name) for name in files) - declared, budget, declared)
    lines = sum(len((ROOT / name).read_bytes().splitlines()) for name in tracked("*.js", "*.mjs"))
    _say("JavaScript, lines", lines, JAVASCRIPT)
    _say("content of all parts", all_declared, CONTENT_BUDGET)
    return 0


def _say(part: str, now: int, budget: int, content: int = 0) -> None:
    declared = f"{content / 1000:.0f}" if content else ""
    over = f"   {now / 1000 - budget:.0f} over" if now > 1000 * budget else ""
    print(f"{part:24}{now / 1000:10.0f}{budget:8}{declared:>9}{over}")


if __name__ == "__main__":
    raise SystemExit(main())
