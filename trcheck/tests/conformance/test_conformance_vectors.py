"""The golden vectors: what the file holds, that it is specified, and that it tells every definition
apart."""

import json

import pytest
import torch

from tests.by_day import by_day
from trcheck.conformance import estimators, make, vectors
from trcheck.conformance.aggregations import WORDS, coefficients
from trcheck.conformance.bench import Observed
from trcheck.conformance.families import FAMILIES
from trcheck.conformance.search import search
from trcheck.conformance.vectors import EMPTY
from trlib.aggregation import AGGREGATIONS, aggregate

V = vectors.load()


def leaves(document, path=""):
    """Every number and text of a JSON document, under where it stands."""
    if not isinstance(document, dict | list):
        return {path: document}
    items = document.items() if isinstance(document, dict) else enumerate(document)
    return {k: v for key, part in items for k, v in leaves(part, f"{path}/{key}").items()}


def test_the_file_is_what_the_reference_gives_today():
    kept, made = (leaves(x) for x in (json.loads(vectors.PATH.read_text()), make.document()))
    floats = {path: x for path, x in kept.items() if isinstance(x, float)}
    assert {path: made[path] for path in floats} == pytest.approx(floats, rel=1e-12, abs=1e-14)
    assert made | floats == kept
    assert vectors.PATH.stat().st_size < 300_000 and V.version == vectors.VERSION


def observed_of(loss, how, **change):
    """What a function of this definition would give."""
    rows, family = V.rows, FAMILIES[loss]
    logp = rows["logp"].clone().requires_grad_()
    per_token = family.compute(rows, logp, **{**family.base, **change})
    observed = Observed(by_token=how is None)
    for i, name in enumerate(V.names):
        mine = rows["batch"] == i
        c = (
            rows["mask"][mine].double()
            if how is None
            else coefficients(how, rows["mask"][mine], V.horizon)
        )
        counted = c * per_token[mine]
        (gradient,) = torch.autograd.grad(counted.sum(), logp, retain_graph=True)
        observed.values[name] = counted.detach() if how is None else counted.sum().detach()
        observed.gradients[name] = gradient[mine]
    return observed


@pytest.mark.parametrize("loss", V.losses)
def test_the_second_writing_gives_the_golden_numbers(loss):
    """Reference and definitions share no code: each checks the other."""
    observed = Observed(by_token=True)
    for name in V.names:
        for kept, key in ((observed.values, "per_token"), (observed.gradients, "gradient")):
            kept[name] = torch.tensor(V.losses[loss]["batches"][name][key], dtype=torch.float64)
    result = search(V, loss, observed, "token-mean", deepest=0)
    assert result.agrees and result.error < 1e-12 and result.match is None
    empty = V.losses[loss]["batches"][EMPTY]
    assert not torch.tensor([empty["per_token"], empty["gradient"]]).any()


INVISIBLE = {("cispo", "clamp")}
"""The window bounds the weight on both sides before any clamp of the log-ratio could."""
AGREEING = {("sapo", "tau"), ("gmpo", "epsilon")}
"""Below 1e-6: reported in a note."""


@pytest.mark.parametrize("loss", by_day(V.losses, later=["ppo"], reason="searches every choice"))
def test_the_vectors_tell_every_choice_apart(loss):
    how = V.losses[loss]["aggregation"]
    base, axes = FAMILIES[loss].base, FAMILIES[loss].axes
    for name, axis in axes.items():
        for option, words in axis.options.items():
            if option == base[name] or (loss, name) in INVISIBLE:
                continue
            result = search(V, loss, observed_of(loss, how, **{name: option}), how, deepest=1)
            assert result.match is not None, (name, option)
            assert [d.words for d in result.match.deviations] == [words], (name, option)
            assert result.agrees == ((loss, name) in AGREEING and result.error < 1e-6), (
                name,
                option,
            )


@pytest.mark.parametrize("how", WORDS)
def test_every_aggregation_is_named(how):
    asked = "token-mean" if how != "token-mean" else "seq-mean-token-mean"
    result = search(V, "ppo", observed_of("ppo", how), asked, deepest=1)
    assert [d.words for d in result.match.deviations] == [WORDS[how]]
    assert result.agrees == (how == "token-mean, 1e-8 added")


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_coefficients_are_those_of_the_package_and_of_the_file(how):
    for name, batch in V.batches.items():
        mask = batch["mask"]
        values = torch.randn(
            mask.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
        )
        c = coefficients(how, mask, 8.0)
        torch.testing.assert_close((c * values).sum(), aggregate(values, mask, how, horizon=8))
        listed = torch.tensor(V.document["coefficients"][how][name], dtype=torch.float64).unsqueeze(
            -1
        )
        torch.testing.assert_close(listed * mask, c)


@pytest.mark.parametrize("name", estimators.PIECES)
def test_pieces_reproduce_the_file_and_their_choices_are_named(name):
    piece = estimators.PIECES[name]
    base = piece.base
    assert estimators.compare(V, "x", name, lambda v: piece.compute(v, **base)).status == "agrees"
    if name in ("k1", "k2", "k3"):
        found = {
            key: torch.cat([torch.tensor(V.pieces["estimators"][name][b][key]) for b in V.names])
            for key in ("values", "gradient")
        }
    elif name == "gae":
        found = {key: torch.tensor(V.pieces["gae"][key]) for key in ("advantages", "returns")}
    elif name in V.pieces["corrections"]:
        found = {
            b: torch.tensor(V.pieces["corrections"][name][b]) * V.batches[b]["mask"]
            for b in estimators.CORRECTED
        }
    else:
        found = {"advantages": torch.tensor(V.pieces["advantages"][name])}
    expected = piece.compute(V, **base)
    for key, value in expected.items():
        torch.testing.assert_close(found[key].double(), value, rtol=1e-6, atol=1e-6)
    for axis, options in piece.axes.items():
        for option in list(options.options)[1:]:
            numbers = piece.compute(V, **{**base, axis: option})
            finding = estimators.compare(V, "x", name, lambda _, numbers=numbers: numbers)
            if all(
                torch.allclose(numbers[key], expected[key], rtol=1e-6, atol=1e-15)
                for key in expected
            ):
                assert finding.status == "agrees"
            # the choice itself, or another one with the same numbers: k1 clamped and k1 bounded at
            # 10
            else:
                (words,) = (d.words for d in finding.deviations)
                assert words == options.options[option] or (name, axis) == ("k1", "most")


def test_a_piece_that_raises_or_is_unknown_is_reported():
    assert (
        estimators.compare(V, "x", "k1", lambda _: [][0]).words
        == "raises IndexError (list index out of range)"
    )
    odd = estimators.compare(V, "x", "group_mean", lambda _: {"advantages": torch.arange(10.0)})
    assert (odd.status, odd.words) == (
        "differs",
        "none of the definitions that were tried explains it",
    )
