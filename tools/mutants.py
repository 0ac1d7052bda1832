"""What the tests notice: 200 mutants, each a changed operator, constant, return or order of arguments.

`python -m tools.mutants NAME --only trlib` takes the mutants of a part. Each is written into a copy of
the tree, where the tests that concern it run, the closest first, until one fails. tests/mutants.json
says under NAME which one that is. The mutants are drawn once, and found again by their function and
text. Interrupted, the same command goes on where it stopped. `--compare BEFORE AFTER` lists what is no
longer killed. A time limit counts as a survivor. JavaScript (`--only book`) is built in the copy, with
the `node_modules` of the tree.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

SEED, NUMBERS = 61, {"trlib": 120, "trlab": 40, "book/trbook/explorables": 40}
TESTS = {
    "trlib": ("tests/core", "tests/gallery"),
    "trlab": ("tests/lab",),
    "trcheck": ("tests/instruments",),
    "book": ("tests/book", "tests/gallery"),
}
"""Where the tests of a part stand; those of the bridges are in the instruments."""
SECONDS, WALL, FILES = 90, 600, 6
"""Of processor time and of time, and test files, that a mutant may take."""
LEFT_OUT = "notebooks/|contributing|gallery/test_recipes|wheel|second_device|test_kill|test_process"
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
TOKENS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "===": "!==", "!==": "===", "&&": "||", "||": "&&",
    "+": "-", "-": "+", "*": "/", "/": "*", "true": "false", "false": "true",
    "Math.min": "Math.max", "Math.max": "Math.min",
}  # fmt: skip
# Comments, strings, templates and regular expressions are passed over; operators stand between spaces.
SKIPPED = r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=[(,=] )/(?:\\.|[^/\\\n])+/"
TAKEN = r"(?<= )(?:===|!==|<=|>=|&&|\|\||[<>+*/-])(?= )|\b(?:true|false|Math\.min|Math\.max)\b|(?<![\w.#$])\d+(?:\.\d+)?(?![\w.])"
JAVASCRIPT = re.compile(f"{SKIPPED}|(?P<token>{TAKEN})", re.S)
BUILT_IS_SOURCE = "built_files_are_of_these or building_again or has_a_still or still_shows"


def nodes(tree: ast.AST, function: str = "") -> Iterator[tuple[str, ast.AST]]:
    """What functions do: no annotation, decorator, docstring or error's sentence."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list") or isinstance(tree, ast.Raise):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                named = isinstance(child, (ast.FunctionDef, ast.ClassDef))
                inside = f"{function}.{child.name}".strip(".") if named else function  # type: ignore[attr-defined]
                if function and not named:
                    yield function, child
                yield from nodes(child, inside)


def changed(node: ast.AST) -> ast.AST | None:
    """The node as a mutant has it, or None for one that is left alone."""
    new: Any = None
    match node:
        case ast.Compare(left, [op, *ops], rest) if type(op) in SWAPS:
            new = ast.Compare(left, [SWAPS[type(op)](), *ops], rest)
        case ast.BinOp(left, op, right) if type(op) in SWAPS:
            new = ast.BinOp(left, SWAPS[type(op)](), right)
        case ast.BoolOp(op, values):
            new = ast.BoolOp(SWAPS[type(op)](), values)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            new = copy.copy(operand)
        case ast.Constant(bool(value)):
            new = ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            new = ast.Constant(2 * value if value not in (0, 1) else value + 1)
        case ast.Return(value) if value and not isinstance(value, ast.Constant):
            new = ast.Return(ast.Constant(None))
        case ast.Call(func, [first, second, *rest], keywords):
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                new = ast.Call(func, [second, first, *rest], keywords)
    return ast.copy_location(new, node) if new is not None else None


Site = dict[str, Any]


def sites(path: Path, name: str) -> Iterator[tuple[Site, Callable[[], str]]]:
    """Every mutant of a file, and what gives the file's text with it."""
    text, seen = path.read_text(encoding="utf-8"), dict[tuple, int]()
    for where, old, new, make in _in_python(text) if path.suffix == ".py" else _in_javascript(text):
        if old != new:
            count = seen[where, old] = seen.get((where, old), 0) + 1
            yield {"file": name, "in": where, "old": old, "new": new, "nth": count}, make


Found = Iterator[tuple[str, str, str, Callable[[], str]]]


def _in_python(text: str) -> Found:
    tree = ast.parse(text)
    for function, node in nodes(tree):
        if new := changed(node):
            yield function, ast.unparse(node), ast.unparse(new), partial(_with, tree, node, new)


def _with(tree: ast.AST, old: ast.AST, new: ast.AST) -> str:
    """The code of a tree in which one node is another."""

    class Change(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    return ast.unparse(Change().visit(tree))


def _in_javascript(text: str) -> Found:
    for match in JAVASCRIPT.finditer(text):
        if old := match["token"]:
            line = text.splitlines()[text.count("\n", 0, match.start())].strip()
            new = TOKENS.get(old) or ("1" if old == "0" else f"{2 * float(old):g}")
            start, end = match.span()
            yield line, old, new, partial("".join, (text[:start], new, text[end:]))


def sources(root: Path, under: str) -> list[Path]:
    ending = ".js" if "/" in under else ".py"
    return [
        path
        for path in sorted((root / under).rglob(f"*{ending}"))
        if not {"node_modules", "built"} & set(path.parts) and "eslint" not in path.name
    ]


def draw(root: Path) -> list[Site]:
    rng, drawn = random.Random(SEED), []
    for under, number in NUMBERS.items():
        every = [s for p in sources(root, under) for s, _ in sites(p, str(p.relative_to(root)))]
        drawn += rng.sample(every, number)
    return drawn


def text_of(root: Path, mutant: Site) -> str | None:
    """The text of its file with the mutant, or None where its code is gone."""
    keys = ("file", "in", "old", "nth")
    path = root / mutant["file"]
    every = sites(path, mutant["file"]) if path.is_file() else iter(())
    return next((make() for site, make in every if all(site[k] == mutant[k] for k in keys)), None)


def concerned(root: Path, mutant: Site, folders: tuple[str, ...]) -> list[str]:
    """The test files that name the mutated module or function: first those that once killed this
    mutant, then the closest and smallest."""
    path = Path(mutant["file"])
    stem = path.parent.name if path.stem in ("__init__", "maths") else path.stem
    dotted = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    module = re.compile(rf"{re.escape(dotted)}\b|{path.parent.name}/{path.name}")
    script = path.suffix == ".js"
    names = {stem} if script else {stem, *re.findall(r"\w{4,}", mutant["in"])}
    killers = {run.get("by", "").partition("::")[0] for run in mutant["runs"].values()}
    ranked = []
    for test in (one for folder in folders for one in (root / folder).rglob("test_*.py")):
        text, name = test.read_text(encoding="utf-8"), str(test.relative_to(root))
        if re.search(LEFT_OUT, name) or (not script and "/browser/" in name):
            continue
        score = 6 * (stem in test.stem) + 4 * bool(module.search(text))
        score += 2 * len({word for word in names if re.search(rf"\b{word}\b", text)})
        score += 100 * (name in killers)
        if score:
            ranked.append((-score, len(text), name))
    return [name for *_, name in sorted(ranked)[:FILES]]


OPTIONS = (
    *("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:nbmake"),
    *("-m", "not nightly and not style", "-k", f"not ({BUILT_IS_SOURCE})"),
)


class Guard:
    """Runs mutants in a copy of a tree."""

    def __init__(self, root: Path) -> None:
        self.root, self.copy = root, Path(tempfile.mkdtemp(prefix="mutants-"))
        self.sound, self.unsound = set[str](), set[str]()
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.check_output(listed, cwd=root, text=True).splitlines():
            if (root / name).is_file():
                (self.copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.copy / name)
        modules = "book/trbook/explorables/js/node_modules"
        if (root / modules).is_dir():
            (self.copy / modules).symlink_to(root / modules)

    def outcome(self, mutant: Site) -> Site:
        """What became of a mutant: `killed` and by which test, `survived`, `time` or `gone`."""
        text = text_of(self.root, mutant)
        if text is None:
            return {"end": "gone"}
        path = self.copy / mutant["file"]
        whole = path.read_text(encoding="utf-8")

        def write(now: str) -> bool:
            path.write_text(now, encoding="utf-8")
            return (
                path.suffix == ".py"
                or not subprocess.run(
                    ["node", "build.mjs"],
                    cwd=self.copy / "book/trbook/explorables/js",
                    capture_output=True,
                ).returncode
            )

        bridge = mutant["file"].startswith("trlib/bridges")
        folders = TESTS["trcheck" if bridge else mutant["file"].split("/")[0]]
        files = concerned(self.copy, mutant, folders)
        try:
            while True:
                if not write(text):
                    return {"end": "killed", "by": "npm run build"}
                status, first = self.run(files)
                if status is None:
                    return {"end": "time"}
                if status in (0, 5):
                    return {"end": "survived"}
                write(whole)
                if not first or first in self.sound or self.run([first])[0] == 0:
                    self.sound.add(first)
                    return {"end": "killed", "by": first or "collecting"}
                self.unsound.add(first)  # it fails without the mutant as well
        finally:
            write(whole)

    def run(self, tests: list[str]) -> tuple[int | None, str]:
        """pytest's exit status for these files or tests (None: out of time), and which test
        failed."""
        paths = (self.copy, self.copy / "book")
        left_out = [f"--deselect={name}" for name in sorted(self.unsound)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *OPTIONS, *left_out, *tests],
                cwd=self.copy,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
                preexec_fn=partial(resource.setrlimit, resource.RLIMIT_CPU, (SECONDS, SECONDS)),
                capture_output=True,
                text=True,
                check=False,
                timeout=WALL,
            )
        except subprocess.TimeoutExpired:
            return None, ""
        failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
        return done.returncode if done.returncode >= 0 else None, failed[1] if failed else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", help="what this run is called in the file")
    here = Path(__file__).resolve().parents[1]
    parser.add_argument("--tree", type=Path, default=here, help="the checkout that is tested")
    parser.add_argument("--file", type=Path, default=here / "tests/mutants.json")
    parser.add_argument("--only", default="trlib", help="a part, or the beginning of a file's name")
    parser.add_argument("--compare", nargs=2, metavar=("BEFORE", "AFTER"))
    asked = parser.parse_args()
    mutants = json.loads(asked.file.read_text()) if asked.file.is_file() else draw(asked.tree)
    if asked.compare:
        one, other = asked.compare
        for m in (m for m in mutants if m["runs"].get(one, {}).get("end") == "killed"):
            if m["runs"].get(other, {}).get("end", "killed") != "killed":
                print(m["file"], m["in"], m["old"], "->", m["new"], m["runs"][one]["by"])
        return
    guard = Guard(asked.tree)
    try:
        for mutant in mutants:
            runs = mutant.setdefault("runs", {})
            if asked.name in runs or not mutant["file"].startswith(asked.only):
                continue
            start = time.monotonic()
            runs[asked.name] = guard.outcome(mutant)
            said = (mutant["file"], mutant["old"], "->", mutant["new"], runs[asked.name])
            print(*said, round(time.monotonic() - start), flush=True)
            part = asked.file.with_suffix(".part")
            part.write_text(json.dumps(mutants, indent=1, ensure_ascii=False) + "\n")
            part.replace(asked.file)
    finally:
        shutil.rmtree(guard.copy)


if __name__ == "__main__":
    main()
