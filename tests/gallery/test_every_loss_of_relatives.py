"""What every token loss promises (`laws.py`), of the losses of `trlib.relatives`: beside
it they compile whole, and the packed layout says what padded rows say."""

import inspect

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from tests import laws
from tests.edges.test_compiled import assert_case_same
from tests.edges.test_layout import assert_case_alike, rows
from tests.laws import Case, of, pytest_generate_tests  # noqa: F401
from trlib import algorithms, checks
from trlib.corrections import m2po_mask, opsm_mask
from trlib.relatives.asynchrony import masks, penalties, weights
from trlib.relatives.ratios import (
    bandpo_loss,
    bapo_loss,
    cpgd_loss,
    minpro_loss,
    r2vpo_loss,
    ripo_loss,
    trefree_loss,
    turns_of,
    without,
)


def left_out(rule, *, loss=algorithms.pg_is_loss, signed=True, **fixed):
    """A loss without the tokens that a mask leaves out."""

    def masked(logp, logp_old, *, advantages, mask):
        credit = {"advantages": advantages, "mask": mask}
        keep = rule(logp, logp_old, **(credit if signed else {"mask": mask}), **fixed)
        return without(loss, keep, logp, logp_old, **credit)

    return masked


def clip_cov(*logps, **credit):
    draw = torch.Generator().manual_seed(0)
    return masks.clip_cov_mask(*logps, **credit, share=0.2, low=0.1, draw=draw)


def by_turns(logp, logp_old, *, advantages, mask):
    window = {"eps_low": 0.2, "eps_high": 0.2, "turns": turns_of(mask, 2)}
    return algorithms.gspo_loss(logp, logp_old, advantages=advantages, mask=mask, **window)


CASES = {
    "bapo": Case(bapo_loss, joined=True),
    "bapo by gradient": Case(
        bapo_loss, {"count": "gradient", "low_most": 0.9, "high_most": 3.0}, joined=True
    ),
    "minpro": Case(minpro_loss, ordered=True),
    "minpro without a floor": Case(minpro_loss, {"eps_low": 1.0, "eps_high": 4.0}, ordered=True),
    "cpgd": Case(cpgd_loss, {"alpha": 0.3}, proportional=False),
    "r2vpo": Case(r2vpo_loss, {"lam": 0.3}, proportional=False),
    "trefree": Case(trefree_loss),
    "ripo": Case(ripo_loss),
    "bandpo": Case(bandpo_loss, unbounded=False),
    "turns": Case(by_turns, ordered=True, named=False),
    "vespo": Case(weights.vespo_loss),
    "topr": Case(weights.topr_loss),
    "topr by token": Case(weights.topr_loss, {"level": "token"}),
    "ctpo": Case(weights.ctpo_loss, ordered=True),
    "ctpo, wide": Case(
        weights.ctpo_loss, {"low": 0.5, "high": 0.8, "cap": 0.9, "power": 0.0}, ordered=True
    ),
    "a3po": Case(weights.a3po_loss),
    "drpo": Case(penalties.quadratic_loss, {"eps": 0.3, "by_probability": True}),
    "cfpo": Case(penalties.quadratic_loss, {"eps": 0.2}),
    "dro": Case(penalties.dro_loss, {"beta": 0.5}, proportional=False),
    "kl_cov": Case(penalties.kl_cov_loss, {"share": 0.2}, proportional=False, joined=True),
    "m2po": Case(left_out(m2po_mask), joined=True, named=False),
    "opsm": Case(left_out(opsm_mask, delta=0.1), named=False),
    "trm": Case(left_out(masks.trm_mask, signed=False, delta_max=0.3, delta_mean=0.1), named=False),
    "ln_trm": Case(
        left_out(masks.ln_trm_mask, signed=False, delta_mean=0.4), ordered=True, named=False
    ),
    "vaco": Case(left_out(masks.vaco_mask), named=False),
    "cppo": Case(left_out(masks.cppo_mask, delta=0.1), ordered=True, named=False),
    "clip_cov": Case(
        left_out(clip_cov, loss=algorithms.ppo_loss),
        on_policy=None,
        joined=True,
        ordered=True,
        named=False,
    ),
}

# Every promise there is one here, also a promise that is added later.
globals().update(
    {
        name: test
        for name, test in vars(laws).items()
        if name.startswith("test_") and "case" in inspect.signature(test).parameters
    }
)


@of(lambda case: case.pure and case.named)
@settings(max_examples=5, deadline=None)
@drawn(rows, st.integers(0, 2**31))
def test_the_packed_layout_says_what_padded_rows_say(case, lengths, seed):
    assert_case_alike(case, lengths, seed)


@pytest.mark.nightly("compiles every loss")
@pytest.mark.parametrize("name", ["minpro", "cpgd", "r2vpo", "trefree"])
def test_compiled_whole(name):
    """BAPO's window is searched in Python by the values; of the others nobody has tried it."""
    torch._dynamo.reset()
    with checks.value_checks(False):
        assert_case_same(CASES[name])
