"""Exercises of chapter 8, QUATRO: targets of a group, the dual's root, the pull-back, a strange log, the whole loss."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor

import trlib
from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trbook.exercises.inside import Choice, InTheLoop, Part
from trlib.algorithms.quatro import Dual, pull_to_target, quatro_loss, solve_dual
from trlib.model.policy import Policy
from trlib.model.rollout import sample


def _targets(rewards: Tensor, multiplier: float) -> Tensor:
    return torch.log_softmax(rewards / multiplier, -1) + math.log(len(rewards))


def _group(draw: Draw) -> tuple[Tensor, float]:
    """Six rewards, and a number that is a multiplier or a radius."""
    return draw.uniform(0, 1, 6), draw.number(0.3, 1.5)


check_targets = Exercise(
    "Is `targets(rewards, multiplier)` the log-ratio that each completion of the group should reach?",
    truth=_targets,
    inputs=_group,
    examples=[([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], 1.06)],
    mistakes=[
        Mistake(
            "probabilities",
            lambda rewards, multiplier: torch.log_softmax(rewards / multiplier, -1),
            "these are the logarithms of the new probabilities; the old ones are 1/G each, so log G is missing.",
        ),
        Mistake(
            "no offset",
            lambda rewards, multiplier: rewards / multiplier,
            "the offset m is missing: the new probabilities must sum to 1.",
        ),
        Mistake(
            "mean for the offset",
            lambda rewards, multiplier: (rewards - rewards.mean()) / multiplier,
            "the offset is `multiplier` times the logarithm of a mean of exponentials, not the mean; the two agree "
            "only for a small radius.",
        ),
        Mistake(
            "best for the offset",
            lambda rewards, multiplier: (rewards - rewards.max()) / multiplier,
            "this takes the best reward for the offset, so that no target is above 0; the mean ratio must be 1.",
        ),
        Mistake(
            "ratios",
            lambda rewards, multiplier: _targets(rewards, multiplier).exp(),
            "these are the ratios themselves; take their logarithms.",
        ),
        Mistake(
            "not divided",
            lambda rewards, multiplier: multiplier * _targets(rewards, multiplier),
            "this is R - m; the log-ratio is that divided by the multiplier.",
        ),
        Mistake(
            "inverse multiplier",
            lambda rewards, multiplier: _targets(rewards, 1 / multiplier),
            "this multiplies the rewards by the multiplier, which should divide them: a larger price means smaller "
            "targets.",
        ),
        Mistake(
            "sum for the mean",
            lambda rewards, multiplier: (
                rewards / multiplier - torch.logsumexp(rewards / multiplier, -1) - math.log(len(rewards))
            ),
            "the sign of log G is flipped: a mean is a sum divided by G, so the logarithm of the mean is the smaller "
            "one.",
        ),
        Mistake(
            "standardised",
            lambda rewards, multiplier: (rewards - rewards.mean()) / rewards.std(correction=0),
            "this is the reward standardised by the group's deviation; divide by the multiplier instead.",
        ),
        Mistake(
            "GRPO's advantage",
            lambda rewards, multiplier: (rewards - rewards.mean()) / rewards.std(),
            "this is GRPO's advantage, which divides by the group's deviation in place of the multiplier.",
        ),
        Mistake(
            "new probabilities",
            lambda rewards, multiplier: torch.softmax(rewards / multiplier, -1),
            "these are the new probabilities; the target is the logarithm of new over old, and old is 1/G.",
        ),
        Mistake(
            "upside down",
            lambda rewards, multiplier: -_targets(rewards, multiplier),
            "the sign is flipped: this is old over new, so the better a completion, the lower its target.",
        ),
        Mistake(
            "offset not divided",
            lambda rewards, multiplier: rewards / multiplier - multiplier * (rewards / multiplier).exp().mean().log(),
            "the reward is divided by the multiplier here, but the offset m is not; the target is (R - m)/λ.",
        ),
        Mistake(
            "offset of raw rewards",
            lambda rewards, multiplier: rewards / multiplier - rewards.exp().mean().log(),
            "the mean of exponentials is taken of `rewards` here; take it of `rewards / multiplier`.",
        ),
        Mistake(
            "no logarithm",
            lambda rewards, multiplier: rewards / multiplier - (rewards / multiplier).exp().mean(),
            "the logarithm of the mean of exponentials is missing.",
        ),
    ],
    praise="with four of eight right and λ = 1.06 the targets are +0.364 and -0.579: falling costs less than rising.",
)


def _root(rewards: Tensor, spent: Callable[[Tensor], Tensor], delta: float) -> Tensor:
    """The multiplier at which a falling measure of the targets has come down to the radius, by bisection of log λ."""
    low, high = math.log(1e-4), math.log(1e4)
    for _ in range(80):
        middle = (low + high) / 2
        above = float(spent(_targets(rewards, math.exp(middle)))) > delta
        low, high = (middle, high) if above else (low, middle)
    return torch.tensor(math.exp(low), dtype=torch.float64)


def _multiplier(rewards: Tensor, delta: float) -> Tensor:
    return solve_dual(rewards[None], delta_kl=delta, lambda_min=1e-4).multiplier[0]


check_multiplier = Exercise(
    "Is `multiplier(rewards, delta)` the λ at which the group's tilt is `delta` nats away?",
    truth=_multiplier,
    constant="your search ends at the same λ whatever it is asked, at an end of its interval. Print the KL on the way: "
    "it must be positive (a target is log(G u), with log G) and must fall as λ rises.",
    inputs=lambda draw: (draw.uniform(0, 1, 6), draw.number(0.05, 0.6)),
    examples=[([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], 0.1), ([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0.1)],
    mistakes=[
        Mistake(
            "first order",
            lambda rewards, delta: rewards.std(correction=0) / (2 * delta) ** 0.5,
            "this is the law for small radii, σ/√(2δ); the exercise asks for the root itself.",
        ),
        Mistake(
            "first order, GRPO's deviation",
            lambda rewards, delta: rewards.std() / (2 * delta) ** 0.5,
            "this is the law for small radii, with the deviation that divides by G - 1; the exercise asks for the "
            "root itself.",
        ),
        Mistake(
            "first order, without the 2",
            lambda rewards, delta: rewards.std(correction=0) / delta**0.5,
            "this is the law for small radii without the 2 under its square root; the exercise asks for the root of "
            "the dual.",
        ),
        Mistake(
            "logarithm",
            lambda rewards, delta: _multiplier(rewards, delta).log(),
            "this is log λ; bisection in log λ ends with `exp`.",
        ),
        Mistake(
            "double",
            lambda rewards, delta: _multiplier(rewards, delta / 2),
            "this tilt is half as far away as `delta`; is there a factor 2 before the KL?",
        ),
        Mistake(
            "the other direction",
            lambda rewards, delta: _root(rewards, lambda t: -t.mean(), delta),
            "this bounds the KL of the old group to the new one; the new one comes first: each log-ratio is "
            "weighted by its new probability.",
        ),
        Mistake(
            "forward",
            lambda rewards, delta: solve_dual(rewards[None], delta_kl=delta, direction="forward").multiplier[0],
            "this is the multiplier of the forward direction, KL(μ || π), whose optimum is not a tilt.",
        ),
        Mistake(
            "sum for the mean",
            lambda rewards, delta: _root(rewards, lambda t: (t.exp() * t).sum(), delta),
            "G is missing: a new probability is the ratio divided by G, so the KL is a mean over completions of "
            "ratio times log-ratio, not a sum.",
        ),
        Mistake("inverse", lambda rewards, delta: 1 / _multiplier(rewards, delta), "this is 1/λ."),
        Mistake(
            "half",
            lambda rewards, delta: _multiplier(rewards, 2 * delta),
            "this tilt is twice as far away; is there a factor 1/2 before the KL?",
        ),
    ],
    praise="with one right of eight λ is 0.93, with seven right 0.36: the same radius has a price of its own on "
    "every prompt.",
    rtol=1e-3,
)


def _weight(log_ratio: Tensor, reward: float, offset: float, multiplier: float) -> Tensor:
    return log_ratio.exp() * (reward - offset - multiplier * log_ratio.sum())


check_token_weight = Exercise(
    "Is `token_weight(log_ratio, reward, offset, multiplier)` QUATRO's weight of every token, in its form `ratio`?",
    truth=_weight,
    inputs=lambda draw: (draw.uniform(-0.6, 0.6, 4), draw.number(0, 1), draw.number(0.1, 0.9), draw.number(0.4, 1.5)),
    examples=[([0.0, 0.0, 0.0, 0.0], 1.0, 0.61, 1.06), ([0.3, 0.2, 0.0, 0.1], 1.0, 0.61, 1.06)],
    mistakes=[
        Mistake(
            "each token's own",
            lambda log_ratio, reward, offset, multiplier: log_ratio.exp() * (reward - offset - multiplier * log_ratio),
            "the bracket holds each token's own log-ratio here; the constraint is on the completion, so it should "
            "hold their sum.",
        ),
        Mistake(
            "mean",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - offset - multiplier * log_ratio.mean())
            ),
            "this is the mean of the log-ratios; the log-ratio of a completion is their sum.",
        ),
        Mistake(
            "regression",
            lambda log_ratio, reward, offset, multiplier: (reward - offset - multiplier * log_ratio.sum()).expand_as(
                log_ratio
            ),
            "this is the form `regression`, h = 1; `ratio` multiplies each token by its own ratio.",
        ),
        Mistake(
            "exact",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.sum().exp() * (reward - offset - multiplier * log_ratio.sum())
            ).expand_as(log_ratio),
            "this is the form `exact`, the ratio of the whole completion; `ratio` takes each token's own.",
        ),
        Mistake(
            "pushed away",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - offset + multiplier * log_ratio.sum())
            ),
            "the log-ratio has the wrong sign: a completion that is already past its target is pushed on.",
        ),
        Mistake(
            "log for the ratio",
            lambda log_ratio, reward, offset, multiplier: log_ratio * (reward - offset - multiplier * log_ratio.sum()),
            "the factor before the bracket is the ratio; `exp` is missing.",
        ),
        Mistake(
            "offset times multiplier",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - multiplier * (offset + log_ratio.sum()))
            ),
            "`multiplier` multiplies the offset here; the offset is in units of reward already.",
        ),
        Mistake(
            "no offset",
            lambda log_ratio, reward, offset, multiplier: log_ratio.exp() * (reward - multiplier * log_ratio.sum()),
            "the offset m is missing in the bracket.",
        ),
        Mistake(
            "no multiplier",
            lambda log_ratio, reward, offset, multiplier: log_ratio.exp() * (reward - offset - log_ratio.sum()),
            "this is the same whatever `multiplier` is: it belongs before the log-ratio, as reward per nat.",
        ),
        Mistake(
            "in nats",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * ((reward - offset) / multiplier - log_ratio.sum())
            ),
            "this bracket is target minus log-ratio, in nats; the weight has λ times that, in units of reward.",
        ),
        Mistake(
            "only what came before",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - offset - multiplier * log_ratio.cumsum(-1))
            ),
            "the bracket holds the log-ratio up to each token here; it should hold that of the whole completion.",
        ),
        Mistake(
            "no pull",
            lambda log_ratio, reward, offset, multiplier: log_ratio.exp() * (reward - offset),
            "this is the same whatever `multiplier` is: the log-ratio is missing in the bracket, so nothing pulls "
            "back.",
        ),
        Mistake("a loss", lambda *a, **k: -_weight(*a, **k), "this is minus the weight."),
        Mistake(
            "ratio in the bracket",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - offset - multiplier * log_ratio.sum().exp())
            ),
            "the bracket should hold the log-ratio, not the ratio: at ratio 1 it must be 0.",
        ),
    ],
    praise="in the second example the completion has moved by 0.6 nats and its target is 0.37: the weight is "
    "negative, and the completion is pulled back although it is right.",
)


_TWO_DIGITS = 8e-3
"""This near is near enough: 1.12, 0.45 and 0.065 are right, as the chapter itself writes them."""
_NEARLY = solve_dual(torch.tensor([[1.0] * 15 + [0.0]], dtype=torch.float64), delta_kl=0.1)

check_nearly_solved = Numbers(
    "With 15 of 16 right and δ = 0.1, how many nats can the group spend at most, and what is the wrong one's target "
    "at λ = 0.01?",
    most=Number(
        math.log(16 / 15),
        {
            math.log(16): "that is for one right of sixteen; here fifteen share what is moved.",
            math.log(15): "that is the logarithm of 15; the fifteen share all the probability, and each had 1/16.",
            math.log2(16 / 15): "that is in bits; nats take the natural logarithm.",
            math.log(15 / 16): "the fraction is upside down: a divergence is not negative.",
            1 / 16: "that is the share that is moved; the divergence is the logarithm of the ratio that fifteen reach.",
            1 / 15: "almost: that is the ratio of the fifteen minus 1; take the logarithm of the ratio.",
            0.1: "that is the radius; can this group spend it?",
            15 / 16 * math.log(16 / 15): "each of the fifteen ends at probability 1/15, so the new probabilities that "
            "weigh the log-ratios sum to 1, not to 15/16.",
        },
    ),
    target=Number(
        _NEARLY.target[0, 15].item(),
        {
            -_NEARLY.target[0, 15].item(): "the wrong one must fall: the target is negative.",
            -1.0: "that is R minus the best reward; divide it by the multiplier.",
            -math.sqrt(0.2) * math.sqrt(15): "that is the first order, √(2δ) times GRPO's advantage; the multiplier on "
            "its floor asks for far more.",
            -math.sqrt(15): "that is the reward standardised, GRPO's advantage; the multiplier is given, 0.01.",
            -0.01: "divide by the multiplier; do not multiply.",
            -15 / 16 / 0.01: "the offset m is near the best reward at so small a multiplier, not the mean reward.",
        },
    ),
    rtol=_TWO_DIGITS,
    praise="no radius of log(16/15) = 0.0645 or more has a root here, and the floor asks for a ratio of e^-100: the "
    "constraint is gone.",
)


def strange_log() -> pd.DataFrame:
    """What a QUATRO with one fault prints for one batch: a row for each prompt of 16 completions, with radius 0.1."""
    right = [1, 4, 8, 12, 15]
    rewards = torch.stack([(torch.arange(16) < k).double() for k in right])
    whole = solve_dual(rewards.reshape(1, -1), delta_kl=0.1)
    target = whole.target.view(rewards.shape)
    ratio = target.exp()
    return pd.DataFrame(
        {
            "right of 16": right,
            "λ": whole.multiplier.item(),
            "target, right": target[:, 0].tolist(),
            "target, wrong": target[:, -1].tolist(),
            "mean ratio asked": ratio.mean(1).tolist(),
        }
    ).set_index("right of 16")


check_fault = Choice(
    "Which fault does the log show: floor, batch, standardised, torn or forward?",
    right="batch",
    wrong={
        "floor": "on the floor λ would be 0.01, and only a prompt that is nearly solved gets there. Here λ is the same "
        "on every row, and far from 0.01.",
        "standardised": "standardised rewards change λ by the group's deviation and leave every target as it was: the "
        "targets depend on R/λ alone. Do the targets of this log differ between prompts?",
        "torn": "a group that is torn apart is solved part by part, so λ would differ between the parts. Here it is "
        "the same on every row.",
        "forward": "the other direction has other targets, but each prompt's own, and a mean ratio of 1. Look at the "
        "last column.",
    },
    praise="one dual was solved for all 80 completions. A mean ratio of 1.2 cannot be reached: a prompt's "
    "probabilities sum to 1. With a constraint for every prompt the last column is 1 everywhere.",
)


def _batch(policy: Policy, seed: int) -> Part:
    """Sixteen prompts of `dial` with eight completions each, and what QUATRO's loss takes."""
    task = trlib.load_task("dial")
    prompts = task.prompts(16, seed=seed)
    batch = sample(policy, [prompt.text for prompt in prompts], group=8, max_tokens=task.max_tokens, seed=seed)
    texts = zip(batch.group.tolist(), batch.texts(), batch.ended.tolist(), strict=True)
    rewards = torch.tensor([task.verify(prompts[g], text, ended=ended).reward for g, text, ended in texts])
    return Part(batch, rewards, (batch.logp, rewards.view(16, 8), batch.mask))


def _library(logp: Tensor, logp_mu: Tensor, rewards: Tensor, mask: Tensor, delta: float) -> Tensor:
    group = torch.arange(len(rewards)).repeat_interleave(rewards.shape[1])
    loss = quatro_loss(logp, logp_mu, rewards=rewards.flatten(), group=group, mask=mask, delta_kl=delta)
    return loss.per_token.sum() / len(logp)


def _pulled(solve: Callable[[Tensor, float], Dual], form: str = "ratio", pull: float = 1.0) -> Callable[..., Tensor]:
    """The loss with another dual, form or strength of the pull-back."""

    def loss(logp: Tensor, logp_mu: Tensor, rewards: Tensor, mask: Tensor, delta: float) -> Tensor:
        dual = solve(rewards, delta)
        lam = dual.multiplier.view(-1, 1).expand(rewards.shape).flatten().to(logp.dtype)
        push = lam * dual.target.flatten().to(logp.dtype)
        found = pull_to_target(logp, logp_mu, multiplier=pull * lam, push=push, mask=mask, form=form)  # type: ignore[arg-type]
        return found.per_token.sum() / len(logp)

    return loss


def _own(rewards: Tensor, delta: float) -> Dual:
    return solve_dual(rewards, delta_kl=delta)


def _with_bracket(
    inside: Callable[[Tensor, Tensor], Tensor], *, attached: bool = False, priced: bool = True, divide: bool = False
) -> Callable[..., Tensor]:
    """The loss with another log-ratio in the bracket, made of the tokens' log-ratios and the mask."""

    def loss(logp: Tensor, logp_mu: Tensor, rewards: Tensor, mask: Tensor, delta: float) -> Tensor:
        dual = _own(rewards, delta)
        lam = dual.multiplier.repeat_interleave(rewards.shape[1])[:, None] if priced else 1.0
        log_ratio = (logp if attached else logp.detach()) - logp_mu
        bracket = lam * (dual.target.view(-1, 1) - inside(log_ratio * mask, mask))
        each = mask / mask.sum(1, keepdim=True) if divide else mask
        return -(log_ratio.exp() * bracket * logp * each).sum() / len(logp)

    return loss


def _whole(log_ratio: Tensor, mask: Tensor) -> Tensor:
    return log_ratio.sum(1, keepdim=True)


def _first_order(rewards: Tensor, delta: float) -> Dual:
    deviation = rewards.std(1, keepdim=True, correction=0)
    multiplier = (deviation / (2 * delta) ** 0.5).squeeze(1)
    target = ((rewards - rewards.mean(1, keepdim=True)) * (2 * delta) ** 0.5 / deviation).nan_to_num()
    return Dual(multiplier, rewards.mean(1), target, torch.zeros_like(multiplier).bool())


def _standardised(rewards: Tensor, delta: float) -> Dual:
    return _own((rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-6), delta)


check_objective = InTheLoop(
    "Is `objective(logp, logp_mu, rewards, mask, delta)` QUATRO's loss: tokens summed, completions averaged?",
    truth=_library,
    start="dial",
    rollout=_batch,
    settings=[(0.1,), (0.02,)],
    praise="A completion that has passed its target is pulled back, and no window silences anything.",
    lr=3e-4,
    mistakes=[
        Mistake(
            "one dual for the batch",
            _pulled(lambda rewards, delta: _own(rewards.reshape(1, -1), delta)),
            "one dual is solved for the whole batch here; every row of `rewards` is a prompt with a dual of its own.",
        ),
        Mistake(
            "no pull",
            _pulled(_own, pull=0.0),
            "nothing pulls back: the completion's log-ratio is missing in the bracket. At the first update it is 0.",
        ),
        Mistake(
            "pushed on",
            _pulled(_own, pull=-1.0),
            "the log-ratio in the bracket has the wrong sign: a completion past its target is pushed on.",
        ),
        Mistake(
            "regression",
            _pulled(_own, form="regression"),
            "the factor before the bracket is missing: each token's own ratio, which is 1 at the first update.",
        ),
        Mistake(
            "exact",
            _pulled(_own, form="exact"),
            "the factor before the bracket is the whole completion's ratio here; take each token's own.",
        ),
        Mistake(
            "forward",
            _pulled(lambda rewards, delta: solve_dual(rewards, delta_kl=delta, direction="forward")),
            "this solves the other direction, KL(μ || π); here KL(π || μ) is wanted.",
        ),
        Mistake(
            "first order",
            _pulled(_first_order),
            "this takes the law for small radii, σ/√(2δ), for the multiplier; solve for the root.",
        ),
        Mistake(
            "standardised",
            _pulled(_standardised),
            "rewards are standardised before the dual here. The targets stay, and every weight is multiplied by 1/σ.",
        ),
        Mistake(
            "no multiplier",
            _with_bracket(_whole, priced=False),
            "the multiplier is missing: the bracket is λ times target minus log-ratio, and λ differs between prompts.",
        ),
        Mistake(
            "padding counted",
            lambda logp, logp_mu, rewards, mask, delta: _with_bracket(_whole)(
                logp, logp_mu, rewards, torch.ones_like(mask), delta
            ),
            "padding counts here: multiply by `mask` in the completion's log-ratio and in the loss.",
        ),
        Mistake(
            "mean over a completion",
            lambda logp, logp_mu, rewards, mask, delta: _with_bracket(_whole, divide=True)(
                logp, logp_mu, rewards, mask, delta
            ),
            "each completion's tokens are averaged here; sum them, because the constraint is on the whole completion.",
        ),
        Mistake(
            "each token's own",
            _with_bracket(lambda log_ratio, mask: log_ratio),
            "the bracket holds each token's own log-ratio; the constraint is on the completion, so sum them first.",
        ),
        Mistake(
            "mean",
            _with_bracket(lambda log_ratio, mask: log_ratio.sum(1, keepdim=True) / mask.sum(1, keepdim=True)),
            "the bracket holds the mean log-ratio of a completion's tokens; take their sum.",
        ),
        Mistake(
            "only what came before",
            _with_bracket(lambda log_ratio, mask: log_ratio.cumsum(1)),
            "the bracket holds the log-ratio up to each token; take that of the whole completion.",
        ),
        Mistake(
            "ratio in the bracket",
            _with_bracket(lambda log_ratio, mask: log_ratio.sum(1, keepdim=True).expm1()),
            "the bracket holds a ratio; target and log-ratio are both logarithms.",
        ),
        Mistake(
            "attached",
            _with_bracket(_whole, attached=True),
            "the weight is a constant for the gradient: `detach` the log-probs that it is made of.",
        ),
        Mistake(
            "mean over tokens",
            lambda *rest: _library(*rest) * len(rest[0]) / rest[3].sum(),
            "this is a mean over tokens. Sum over a completion's tokens, then average over completions.",
        ),
        Mistake(
            "the gain", lambda *rest: -_library(*rest), "the sign is wrong: a loss is minus what you want more of."
        ),
    ],
)
