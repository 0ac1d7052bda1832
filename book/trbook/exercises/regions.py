"""Exercises of chapter 2 and section 2b: distance and promise of a batch, estimators of KL; and of
chapter 8: the exponential tilt and the frontier."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trbook import tiny
from trbook.exercises.attempt import Attempt, call
from trbook.exercises.check import Draw, Exercise, Number, Numbers
from trbook.exercises.stopping import AWAY, BATCHES, EARNED, stopped
from trbook.exercises.verdict import NotYet
from trlib.divergences import kl


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum()


def _total_variation(logp: Tensor, logp_mu: Tensor, mask: Tensor) -> Tensor:
    return _masked_mean((logp - logp_mu).exp().sub(1).abs() / 2, mask)


def _lengths(draw: Draw) -> Tensor:
    """[4, 5] the mask of four completions; one fills the row, one has two tokens."""
    lengths = draw.integers(1, 6, 4)
    lengths[0], lengths[1] = 5, 2
    return (torch.arange(5) < lengths[:, None]).double()


def _tokens(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probs of four completions of one to five tokens, moved both ways; padding holds numbers
    too."""
    logp_mu = draw.uniform(-3, -1, 4, 5)
    return logp_mu + draw.uniform(-0.9, 0.9, 4, 5), logp_mu, _lengths(draw)


def _wrong_total_variation(logp, logp_mu, mask):
    moved = (logp - logp_mu).exp() - 1
    right = _total_variation(logp, logp_mu, mask)
    return [
        (2 * right, "this is the mean of |r - 1|, which is *twice* the total variation."),
        (
            _masked_mean(moved / 2, mask),
            "without the absolute value the mean of r - 1 is 0 up to noise, however far the "
            "policy went.",
        ),
        (
            _masked_mean((logp - logp_mu).abs() / 2, mask),
            "the ratio is `exp(logp - logp_mu)`; here the difference of the log-probs stands in "
            "its place.",
        ),
        (
            _masked_mean((logp.exp() - logp_mu.exp()).abs() / 2, mask),
            "this is |π - μ| of the sampled token; the sample already brings the factor μ, so its "
            "weight is |r - 1|.",
        ),
        (_total_variation(logp_mu, logp, mask), "the ratio is π/μ: `exp(logp - logp_mu)`."),
        (
            _masked_mean(moved.abs() / 2, torch.ones_like(mask)),
            "this counts padding: a token was sampled only where `mask` is 1.",
        ),
        (
            right * mask.mean(),
            "the sum is right but its divisor is not: divide by the number of tokens, `mask.sum()`.",
        ),
        (
            ((moved.abs() / 2 * mask).sum(1) / mask.sum(1)).mean(),
            "this takes the mean of each completion first, so that tokens of short ones count more.",
        ),
        (
            right * mask.sum(),
            "this is the sum over tokens; the exercise asks for the mean: divide by `mask.sum()`.",
        ),
        (
            _masked_mean(moved, mask).abs() / 2,
            "take the absolute value of each token: in the mean, rises and falls have already "
            "cancelled.",
        ),
        (
            _masked_mean(moved**2, mask) / 2,
            "this is half the mean *square* of r - 1, near KL for small steps; total variation "
            "takes |r - 1|.",
        ),
        (
            _masked_mean(moved.clamp(min=0), mask),
            "this counts only the tokens that rose. Its mean is the total variation too, but the "
            "exercise asks for the estimate from |r - 1|, to which every token contributes.",
        ),
        (
            (((logp - logp_mu) * mask).sum(1).exp() - 1).abs().mean() / 2,
            "this is the ratio of the whole completion, a product; the exercise asks for the mean "
            "over single tokens.",
        ),
    ]


check_total_variation = Exercise(
    "Is `total_variation(logp, logp_mu, mask)` the mean over sampled tokens of the estimate of "
    "total variation?",
    truth=_total_variation,
    inputs=_tokens,
    examples=[
        ([[-1.0, -1.5], [-2.0, -9.0]], [[-1.5, -1.0], [-2.0, -1.0]], [[1.0, 1.0], [1.0, 0.0]])
    ],
    wrong=_wrong_total_variation,
    praise="this one line is the cheapest monitor of drift there is: any log that has ratios has "
    "it.",
)


def _promised(logp: Tensor, logp_mu: Tensor, rewards: Tensor, mask: Tensor) -> Tensor:
    return rewards.mean() + _surrogate((logp - logp_mu).exp() - 1, rewards - rewards.mean(), mask)


def _surrogate(moved: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return (moved * advantages[:, None] * mask).sum(1).mean()


def _batch(draw: Draw) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    logp, logp_mu, mask = _tokens(draw)
    return logp, logp_mu, draw.uniform(0, 1, 4), mask


def _wrong_promised(logp, logp_mu, rewards, mask):
    mean, A, moved = rewards.mean(), rewards - rewards.mean(), (logp - logp_mu).exp() - 1
    whole = ((logp - logp_mu) * mask).sum(1).exp()
    right = _promised(logp, logp_mu, rewards, mask)
    return [
        (right - mean, "this is the promised *gain*; add the mean reward of the batch."),
        (
            mean + _masked_mean(moved * A[:, None], mask),
            "the surrogate is the *sum* over a completion's tokens, and the mean over completions.",
        ),
        (
            mean + _surrogate(moved, rewards, mask),
            "the advantage is the reward *minus* the mean of all rewards.",
        ),
        (
            mean + _surrogate(moved + 1, A, mask),
            "with r in place of r - 1 the promise is not the mean reward where nothing has moved: "
            "the baseline is not the value of every prefix, and completions differ in length.",
        ),
        (
            mean + ((whole - 1) * A).mean(),
            "this takes the ratio of the whole completion, a product; the surrogate takes each "
            "token's alone.",
        ),
        (
            mean + _surrogate(logp - logp_mu, A, mask),
            "r - 1 is `exp(logp - logp_mu) - 1`; the difference of log-probs is near it only for "
            "small steps.",
        ),
        (_promised(logp_mu, logp, rewards, mask), "the ratio is π/μ: `exp(logp - logp_mu)`."),
        (
            _promised(logp, logp_mu, rewards, torch.ones_like(mask)),
            "padding is counted: multiply by `mask`.",
        ),
        (
            mean + ((moved * mask).sum(1) / mask.sum(1) * A).mean(),
            "the surrogate is the *sum* over a completion's tokens; this divides it by the "
            "completion's length.",
        ),
        (
            mean + len(rewards) * _surrogate(moved, A, mask),
            "take the *mean* over completions, not the sum.",
        ),
        (
            2 * mean - right,
            "the sign is flipped: the promise rises where tokens of better completions became "
            "more probable.",
        ),
        (
            mean + _surrogate(moved, A / rewards.std(), mask),
            "once divided by their standard deviation, the advantages are no longer in units of "
            "reward.",
        ),
        (
            (rewards * whole).mean(),
            "this weights each reward with the ratio of the whole completion. That is unbiased, "
            "but not the surrogate, which takes each token's ratio alone.",
        ),
    ]


check_promised = Exercise(
    "Is `promised(logp, logp_mu, rewards, mask)` the mean reward that the batch promises for the "
    "new policy?",
    truth=_promised,
    inputs=_batch,
    examples=[
        (
            [[-1.0, -1.5], [-2.0, -9.0]],
            [[-1.5, -1.0], [-2.5, -1.0]],
            [1.0, 0.0],
            [[1.0, 1.0], [1.0, 0.0]],
        )
    ],
    wrong=_wrong_promised,
    praise="where nothing has moved it is the mean reward; it has no upper bound, and soon "
    "promises more than 1.",
)


def _third_estimator(logp: Tensor, logp_ref: Tensor) -> Tensor:
    d = logp_ref - logp
    return torch.expm1(d) - d


def _wrong_third_estimator(logp, logp_ref):
    right = _third_estimator(logp, logp_ref)
    return [
        (
            _third_estimator(logp_ref, logp),
            "this is k3 of the other direction: for samples of π the ratio inside is ref/π, so d "
            "= logp_ref - logp.",
        ),
        (logp - logp_ref, "this is k1; k3 adds ref/π - 1, whose mean is 0."),
        ((logp - logp_ref) ** 2 / 2, "this is k2, half the squared log-ratio."),
        (right + 1, "where the policies agree it must be 0: subtract 1."),
        (right + 2 * (logp_ref - logp), "the last term has the wrong sign: e^d - 1 *minus* d."),
        (
            logp_ref / logp - 1 - (logp_ref - logp),
            "these are log-probs: the ratio of probabilities is `exp(logp_ref - logp)`.",
        ),
        (
            logp.exp() * (logp - logp_ref),
            "this weights with π, as in the exact sum; the tokens were sampled from π, so no "
            "weight is needed.",
        ),
        (
            (logp - logp_ref).abs(),
            "this is |log π/ref|: never negative, and its mean is not the KL.",
        ),
    ]


check_third_estimator = Exercise(
    "Is `third_estimator(logp, logp_ref)` k3 of every token, an estimate of KL(π‖ref), with its "
    "gradient?",
    truth=_third_estimator,
    inputs=lambda draw: (draw.uniform(-3, -0.1, 6), draw.uniform(-3, -0.1, 6)),
    gradient="logp",
    examples=[([-1.0, -1.0, -3.0], [-1.0, -2.0, -1.0])],
    wrong=_wrong_third_estimator,
    praise="never negative, and 0 only where the two agree. Its gradient is 1 - ref/π: as a loss "
    "it descends KL(ref‖π).",
)


def _tilted(logp_mu: Tensor, rewards: Tensor, lam: float) -> Tensor:
    # A check tries other numbers in its place.
    return tiny.tilt(logp_mu, rewards, multiplier=max(lam, 1e-3))


def _wrong_tilted(logp_mu, rewards, lam):
    tilted = logp_mu + rewards / lam
    return [
        (
            tilted,
            "the probabilities do not sum to 1: subtract log Z, `torch.logsumexp` of what you have.",
        ),
        (
            torch.log_softmax(rewards / lam, -1),
            "this is the tilt of a policy that writes everything with equal probability: μ is "
            "missing.",
        ),
        (
            torch.log_softmax(logp_mu + rewards * lam, -1),
            "the reward is *divided* by λ: a small λ tilts more.",
        ),
        (_tilted(logp_mu, rewards, lam).exp(), "these are probabilities; take their logarithms."),
        (
            torch.log_softmax(logp_mu - rewards / lam, -1),
            "the sign is flipped: more reward, more probability.",
        ),
        (
            torch.log_softmax((logp_mu + rewards) / lam, -1),
            "only the reward is divided by λ; μ is not, or it would be sharpened too.",
        ),
        (
            torch.log_softmax(logp_mu + torch.log1p(rewards / lam), -1),
            "this multiplies μ by 1 + R/λ, the tilt for small R/λ only; its factor is e^(R/λ).",
        ),
        (
            tilted - torch.logsumexp(rewards / lam, -1),
            "Z is the mean of e^(R/λ) *under μ*: `torch.logsumexp(logp_mu + rewards / lam, -1)`.",
        ),
        (
            tilted - torch.log(torch.exp(rewards / lam).mean()),
            "Z is the mean of e^(R/λ) *under μ*, and this weighs all completions alike.",
        ),
        (
            torch.log_softmax(logp_mu.exp() + rewards / lam, -1),
            "inside the softmax stands log μ, and `logp_mu` is that already: no `exp`.",
        ),
        (tilted.exp(), "these are μ e^(R/λ): divide by their sum Z, and take the logarithm."),
    ]


check_tilted = Exercise(
    "Is `tilted(logp_mu, rewards, lam)` the log-probability of every completion under the "
    "exponential tilt?",
    truth=_tilted,
    inputs=lambda draw: (
        torch.log_softmax(draw.normal(5), -1),
        draw.uniform(0, 1, 5),
        draw.number(0.2, 2),
    ),
    examples=[([math.log(0.5), math.log(0.25), math.log(0.25)], [0.0, 1.0, 0.0], 0.5)],
    wrong=_wrong_tilted,
    praise="no policy with this KL from μ has a higher expected reward. The frontier's line consists of such "
    "policies.",
)


def _deviation(values: tuple[float, float], p: float = 0.99) -> float:
    return abs(values[0] - values[1]) * math.sqrt(p * (1 - p))


_D = (math.log(0.5 / 0.99), math.log(0.5 / 0.01))
_K3 = (math.expm1(_D[0]) - _D[0], math.expm1(_D[1]) - _D[1])
check_noise = Numbers(
    "What is the standard deviation of one sample of k1, and of k3, if π = (0.99, 0.01) and the "
    "reference is (0.5, 0.5)?",
    of_k1=Number(
        _deviation(_D),
        {
            _deviation(_D) ** 2: "that is the variance; take its square root.",
            _deviation(
                _D, 0.5
            ): "the two tokens are weighted alike here; π writes the first 99 times in 100.",
            math.sqrt(
                0.99 * _D[0] ** 2 + 0.01 * _D[1] ** 2
            ): "that is the root mean square; subtract the mean first.",
            _deviation(_K3): "that is k3's.",
        },
    ),
    of_k3=Number(
        _deviation(_K3),
        {
            _deviation(_K3) ** 2: "that is the variance; take its square root.",
            _deviation(
                _K3, 0.5
            ): "the two tokens are weighted alike here; π writes the first 99 times in 100.",
            _deviation(
                (math.expm1(-_D[0]) + _D[0], math.expm1(-_D[1]) + _D[1])
            ): "the ratio inside k3 is ref/π, not π/ref.",
            math.sqrt(
                0.99 * _K3[0] ** 2 + 0.01 * _K3[1] ** 2
            ): "that is the root mean square; subtract the mean first.",
            _deviation((_D[0] ** 2 / 2, _D[1] ** 2 / 2)): "that is k2's.",
            _deviation(_D): "that is k1's.",
        },
    ),
    rtol=5e-3,
    praise="k3 is about ten times as noisy here: its ratio ref/π is 50 for a token that π hardly "
    "ever writes. `never negative` is not `quiet`.",
)

check_top = Numbers(
    "A policy has an expected reward of 0.25, where rewards are 0 and 1. At which KL does the tilt's reward reach 1, "
    "and what is the gain there?",
    spent=Number(
        math.log(4),
        {
            math.log(2): "that is log(1/0.5); the policy has 0.25.",
            0.7885: "that is for the policy of the 625 completions above, which has 0.4546; "
            "this one has 0.25.",
            2.0: "that is the KL in bits; for nats take the natural logarithm.",
            -math.log(0.75): "that is log(1/0.75), the distance to always being *wrong*.",
            0.25
            * math.log(
                4
            ): "the tilt writes right completions only, each 4 times as often, so the mean of the "
            "log-ratio is the whole log 4.",
            -math.log(4): "a KL is never negative.",
        },
    ),
    gained=Number(
        0.75,
        {
            1.0: "that is the reward there; the gain is what was added to 0.25.",
            0.25: "that is the reward before; the gain is the rest, up to 1.",
        },
    ),
    rtol=5e-3,
    praise="log(1/J): one nat and a half makes a policy that is right one time in four always "
    "right. No method can buy it for less.",
)


_UNTIL_AN_UPDATE = (
    "before the first update a learner that sampled its own data has ratios of exactly 1"
)
check_logs = Numbers(
    "Which fault does each of the three trainers have? Give the faults' numbers, 1 to 4.",
    fresh=Number(
        2,
        {
            1: f"`fresh`: {_UNTIL_AN_UPDATE}; here the largest is 1.9.",
            3: "`fresh`: its reward rises, so its parameters move.",
            4: "`fresh`: the ratio is 1.9 before any update, so the policy has not "
            "gone anywhere yet.",
        },
    ),
    steady=Number(
        3,
        {
            1: "`steady`: a clip ratio of 0 is no fault by itself, but after sixteen updates some "
            "ratio must differ from 1.",
            2: f"`steady`: {_UNTIL_AN_UPDATE}, and so it has.",
            4: "`steady`: it has gone nowhere: all ratios are 1.",
        },
    ),
    wild=Number(
        4,
        {
            1: "`wild`: a ratio of 310 under a clip, and a reward that falls.",
            2: f"`wild`: {_UNTIL_AN_UPDATE}, and so it has.",
            3: "`wild`: its ratios leave 1, so its parameters move.",
        },
    ),
    praise="one column decides all three: the largest ratio, before the first update and after "
    "the last.",
)


def _loss(answer: Callable[..., Any], logp: Tensor, *rest: Tensor) -> Tensor:
    """The reader's loss of each token, or a hint at what it is instead."""
    value = call(answer, logp, *rest)
    if not isinstance(value, Tensor) or value.shape != logp.shape or not value.requires_grad:
        raise NotYet(
            f"expected a loss per token: a tensor of the shape of `logp`, {list(logp.shape)}, "
            "through which a gradient flows."
        )
    return value


def _stay_near(answer: Callable[..., Any]) -> str:
    """Descend the mean gradient of the reader's loss from a policy to a reference that it can
    copy."""
    ref = torch.log_softmax(torch.tensor([1.0, 0.2, -0.4, -1.5], dtype=torch.float64), -1)
    logits = torch.tensor([-1.0, 0.5, 0.0, 1.2], dtype=torch.float64, requires_grad=True)
    first = kl(torch.log_softmax(logits.detach(), -1), ref).item()
    for step in range(40):
        logp = torch.log_softmax(logits, -1)
        value = _loss(answer, logp, ref)
        (slope,) = torch.autograd.grad((logp.detach().exp() * value).sum(), logits)
        if step == 0:
            _direction(slope, logits, ref)
        logits = (logits - 0.5 * slope).detach().requires_grad_()
    last = kl(torch.log_softmax(logits.detach(), -1), ref).item()
    if not last < 0.1 * first:
        raise NotYet(
            f"after 40 steps the KL is {last:.3g} nats; it began at {first:.3g}, and should be "
            "below a tenth of that."
        )
    return (
        f"40 steps on its mean gradient took KL(π‖ref) from {first:.2f} to {last:.4f} nats. k1 "
        "would not have moved."
    )


def _direction(slope: Tensor, logits: Tensor, ref: Tensor) -> None:
    """At the first step, refuse a mean gradient that is 0, or that belongs to the other
    direction."""
    if slope.abs().max() < 1e-9:
        raise NotYet(
            "the mean of its gradient is 0: the value is right, but nothing descends. Which "
            "estimator is it?"
        )
    at = logits.detach().requires_grad_()
    wanted, other = (
        torch.autograd.grad(value, at)[0]
        for value in (kl(torch.log_softmax(at, -1), ref), kl(ref, torch.log_softmax(at, -1)))
    )
    if torch.allclose(slope, wanted, rtol=1e-4):
        return
    if torch.allclose(slope, other, rtol=1e-4):
        raise NotYet(
            "this descends KL(ref‖π), the other direction: it is k3's gradient. Descend KL(π‖ref)."
        )
    if torch.allclose(slope, -wanted, rtol=1e-4):
        raise NotYet("the sign is flipped: this climbs KL(π‖ref).")
    scale = float((slope * wanted).sum() / (wanted * wanted).sum())
    if torch.allclose(slope, scale * wanted, rtol=1e-4):
        raise NotYet(
            f"the direction is right, but the gradient is {scale:.3g} times that of KL(π‖ref)."
        )
    raise NotYet(
        "the mean of its gradient is not that of KL(π‖ref); compare with the table: which loss "
        "descends it?"
    )


check_stay_near = Attempt(
    "Does `stay_near(logp, logp_ref)`, as a loss, descend KL(π‖ref)?", _stay_near
)


def _frontier(answer: Callable[..., Any]) -> str:
    """400 expected updates on the 625 completions of chapter 2, as the page's `path_of` makes
    them."""
    world = tiny.Tiny(tokens=5, length=4)
    words = world.completions
    rewards = ((words == 0).sum(1) == 1).double()
    before = torch.cat([torch.zeros(len(words), 1, dtype=torch.long), 1 + words[:, :-1]], 1)
    row = torch.zeros(world.states, dtype=torch.long)
    row[world.prefixes] = before
    start = torch.randn(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)[row]
    logp_mu = world.logp(start)
    logq = logp_mu.sum(1)
    logits = start.clone().requires_grad_()
    for _ in range(400):
        value = _loss(answer, world.logp(logits), logp_mu, rewards)
        (step,) = torch.autograd.grad((logq.exp()[:, None] * value).sum(), logits)
        if not step.isfinite().all():
            raise NotYet(
                "the gradient is NaN or infinite; is something divided by 0, or has a ratio run "
                "away?"
            )
        logits = (logits - 2.0 * step).detach().requires_grad_()
    logp = world.logp(logits).detach()
    spent, gained = float(world.kl(logp, logp_mu)), float(world.gain(logp, logp_mu, rewards))
    lambdas = torch.logspace(-2, 3, 600, dtype=torch.float64)
    most = float((lambdas * (spent + torch.logsumexp(logq + rewards / lambdas[:, None], -1))).min())
    possible = min(most, 1.0) - float(logq.exp() @ rewards)
    share = gained / possible if possible > 0 else 0.0
    message = f"it gains {gained:.2f} for {spent:.2f} nats, {share:.0%} of what is possible"
    if gained < 0.3:
        raise NotYet(
            f"{message}; the gain should be at least 0.3. Does it raise what was rewarded, and is it "
            "narrow?"
        )
    if gained < 0.97 * possible:
        moved = (logp.sum(1) - logq)[rewards == 1]
        raise NotYet(
            f"{message}; it should be 97 %. On the line all completions of one reward have one "
            f"log-ratio, and among yours with reward 1 it goes from {moved.min():.2f} to "
            f"{moved.max():.2f}. Give each the same target, and let its gradient change sign there."
        )
    return f"{message}. The line is where every completion's log-ratio is R/λ - log Z."


check_frontier = Attempt(
    "Does `loss(logp, logp_mu, rewards)` buy at least 97 % of what its KL could buy?", _frontier
)


def _enough(answer: Callable[..., Any]) -> str:
    """Ten batches of `dial`, up to sixteen uses of each, put away by the reader's rule."""
    came = stopped(answer)
    message = (
        f"{came.updates} updates on {BATCHES} batches, and new completions reach {came.reward:.2f}"
    )
    if came.updates == 0:
        raise NotYet(
            "it puts every batch away before the first update: there all ratios are 1, so nothing "
            "has moved."
        )
    if came.updates <= BATCHES:
        raise NotYet(
            f"{message}: it makes one epoch per batch, and has let the policy move by {came.moved:.3f} per "
            "token (the mean of |r - 1|/2). Let it move further before you stop."
        )
    if came.used_up == BATCHES:
        raise NotYet(
            f"{message}: it never stops, and the policy collapses. Does it return `True` where r is "
            "far from 1?"
        )
    if came.reward < EARNED:
        late = f" It never puts {came.used_up} of {BATCHES} batches away." if came.used_up else ""
        raise NotYet(
            f"{message}; they should reach at least {EARNED:g}. When your rule stops, a token has "
            f"moved by {came.moved:.3f} on average (the mean of |r - 1|/2): "
            f"{_compared(came.moved / AWAY)}{late}"
        )
    if not _looks(answer):
        raise NotYet(
            f"{message}. But asked about a batch that has not moved and about one whose ratios are 0.05 "
            "and 7, it does not tell them apart. A fixed number of updates may do as well; a region "
            "looks at the policy."
        )
    return (
        f"{message}. One epoch per batch learns more slowly, and with sixteen the policy collapses. "
        "You have built a trust region: it limits how far a batch may move the policy."
    )


def _looks(answer: Callable[..., Any]) -> bool:
    """Whether the rule goes on with every batch that has not moved and stops every one that is far,
    asked in no order that a counter follows."""
    logp_mu = torch.full((4, 8), -1.0)
    far = logp_mu + torch.tensor([-3.0, -3.0, 2.0, 0.0]).repeat(2)
    mask = torch.ones(4, 8)
    order = (False, True, True, False, False, False, True, False, True, True)
    return all(
        bool(call(answer, far if away else logp_mu, logp_mu, mask)) is away for away in order
    )


def _compared(times: float) -> str:
    """What to do about a rule that stops when tokens have moved so many times as far as the page's
    solution allows."""
    if times < 1:
        return "less than our solution allows. Let it move further."
    return f"{times:.1f} times what our solution allows. Stop earlier."


check_enough = Attempt("Does `enough(logp, logp_mu, mask)` put a batch away in time?", _enough)
