"""Exercises of chapter 5, GRPO: advantages inside a group, two biases, the clipped loss and two that replaced it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trlib import checks
from trlib.advantages import group_relative, leave_one_out
from trlib.algorithms import ppo_loss


def _advantages(rewards: Tensor, group: Tensor) -> Tensor:
    return group_relative(rewards, group)


def _over(rewards: Tensor, group: Tensor, spread: Callable[[Tensor], Tensor]) -> Tensor:
    """The centred reward over another measure of the group's spread."""
    return group_relative(rewards, group, scale=None) / _each(rewards, group, spread)


def _each(rewards: Tensor, group: Tensor, measure: Callable[[Tensor], Tensor], floor: float = 1e-6) -> Tensor:
    """A measure of its own group for every completion."""
    return torch.stack([measure(rewards[group == g]) for g in group]).clamp(min=floor)


def _groups(draw: Draw) -> tuple[Tensor, Tensor]:
    """Two prompts with three completions or more each, in any order."""
    group = torch.cat([torch.tensor([3, 3, 3, 8, 8, 8]), 3 + 5 * draw.integers(0, 2, 3)])
    return draw.uniform(0, 2, 9), group[draw.uniform(0, 1, 9).argsort()]


check_advantages = Exercise(
    "Is `group_advantages(rewards, group)` GRPO's advantage, reward minus the group's mean over its std?",
    truth=_advantages,
    inputs=_groups,
    rtol=2e-3,
    atol=1e-3,
    examples=[
        ([1.0, 0.0, 0.0, 1.0, 0.0], torch.tensor([0, 0, 0, 0, 0])),
        ([1.0, 0.0, 0.5, 3.0, 1.0, 1.0], torch.tensor([0, 0, 0, 1, 1, 1])),
        ([1.0, 1.0, 0.0, 1.0], torch.tensor([0, 0, 1, 1])),
    ],
    mistakes=[
        Mistake(
            "no division",
            lambda rewards, group: group_relative(rewards, group, scale=None),
            "this is the reward minus the mean of its group, which is Dr.GRPO's advantage; GRPO also divides by "
            "the group's standard deviation.",
        ),
        Mistake(
            "whole batch",
            lambda rewards, group: group_relative(rewards, torch.zeros_like(group)),
            "these are mean and standard deviation of the whole batch; each prompt is its own group.",
        ),
        Mistake(
            "whole batch's std",
            lambda rewards, group: group_relative(rewards, group, scale=None) / rewards.std(),
            "the mean is the group's, but the standard deviation is the whole batch's; take the group's.",
        ),
        Mistake(
            "whole batch's mean",
            lambda rewards, group: (rewards - rewards.mean()) / _each(rewards, group, torch.std),
            "the standard deviation is the group's, but the mean is the whole batch's; take the group's.",
        ),
        Mistake(
            "no parentheses",
            lambda rewards, group: (
                rewards - _each(rewards, group, torch.mean, floor=0) / _each(rewards, group, torch.std)
            ),
            "only the mean is divided here; subtract first: `(rewards - mean) / std`.",
        ),
        Mistake(
            "population std",
            lambda rewards, group: _over(rewards, group, lambda own: own.std(correction=0)),
            "the standard deviation here divides by G; GRPO's divides by G - 1 (`unbiased`, torch's default).",
        ),
        Mistake(
            "variance",
            lambda rewards, group: _over(rewards, group, torch.var),
            "this divides by the variance; take its square root.",
        ),
        Mistake(
            "leave-one-out",
            lambda rewards, group: leave_one_out(rewards, group),
            "this is the leave-one-out advantage: the mean here is of the *other* completions, and nothing is "
            "divided. GRPO's mean is of all completions of the group, and it divides by their standard deviation.",
        ),
        Mistake(
            "leave-one-out over std",
            lambda rewards, group: leave_one_out(rewards, group) / _each(rewards, group, torch.std),
            "the mean here is of the *other* completions (leave-one-out); GRPO's is of all of the group.",
        ),
        Mistake(
            "no mean",
            lambda rewards, group: rewards / _each(rewards, group, torch.std),
            "nothing is subtracted yet: the advantage is the reward *minus the group's mean*, over the std.",
        ),
        Mistake(
            "turned sign",
            lambda rewards, group: -group_relative(rewards, group),
            "the sign is turned: a reward above the mean has a positive A.",
        ),
    ],
    praise="a group of equal rewards gives 0 everywhere: it teaches nothing, and DAPO leaves it out.",
)


def _clipped(logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    mask = torch.ones(1, len(logp), dtype=torch.bool)
    with checks.value_checks(False):  # a check writes other numbers into an argument, which are then no log-probs
        return ppo_loss(
            logp[None], logp_old[None], advantages=advantages[None], mask=mask, eps_low=eps_low, eps_high=eps_high
        ).per_token[0]


def _by_ratio(ratio: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    """The clipped loss with something else in the ratio's place."""
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - eps_low, 1 + eps_high) * advantages)


def _clip_only(logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    return -(logp - logp_old).exp().clamp(1 - eps_low, 1 + eps_high) * advantages


def _unclipped(logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    return -(logp - logp_old).exp() * advantages


def _log_window(logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    moved = logp - logp_old
    return -torch.minimum(moved.exp() * advantages, moved.clamp(-eps_low, eps_high).exp() * advantages)


def _one_term_bare(logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    ratio = (logp - logp_old).exp()
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - eps_low, 1 + eps_high))


def _sign_left_out(logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    ratio = (logp - logp_old).exp()
    return -torch.minimum(ratio, ratio.clamp(1 - eps_low, 1 + eps_high)) * advantages


def _dual_clipped(logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    loss = _by_ratio((logp - logp_old).exp(), advantages, eps_low, eps_high)
    return torch.where(advantages < 0, torch.minimum(loss, -3 * advantages), loss)


def _window_from_zero(logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    ratio = (logp - logp_old).exp()
    return -torch.minimum(ratio * advantages, ratio.clamp(eps_low, eps_high) * advantages)


def _tokens(draw: Draw) -> tuple[Any, ...]:
    """Tokens that lie on both sides of the window and inside it, for both signs of the advantage."""
    moved = torch.tensor([0.6, -0.6, 0.6, -0.6, 0.02, -1.2, 1.1, 0.3], dtype=torch.float64)
    sign = torch.tensor([1, 1, -1, -1, 1, -1, 1, -1], dtype=torch.float64)
    old = draw.uniform(-6, -2, 8)
    return (
        old + moved * draw.uniform(0.7, 1.3, 8),
        old,
        sign * draw.uniform(0.5, 2, 8),
        draw.number(0.1, 0.24),
        draw.number(0.25, 0.4),
    )


check_clipped_loss = Exercise(
    "Is `clipped_loss(logp, logp_old, advantages, eps_low, eps_high)` PPO's loss of every token, with its gradient?",
    truth=_clipped,
    inputs=_tokens,
    gradient="logp",
    examples=[
        (
            [-1.7, -0.5, -4.0, -1.05, -3.9, -0.5],
            [-2.0, -0.1, -6.0, -1.0, -3.0, -0.5],
            [1.0, -1.0, 1.0, 2.0, -0.5, 1.0],
            0.2,
            0.28,
        ),
        ([-1.0, -0.5, -1.0], [-3.0, -5.0, -3.0], [-1.0, -0.5, 1.0], 0.2, 0.28),
    ],
    mistakes=[
        Mistake(
            "dual clip",
            _dual_clipped,
            "this has a dual clip: where A < 0 and the ratio is large, the loss is held at a constant. PPO's loss here "
            "has none; it grows with the ratio.",
        ),
        Mistake(
            "no minus",
            lambda *a, **k: -_clipped(*a, **k),
            "this is the objective, to be raised; a loss, to be lowered, has a minus.",
        ),
        Mistake(
            "clip only",
            _clip_only,
            "the clipped term alone also silences a token that moved the wrong way and wants to come back; the "
            "minimum with the unclipped term is what keeps it.",
        ),
        Mistake(
            "maximum",
            lambda *a, **k: torch.minimum(_clip_only(*a, **k), _unclipped(*a, **k)),
            "inside the minus stands the smaller of the two, the pessimistic one, whatever A is.",
        ),
        Mistake(
            "old over new",
            lambda logp, logp_old, **k: _clipped(logp_old, logp, **k),
            "the ratio is new over old: exp(logp - logp_old).",
        ),
        Mistake("unclipped", _unclipped, "nothing is clipped yet."),
        Mistake(
            "forgot exp",
            lambda logp, logp_old, **k: _by_ratio(logp - logp_old, **k),
            "the ratio is `exp(logp - logp_old)`; here the difference of the log-probs stands in its place.",
        ),
        Mistake(
            "quotient of log-probs",
            lambda logp, logp_old, **k: _by_ratio(logp / logp_old, **k),
            "these are log-probs: the ratio of probabilities is `exp(logp - logp_old)`, not `logp / logp_old`.",
        ),
        Mistake(
            "window of logs",
            _log_window,
            "the *log*-ratio is clipped here, as GMPO does; PPO's window is for the ratio, after `exp`.",
        ),
        Mistake(
            "one term bare",
            _one_term_bare,
            "`advantages` multiplies both terms; the clipped one stands here without it.",
        ),
        Mistake(
            "minimum first",
            _sign_left_out,
            "the minimum is taken before `advantages` is multiplied; a negative A turns the order round, so "
            "multiply both terms first.",
        ),
        Mistake(
            "CISPO's",
            lambda *a, **k: _cispo(*a, **k),
            "this is CISPO's loss, a clipped weight before `logp`; PPO's has the ratio itself and no `logp`.",
        ),
        Mistake(
            "window from 0",
            _window_from_zero,
            "the window lies around 1: from `1 - eps_low` to `1 + eps_high`, not from `eps_low` to `eps_high`.",
        ),
    ],
    praise="where the loss is flat the gradient is exactly 0: the token is silenced until the next batch.",
)


def _silenced(ratio: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    return ((advantages > 0) & (ratio > 1 + eps_high)) | ((advantages < 0) & (ratio < 1 - eps_low))


def _ratios(draw: Draw) -> tuple[Any, ...]:
    """Ratios on both sides of the window and close to its edges, never on them, for both signs of the advantage."""
    low, high = draw.number(0.1, 0.24), draw.number(0.25, 0.4)
    ratio = torch.tensor([1, 1.165, 1.335, 1.5, 3, 0.835, 0.7, 0.5, 0.05], dtype=torch.float64).repeat(2)
    sign = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat_interleave(9)
    order = draw.uniform(0, 1, 18).argsort()
    return ratio[order], (sign * draw.uniform(0.5, 2, 18))[order], low, high


check_silenced = Exercise(
    "Does `silenced(ratio, advantages, eps_low, eps_high)` name the tokens whose gradient PPO's clip sets to 0?",
    truth=_silenced,
    inputs=_ratios,
    examples=[
        ([1.0, 1.3, 0.7, 1.3, 0.7, 5.0, 0.01, 1.19, 0.81], [1.0, 1.0, 1.0, -1.0, -1.0, -2.0, 0.3, 1.0, -1.0], 0.2, 0.2)
    ],
    mistakes=[
        Mistake(
            "both sides",
            lambda ratio, advantages, eps_low, eps_high: (ratio > 1 + eps_high) | (ratio < 1 - eps_low),
            "these are all tokens outside the window. With A > 0 a ratio below it does no harm: the update brings "
            "it back.",
        ),
        Mistake("kept", lambda *a, **k: ~_silenced(*a, **k), "these are the tokens that are kept."),
        Mistake(
            "inside",
            lambda ratio, advantages, eps_low, eps_high: (ratio <= 1 + eps_high) & (ratio >= 1 - eps_low),
            "these are the tokens inside the window, and the clip does nothing to them.",
        ),
        Mistake(
            "both at once",
            lambda ratio, **k: torch.zeros_like(ratio, dtype=torch.bool),
            "no token is silenced here; are the two cases joined by `&`? No ratio is on both sides: join them by `|`.",
        ),
        Mistake(
            "crossed signs",
            lambda ratio, advantages, eps_low, eps_high: _silenced(ratio, -advantages, eps_low, eps_high),
            "the signs are crossed: A > 0 pushes the ratio up, so it is silenced above the window.",
        ),
        Mistake(
            "upper side only",
            lambda ratio, advantages, eps_low, eps_high: (advantages > 0) & (ratio > 1 + eps_high),
            "these are the tokens pushed up; a token with A < 0 is silenced too, below the window.",
        ),
        Mistake(
            "lower side only",
            lambda ratio, advantages, eps_low, eps_high: (advantages < 0) & (ratio < 1 - eps_low),
            "these are the tokens pushed down; a token with A > 0 is silenced too, above the window.",
        ),
    ],
    praise="in the first example six of nine ratios lie outside the window, and two are silenced: the way home is "
    "free.",
)


def _sequence_ratio(logp: Tensor, logp_old: Tensor, mask: Tensor) -> Tensor:
    return ((logp - logp_old) * mask).sum(-1).div(mask.sum(-1)).exp()


def _masked_rows(draw: Draw) -> tuple[Tensor, ...]:
    """Four completions of two to five tokens; padding holds numbers too, which must not count."""
    lengths = draw.integers(2, 6, 4)
    return draw.uniform(-4, -0.2, 4, 5), draw.uniform(-4, -0.2, 4, 5), (torch.arange(5) < lengths[:, None]).double()


check_sequence_ratio = Exercise(
    "Is `sequence_ratio(logp, logp_old, mask)` GSPO's ratio of every completion, the geometric mean of its tokens'?",
    truth=_sequence_ratio,
    inputs=_masked_rows,
    mistakes=[
        Mistake(
            "product",
            lambda logp, logp_old, mask: ((logp - logp_old) * mask).sum(-1).exp(),
            "this is the product of the tokens' ratios, the ratio of the whole completion; GSPO takes its |y|-th "
            "root, so that long and short completions have one window.",
        ),
        Mistake(
            "zeros in the product",
            lambda logp, logp_old, mask: ((logp - logp_old).exp() * mask).prod(-1) ** (1 / mask.sum(-1)),
            "padding is 0 here and makes the whole product 0; mask the log-ratios, where 0 changes nothing.",
        ),
        Mistake(
            "quotient of sums",
            lambda logp, logp_old, mask: (logp.exp() * mask).sum(-1) / (logp_old.exp() * mask).sum(-1),
            "probabilities of a completion's tokens are multiplied, not added; take the mean of the log-ratios, "
            "then `exp`.",
        ),
        Mistake(
            "quotient of log-probs",
            lambda logp, logp_old, mask: ((logp / logp_old) * mask).sum(-1) / mask.sum(-1),
            "these are log-probs: a log-ratio is `logp - logp_old`, not `logp / logp_old`.",
        ),
        Mistake(
            "arithmetic mean",
            lambda logp, logp_old, mask: ((logp - logp_old).exp() * mask).sum(-1) / mask.sum(-1),
            "this is the arithmetic mean of the ratios; take the mean of the log-ratios first, then `exp`.",
        ),
        Mistake(
            "padding counts",
            lambda logp, logp_old, mask: (logp - logp_old).mean(-1).exp(),
            "padding counts here; sum over the mask only, and divide by the completion's own length.",
        ),
        Mistake(
            "padded width",
            lambda logp, logp_old, mask: ((logp - logp_old) * mask).mean(-1).exp(),
            "the sum is masked, but it is divided by the padded width; divide by the completion's own length.",
        ),
        Mistake(
            "forgot exp",
            lambda logp, logp_old, mask: ((logp - logp_old) * mask).sum(-1) / mask.sum(-1),
            "this is its logarithm; `exp` is missing.",
        ),
    ],
    praise="one token of ratio 3 in a completion of four moves it to 1.32, and GSPO's window of a few ten-thousandths "
    "silences all four tokens.",
)


def _cispo(logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    weight = (logp - logp_old).exp().clamp(1 - eps_low, 1 + eps_high).detach()
    return -weight * advantages * logp


check_cispo = Exercise(
    "Is `cispo(logp, logp_old, advantages, eps_low, eps_high)` CISPO's loss of every token, with its gradient?",
    truth=_cispo,
    inputs=_tokens,
    gradient="logp",
    mistakes=[
        Mistake(
            "no minus",
            lambda *a, **k: -_cispo(*a, **k),
            "this is the objective, to be raised; a loss, to be lowered, has a minus.",
        ),
        Mistake(
            "PPO's",
            _clipped,
            "this is PPO's clipped loss, which is flat outside the window; CISPO clips the "
            "weight that stands before `logp`.",
        ),
        Mistake(
            "no log-prob",
            _clip_only,
            "the clipped ratio is only the weight; it multiplies `logp`, which carries the gradient.",
        ),
        Mistake(
            "unclipped",
            lambda logp, logp_old, advantages, eps_low, eps_high: -(logp - logp_old).exp() * advantages * logp,
            "the weight is not clipped yet.",
        ),
        Mistake(
            "old over new",
            lambda logp, logp_old, advantages, eps_low, eps_high: (
                -(logp_old - logp).exp().clamp(1 - eps_low, 1 + eps_high) * advantages * logp
            ),
            "the ratio is new over old: exp(logp - logp_old).",
        ),
        Mistake(
            "forgot exp",
            lambda logp, logp_old, advantages, eps_low, eps_high: (
                -(logp - logp_old).clamp(1 - eps_low, 1 + eps_high) * advantages * logp
            ),
            "the ratio is `exp(logp - logp_old)`; here the difference of the log-probs stands in its place.",
        ),
        Mistake(
            "from above only",
            lambda logp, logp_old, advantages, eps_low, eps_high: (
                -(logp - logp_old).exp().clamp(max=1 + eps_high) * advantages * logp
            ),
            "the weight is bounded from above only, as TRL does; CISPO as it is written in this chapter bounds it "
            "from below too.",
        ),
        Mistake(
            "pessimistic weight",
            lambda logp, logp_old, advantages, eps_low, eps_high: (
                -torch.minimum(
                    (logp - logp_old).exp() * advantages,
                    (logp - logp_old).exp().clamp(1 - eps_low, 1 + eps_high) * advantages,
                )
                * logp
            ),
            "the minimum is PPO's; CISPO's weight is the clipped ratio, whatever the sign of A.",
        ),
        Mistake(
            "log-ratio",
            lambda logp, logp_old, advantages, eps_low, eps_high: (
                -(logp - logp_old).exp().clamp(1 - eps_low, 1 + eps_high) * advantages * (logp - logp_old)
            ),
            "the clipped ratio multiplies `logp - logp_old` here; the gradient is CISPO's, the loss has `logp`.",
        ),
        Mistake(
            "log-prob of the old policy",
            lambda logp, logp_old, advantages, eps_low, eps_high: (
                -(logp - logp_old).exp().clamp(1 - eps_low, 1 + eps_high) * advantages * logp_old
            ),
            "`logp_old` is a constant; the gradient flows through `logp`.",
        ),
        Mistake(
            "no ratio",
            lambda logp, logp_old, advantages, eps_low, eps_high: -advantages * logp,
            "this is REINFORCE; the clipped ratio is missing before `logp`.",
        ),
    ],
    praise="the weight is clipped, not the update: every token keeps a gradient, at most 1 + eps_high times A.",
)


check_length_bias = Numbers(
    "How many times harder is a token of 10 pushed than a token of 100, advantages equal: by GRPO, by Dr.GRPO?",
    grpo=Number(
        10.0,
        {
            0.1: "turned around: how much *harder* is a token of the short completion pushed?",
            1.0: "GRPO takes the mean over a completion's tokens first: each token's share is 1/length.",
        },
    ),
    dr_grpo=Number(
        1.0,
        {
            10.0: "Dr.GRPO divides by one constant, the horizon, whatever the length.",
            0.1: (
                "Dr.GRPO divides by one constant, the horizon, whatever the length: the long one is not pushed harder."
            ),
            0.0: "Dr.GRPO does push them; how many times as hard is one token as the other?",
        },
    ),
    praise="under GRPO a token of a long wrong completion is punished a tenth as hard: being wrong at length is cheap, "
    "the bias that Dr.GRPO removes.",
)

check_rare_success = Numbers(
    "The advantage of the one right completion in a group of 16 with rewards 0 and 1: GRPO's, Dr.GRPO's.",
    grpo=Number(
        3.75,
        {
            15 / 16: "that is the reward minus the mean; GRPO divides by the standard deviation of the group.",
            15.0: "this divides by the variance of the group; take its square root, with G - 1 in it.",
            16.0: "this divides by the variance of the group; take its square root.",
            4.0: "nothing is subtracted, or the mean of the others only: the mean is of all sixteen.",
            15**0.5: "almost: the standard deviation divides by G - 1 = 15, not by 16.",
            1.0: "that is the reward; the advantage compares it with the group.",
        },
    ),
    dr_grpo=Number(
        15 / 16,
        {
            3.75: "Dr.GRPO does not divide by the standard deviation.",
            1 / 16: "that is the group's mean; subtract it from the reward.",
            0.94: ("rounded too far: three digits, please."),
            1.0: (
                "that is the leave-one-out advantage (the other fifteen have mean 0); Dr.GRPO's mean is of all sixteen."
            ),
        },
    ),
    praise="with eight right of sixteen GRPO gives each 0.97: it weighs hard and easy prompts up against the middling "
    "ones, and Dr.GRPO does not.",
)
