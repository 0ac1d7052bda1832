"""Golden rows: what each loss gives, and the functions that it stands on, number by number.

`vectors.json` holds batches and rows: `{loss, settings, batch, per_token, gradient, kept}` of a
loss, `{call, settings, batch, value, gradient}` of another function of `trlib`, whose name is
dotted, and `{method, ...}` of the objective of a method that has no such function. A batch has arguments by name: a row takes those without a default, and what it names as
`extra`. The gradient is that of the sum in the first argument. A row without numbers fails, and says
which they would be.

`by` says what confirmed a row's numbers: "line" (the method's line, read as NumPy in `recompute.py`), "numpy" (`recompute.py`, from the formula and without `trlib`), "node" (the playground's engine and the explorables), or "pinned", where they are what the code gave.
Whole sections that are pinned are listed at the file's head."""

import contextlib
import importlib
import inspect
import json
import pkgutil
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy
import pytest
import torch

from tests import recompute
from tests.losses import D, batch, close, sampled
from trbook.small import SmallStep, one_token
from trlib import algorithms, relatives
from trlib.algorithms import Scores, TokenLoss
from trlib.methods import OBJECTIVES

FILE = Path(__file__).with_name("vectors.json")
GIVEN = json.loads(FILE.read_text(encoding="utf-8"))
RELATIVES = [
    module.name for module in pkgutil.walk_packages(relatives.__path__, "trlib.relatives.")
]
ELSEWHERE = {
    "centered_sparse_loss": "edges/test_centering.py compares it with center_scores_topk",
    "dppo_sparse_loss": "edges/test_dppo.py compares it with dppo_loss",
    "troll_sparse_loss": "edges/test_troll.py compares it with troll_loss",
}
"""Losses whose row is another function's."""
NUMBERS = ("per_token", "kept", "value", "gradient")


def objective_of(name):
    """A method's objective as a function; its reference is the batch's `logp_anchor`."""

    def of_tokens(logp, logp_old, *, logp_anchor, rewards, group, advantages, mask, **settings):
        known = {"rewards": rewards, "group": group, "advantages": advantages}
        method = OBJECTIVES[name](**settings)
        held = batch(mask, logp_ref=logp_anchor, **around(method, logp_old), **known)
        return method.objective(Scores(logp), held)

    def of_distributions(
        logp, logp_old, *, tokens, advantages, mask, hidden=None, lr=None, **settings
    ):
        new, old = (sampled(x, tokens) for x in (logp, logp_old))
        given = {"tokens": tokens, "advantages": advantages, "full_anchor": logp_old}
        method = OBJECTIVES[name](**settings)
        held = batch(mask, memory={"capo_lr": lr}, **around(method, old), **given)
        return method.objective(Scores(new, full=logp, hidden=hidden), held)

    def of_weights(weights, *, start, examples, kinds, forced, **settings):
        part = Classifier(OBJECTIVES[name](**settings), weights, start, examples, kinds, forced)
        part.method.update(part)
        memory = part.batch.memory
        average = torch.cat([memory["w"], memory["c"]])
        return part.descended, torch.as_tensor(memory.get("radius", average), dtype=D)

    if name in ("smart", "sam", "tram"):
        return of_weights
    whole = ("fixpo", "mdpo", "ppo_penalty", "centered", "klpo", "capo")
    return of_distributions if name in whole else of_tokens


def around(method, logp):
    """A row's old log-probs where the method's anchor is; the sampler, or the learner before the
    batch, says something else."""
    other = logp - 0.3
    old, rollout = (logp, other) if method.anchor == "recomputed" else (other, logp)
    return {"anchor": method.anchor, "logp_old": old, "logp_rollout": rollout}


class Classifier(SmallStep):
    """One update of logits x w + c, and the loss that it descends on."""

    def __init__(self, method, weights, start, examples, kinds, forced):
        self.weights, self.reference = (
            {"w": one[:-1], "c": one[-1:]} for one in (weights, start.clone())
        )
        self.parameters, self.uses = list(self.weights.values()), 1
        self.method, self.x = method, examples.unsqueeze(1)
        none = torch.zeros(len(kinds), dtype=D)
        given = {"advantages": none.unsqueeze(1), "memory": {**self.reference}}
        made = one_token(kinds, torch.arange(len(kinds)), none, none, forced=True, **given)
        self.batch = replace(made, forced=forced.unsqueeze(1))

    def full(self, batch, weights, perturb):
        x = self.x if perturb is None else perturb(self.x)
        return (x @ weights["w"] + weights["c"]).log_softmax(-1)

    def descend(self, loss):
        self.descended = loss


def function_of(row):
    if "method" in row:
        return objective_of(row["method"])
    if "loss" in row:
        return getattr(algorithms, row["loss"])
    module, _, name = row["call"].rpartition(".")
    return getattr(importlib.import_module(f"trlib.{module}"), name)


def short_name(row):
    return row.get("method") or (row.get("loss") or row["call"]).rpartition(".")[2]


def arguments(function, row):
    taken = inspect.signature(function).parameters
    named = {n for n, p in taken.items() if p.default is p.empty} | {*row.get("extra", ())}
    given = GIVEN["batches"][row["batch"]]
    return {n: tensor_of(given[n]) for n in taken if n in named and n in given}


def tensor_of(values):
    kind = D if torch.tensor(values).is_floating_point() else None
    return torch.tensor(values, dtype=kind)


def parts_of(found):
    if is_dataclass(found):
        return [getattr(found, f.name) for f in fields(found)]
    return [found] if torch.is_tensor(found) else [*found]


def numbers(row):
    """The numbers of a row, as they come out now."""
    function, settings = function_of(row), row["settings"]
    (_, x), *rest = arguments(function, row).items()
    x.requires_grad_(x.is_floating_point())
    by_name = {n: tuple(v) if isinstance(v, list) else v for n, v in settings.items()}
    places = [
        n for n, p in inspect.signature(function).parameters.items() if p.kind is not p.KEYWORD_ONLY
    ]
    by_place = [t for n, t in rest if n in places]
    found = function(x, *by_place, **{n: t for n, t in rest if n not in places}, **by_name)
    if isinstance(found, TokenLoss):
        parts, values = [found.per_token], {"per_token": found.per_token}
        values |= {n: x for n, x in found.diagnostics.items() if n == "kept"}
    else:
        parts = parts_of(found)
        values = {"value": parts}
    if parts[0].requires_grad:
        values["gradient"] = torch.autograd.grad(parts[0].sum(), x)[0]
    return values


def plain(value):
    return [plain(v) for v in value] if isinstance(value, list) else value.tolist()


def name_of(row):
    how = ", ".join(f"{k} {v}" for k, v in row["settings"].items())
    return " ".join(
        [
            row.get("method") or row.get("loss") or row["call"],
            how,
            *row.get("extra", ()),
            row["batch"],
        ]
    )


@pytest.mark.parametrize("row", GIVEN["rows"], ids=map(name_of, GIVEN["rows"]))
def test_a_row(row):
    found = numbers(row)
    stored = {*row} & {*NUMBERS}
    assert {*found} == stored, f"now they are {json.dumps({n: plain(v) for n, v in found.items()})}"
    for name, expected in found.items():
        pairs = (
            zip(expected, row[name], strict=True) if name == "value" else [(expected, row[name])]
        )
        for value, stored in pairs:
            close(value.to(D), torch.tensor(stored, dtype=D))


CONFIRMED = [row for row in GIVEN["rows"] if re.search("numpy|line", row.get("by", ""))]


def line_of(row):
    """The line of the method that has the row's loss, with the row's settings."""
    if "line" not in row["by"]:
        return None
    settings, name = dict(row["settings"]), short_name(row)
    if name == "weighted_loss":
        settings["center"] = False
    quadratic = "drpo" if settings.pop("by_probability", False) else "cfpo"
    known = {"weighted_loss": "centered", "quadratic_loss": quadratic}
    return OBJECTIVES[known.get(name, name.removesuffix("_loss"))](**settings).line


@pytest.mark.parametrize("row", CONFIRMED, ids=map(name_of, CONFIRMED))
def test_a_row_is_what_its_formula_gives_in_numpy(row):
    name, given, line = short_name(row), GIVEN["batches"][row["batch"]], line_of(row)
    if line is None:
        assert hasattr(recompute, name), f"write the formula of {name!r} into tests/recompute.py"
    assert {*row} & {*NUMBERS}, "the row has no numbers yet: test_a_row prints them"
    first, second = ([*inspect.signature(function_of(row)).parameters, ""])[:2]
    found = recompute.numbers(row, given, first, second, line)
    if "but for the gradient" in row["by"]:
        del found["gradient"]
    for part, values in found.items():
        pairs = [(values, row[part])] if part != "value" else zip(values, row[part], strict=True)
        tolerance = 2e-5 if part == "gradient" and name in recompute.BY_DIFFERENCES else 1e-8
        if part == "per_token" and line is not None:  # it is a sum of steps
            tolerance = 1e-3
        for both in pairs:
            value, stored = (numpy.array(x, float) for x in both)
            if part == "gradient" and name in recompute.OF_DISTRIBUTIONS:
                value, stored = (
                    recompute.along_the_simplex(x, numpy.array(given[first]))
                    for x in (value, stored)
                )
            numpy.testing.assert_allclose(value, stored, tolerance, tolerance)


def test_every_row_says_what_confirmed_it():
    assert {*GIVEN} == {"pinned", "batches", "rows", *GIVEN["pinned"]}
    known = re.compile("line|numpy|node|pinned")
    assert [name_of(row) for row in GIVEN["rows"] if not known.match(row.get("by", ""))] == []


def test_every_loss_has_a_row_that_something_else_than_its_code_confirms():
    """Of the main line and of the gallery; a loss is a public function that is called one."""
    modules = [algorithms, *(importlib.import_module(name) for name in RELATIVES)]
    losses = {
        name
        for module in modules
        for name, value in vars(module).items()
        if name.endswith("_loss") and inspect.isfunction(value)
    }
    missing = losses - {short_name(row) for row in CONFIRMED} - ELSEWHERE.keys()
    assert not missing, (
        f'{sorted(missing)}: rows are missing in {FILE} with "by": "line", where the class has a `formula`, or '
        '"by": "numpy" and the formula in tests/recompute.py'
    )


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def moves(row, name, value, factor):
    """Whether a number of the row changes with a setting that is much larger, or smaller: by this
    power of ten or, where that is out of its bounds, by less."""
    before = [plain(x) for x in numbers(row).values()]
    for by in (1e6, 1e3, 10, 2, 1.1, 1.01):
        moved = value * by**factor if value else 0.01 * factor
        moved = round(moved) if isinstance(value, int) else moved
        with contextlib.suppress(ValueError, TypeError):
            after = numbers(row | {"settings": row["settings"] | {name: moved}})
            return [plain(x) for x in after.values()] != before
    return False


@pytest.mark.parametrize("loss", sorted({row["loss"] for row in GIVEN["rows"] if "loss" in row}))
def test_every_setting_of_a_loss_binds_in_a_row(loss):
    """A larger one and a smaller one change a number, so whoever takes a clamp away changes one."""
    mine = [row for row in GIVEN["rows"] if row.get("loss") == loss]
    unfelt = []
    for name, p in inspect.signature(function_of(mine[0])).parameters.items():
        given = [(row, row["settings"].get(name, p.default)) for row in mine]
        numeric = [(row, value) for row, value in given if is_number(value)]
        for factor, how in ((1, "larger"), (-1, "smaller")) if numeric else ():
            if not any(moves(row, name, value, factor) for row, value in numeric):
                unfelt.append(f"{name}, {how}")
    assert not unfelt, f"{loss}: no row of {FILE.name} would notice these: {unfelt}"


def test_every_methods_loss_has_a_row():
    losses = {f"{name}_loss" for name in algorithms.ALGORITHMS} & {*vars(algorithms)}
    missing = losses - {row.get("loss") for row in GIVEN["rows"]}
    assert not missing, f"each method's loss needs rows in {FILE}: {missing}"
