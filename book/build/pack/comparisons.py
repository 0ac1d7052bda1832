"""Collect every comparison of recorded runs that the book prints into `trlab/comparisons.json`.

    python -m book.build.pack.comparisons
        # after a sentence, a cell or a card has compared something new
    python -m book.build.pack.comparisons --check    # fails if the file is out of step

A comparison is printed by `{rec}` with `over` on a page or on a method's card, by a call of `told`,
`against` or `gap` (from `trlab.outcomes`) in a notebook, and by a test of a claims card. All of them
are corrected together (`trlab.verdicts`). One that an earlier edition printed stays in the file: a question that
was asked counts for ever, and no verdict becomes easier because a sentence went.

A notebook is read, not run. The arguments of a call must follow from literals: from names that the
notebook assigns once, or from a loop over literals.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from book.build.ext.quoted import COUNTED, FILLED, parse
from book.build.paths import NOTEBOOKS, ROOT
from trbook.cards.doors import DOORS
from trlab.claims import cards
from trlab.comparison import PRINTED, Comparison, Side, as_json, of_prediction, printed
from trlab.record import is_recorded, read

CALLS = ("told", "against", "gap")
"""The functions of `trlab.outcomes` that compare."""
ROLE = re.compile(r"\{rec\}`([^`]+)`")
MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)
"""A line of a notebook that is not Python."""
BUILTINS = {
    "dict": dict,
    "enumerate": enumerate,
    "zip": zip,
    "range": range,
    "str": str,
    "list": list,
}
"""What the arguments of a call may use."""

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


def of_methods() -> Iterator[Named]:
    """What the cards of the methods compare."""
    for doors in DOORS.values():
        for text in ROLE.findall(doors.acts):
            quote = parse(text)
            if quote.against:
                yield quote.sweep, quote.comparison


def of_notebook(path: Path) -> Iterator[Named]:
    """What a notebook compares.

    Raises:
        ValueError: a call whose arguments do not follow from literals.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    tree = ast.parse(MAGIC.sub(r"\1pass", code))
    names = _imported(tree)
    if names:
        for call, known in _calls(tree.body, {}, names):
            try:
                yield from _compared(call, known)
            except NameError as error:
                raise ValueError(
                    f"{path.name}: {ast.unparse(call)}: expected literals, got {error}"
                ) from error


def _imported(tree: ast.Module) -> set[str]:
    """What a notebook calls the functions of `CALLS`."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "trlab.outcomes":
            names |= {one.asname or one.name for one in node.names if one.name in CALLS}
        if isinstance(node, ast.ImportFrom) and node.module == "trlab":
            names |= {
                f"{one.asname or one.name}.{call}"
                for one in node.names
                if one.name == "outcomes"
                for call in CALLS
            }
    return names


def _calls(
    body: Any, known: dict[str, Any], names: set[str]
) -> Iterator[tuple[ast.Call, dict[str, Any]]]:
    """The calls of a piece of code, each with the variables that are known there."""
    for node in body if isinstance(body, list) else [body]:
        if isinstance(node, ast.Assign):
            _assign(node, known)
        if isinstance(node, ast.FunctionDef):  # an argument hides a variable of its name
            arguments = {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}
            yield from _calls(
                node.body,
                {name: one for name, one in known.items() if name not in arguments},
                names,
            )
        elif isinstance(node, ast.For):
            for values in _loop(node.target, node.iter, known):
                yield from _calls(node.body, {**known, **values}, names)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            yield from _comprehended(node.generators, parts, known, names)
        else:
            if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
                yield node, known
            yield from (
                found
                for child in ast.iter_child_nodes(node)
                for found in _calls(child, known, names)
            )


def _comprehended(
    generators: list[ast.comprehension],
    parts: list[ast.expr],
    known: dict[str, Any],
    names: set[str],
):
    """The calls within a comprehension, once for each of its items."""
    if not generators:
        yield from _calls(parts, known, names)
        return
    for values in _loop(generators[0].target, generators[0].iter, known):
        yield from _comprehended(generators[1:], parts, {**known, **values}, names)


def _assign(node: ast.Assign, known: dict[str, Any]) -> None:
    """Take the value of an assignment, if it follows from literals."""
    for target in node.targets:
        try:
            known.update(_bound(target, _value(node.value, known)))
        except Exception:  # whatever it is, it is no literal
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    known.pop(name.id, None)


def _loop(target: ast.expr, iterable: ast.expr, known: dict[str, Any]) -> list[dict[str, Any]]:
    """What a loop binds in each of its rounds; one round that binds nothing, if that does not
    follow from literals."""
    try:
        return [_bound(target, value) for value in _value(iterable, known)]
    except Exception:
        return [{}]


def _bound(target: ast.expr, value: Any) -> dict[str, Any]:
    if isinstance(target, ast.Name):
        return {target.id: value}
    if isinstance(target, ast.Tuple | ast.List):
        parts = zip(target.elts, value, strict=True)
        return {name: one for element, part in parts for name, one in _bound(element, part).items()}
    return {}


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    return eval(
        compile(ast.Expression(node), "cell", "eval"), {"__builtins__": BUILTINS}, dict(known)
    )


def _compared(call: ast.Call, known: Mapping[str, Any]) -> Iterator[Named]:
    """What one call compares."""
    function = ast.unparse(call.func).rpartition(".")[2]
    arguments = [_value(node, known) for node in call.args]
    options: dict[str, Any] = {}
    for keyword in call.keywords:
        value = _value(keyword.value, known)
        options.update(value if keyword.arg is None else {keyword.arg: value})
    place, measure = options.get("at") or {}, options.get("measure", "sampled")
    if function == "gap":
        sweep, label, control = arguments
        labels = [label]
    else:
        sweep, control = arguments
        labels = list(options.get("only") or ())
        if not labels and is_recorded(sweep):
            labels = list(dict.fromkeys(read(sweep)[1]["label"]))
    for label in labels:
        if label != control:
            yield sweep, Comparison(Side(label, place), Side(control, place), measure)


def collect() -> dict[str, list[Comparison]]:
    """Every comparison that is or was printed, by sweep; each question once, and none that the
    sweep predicts."""
    named: list[Named] = [(name, one) for name, some in printed().items() for one in some]
    named += [*of_pages(ROOT / "book"), *of_cards(), *of_methods()]
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        named += of_notebook(path)
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if the file is out of step"
    )
    args = parser.parse_args(argv)
    wanted = text(collect())
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
