"""How large the code is, beside its ceilings: `python -m tools.size`, which `make lint` calls; above a
ceiling it fails.

Python is counted in thousand tokens (`tokenize`, without comments, docstrings and line breaks, so that
formatting changes nothing), JavaScript and style sheets in thousand lines, and all tracked files.
Whoever adds something large takes something away, or raises a ceiling in a commit that says why.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

from book.build.paths import ROOT

# What was there when the ceilings were set, and 1 percent. The goals are: trlib 103 to 112, trlab 32, trcheck 66 to 74,
# book/trbook 76, book/build 34, tests 160, benchmarks and tools 6, JavaScript 22, files 1,250.
CEILINGS = {
    "trlib": 122.9,
    "trlab": 47.3,
    "trcheck": 76.7,
    "book/trbook": 84.2,
    "book/build": 48.3,
    "tests": 235.9,
    "benchmarks and tools": 6.9,
    "JavaScript": 21.6,
    "files": 1427.0,
}
FOLDERS = {
    "trcheck/tests/": "tests",
    "benchmarks/": "benchmarks and tools",
    "tools/": "benchmarks and tools",
}
LAYOUT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def tokens(source: str) -> int:
    """The tokens of a file's code."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    found = tokenize.generate_tokens(io.StringIO(source).readline)
    return sum(one.type not in LAYOUT and one.start[0] not in docstrings for one in found)


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    now = dict.fromkeys(CEILINGS, 0.0) | {"files": float(len(files))}
    folders = FOLDERS | {f"{part}/": part for part in CEILINGS}
    for name in files:
        path = Path(ROOT, name)
        part = next((folders[folder] for folder in folders if name.startswith(folder)), None)
        if path.suffix == ".py" and part:
            now[part] += tokens(path.read_text(encoding="utf-8")) / 1000
        elif path.suffix in (".js", ".mjs", ".css"):
            now["JavaScript"] += path.read_text(encoding="utf-8").count("\n") / 1000
    above = [part for part, ceiling in CEILINGS.items() if now[part] > ceiling]
    for part, ceiling in CEILINGS.items():
        print(f"{part:22}{now[part]:8.1f} of {ceiling:g}{' ABOVE' if part in above else ''}")
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main())
