"""What the tests notice: 200 mutants, each a changed operator, constant, return or order of arguments.

`python -m tools.mutants NAME` runs, for each mutant, the tests that concern it until one fails, and
notes under NAME in tests/mutants.json which one that is. The mutants are drawn once and found again
by their function and text. Interrupted, the same command goes on where it stopped. JavaScript is
changed in place and built: run it in a clean checkout that has `node_modules`. A time limit counts
as a survivor. Two runs are compared by `python -m tools.mutants --compare BEFORE AFTER`.
"""

from __future__ import annotations

import argparse
import ast
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
from typing import Any

SEED, NUMBERS = 61, {"trlib": 120, "trlab": 40, "book/trbook/explorables": 40}
PROCESSOR, WALL = 40, 900
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
            new = operand
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


def code_of(root: Path, mutant: Site) -> Any:
    """The mutated module, compiled."""
    old, new = place_of(root, mutant)

    class Change(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            same = ast.dump(node, include_attributes=True) == ast.dump(old, include_attributes=True)
            return new if same else self.generic_visit(node)

    tree = ast.parse((root / mutant["file"]).read_text(encoding="utf-8"))
    Change().visit(tree)
    return compile(ast.fix_missing_locations(tree), str(root / mutant["file"]), "exec")


def install() -> None:
    """Give the mutant that the environment names to whoever imports its module."""
    root, mutant = Path(os.environ["TRLIB_TREE"]), json.loads(os.environ["TRLIB_MUTANT"])
    module = mutant["file"].removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    class Loader(SourceFileLoader):
        def get_code(self, fullname: str) -> Any:
            return code_of(root, mutant)

    class Finder:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
            spec = PathFinder.find_spec(name, path) if name == module else None
            if spec:
                spec.loader = Loader(name, str(spec.origin))
            return spec

    sys.meta_path.insert(0, Finder())


def concerned(root: Path, mutant: Site) -> list[str]:
    """The test files that name the mutated module, the closest and smallest first."""
    path = Path(mutant["file"])
    stem = path.parent.name if path.stem in ("__init__", "maths") else path.stem
    script = path.suffix == ".js"
    dotted = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    names = {stem, *re.findall(r"\w{4,}", mutant["in"])} if not script else {stem}
    camel = "".join(part.title() for part in (path.parent.name + "_" + path.stem).split("_"))
    public = set(
        re.findall(r"^(?:def|class|export \w+) (\w{4,})", (root / path).read_text("utf-8"), re.M)
    )
    ranked = []
    for test in (root / "tests").rglob("test_*.py"):
        text, name = test.read_text(encoding="utf-8"), str(test.relative_to(root))
        if not script and re.search("browser|notebooks|contributing|gallery/test_recipes|wheel|second_device|test_kill|test_process", name):
            continue
        score = 6 * (stem in test.stem) + 4 * (f"{path.parent.name}/{path.name}" in text)
        score += 4 * bool(re.search(rf"{re.escape(dotted)}\b", text))
        score += 2 * len({w for w in names if re.search(rf"\b{w}\b", text)})
        score += bool([w for w in public if re.search(rf"\b{w}\b", text)])
        score += path.parent.name in test.parts[-2]
        score += script and ("sources(" in text or camel.startswith(test.stem[5:].title()))
        score -= 3 * ("parity" in name or "bridges" in name)
        if score > 0:
            ranked.append((-score, len(text), name))
    return [name for *_, name in sorted(ranked)[: 12 if script else 12]]


def child(root: Path, tests: list[str], mutant: Site | None, note: Path) -> None:
    """In a process of its own: the tests until one fails, whose name is noted."""
    import pytest

    class Note:
        @pytest.hookimpl
        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                note.write_text(report.nodeid)

    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR + 5))
    os.chdir(root)
    sys.path[:0] = [str(root), str(root / "book"), str(root / "book/_ext")]
    if mutant and mutant["file"].endswith(".py"):
        os.environ.update(TRLIB_TREE=str(root), TRLIB_MUTANT=json.dumps(mutant))
        install()
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:nbmake"]
    marks = ["-m", "not nightly and not style", "-k", f"not ({BUILT_IS_SOURCE})"]
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    os._exit(int(pytest.main([*options, *marks, *tests], plugins=[Note()])))


def run(root: Path, tests: list[str], mutant: Site | None) -> tuple[int | None, str]:
    """The exit status (None: out of time) and the first test that failed."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "note"
        (Path(folder) / "sitecustomize.py").write_text(
            "import os, runpy\n"
            f"if 'TRLIB_MUTANT' in os.environ: runpy.run_path({__file__!r})['install']()\n"
        )
        paths = [folder, str(root), str(root / "book"), str(root / "book/_ext")]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        pid = os.fork()
        if not pid:
            try:
                child(root, tests, mutant, note)
            finally:
                os._exit(70)
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


def outcome(root: Path, mutant: Site, unsound: set[str]) -> Site:
    tests = concerned(root, mutant)
    while True:
        deselected = [f"--deselect={name}" for name in sorted(unsound)]
        ended, first = run(root, [*deselected, *tests], mutant)
        if ended is None:
            return {"end": "time", "files": len(tests)}
        if ended in (0, 5):
            return {"end": "survived", "files": len(tests)}
        if not first:
            return {"end": "killed", "by": "collecting"}
        if run(root, [first], None)[0] == 0 or mutant["file"].endswith(".js"):
            return {"end": "killed", "by": first}
        unsound.add(first)  # it fails without the mutant as well


def with_script(root: Path, mutant: Site, unsound: set[str]) -> Site:
    path = root / mutant["file"]
    text, (start, stop) = path.read_text(encoding="utf-8"), place_of(root, mutant)
    build = ["node", "build.mjs"]
    here = root / "book/trbook/explorables/js"
    try:
        path.write_text(text[:start] + mutant["new"] + text[stop:], encoding="utf-8")
        if subprocess.run(build, cwd=here, capture_output=True, check=False).returncode:
            return {"end": "killed", "by": "npm run build"}
        return outcome(root, mutant, unsound)
    finally:
        path.write_text(text, encoding="utf-8")
        subprocess.run(build, cwd=here, capture_output=True, check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", help="what this run is called in the file")
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[1])
    parser.add_argument(
        "--file", type=Path, default=Path(__file__).parents[1] / "tests/mutants.json"
    )
    parser.add_argument("--only", default="", help="files that begin so")
    parser.add_argument("--compare", nargs=2)
    asked = parser.parse_args()
    mutants = json.loads(asked.file.read_text()) if asked.file.is_file() else draw(asked.tree)
    if asked.compare:
        one, other = asked.compare
        for m in (m for m in mutants if m["runs"].get(one, {}).get("end") == "killed"):
            if m["runs"].get(other, {}).get("end", "killed") != "killed":
                print(m["file"], m["in"], m["old"], "->", m["new"], m["runs"][one]["by"])
        return
    import hypothesis  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import pytest  # noqa: F401
    import scipy.stats  # noqa: F401
    import torch
    import transformers  # noqa: F401

    torch.set_num_threads(1)
    unsound = set[str]()
    for mutant in mutants:
        runs = mutant.setdefault("runs", {})
        if asked.name in runs or not mutant["file"].startswith(asked.only):
            continue
        start = time.monotonic()
        if place_of(asked.tree, mutant) is None:
            runs[asked.name] = {"end": "gone"}
        else:
            how = with_script if mutant["file"].endswith(".js") else outcome
            runs[asked.name] = how(asked.tree, mutant, unsound)
        took = round(time.monotonic() - start)
        print(
            mutant["file"], mutant["old"], "->", mutant["new"], runs[asked.name], took, flush=True
        )
        part = asked.file.with_suffix(".part")
        part.write_text(json.dumps(mutants, indent=1, ensure_ascii=False) + "\n")
        part.replace(asked.file)


if __name__ == "__main__":
    main()
