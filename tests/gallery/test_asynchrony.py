"""The branch asynchrony: golden values by hand, weights against autograd, and the authors' formulas
written out anew.

What TRL and verl have of it is compared with them in `tests/instruments/parity/test_asynchrony.py`."""

import inspect
import math
from functools import partial

import pytest
import torch

import trlib
from tests.losses import D, at, batch, close, data, known, noise, of, refused, slope, tensor
from trlib.algorithms import GSPO, PPO, Scores, pg_is_loss, ppo_loss
from trlib.corrections import m2po_mask, opsm_mask, sequence_ess
from trlib.relatives.asynchrony.masks import (
    CPPO,
    LNTRM,
    M2PO,
    OPSM,
    SAO,
    TRM,
    VACO,
    ClipCov,
    StaleMask,
    clip_cov_mask,
    covariance,
    cppo_mask,
    dis_mask,
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
from trlib.relatives.ratios import CPGD, cpgd_loss
from trlib.relatives.regression import LCO, lco_loss

# Weights


def test_vespo_by_hand():
    """Two tokens of ratios 2 and 3/4: W = 3/2, φ = 1.5² e^(-1.5) for A > 0 and 1.5³ e^-1 for A <
    0."""
    for a, expected in ((1.0, 1.5**2 * math.exp(-1.5)), (-2.0, -2 * 1.5**3 * math.exp(-1.0))):
        found = of(vespo_loss, at([2.0, 0.75], a)).diagnostics
        close(found["weight"], expected)
        close(found["sequence_ratio"], 1.5)


def test_topr_by_hand():
    """Ratios 4 and 1/8: the product 1/2 for A < 0; a right answer, and a wrong one that has become
    likely, weigh A."""
    for ratios, a, whole, tokens in (
        ([4.0, 0.125], -2.0, [-1.0, -1.0], [-2.0, -0.25]),
        ([4.0, 0.125], 2.0, [2.0, 2.0], [2.0, 2.0]),
        ([4.0, 2.0], -2.0, [-2.0, -2.0], [-2.0, -2.0]),
    ):
        for level, expected in (("completion", whole), ("token", tokens)):
            close(of(topr_loss, at(ratios, a), level=level).diagnostics["weight"][0], expected)


def test_ctpo_is_the_authors_loss():
    """`cum-token-cumprod-la`: the product so far with the token's own gradient, in a window that
    widens with √t."""
    for seed in range(4):
        b = data(seed)
        mask, a, logp = b["mask"], b["advantages"], b["logp"].requires_grad_()
        total = ((logp - b["logp_old"]).detach() * mask).cumsum(-1)
        log_r = total + logp - logp.detach()
        scale = mask.cumsum(-1).clamp(min=1).double().sqrt()
        bounded = -a * torch.minimum(torch.maximum(log_r, -0.025 * scale), 0.05 * scale).exp()
        worse = torch.maximum(-a * log_r.exp(), bounded)
        loss = torch.where(a < 0, torch.minimum(-a * (0.05 * scale).exp(), worse), worse)[mask]
        found = ctpo_loss(**b)
        close(found.per_token[mask], loss)
        close(slope(found.per_token, logp), slope(loss, logp))
        assert 0 < int(found.diagnostics["kept"].sum()) < int(mask.sum())


def test_a3po_is_areal_s_loss():
    """log π_prox by the versions, PPO's clip of π/π_prox, and π_prox/μ as a weight that is dropped
    above the cap."""
    for seed in range(4):
        b = data(seed)
        mask, a, behave = b["mask"], b["advantages"], b["logp_old"]
        age = torch.randint(0, 5, mask.shape, generator=torch.Generator().manual_seed(seed))
        logp = b["logp"].requires_grad_()
        # the learner's version; a sampler that is `age` behind the one before it has 6 - age
        current = 7.0
        versions = current - 1 - age
        alpha = (current - 1 - versions) / (current - versions)
        prox = behave + alpha * (logp.detach() - behave)
        ratio, weight = (logp - prox).exp(), (prox - behave).exp()
        loss = torch.maximum(-a * ratio, -a * ratio.clamp(0.8, 1.2)) * weight * (weight <= 1.1)
        found = of(a3po_loss, b, age=age, cap=1.1)
        close(found.per_token[mask], loss[mask])
        close(slope(found.per_token, logp), slope(loss[mask], logp))
        assert not found.diagnostics["kept"][(weight > 1.1) & mask].any()


def test_dis_keeps_a_window_of_either_sign_and_sao_pushes_there_with_r_a():
    b = data()
    logps = b["logp"].requires_grad_(), b["logp_old"]
    keep = dis_mask(*logps, mask=b["mask"], eps_low=0.1, eps_high=0.2)
    r = (logps[0] - logps[1]).exp().detach()
    assert torch.equal(keep, b["mask"] & (r > 0.9) & (r < 1.2)) and 0 < keep.sum() < b["mask"].sum()
    edge = at([0.69, 0.71, 5.99, 6.01], 1.0)
    kept = dis_mask(edge["logp"], edge["logp_old"], mask=edge["mask"])
    assert kept.tolist() == [[False, True, True, False]]
    wide = dis_mask(*logps, mask=b["mask"], eps_low=1.0, eps_high=math.inf)
    assert torch.equal(wide, b["mask"])
    loss = SAO(eps_low=0.1, eps_high=0.2).policy_loss(Scores(logps[0]), known(b))
    close(-slope(loss.per_token, logps[0]), r * b["advantages"] * keep)
    assert torch.equal(loss.diagnostics["kept"], keep)
    refused("dual_clip: expected None", SAO, dual_clip=3.0)
    refused("eps_low: expected .* 1", dis_mask, *logps, mask=b["mask"], eps_low=1.5)


def test_a_method_has_the_settings_of_its_rule():
    pairs = ((SAO, dis_mask), (TRM, trm_mask), (LNTRM, ln_trm_mask), (VACO, vaco_mask))
    for kind, rule in (*pairs, (CPGD, cpgd_loss), (LCO, lco_loss)):
        own = inspect.signature(rule).parameters.values()
        told = {
            p.name: p.default for p in own if p.default is not p.empty and hasattr(kind, p.name)
        }
        assert told and {name: getattr(kind(), name) for name in told} == told, kind


def test_luspo_is_gspo_times_the_length():
    assert LUSPO() == LUSPO(aggregation="seq-mean-token-sum") and issubclass(LUSPO, GSPO)
    per_token = torch.tensor([[1.0, 1.0, 1.0], [2.0, 0.0, 0.0]])
    given = batch(torch.tensor([[True] * 3, [True, False, False]]))
    assert [float(kind().loss(per_token, given)) for kind in (LUSPO, GSPO)] == [2.5, 1.5]


class Counting:
    """A step of two minibatches that remembers how it descended."""

    def __init__(self, batch):
        self.batch, self.speeds = batch, []

    def minibatches(self):
        yield self
        yield self

    def loss(self):
        return torch.zeros(())

    def descend(self, loss, *, lr_scale=1.0):
        self.speeds.append(lr_scale)


def test_vcpo_s_step_is_as_long_as_the_data_are_worth():
    """Three completions of weights 1, 2 and 5: ESS / B = 64 / (3 · 30), and the step its root."""
    weights = tensor([[1.0, 1.0], [4.0, 0.5], [5.0, 9.0]])
    mask = torch.tensor([[True, True], [True, True], [True, False]])
    nine = torch.full((3, 2), -9.0, dtype=D)
    given = batch(mask, logp_rollout=nine - weights.log(), logp_old=nine)
    nothing = batch(~mask & mask, logp_old=nine)
    worth = 64 / 90
    for method, some, speed in (
        (VCPO(), given, math.sqrt(worth)),
        (VCPO(power=0.0), given, 1.0),
        (VCPO(), nothing, 1.0),
    ):
        step = Counting(some)
        method.update(step)
        assert step.speeds == pytest.approx([speed] * 2)
    assert given.memory["ess_step"] == pytest.approx(worth)
    assert sequence_ess(given.logp_old, given.logp_rollout, mask) == pytest.approx(worth)


# Masks


def mask_of(rule, b, **how):
    unsigned = ("logp", "logp_old", "mask")
    return of(rule, {k: b[k] for k in unsigned} if rule in (trm_mask, ln_trm_mask) else b, **how)


def test_trm_by_hand():
    """log r of .3 and 0: k2 .045 at most, k3 (e^.3 - 1.3)/2 on average; and the whole completion
    goes."""
    arguments, mean = at([math.exp(0.3), 1.0], 1.0), (math.exp(0.3) - 1.3) / 2
    for delta_max, delta_mean, kept in (
        (0.046, mean + 1e-9, True),
        (0.044, 1.0, False),
        (1.0, mean - 1e-9, False),
        (math.inf, math.inf, True),
    ):
        limits = {"delta_max": delta_max, "delta_mean": delta_mean}
        assert mask_of(trm_mask, arguments, **limits).tolist() == [[kept, kept]]


def test_ln_trm_by_hand():
    """Ratios 1.3, .9 and 9, δ = .5: weights √.5 and √.25 of the tokens with two and one behind
    them, 0 of the last."""
    mean = (0.3 * math.sqrt(0.5) + 0.1 * 0.5) / (math.sqrt(0.5) + 0.5)
    for limit, kept in ((mean + 1e-9, True), (mean - 1e-9, False), (math.inf, True)):
        found = mask_of(ln_trm_mask, at([1.3, 0.9, 9.0], 1.0), delta_mean=limit, delta=0.5)
        assert found.tolist() == [[kept] * 3]
    assert mask_of(ln_trm_mask, at([9.0], 1.0)).all(), "nothing comes after it"


def test_the_stale_mask_leaves_the_mean_and_not_the_baseline():
    """prime-rl's rule: a token of age > max_age is no longer in the mask; advantages stay those of
    all completions."""
    mask, age = (
        torch.tensor([[True] * 3, [True, True, False]]),
        torch.tensor([[2, 1, 0], [9, 9, 0]]),
    )
    given = batch(mask, age=age, rewards=tensor([1.0, 0.0]), logp_old=torch.zeros(2, 3, dtype=D))
    found = StaleMask(max_age=1).prepare(given)
    assert found.mask.tolist() == [[False, True, True], [False] * 3]
    expected = [[0.5] * 3, [-0.5] * 3]
    assert found.advantages.tolist() == PPO().prepare(given).advantages.tolist() == expected
    assert float(StaleMask().loss(torch.ones(2, 3, dtype=D), found)) == 1, "the mean is over two"
    for method, some in ((StaleMask(max_age=9), given), (StaleMask(), batch(mask))):
        assert torch.equal(method.prepare(some).mask, mask), "nothing is stale"


def test_vaco_is_open_instruct_s_filter():
    """Dropped where the completion's mean |ρ - 1| is above the bound and sign(log ρ) A > 0."""
    left_out = 0
    for seed in range(8):
        b = data(seed)
        log_ratio = (b["logp"] - b["logp_old"]).masked_fill(~b["mask"], 0.0)
        length = b["mask"].sum(-1, keepdim=True).clamp(min=1)
        far = (log_ratio.exp() - 1).abs().sum(-1, keepdim=True) / length > 0.3
        dropped = b["mask"] & far & (log_ratio.sign() * b["advantages"] > 0)
        assert torch.equal(mask_of(vaco_mask, b, delta=0.3), b["mask"] & ~dropped)
        left_out += int(dropped.sum())
    assert left_out > 10


def test_cppo_is_the_authors_mask():
    """`_cppo_mask` of UniRL, completion by completion."""
    left_out = 0
    for seed in range(6):
        b = data(seed)
        for delta, prefix, w_min in ((0.2, 0.02, 0.8), (0.1, 0.05, 0.5), (0.15, 0.0, 1.0)):
            how = {"delta": delta, "delta_prefix": prefix, "w_min": w_min}
            found = mask_of(cppo_mask, b, **how)
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
    found = quadratic_loss(**b, eps=0.3, by_probability=True)
    r, gap = (b["logp"] - b["logp_old"]).exp(), (b["logp"].exp() - b["logp_old"].exp()).abs()
    plain = (r * b["advantages"]).masked_fill(~b["mask"], 0.0)
    close(found.diagnostics["weight"], plain * (1 - (b["advantages"] * (r - 1)).sign() * gap / 0.3))
    wide = DRPO().objective(Scores(b["logp"]), known(b)).diagnostics["weight"]
    assert ((wide - plain).abs() <= 0.08 * plain.abs()).all()


def test_cfpo_turns_at_the_clip_s_edge():
    for a in (1.0, -1.0):
        edge = 1 + 0.2 * a
        around = at([edge - 0.01 * a, edge, edge + 0.01 * a], a)
        first, at_edge, last = quadratic_loss(**around, eps=0.2).diagnostics["weight"][0].tolist()
        assert at_edge == pytest.approx(0, abs=1e-12) and first * a > 0 > last * a


def test_kl_cov_by_hand():
    """Four tokens, one chosen: the largest (log π - mean) (A - mean), which pays β |log r|."""
    logp, a = tensor([[-1.0, -2.0, -3.0, -4.0]]), tensor([[2.0, 1.0, 0.0, -2.0]])
    given = {"logp": logp, "logp_old": logp - tensor([[0.1, -0.2, 0.3, -0.4]])}
    given |= {"advantages": a, "mask": logp < 0}
    found, plain = kl_cov_loss(**given, share=0.25, beta=0.5), pg_is_loss(**given)
    # products of (1.5, .5, -.5, -1.5) and (1.75, .75, -.25, -2.25): the last is 3.375
    close(found.per_token - plain.per_token, [[0, 0, 0, 0.2]])
    close(found.diagnostics["weight"] - plain.diagnostics["weight"], [[0, 0, 0, 0.5]])


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
        if b["mask"][row].any():  # a completion without a token has no loss
            expected.append((0.3 * ratio - wanted[row]) ** 2)
    found = optimal_advantages(rewards, group, beta=0.7)
    close(found, wanted)
    advantages = found.unsqueeze(-1).expand(6, 5)
    result = oapl_loss(logp, b["logp_old"], advantages=advantages, mask=b["mask"], beta2=0.3)
    close(result.per_token, torch.stack(expected))
    grad = slope(result.per_token, logp)
    close(grad, slope(torch.stack(expected), logp))
    close(grad, -result.diagnostics["weight"])


def test_a_completion_without_a_token_is_in_none_of_oapl_s_groups():
    rewards, group = tensor([1.0, 0.0, math.nan, 0.5, math.nan]), torch.tensor([0, 0, 0, 1, 2])
    present = torch.tensor([True, True, False, True, False])
    found = optimal_advantages(rewards, group, beta=0.7, present=present)
    alone = optimal_advantages(rewards[present], group[present], beta=0.7)
    close(found[present], alone)
    assert (found[~present] == 0).all()
    held = batch(present.unsqueeze(-1).expand(5, 3), rewards=rewards, group=group)
    close(OAPL(beta1=0.7).prepare(held).advantages, found.unsqueeze(-1).expand(5, 3))


def test_opmd_is_openkimi_s_loss():
    for seed in range(3):
        b = data(seed)
        mask, logp = b["mask"], b["logp"].requires_grad_()
        b["advantages"] = noise(6, 1, seed=seed).expand(6, 5)
        length = mask.sum(-1).clamp(min=1)
        a = (b["advantages"] * mask).sum(-1) / length
        loss = 0.15 * (a / 0.3 - ((logp - b["logp_old"]) * mask).sum(-1)) ** 2 / length
        loss = loss[mask.any(-1)]
        found = opmd_loss(**b, tau=0.3)
        close(found.per_token, loss)
        close(slope(found.per_token, logp), slope(loss, logp))
        close(slope(loss, logp), -found.diagnostics["weight"])


def test_tpo_is_the_paper_s_cross_entropy():
    """Eq. 1-3 prompt by prompt, with the standard deviation of divisor G and a prompt of equal
    rewards."""
    g = torch.Generator().manual_seed(0)
    old = -torch.rand(7, 4, generator=g, dtype=D)
    new = (old + 0.3 * torch.randn(7, 4, generator=g, dtype=D)).clamp(max=0).requires_grad_()
    mask = torch.rand(7, 4, generator=g) < 0.8
    group, rewards = (
        torch.tensor([3, 0, 3, 0, 3, 9, 9]),
        tensor([1.0, 0, 0, 1, 0, 1, 1]),
    )
    total = 0.0
    for number in (0, 3, 9):
        own = group == number
        u = rewards[own] - rewards[own].mean()
        if (spread := u.square().mean().sqrt()) > 1e-6:
            u = u / spread
        q = ((old * mask).sum(-1)[own].log_softmax(0) + u / 0.7).softmax(0)
        total = total - (q * (new * mask).sum(-1)[own].log_softmax(0)).sum()
    found = tpo_loss(new, old, rewards=rewards, group=group, mask=mask, eta=0.7)
    close(found.per_token.sum(), total)
    assert len(found.per_token) == 3
    close(slope(found.per_token, new), slope(total, new))
    close(slope(total, new), -found.diagnostics["weight"])


# As methods


def left_out(loss, rule):
    return lambda *logps, **rest: without(
        loss, mask_of(rule, {"logp": logps[0], "logp_old": logps[1], **rest}), *logps, **rest
    )


OBJECTIVES = {
    VESPO: vespo_loss,
    TOPR: topr_loss,
    CTPO: ctpo_loss,
    A3PO: partial(a3po_loss, age=torch.ones(6, 5)),
    M2PO: left_out(pg_is_loss, m2po_mask),
    OPSM: left_out(ppo_loss, partial(opsm_mask, delta=0.1)),
    TRM: left_out(pg_is_loss, trm_mask),
    LNTRM: left_out(pg_is_loss, ln_trm_mask),
    VACO: left_out(pg_is_loss, vaco_mask),
    CPPO: left_out(pg_is_loss, cppo_mask),
    ClipCov: left_out(
        ppo_loss,
        lambda *b, **c: clip_cov_mask(*b, **c, draw=trlib.seeds.generator(0, "clip_cov")),
    ),
    DRPO: partial(quadratic_loss, eps=12.5, by_probability=True),
    CFPO: partial(quadratic_loss, eps=0.2),
    DRO: dro_loss,
    OAPL: oapl_loss,
    KLCov: kl_cov_loss,
    OPMD: opmd_loss,
}


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_an_objective_is_its_loss_with_its_settings(kind):
    b = data()
    age = torch.ones_like(b["mask"]).long()
    found = kind().objective(Scores(b["logp"]), known(b, age=age))
    expected = of(OBJECTIVES[kind], b)
    close(found.per_token, expected.per_token)
    assert torch.equal(found.diagnostics["kept"], expected.diagnostics["kept"])


def test_tpo_compares_completions_of_a_prompt():
    refused(r"group \(TPO compares completions of a prompt\)", TPO().plan, 1, 0)
