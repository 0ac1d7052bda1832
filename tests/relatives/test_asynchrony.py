"""The branch asynchrony: golden values by hand, weights against autograd, and the authors' formulas
written out anew.

What TRL and verl have of it is compared with them in `tests/parity/test_asynchrony.py`."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import trlib
from tests.by_day import by_day
from tests.relatives.test_token_losses import at, data, masked, run
from trbook.bandit import bandit_step
from trlib.algorithms import GSPO, PGIS, PPO, Batch, Provided, Scores, pg_is_loss, ppo_loss
from trlib.algorithms.method import is_proportional
from trlib.corrections import Correction, opsm_mask, sequence_ess
from trlib.relatives import RELATIVES, asynchrony
from trlib.relatives.asynchrony.masks import (
    CPPO,
    LNTRM,
    M2PO,
    OPSM,
    TRM,
    VACO,
    ClipCov,
    StaleMask,
    clip_cov_mask,
    covariance,
    cppo_mask,
    ln_trm_mask,
    trm_mask,
    vaco_mask,
    without,
)
from trlib.relatives.asynchrony.penalties import (
    CFPO,
    DRO,
    DRPO,
    OAPL,
    OPMD,
    TPO,
    KLCov,
    dro_loss,
    kl_cov_loss,
    oapl_loss,
    opmd_loss,
    optimal_advantages,
    quadratic_loss,
    tpo_loss,
)
from trlib.relatives.asynchrony.weights import (
    A3PO,
    CTPO,
    LUSPO,
    TOPR,
    VCPO,
    VESPO,
    a3po_loss,
    ctpo_loss,
    topr_loss,
    vespo_loss,
)

D = torch.float64
close = partial(torch.testing.assert_close, rtol=1e-12, atol=1e-14)


# Weights


def test_vespo_by_hand():
    """Two tokens of ratios 2 and 3/4: W = 3/2, φ = 1.5² e^(-1.5) for A > 0 and 1.5³ e^-1 for A <
    0."""
    for a, expected in ((1.0, 1.5**2 * math.exp(-1.5)), (-2.0, -2 * 1.5**3 * math.exp(-1.0))):
        found = _vespo(at([2.0, 0.75], a))
        assert found.diagnostics["weight"].tolist() == [[pytest.approx(expected)] * 2]
        assert found.diagnostics["sequence_ratio"].tolist() == [[pytest.approx(1.5)] * 2]


def _vespo(arguments, **more):
    return vespo_loss(arguments.pop("logp"), arguments.pop("logp_old"), **arguments, **more)


@given(k=st.floats(0.5, 5), lam=st.floats(0.5, 5))
@settings(max_examples=30, deadline=None)
def test_vespo_s_weight_is_largest_at_k_over_lambda(k, lam):
    places = [k / lam * math.exp(x / 10) for x in range(-15, 16)]
    weights = [
        float(_vespo(at(place, 1.0), k_pos=k, lam_pos=lam).diagnostics["weight"])
        for place in places
    ]
    assert weights.index(max(weights)) == 15
    assert float(_vespo(at(1.0, 1.0), k_pos=k, lam_pos=lam).diagnostics["weight"]) == 1


def test_topr_by_hand():
    """Ratios 4 and 1/8: the product 1/2 for A < 0; a right answer, and a wrong one that has become
    likely, weigh A."""
    for ratios, a, whole, tokens in (
        ([4.0, 0.125], -2.0, [-1.0, -1.0], [-2.0, -0.25]),
        ([4.0, 0.125], 2.0, [2.0, 2.0], [2.0, 2.0]),
        ([4.0, 2.0], -2.0, [-2.0, -2.0], [-2.0, -2.0]),
    ):
        for level, expected in (("completion", whole), ("token", tokens)):
            arguments = at(ratios, a)
            found = topr_loss(
                arguments.pop("logp"), arguments.pop("logp_old"), **arguments, level=level
            )
            assert found.diagnostics["weight"][0].tolist() == pytest.approx(expected)


def test_ctpo_is_the_authors_loss():
    """`cum-token-cumprod-la`: the product so far with the token's own gradient, in a window that
    widens with √t."""
    for seed in range(4):
        batch = data(seed)
        mask, a = batch["mask"], batch["advantages"]
        logp = batch["logp"].clone().requires_grad_()
        total = ((logp - batch["logp_old"]).detach() * mask).cumsum(-1)
        log_r = total + logp - logp.detach()
        scale = mask.cumsum(-1).clamp(min=1).double().sqrt()
        plain, bounded = (
            -a * log_r.exp(),
            -a * torch.minimum(torch.maximum(log_r, -0.025 * scale), 0.05 * scale).exp(),
        )
        worse = torch.maximum(plain, bounded)
        loss = torch.where(a < 0, torch.minimum(-a * (0.05 * scale).exp(), worse), worse)[mask]
        (expected,) = torch.autograd.grad(loss.sum(), logp)
        result, grad = run("ctpo", batch)
        close(result.per_token[mask], loss.detach())
        close(grad, expected)
        assert 0 < int(result.diagnostics["kept"].sum()) < int(mask.sum())


def test_ctpo_s_window_is_as_wide_as_the_root_of_the_position():
    """100 tokens of one small log-ratio each, .01: R passes e^(.05 √t) where .01 t > .05 √t, from
    the 26th on."""
    arguments = at([math.exp(0.01)] * 100, 1.0)
    kept = ctpo_loss(arguments.pop("logp"), arguments.pop("logp_old"), **arguments).diagnostics[
        "kept"
    ][0]
    assert kept[:24].all() and not kept[25:].any()


def test_a3po_is_areal_s_loss():
    """log π_prox by the versions, PPO's clip of π/π_prox, and π_prox/μ as a weight that is dropped
    above the cap."""
    for seed in range(4):
        batch = data(seed)
        mask, a = batch["mask"], batch["advantages"]
        age = torch.randint(0, 5, mask.shape, generator=torch.Generator().manual_seed(seed))
        logp, behave = batch["logp"].clone().requires_grad_(), batch["logp_old"]
        # the learner's version; a sampler that is `age` behind the one before it has 6 - age
        current = 7.0
        versions = current - 1 - age
        alpha = (current - 1 - versions) / (current - versions)
        prox = behave + alpha * (logp.detach() - behave)
        ratio, weight = (logp - prox).exp(), (prox - behave).exp()
        loss = torch.maximum(-a * ratio, -a * ratio.clamp(0.8, 1.2)) * weight * (weight <= 1.1)
        (expected,) = torch.autograd.grad(loss[mask].sum(), logp)
        mine = batch["logp"].clone().requires_grad_()
        found = a3po_loss(mine, behave, advantages=a, mask=mask, age=age, cap=1.1)
        (grad,) = torch.autograd.grad(found.per_token.sum(), mine)
        close(found.per_token[mask], loss[mask].detach())
        close(grad, expected)
        assert not found.diagnostics["kept"][(weight > 1.1) & mask].any()


def test_a3po_at_age_0_is_ppo_around_the_sampler():
    batch = data()
    result, _ = run("a3po", batch)
    plain = ppo_loss(
        batch["logp"], batch["logp_old"], advantages=batch["advantages"], mask=batch["mask"]
    )
    close(result.diagnostics["weight"], plain.diagnostics["weight"])
    old = a3po_loss(
        logp=batch["logp"],
        logp_rollout=batch["logp_old"],
        advantages=batch["advantages"],
        mask=batch["mask"],
        age=torch.full_like(batch["logp"], 9.0),
        cap=1e9,
    )
    inside = plain.diagnostics["kept"]
    assert old.diagnostics["kept"][inside].all(), (
        "the older the sampler, the wider the window around it"
    )
    edge = at([1.2**10 * 0.999, 1.2**10 * 1.001], 1.0)
    kept = a3po_loss(
        edge.pop("logp"), edge.pop("logp_old"), **edge, age=torch.full((1, 2), 9.0), cap=1e9
    )
    assert kept.diagnostics["kept"].tolist() == [[True, False]]
    assert round(1.2**10, 1) == 6.2, "as the card says"


def test_luspo_is_gspo_times_the_length():
    assert LUSPO() == LUSPO(aggregation="seq-mean-token-sum") and issubclass(LUSPO, GSPO)
    per_token, mask = (
        torch.tensor([[1.0, 1.0, 1.0], [2.0, 0.0, 0.0]]),
        torch.tensor([[True] * 3, [True, False, False]]),
    )
    batch = _batch(mask=mask)
    assert (
        float(LUSPO().loss(per_token, batch)) == 2.5 and float(GSPO().loss(per_token, batch)) == 1.5
    )


def _batch(**more) -> Batch:
    mask = more.pop("mask", torch.ones(2, 3, dtype=torch.bool))
    zero = torch.zeros(mask.shape, dtype=D)
    rows = torch.zeros(len(mask), dtype=D)
    filled = {
        "tokens": zero.long(),
        "mask": mask,
        "forced": ~mask,
        "rewards": rows,
        "group": rows.long(),
        "ended": mask[:, 0],
        "horizon": mask.shape[1],
        "logp_rollout": zero,
        "advantages": zero,
    }
    return Batch(**filled | more)


def test_presets_are_ppo_with_a_correction():
    names = {
        "tis": Correction(cap=2.0),
        "tis_seq": Correction(cap=2.0, level="sequence"),
        "mis": Correction(cap=2.0, how="mask"),
        "mis_seq": Correction(cap=2.0, level="sequence", how="mask"),
        "geo_mask": Correction(cap=1.001, floor=0.999, level="geometric", how="reject"),
        "icepop": Correction(cap=5.0, floor=0.5, how="mask"),
    }
    for name, correction in names.items():
        assert (
            RELATIVES[name]() == PPO(correction=correction)
            and RELATIVES[name](eps_high=0.3).eps_high == 0.3
        )


class Counting:
    """A step of two minibatches that remembers how it descended."""

    def __init__(self, batch: Batch) -> None:
        self.batch, self.speeds = batch, []

    def minibatches(self):
        yield self
        yield self

    def loss(self):
        return torch.zeros(())

    def descend(self, loss, *, speed=1.0):
        self.speeds.append(speed)


def test_vcpo_s_step_is_as_long_as_the_data_are_worth():
    """Three completions of weights 1, 2 and 5: ESS / B = 64 / (3 · 30), and the step its root."""
    weights = torch.tensor([[1.0, 1.0], [4.0, 0.5], [5.0, 9.0]], dtype=D)
    mask = torch.tensor([[True, True], [True, True], [True, False]])
    batch = _batch(
        mask=mask,
        logp_rollout=-9 - weights.log(),
        provided=Provided(logp_old=torch.full((3, 2), -9.0, dtype=D)),
    )
    step = Counting(batch)
    VCPO().update(step)
    assert step.speeds == pytest.approx([math.sqrt(64 / 90)] * 2) and batch.memory[
        "ess_step"
    ] == pytest.approx(64 / 90)
    assert sequence_ess(batch.logp_old, batch.logp_rollout, mask) == pytest.approx(64 / 90)
    plain = Counting(batch)
    VCPO(power=0.0).update(plain)
    assert plain.speeds == [1.0, 1.0]
    empty = Counting(
        _batch(
            mask=~torch.ones(2, 3, dtype=torch.bool), provided=Provided(logp_old=torch.zeros(2, 3))
        )
    )
    VCPO().update(empty)
    assert empty.speeds == [1.0, 1.0]
    with pytest.raises(ValueError, match="correction: expected the weights"):
        VCPO(correction=None)


# Masks


def test_without_leaves_the_mean_s_denominator():
    batch = data()
    keep = torch.arange(5) < 2
    found = without(
        pg_is_loss,
        keep.expand(6, 5),
        batch["logp"],
        batch["logp_old"],
        advantages=batch["advantages"],
        mask=batch["mask"],
    )
    assert (found.per_token[:, 2:] == 0).all() and not found.diagnostics["kept"][:, 2:].any()
    assert torch.equal(found.diagnostics["kept"][:, :2], batch["mask"][:, :2])


def test_trm_by_hand():
    """log r of .3 and 0: k2 .045 at most, k3 (e^.3 - 1.3)/2 on average; and the whole completion
    goes."""
    arguments = at([math.exp(0.3), 1.0], 1.0)
    logps, mean = (arguments["logp"], arguments["logp_old"]), (math.exp(0.3) - 1.3) / 2
    for limits, kept in (
        ({"delta_max": 0.046, "delta_mean": mean + 1e-9}, True),
        ({"delta_max": 0.044, "delta_mean": 1.0}, False),
        ({"delta_max": 1.0, "delta_mean": mean - 1e-9}, False),
        ({"delta_max": math.inf, "delta_mean": math.inf}, True),
    ):
        assert trm_mask(*logps, mask=arguments["mask"], **limits).tolist() == [[kept, kept]]
    assert round(math.sqrt(2 * 0.002), 2) == 0.06, "the card's |log r| of one token"


def test_ln_trm_by_hand():
    """Ratios 1.3, .9 and 9, δ = .5: weights √.5 and √.25 of the tokens with two and one behind
    them, 0 of the last."""
    arguments = at([1.3, 0.9, 9.0], 1.0)
    mean = (0.3 * math.sqrt(0.5) + 0.1 * 0.5) / (math.sqrt(0.5) + 0.5)
    for limit, kept in ((mean + 1e-9, True), (mean - 1e-9, False), (math.inf, True)):
        found = ln_trm_mask(
            arguments["logp"],
            arguments["logp_old"],
            mask=arguments["mask"],
            delta_mean=limit,
            delta=0.5,
        )
        assert found.tolist() == [[kept] * 3]
    one = at([9.0], 1.0)
    assert ln_trm_mask(one["logp"], one["logp_old"], mask=one["mask"]).all(), (
        "nothing comes after it"
    )
    assert round(2 * math.sqrt(0.002 / 2), 2) == 0.06, "TRM's mean by Pinsker's inequality"


def test_ln_trm_does_not_drop_the_long_for_being_long():
    """Log-ratios of one normal noise: of 2,000 tokens nearly none passes a maximum that most of 20
    pass; the mean keeps the long at least as often."""
    draw, shares = torch.Generator().manual_seed(0), {}
    for tokens in (20, 2000):
        old = torch.full((400, tokens), -5.0, dtype=D)
        noise = 0.1 * torch.randn(old.shape, generator=draw, dtype=D)
        mask = old < 0
        largest = trm_mask(old + noise, old, mask=mask, delta_max=0.04, delta_mean=math.inf)
        mean = ln_trm_mask(old + noise, old, mask=mask, delta_mean=0.09)
        shares[tokens] = [float(found.double().mean()) for found in (largest, mean)]
    assert shares[20][0] > 0.8 and shares[2000][0] < 0.02
    assert shares[20][1] > 0.6 and shares[2000][1] == 1


def test_the_stale_mask_leaves_the_mean_and_not_the_baseline():
    """prime-rl's rule: a token of age > max_age is no longer in the mask; advantages stay those of
    all completions."""
    mask = torch.tensor([[True] * 3, [True, True, False]])
    age, rewards = torch.tensor([[2, 1, 0], [9, 9, 0]]), torch.tensor([1.0, 0.0], dtype=D)
    batch = _batch(
        mask=mask, age=age, rewards=rewards, provided=Provided(logp_old=torch.zeros(2, 3, dtype=D))
    )
    found = StaleMask(max_age=1).prepare(batch)
    assert found.mask.tolist() == [[False, True, True], [False] * 3]
    assert (
        found.advantages.tolist()
        == PPO().prepare(batch).advantages.tolist()
        == [[0.5] * 3, [-0.5] * 3]
    )
    loss = StaleMask().loss(torch.ones(2, 3, dtype=D), found)
    assert float(loss) == 1, "two tokens count, and the mean is over two"
    assert torch.equal(StaleMask(max_age=9).prepare(batch).mask, mask)
    assert torch.equal(StaleMask().prepare(_batch(mask=mask)).mask, mask), (
        "no ages: nothing is stale"
    )


def test_vaco_is_open_instruct_s_filter():
    """Dropped where the completion's mean |ρ - 1| is above the bound and sign(log ρ) A > 0."""
    left_out = 0
    for seed in range(4):
        b = data(seed)
        log_ratio = (b["logp"] - b["logp_old"]).masked_fill(~b["mask"], 0.0)
        length = b["mask"].sum(-1, keepdim=True).clamp(min=1)
        far = (log_ratio.exp() - 1).abs().sum(-1, keepdim=True) / length > 0.3
        dropped = far & (log_ratio.sign() * b["advantages"] > 0)
        found = vaco_mask(
            b["logp"], b["logp_old"], advantages=b["advantages"], mask=b["mask"], delta=0.3
        )
        assert torch.equal(found, b["mask"] & ~dropped)
        left_out += int((b["mask"] & ~found).sum())
    assert left_out > 10


def test_cppo_is_the_authors_mask():
    """`_cppo_mask` of UniRL, completion by completion."""
    left_out = 0
    for seed in range(6):
        b = data(seed)
        for delta, prefix, w_min in ((0.2, 0.02, 0.8), (0.1, 0.05, 0.5), (0.15, 0.0, 1.0)):
            found = cppo_mask(
                b["logp"], b["logp_old"], advantages=b["advantages"], mask=b["mask"],
                delta=delta, delta_prefix=prefix, w_min=w_min,
            )  # fmt: skip
            for row in range(6):
                own = b["mask"][row]
                new, old, a = (b[k][row][own] for k in ("logp", "logp_old", "advantages"))
                if not len(new):
                    continue
                d = (new.exp() - old.exp()).abs()
                place = torch.arange(1, len(d) + 1, dtype=D)
                w = 1.0 - (1.0 - w_min) * (place - 1) / max(len(d) - 1, 1)
                z = w * d
                before = [torch.cat([x.new_zeros(1), x.cumsum(0)[:-1]]) for x in (z, w)]
                per_token = torch.quantile(d, 0.9).clamp(min=prefix, max=2 * prefix)
                limit = torch.minimum(
                    torch.full_like(z, delta), delta + per_token * before[1] - before[0]
                )
                kept = (z <= limit) | (a * ((new - old).exp() - 1) <= 0)
                assert torch.equal(found[row][own], kept)
                left_out += int((~kept).sum())
    assert left_out > 20


def test_a_spent_prefix_leaves_the_next_token_nothing():
    """Five tokens of μ = .5 that go to .64: each is inside δ = .15, but after two of them the
    prefix is spent."""
    old = torch.full((1, 5), 0.5, dtype=D).log()
    new = torch.full((1, 5), 0.64, dtype=D).log()
    a, mask = torch.ones(1, 5, dtype=D), torch.ones(1, 5, dtype=torch.bool)
    found = partial(cppo_mask, new, old, mask=mask, delta=0.15, delta_prefix=0.02, w_min=1.0)
    # b = clamp(.14, .02, .04) = .04: limits .15, .05, -.05, ...
    assert found(advantages=a).tolist() == [[True, False, False, False, False]]
    assert found(advantages=-a).all(), "what goes back is never left out"


def test_covariance_by_hand():
    logp, a = torch.tensor([[-1.0, -2.0, -9.0]], dtype=D), torch.tensor([[3.0, 1.0, 9.0]], dtype=D)
    assert covariance(logp, a, torch.tensor([[True, True, False]])).tolist() == [
        [0.5, 0.5, -math.inf]
    ]


def test_clip_cov_draws_its_share_and_only_among_candidates():
    b = data()
    arguments = {"advantages": b["advantages"], "mask": b["mask"]}
    found = covariance(b["logp"], b["advantages"], b["mask"])
    inside = ppo_loss(b["logp"], b["logp_old"], **arguments).diagnostics["kept"]
    candidates = inside & (found > 0.1) & (found < 5)
    seen = torch.zeros_like(b["mask"])
    for seed in range(60):
        draw = torch.Generator().manual_seed(seed)
        keep = clip_cov_mask(b["logp"], b["logp_old"], **arguments, share=0.1, low=0.1, draw=draw)
        out = b["mask"] & ~keep
        assert (
            int(out.sum()) == max(int(0.1 * int(b["mask"].sum())), 1)
            and not (out & ~candidates).any()
        )
        seen |= out
    assert torch.equal(seen, candidates), "each of them is drawn in some batch"
    none = clip_cov_mask(b["logp"], b["logp_old"], **arguments, low=99.0, high=100.0)
    assert torch.equal(none, b["mask"])


# Penalties and fits


def test_drpo_s_weight_is_the_paper_s():
    """1 - sign(A (r - 1)) |π - μ| / ε times r A, and at ε = 12.5 it is within 8 % of r A whatever
    happens."""
    b = data()
    found = quadratic_loss(b["logp"], b["logp_old"], advantages=b["advantages"], mask=b["mask"], eps=0.3,
                           by_probability=True)  # fmt: skip
    r, gap = (b["logp"] - b["logp_old"]).exp(), (b["logp"].exp() - b["logp_old"].exp()).abs()
    expected = r * b["advantages"] * (1 - (b["advantages"] * (r - 1)).sign() * gap / 0.3)
    close(found.diagnostics["weight"], expected.masked_fill(~b["mask"], 0.0))
    wide = DRPO().objective(Scores(b["logp"]), _of(b)).diagnostics["weight"]
    plain = (r * b["advantages"]).masked_fill(~b["mask"], 0.0)
    assert ((wide - plain).abs() <= 0.08 * plain.abs()).all()


def _of(b: dict[str, Tensor], **more) -> Batch:
    provided = Provided(logp_old=b["logp_old"])
    return _batch(
        mask=b["mask"],
        logp_rollout=b["logp_old"],
        advantages=b["advantages"],
        provided=provided,
        **more,
    )


def test_cfpo_turns_at_the_clip_s_edge():
    for a in (1.0, -1.0):
        edge = 1 + 0.2 * a
        weights = {}
        for ratio in (edge - 0.01 * a, edge, edge + 0.01 * a):
            arguments = at(ratio, a)
            found = quadratic_loss(
                arguments.pop("logp"), arguments.pop("logp_old"), **arguments, eps=0.2
            )
            weights[ratio] = float(found.diagnostics["weight"])
        first, at_edge, last = weights.values()
        assert at_edge == pytest.approx(0, abs=1e-12) and first * a > 0 > last * a


def test_kl_cov_by_hand():
    """Four tokens, one chosen: the largest (log π - mean) (A - mean), which pays β |log r|."""
    logp = torch.tensor([[-1.0, -2.0, -3.0, -4.0]], dtype=D)
    old, a = (
        logp - torch.tensor([[0.1, -0.2, 0.3, -0.4]], dtype=D),
        torch.tensor([[2.0, 1.0, 0.0, -2.0]], dtype=D),
    )
    found = kl_cov_loss(logp, old, advantages=a, mask=logp < 0, share=0.25, beta=0.5)
    plain = pg_is_loss(logp, old, advantages=a, mask=logp < 0)
    # products of (1.5, .5, -.5, -1.5) and (1.75, .75, -.25, -2.25): the last is 3.375
    close(found.per_token - plain.per_token, torch.tensor([[0, 0, 0, 0.2]], dtype=D))
    close(
        found.diagnostics["weight"] - plain.diagnostics["weight"],
        torch.tensor([[0, 0, 0, 0.5]], dtype=D),
    )


def test_dro_rests_at_a_over_beta():
    arguments = at([math.exp(0.4 / 0.8)], 0.4)
    found = dro_loss(arguments.pop("logp"), arguments.pop("logp_old"), **arguments, beta=0.8)
    assert float(found.diagnostics["weight"]) == pytest.approx(0, abs=1e-12)


def test_oapl_is_the_paper_s_regression():
    """Eq. 2 and 3 prompt by prompt, completion by completion."""
    g = torch.Generator().manual_seed(0)
    b = data()
    group, rewards = torch.tensor([4, 0, 4, 0, 4, 7]), torch.rand(6, generator=g, dtype=D)
    logp = b["logp"].clone().requires_grad_()
    expected, wanted = [], torch.zeros(6, dtype=D)
    for row in range(6):
        own = rewards[group == group[row]]
        wanted[row] = rewards[row] - 0.7 * (own / 0.7).exp().mean().log()
        ratio = (logp - b["logp_old"])[row][b["mask"][row]].sum()
        # a completion without a token has no advantage to read, and a constant loss
        expected.append((0.3 * ratio - wanted[row] * bool(b["mask"][row].any())) ** 2)
    found = optimal_advantages(rewards, group, beta=0.7)
    close(found, wanted)
    advantages = found.unsqueeze(-1).expand(6, 5)
    result = oapl_loss(logp, b["logp_old"], advantages=advantages, mask=b["mask"], beta2=0.3)
    close(result.per_token.detach(), torch.stack(expected).detach())
    (grad,) = torch.autograd.grad(result.per_token.sum(), logp, retain_graph=True)
    close(grad, torch.autograd.grad(torch.stack(expected).sum(), logp)[0])
    close(grad, -result.diagnostics["weight"])


def test_the_optimal_value_is_between_the_mean_and_the_best():
    rewards, group = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0], dtype=D), torch.tensor([0, 0, 0, 0, 1])
    for beta, values in (
        (1e-3, [1.0, 1.0]),
        (1.0, [math.log((3 + math.e) / 4), 1.0]),
        (1e4, [0.25, 1.0]),
    ):
        found = rewards - optimal_advantages(rewards, group, beta=beta)
        assert found[[0, 4]].tolist() == pytest.approx(values, abs=2e-3)


def test_oapl_rests_at_the_tilted_sampler():
    """π ∝ μ exp(R/β) on all three answers of one prompt, which were drawn from a uniform μ: no
    token has a weight."""
    rewards = torch.tensor([1.0, 0.3, 0.0], dtype=D)
    mu = torch.full((3, 1), 1 / 3, dtype=D).log()
    target = (rewards / 0.5).log_softmax(0).unsqueeze(-1)
    advantages = optimal_advantages(rewards, torch.zeros(3).long(), beta=0.5).unsqueeze(-1)
    found = oapl_loss(target, mu, advantages=advantages, mask=mu < 0, beta2=0.5)
    close(found.diagnostics["weight"], torch.zeros(3, 1, dtype=D))


def test_oapl_takes_its_advantages_from_the_rewards():
    rewards = torch.tensor([1.0, 0.0], dtype=D)
    batch = OAPL(beta1=2.0).prepare(_batch(rewards=rewards))
    close(batch.advantages[:, 0], optimal_advantages(rewards, torch.zeros(2).long(), beta=2.0))


def test_opmd_is_openkimi_s_loss():
    for seed in range(3):
        b = data(seed)
        b["advantages"] = torch.randn(
            6, 1, generator=torch.Generator().manual_seed(seed), dtype=D
        ).expand(6, 5)
        logp = b["logp"].clone().requires_grad_()
        length = b["mask"].sum(-1).clamp(min=1)
        ratio = ((logp - b["logp_old"]) * b["mask"]).sum(-1)
        a = (b["advantages"] * b["mask"]).sum(-1) / length
        loss = 0.5 * 0.3 * (a / 0.3 - ratio) ** 2 / length
        (expected,) = torch.autograd.grad(loss.sum(), logp)
        mine = b["logp"].clone().requires_grad_()
        found = opmd_loss(mine, b["logp_old"], advantages=b["advantages"], mask=b["mask"], tau=0.3)
        (grad,) = torch.autograd.grad(found.per_token.sum(), mine)
        close(found.per_token, loss.detach())
        close(grad, expected)
        close(grad, -found.diagnostics["weight"])


def test_tpo_is_the_paper_s_cross_entropy():
    """Eq. 1-3 prompt by prompt, with the standard deviation of divisor G and a prompt of equal
    rewards."""
    g = torch.Generator().manual_seed(0)
    old = -torch.rand(7, 4, generator=g, dtype=D)
    new = (old + 0.3 * torch.randn(7, 4, generator=g, dtype=D)).clamp(max=0).requires_grad_()
    mask = torch.rand(7, 4, generator=g) < 0.8
    group, rewards = (
        torch.tensor([3, 0, 3, 0, 3, 9, 9]),
        torch.tensor([1.0, 0, 0, 1, 0, 1, 1], dtype=D),
    )
    total = 0.0
    for number in (0, 3, 9):
        own = group == number
        u = rewards[own] - rewards[own].mean()
        if (spread := u.square().mean().sqrt()) > 1e-6:
            u = u / spread
        q = ((old * mask).sum(-1)[own].log_softmax(0) + u / 0.7).softmax(0)
        total = total - (q * (new * mask).sum(-1)[own].log_softmax(0)).sum()
    (expected,) = torch.autograd.grad(total, new, retain_graph=True)
    found = tpo_loss(new, old, rewards=rewards, group=group, mask=mask, eta=0.7)
    (grad,) = torch.autograd.grad(found.per_token.sum(), new)
    assert found.per_token.shape == (3,) and found.per_token.sum().item() == pytest.approx(
        total.item()
    )
    close(grad, expected)
    close(grad, -found.diagnostics["weight"])


def test_tpo_rests_at_its_target():
    """π(y_i) ∝ π_old(y_i) e^(u/η): no token has a weight."""
    old = torch.tensor([[0.2], [0.3], [0.1]], dtype=D).log()
    rewards = torch.tensor([1.0, 0.0, 0.0], dtype=D)
    u = (rewards - rewards.mean()) / rewards.std(unbiased=False)
    target = (old[:, 0] + u).log_softmax(0).unsqueeze(-1)
    found = tpo_loss(target, old, rewards=rewards, group=torch.zeros(3).long(), mask=old < 0)
    close(found.diagnostics["weight"], torch.zeros(3, 1, dtype=D))


# As methods


KINDS = (
    *(VESPO, TOPR, CTPO, A3PO, LUSPO, VCPO, M2PO, OPSM, TRM, LNTRM, VACO, CPPO, ClipCov, StaleMask),
    *(DRPO, CFPO, DRO, KLCov, OPMD, OAPL, TPO),
)


def test_the_branch_holds_them_all():
    assert {
        RELATIVES[name] for name in asynchrony.RELATIVES if isinstance(RELATIVES[name], type)
    } == set(KINDS)
    around = {kind for kind in KINDS if kind.anchor == "rollout"}
    assert around == {VESPO, TOPR, A3PO, M2PO, TRM, LNTRM, VACO, CPPO, DRPO, OAPL}
    alone = {kind for kind in KINDS if is_proportional(kind)}
    assert alone == set(KINDS) - {VCPO, ClipCov, DRO, KLCov, OPMD, OAPL, TPO}


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in (VCPO, LUSPO, TPO, StaleMask)])
def test_an_objective_is_its_loss_with_its_settings(kind):
    b = data()
    found = kind().objective(
        Scores(b["logp"].requires_grad_()), _of(b, age=torch.ones_like(b["mask"]).long())
    )
    arguments = {"advantages": b["advantages"], "mask": b["mask"]}
    logps = (b["logp"].detach(), b["logp_old"])
    expected = {
        VESPO: lambda: vespo_loss(*logps, **arguments),
        TOPR: lambda: topr_loss(*logps, **arguments),
        CTPO: lambda: ctpo_loss(*logps, **arguments),
        A3PO: lambda: a3po_loss(*logps, **arguments, age=torch.ones(6, 5)),
        M2PO: lambda: masked(trlib.corrections.m2po_mask)(*logps, **arguments),
        OPSM: lambda: without(
            ppo_loss, opsm_mask(*logps, **arguments, delta=0.1), *logps, **arguments
        ),
        TRM: lambda: masked(trm_mask)(*logps, **arguments),
        LNTRM: lambda: masked(ln_trm_mask)(*logps, **arguments),
        VACO: lambda: masked(vaco_mask)(*logps, **arguments),
        CPPO: lambda: masked(cppo_mask)(*logps, **arguments),
        ClipCov: lambda: without(
            ppo_loss,
            clip_cov_mask(*logps, **arguments, draw=trlib.seeds.generator(0, "clip_cov")),
            *logps,
            **arguments,
        ),
        DRPO: lambda: quadratic_loss(*logps, **arguments, eps=12.5, by_probability=True),
        CFPO: lambda: quadratic_loss(*logps, **arguments, eps=0.2),
        DRO: lambda: dro_loss(*logps, **arguments),
        OAPL: lambda: oapl_loss(*logps, **arguments),
        KLCov: lambda: kl_cov_loss(*logps, **arguments),
        OPMD: lambda: opmd_loss(*logps, **arguments),
    }[kind]()
    close(found.per_token.detach(), expected.per_token)
    assert torch.equal(found.diagnostics["kept"], expected.diagnostics["kept"])


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        (VESPO, "k_pos", -1.0),
        (VESPO, "lam_neg", math.inf),
        (TOPR, "level", "group"),
        (CTPO, "low", -0.1),
        (CTPO, "power", math.nan),
        (A3PO, "eps_low", 1.1),
        (A3PO, "cap", 0.0),
        (VCPO, "power", -1.0),
        (M2PO, "budget", 0.0),
        (OPSM, "delta", math.nan),
        (TRM, "delta_max", -1.0),
        (TRM, "delta_mean", -1.0),
        (LNTRM, "delta_mean", -1.0),
        (LNTRM, "delta", 0.0),
        (StaleMask, "max_age", -1),
        (VACO, "delta", -1.0),
        (CPPO, "delta", -1.0),
        (CPPO, "delta_prefix", -1.0),
        (CPPO, "w_min", 0.0),
        (ClipCov, "share", 0.0),
        (ClipCov, "high", 1.0),
        (DRPO, "eps", 0.0),
        (CFPO, "eps", -1.0),
        (DRO, "beta", -1.0),
        (OAPL, "beta1", 0.0),
        (OAPL, "beta2", math.inf),
        (KLCov, "share", 1.1),
        (KLCov, "beta", -1.0),
        (OPMD, "tau", 0.0),
        (TPO, "eta", 0.0),
    ],
)
def test_a_meaningless_setting_is_named(kind, setting, value):
    with pytest.raises(ValueError, match=rf"^{setting}: expected"):
        kind(**{setting: value})


def test_tpo_compares_completions_of_a_prompt():
    with pytest.raises(ValueError, match=r"group \(TPO compares completions of a prompt\)"):
        TPO().plan(1, 0)


def test_on_one_bandit_those_with_a_region_stay_nearer_than_none():
    mu, a = (
        torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=D),
        torch.tensor([1.0, 0.5, 0.0, -0.5], dtype=D),
    )
    free = bandit_step(PGIS(), mu, a)
    for method in (
        VESPO(),
        CTPO(),
        A3PO(),
        M2PO(),
        OPSM(),
        TRM(),
        VACO(),
        CPPO(),
        CFPO(),
        replace(DRPO(), eps=0.15),
    ):
        found = bandit_step(method, mu, a)
        assert found.gain > 0 and found.kl < free.kl, method


@pytest.mark.parametrize(
    "name", by_day(["vcpo", "clip_cov", "a3po"], "vcpo", reason="two runs for each")
)
def test_a_stale_run_is_taken_up_again(name, tmp_path):
    """What draws or steps by the batch, with data of several ages, does the same after a break."""

    def trained(steps, **more):
        return trlib.train(
            trlib.load_policy("dial"),
            trlib.load_task("dial"),
            RELATIVES[name](),
            steps=steps,
            prompts=2,
            group=4,
            epochs=2,
            max_tokens=6,
            probe=2,
            lr=1e-3,
            lag=2,
            buffer=1,
            segments=2,
            progress=False,
            **more,
        ).history

    whole = trained(4)
    trained(2, out=tmp_path)
    again = trained(4, out=tmp_path, resume=True)
    assert again.loss.tolist() == whole.loss.tolist()
    assert name != "vcpo" or (
        (whole.ess_step[2:] < 0.999).any() and again.ess_step.tolist() == whole.ess_step.tolist()
    )
