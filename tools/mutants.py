"""What the tests notice: 200 mutants, each a changed operator, constant, return or order of arguments.

`python -m tools.mutants NAME --only trlib` collects the tests of a part once and then forks for each
of its mutants: the child changes the code of the functions in memory, and runs the tests that concern
it, the closest first, until one fails. tests/mutants.json says under NAME which one that is. The
mutants are drawn once, and found again by their function and text. Interrupted, the same command goes
on where it stopped. `--compare BEFORE AFTER` lists what is no longer killed. A time limit counts as a
survivor. JavaScript (`--only book`) is changed in place and built: run it in a clean checkout that
has `node_modules`.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import gc
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

SEED, NUMBERS = 61, {"trlib": 120, "trlab": 40, "book/trbook/explorables": 40}
TESTS = {
    "trlib": ("tests/core", "tests/gallery"),
    "trlab": ("tests/lab",),
    "trcheck": ("tests/instruments",),
    "book": ("tests/book", "tests/gallery"),
}
"""Where the tests of a part stand. Those of the bridges, in the instruments, are collected apart."""
PROCESSOR, WALL, FILES = 15, 600, 6
"""Seconds and test files that a mutant may take."""
BROKEN = 70
"""The status of a child in which not a test, but the guard itself failed."""
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


def sites(path: Path, name: str) -> Iterator[tuple[Site, Any]]:
    """Every mutant of a file, and what to put where: a node or a piece of text."""
    text, seen = path.read_text(encoding="utf-8"), dict[tuple, int]()
    found: Iterator[tuple[str, str, str, Any]]
    if path.suffix == ".py":
        pairs = ((f, node, changed(node)) for f, node in nodes(ast.parse(text)))
        found = (
            (f, ast.unparse(node), ast.unparse(new), (node, new)) for f, node, new in pairs if new
        )
    else:
        matches = (match for match in JAVASCRIPT.finditer(text) if match["token"])
        found = (
            (
                text.splitlines()[text.count("\n", 0, match.start())].strip(),
                match[0],
                TOKENS.get(match[0]) or ("1" if match[0] == "0" else f"{2 * float(match[0]):g}"),
                match.span(),
            )
            for match in matches
        )
    for where, old, new, place in found:
        if old != new:
            count = seen[where, old] = seen.get((where, old), 0) + 1
            yield {"file": name, "in": where, "old": old, "new": new, "nth": count}, place


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


def place_of(root: Path, mutant: Site) -> Any:
    """Where the mutant is in this tree, or None where its code is gone."""
    keys = ("file", "in", "old", "nth")
    path = root / mutant["file"]
    every = sites(path, mutant["file"]) if path.is_file() else iter(())
    return next((at for site, at in every if all(site[k] == mutant[k] for k in keys)), None)


def codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    """A module's code and all code inside it, by name and line."""
    yield (code.co_qualname, code.co_firstlineno), code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from codes(inner)


def code_of(root: Path, mutant: Site | None, name: str) -> CodeType:
    """A module compiled, with the mutant or without."""
    tree = ast.parse((root / name).read_text(encoding="utf-8"))
    if mutant:
        old, new = place_of(root, mutant)
        place = ("lineno", "col_offset", "end_lineno", "end_col_offset")

        class Change(ast.NodeTransformer):
            def visit(self, node: ast.AST) -> ast.AST:
                same = type(node) is type(old) and all(
                    getattr(node, one) == getattr(old, one) for one in place
                )
                return new if same else self.generic_visit(node)

        Change().visit(tree)
    return compile(ast.fix_missing_locations(tree), str(root / name), "exec")


def _ours(held: Any) -> bool:
    """Whether an object is of the repository: torch compiles nothing after its own caches were
    cleared, and every test that compiles would seem to kill every mutant."""
    module = str(getattr(held, "__module__", ""))
    return module.partition(".")[0] in (
        "trlib",
        "trlab",
        "trcheck",
        "trbook",
        "book",
        "tools",
        "tests",
    )


def changed_in_memory(root: Path, mutant: Site) -> bool:
    """Whether functions that are loaded could be given the mutant's code: not where it stands in a
    class's body or among defaults."""
    name = mutant["file"]
    plain = dict(codes(code_of(root, None, name)))
    new = {at: code for at, code in codes(code_of(root, mutant, name)) if code != plain[at]}
    found = False
    for held in gc.get_objects():
        if isinstance(held, functools._lru_cache_wrapper) and _ours(held):
            held.cache_clear()
        if isinstance(held, FunctionType) and held.__code__.co_filename == str(root / name):
            at = (held.__code__.co_qualname, held.__code__.co_firstlineno)
            if at in new:
                held.__code__, found = new[at], True
    return found


def install() -> None:
    """Give the mutant that the environment names to whoever imports its module."""
    root, mutant = Path(os.environ["TRLIB_TREE"]), json.loads(os.environ["TRLIB_MUTANT"])
    module = mutant["file"].removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    class Loader(SourceFileLoader):
        def get_code(self, fullname: str) -> Any:
            return code_of(root, mutant, mutant["file"])

    class Finder:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
            spec = PathFinder.find_spec(name, path) if name == module else None
            if spec:
                spec.loader = Loader(name, str(spec.origin))
            return spec

    sys.meta_path.insert(0, Finder())


def concerned(root: Path, mutant: Site, folders: tuple[str, ...]) -> list[str]:
    """The test files that name the mutated module: first those that once killed this mutant, then the
    closest and smallest."""
    path = Path(mutant["file"])
    stem = path.parent.name if path.stem in ("__init__", "maths") else path.stem
    script = path.suffix == ".js"
    dotted = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    names = {stem} if script else {stem, *re.findall(r"\w{4,}", mutant["in"])}
    camel = "".join(part.title() for part in f"{path.parent.name}_{path.stem}".split("_"))
    public = set(
        re.findall(r"^(?:def|class|export \w+) (\w{4,})", (root / path).read_text("utf-8"), re.M)
    )
    killers = {run.get("by", "").partition("::")[0] for run in mutant["runs"].values()}
    ranked = []
    for test in (one for folder in folders for one in (root / folder).rglob("test_*.py")):
        text, name = test.read_text(encoding="utf-8"), str(test.relative_to(root))
        if re.search(LEFT_OUT, name) or (not script and "/browser/" in name):
            continue
        score = 6 * (stem in test.stem) + 4 * (f"{path.parent.name}/{path.name}" in text)
        score += 4 * bool(re.search(rf"{re.escape(dotted)}\b", text))
        score += 2 * len({w for w in names if re.search(rf"\b{w}\b", text)})
        score += bool([w for w in public if re.search(rf"\b{w}\b", text)])
        score += path.parent.name in test.parts[-2]
        score += script and ("sources(" in text or camel.startswith(test.stem[5:].title()))
        score += 100 * (name in killers) - 3 * ("parity" in name)
        if score > 0:
            ranked.append((-score, len(text), name))
    return [name for *_, name in sorted(ranked)[:FILES]]


OPTIONS = (
    *("-s", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:nbmake"),
    *("-m", "not nightly and not style", "-k", f"not ({BUILT_IS_SOURCE})"),
)


class Guard:
    """A plugin of pytest: instead of the tests it runs the mutants, each in a fork."""

    def __init__(self, root: Path, name: str, file: Path, mutants: list[Site], only: str) -> None:
        self.root, self.name, self.file, self.mutants, self.only = root, name, file, mutants, only
        self.sound, self.unsound = set[str](), set[str]()
        self.note: Path | None = None

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and self.note:
            self.note.write_text(report.nodeid)
            os._exit(1)

    def pytest_runtestloop(self, session: Any) -> bool:
        for mutant in self.mutants:
            runs = mutant.setdefault("runs", {})
            if self.name in runs or not mutant["file"].startswith(self.only):
                continue
            start = time.monotonic()
            how = self.script if mutant["file"].endswith(".js") else self.outcome
            gone = place_of(self.root, mutant) is None
            runs[self.name] = {"end": "gone"} if gone else how(session, mutant)
            said = (mutant["file"], mutant["old"], "->", mutant["new"], runs[self.name])
            print(*said, round(time.monotonic() - start), flush=True)
            part = self.file.with_suffix(".part")
            part.write_text(json.dumps(self.mutants, indent=1, ensure_ascii=False) + "\n")
            part.replace(self.file)
        return True

    def outcome(self, session: Any, mutant: Site) -> Site:
        bridge = mutant["file"].startswith("trlib/bridges")
        folders = ("tests/instruments",) if bridge else TESTS[mutant["file"].split("/")[0]]
        files = concerned(self.root, mutant, folders)
        while True:
            ended, first = self.run(session, files, mutant)
            if ended is None:
                return {"end": "time"}
            if ended == BROKEN:
                raise RuntimeError(f"the guard itself failed beside {mutant}")
            if ended in (0, 5):
                return {"end": "survived"}
            if not first or first in self.sound:
                return {"end": "killed", "by": first or "collecting"}
            if mutant["file"].endswith(".js") or self.run(session, [first], None)[0] == 0:
                self.sound.add(first)
            else:
                self.unsound.add(first)  # it fails without the mutant as well

    def script(self, session: Any, mutant: Site) -> Site:
        path, here = self.root / mutant["file"], self.root / "book/trbook/explorables/js"
        text, (start, stop) = path.read_text(encoding="utf-8"), place_of(self.root, mutant)
        try:
            path.write_text(text[:start] + mutant["new"] + text[stop:], encoding="utf-8")
            if subprocess.run(["node", "build.mjs"], cwd=here, capture_output=True).returncode:
                return {"end": "killed", "by": "npm run build"}
            return self.outcome(session, mutant)
        finally:
            path.write_text(text, encoding="utf-8")
            subprocess.run(["node", "build.mjs"], cwd=here, capture_output=True, check=False)

    def run(self, session: Any, tests: list[str], mutant: Site | None) -> tuple[int | None, str]:
        """The exit status of these files or tests (None: out of time), and which test failed."""
        with tempfile.TemporaryDirectory() as folder:
            note = Path(folder) / "note"
            pid = os.fork()
            if not pid:
                try:
                    self.child(session, tests, mutant, note)
                finally:
                    os._exit(BROKEN)
            end, status = time.monotonic() + WALL, (0, 0)
            while status[0] == 0 and time.monotonic() < end:
                time.sleep(0.05)
                status = os.waitpid(pid, os.WNOHANG)
            with suppress(ProcessLookupError):
                os.killpg(pid, 9)
            if status[0] == 0:
                os.waitpid(pid, 0)
            ended = os.waitstatus_to_exitcode(status[1]) if status[0] else None
            first = note.read_text() if note.is_file() else ""
        return (ended if ended is not None and ended >= 0 else None), first

    def child(self, session: Any, tests: list[str], mutant: Site | None, note: Path) -> None:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, 4 * PROCESSOR + 5))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        self.note = note
        loaded = any(item.nodeid.startswith(tuple(tests)) for item in session.items)
        if mutant and mutant["file"].endswith(".py"):
            # for processes that a test starts
            (note.parent / "sitecustomize.py").write_text(
                "import os, runpy\n"
                f"if 'TRLIB_MUTANT' in os.environ: runpy.run_path({__file__!r})['install']()\n"
            )
            os.environ.update(TRLIB_TREE=str(self.root), TRLIB_MUTANT=json.dumps(mutant))
            paths = [note.parent, self.root, self.root / "book"]
            os.environ["PYTHONPATH"] = os.pathsep.join(map(str, paths))
            try:
                loaded = loaded and changed_in_memory(self.root, mutant)
            except ValueError:  # another number of free variables
                loaded = False
        if not loaded:  # in a process of its own, which imports the mutant
            resource.setrlimit(resource.RLIMIT_CPU, (4 * PROCESSOR, 4 * PROCESSOR + 5))
            command = [sys.executable, "-m", "pytest", *OPTIONS]
            command += [f"--deselect={name}" for name in sorted(self.unsound)]
            done = subprocess.run([*command, *tests], capture_output=True, text=True, check=False)
            if found := re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.M):
                note.write_text(found[1])
            os._exit(done.returncode if done.returncode >= 0 else 0)
        temporary = note.parent / "tmp"
        temporary.mkdir()
        session.config._tmp_path_factory._basetemp = temporary
        items = [
            item
            for test in tests
            for item in session.items
            if (item.nodeid == test or item.nodeid.startswith(f"{test}::"))
            and item.nodeid not in self.unsound
        ]
        for item, following in zip(items, [*items[1:], None], strict=True):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        os._exit(0)


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
    os.chdir(asked.tree)
    sys.path[:0] = [str(asked.tree / folder) for folder in ("", "book")]
    guard = Guard(asked.tree, asked.name, asked.file.resolve(), mutants, asked.only)
    pytest.main([*OPTIONS, *TESTS[asked.only.split("/")[0]]], plugins=[guard])


if __name__ == "__main__":
    main()
