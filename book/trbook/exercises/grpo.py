"""Exercises of chapter 5, GRPO, and of its children: two biases, a log with two errors, GRPO and what
replaced it in the loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trbook.exercises.inside import InTheLoop, Part
from trbook.rollout import rollout
from trlib import checks
from trlib.advantages import group_relative, leave_one_out
from trlib.aggregation import aggregate
from trlib.algorithms import gspo_loss, ppo_loss
from trlib.model.policy import Policy


def _clipped(
    logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float
) -> Tensor:
    new, old, A = torch.atleast_2d(logp, logp_old, advantages)
    # A check puts other numbers into an argument, which then holds no log-probs.
    with checks.value_checks(False):
        loss = ppo_loss(
            new,
            old,
            advantages=A,
            mask=torch.ones_like(new, dtype=torch.bool),
            eps_low=eps_low,
            eps_high=eps_high,
        )
    return loss.per_token.view_as(logp)


def _by_ratio(ratio: Tensor, advantages: Tensor, eps_low: float, eps_high: float) -> Tensor:
    """The clipped loss with something else in the ratio's place."""
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - eps_low, 1 + eps_high) * advantages)


def _tokens(draw: Draw) -> tuple[Any, ...]:
    """Tokens that lie on both sides of the window and inside it, for both signs of the
    advantage."""
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


def _sequence_ratio(logp: Tensor, logp_old: Tensor, mask: Tensor) -> Tensor:
    return ((logp - logp_old) * mask).sum(-1).div(mask.sum(-1)).exp()


def _masked_rows(draw: Draw) -> tuple[Tensor, ...]:
    """Four completions of two to five tokens; padding holds numbers too, which must not count."""
    lengths = draw.integers(2, 6, 4)
    return (
        draw.uniform(-4, -0.2, 4, 5),
        draw.uniform(-4, -0.2, 4, 5),
        (torch.arange(5) < lengths[:, None]).double(),
    )


def _wrong_sequence_ratio(logp, logp_old, mask):
    moved, length = logp - logp_old, mask.sum(-1)
    return [
        (
            (moved * mask).sum(-1).exp(),
            "this is the product of the tokens' ratios, the ratio of the whole completion; GSPO "
            "takes its |y|-th root, so that long and short completions have one window.",
        ),
        (
            (moved.exp() * mask).prod(-1) ** (1 / length),
            "padding is 0 here and makes the whole product 0; mask the log-ratios, where 0 "
            "changes nothing.",
        ),
        (
            (logp.exp() * mask).sum(-1) / (logp_old.exp() * mask).sum(-1),
            "probabilities of a completion's tokens are multiplied, not added; take the mean of "
            "the log-ratios, then `exp`.",
        ),
        (
            ((logp / logp_old) * mask).sum(-1) / length,
            "these are log-probs: a log-ratio is `logp - logp_old`, not `logp / logp_old`.",
        ),
        (
            (moved.exp() * mask).sum(-1) / length,
            "this is the arithmetic mean of the ratios; take the mean of the log-ratios first, "
            "then `exp`.",
        ),
        (
            moved.mean(-1).exp(),
            "padding counts here; sum over the mask only, and divide by the completion's own "
            "length.",
        ),
        (
            (moved * mask).mean(-1).exp(),
            "the sum is masked, but it is divided by the padded width; divide by the completion's "
            "own length.",
        ),
        ((moved * mask).sum(-1) / length, "this is its logarithm; `exp` is missing."),
    ]


check_sequence_ratio = Exercise(
    "Is `sequence_ratio(logp, logp_old, mask)` GSPO's ratio of every completion, the geometric "
    "mean of its tokens'?",
    truth=_sequence_ratio,
    inputs=_masked_rows,
    wrong=_wrong_sequence_ratio,
    praise="in a completion of four tokens, one of ratio 3 moves the sequence's ratio to 1.32, and "
    "GSPO's window of a few ten-thousandths stops all four.",
)


def _cispo(
    logp: Tensor, logp_old: Tensor, advantages: Tensor, eps_low: float, eps_high: float
) -> Tensor:
    weight = (logp - logp_old).exp().clamp(1 - eps_low, 1 + eps_high).detach()
    return -weight * advantages * logp


def _wrong_cispo(logp, logp_old, advantages, eps_low, eps_high):
    ratio, A = (logp - logp_old).exp(), advantages
    capped = ratio.clamp(1 - eps_low, 1 + eps_high)
    return [
        (
            capped * A * logp,
            "this is the objective, to be raised; a loss, to be lowered, has a minus.",
        ),
        (
            -torch.minimum(ratio * A, capped * A),
            "this is PPO's clipped loss, which is flat outside the window; CISPO clips the "
            "weight that stands before `logp`.",
        ),
        (
            -capped * A,
            "the clipped ratio is only the weight; it multiplies `logp`, which carries the "
            "gradient.",
        ),
        (-ratio * A * logp, "the weight is not clipped yet."),
        (
            -(logp_old - logp).exp().clamp(1 - eps_low, 1 + eps_high) * A * logp,
            "the ratio is new over old: exp(logp - logp_old).",
        ),
        (
            -(logp - logp_old).clamp(1 - eps_low, 1 + eps_high) * A * logp,
            "the ratio is `exp(logp - logp_old)`; here the difference of the log-probs stands in "
            "its place.",
        ),
        (
            -ratio.clamp(max=1 + eps_high) * A * logp,
            "the weight is bounded from above only, as in TRL; CISPO as it is written on this "
            "page bounds it from below too.",
        ),
        (
            -torch.minimum(ratio * A, capped * A) * logp,
            "the minimum is PPO's; CISPO's weight is the clipped ratio, whatever the sign of A.",
        ),
        (
            -capped * A * (logp - logp_old),
            "the clipped ratio multiplies `logp - logp_old` here; the gradient is right, but "
            "CISPO's loss has `logp`.",
        ),
        (-capped * A * logp_old, "`logp_old` is a constant; the gradient flows through `logp`."),
        (-A * logp, "this is REINFORCE; the clipped ratio is missing before `logp`."),
    ]


check_cispo = Exercise(
    "Is `cispo(logp, logp_old, advantages, eps_low, eps_high)` CISPO's loss of every token, with "
    "its gradient?",
    truth=_cispo,
    inputs=_tokens,
    gradient="logp",
    wrong=_wrong_cispo,
    praise="the weight is clipped, not the update: every token keeps a gradient, at most 1 + "
    "eps_high times A.",
)


check_length_bias = Numbers(
    "At equal advantages, how many times larger is the weight of a token in a completion of 10 "
    "tokens than in one of 100: with GRPO, and with Dr.GRPO?",
    grpo=Number(
        10.0,
        {
            0.1: "the wrong way round: how much *larger* is the weight in the short completion?",
            1.0: "GRPO takes the mean over a completion's tokens first: each token's share is "
            "1/length.",
        },
    ),
    dr_grpo=Number(
        1.0,
        {
            10.0: "Dr.GRPO divides by one constant, the horizon, whatever the length.",
            0.1: (
                "Dr.GRPO divides by one constant, the horizon, whatever the length: the weight in "
                "the long one is not larger."
            ),
            0.0: "with Dr.GRPO these weights are not 0; how many times as large is one of them as "
            "the other?",
        },
    ),
    praise="with GRPO a token of the long completion has a tenth of the weight: being wrong at "
    "length costs little, and Dr.GRPO removes this bias.",
)

check_rare_success = Numbers(
    "What is the advantage of the one right completion in a group of 16 with rewards 0 and 1, by "
    "GRPO and by Dr.GRPO?",
    grpo=Number(
        3.75,
        {
            15 / 16: "that is the reward minus the mean; GRPO divides by the standard deviation of "
            "the group.",
            15.0: "this divides by the variance of the group; take its square root, with G - 1 in "
            "it.",
            16.0: "this divides by the variance of the group; take its square root.",
            4.0: "you subtracted nothing, or the mean of the others only; the mean is of all "
            "sixteen.",
            15**0.5: "almost: the standard deviation divides by G - 1 = 15, not by 16.",
            1.0: "that is the reward; the advantage compares it with the group.",
        },
    ),
    dr_grpo=Number(
        15 / 16,
        {
            3.75: "Dr.GRPO does not divide by the standard deviation.",
            1 / 16: "that is the group's mean; subtract it from the reward.",
            1.0: (
                "that is the leave-one-out advantage (the other fifteen have mean 0); Dr.GRPO's "
                "mean is of all sixteen."
            ),
        },
    ),
    praise="with eight right of sixteen GRPO gives each 0.97: it gives hard and easy prompts more "
    "weight than middling ones, and Dr.GRPO does not.",
)


def _mended(rewards: Tensor, size: int) -> Tensor:
    return group_relative(rewards, torch.arange(len(rewards)) // size)


def _prompts_of_a_size(draw: Draw) -> tuple[Tensor, int]:
    """Twelve rewards, in groups of three, four or six: the number of prompts is never the size of a
    group."""
    size = (3, 4, 6)[int(draw.integers(0, 3, 1))]
    return draw.uniform(0, 2, 12), size


def _wrong_mended(rewards, size):
    table, wide = rewards.view(-1, size), rewards.view(size, -1)
    mean = table.mean(1, keepdim=True)
    return [
        (
            ((wide - wide.mean(1, keepdim=True)) / (wide.std() + 1e-6)).flatten(),
            "this still does what the log shows. With `view(size, -1)` a row has one entry for "
            "each prompt: which completions does it hold? And whose spread is `table.std()`?",
        ),
        (
            ((table - mean) / (rewards.std() + 1e-6)).flatten(),
            "one fault is fixed: each row is a prompt. The spread is still that of the whole "
            "batch.",
        ),
        (
            _by_rows(wide).flatten(),
            "one fault is fixed: the spread is the row's. But a row of `view(size, -1)` holds "
            "completions of several prompts.",
        ),
        (
            _by_rows(wide.T).flatten(),
            "transposing does not fix it: a row of `view(size, -1).T` takes every n-th "
            "completion. Completions of one prompt stand side by side: how must the table be cut?",
        ),
        (
            _by_rows(wide.T).T.flatten(),
            "the mean is taken down the columns of `view(size, -1)`: these are completions of "
            "different prompts. Completions of one prompt stand side by side.",
        ),
        (
            _by_rows(table.T).T.flatten(),
            "the rows are prompts now, but the mean and the spread are taken down the columns, "
            "across prompts.",
        ),
        (
            (table - mean).flatten(),
            "the rows are right, but nothing is divided: this is Dr.GRPO's advantage.",
        ),
        (
            (rewards - rewards.mean()) / (rewards.std() + 1e-6),
            "the mean and the spread are those of the whole batch; each prompt is its own group.",
        ),
        (
            ((table - rewards.mean()) / (table.std(1, keepdim=True) + 1e-6)).flatten(),
            "the spread is the group's, but the mean is the whole batch's.",
        ),
        (
            ((table - mean) / (table.std(1, keepdim=True, correction=0) + 1e-6)).flatten(),
            "the rows are right; the standard deviation divides by G here, and GRPO's by G - 1 "
            "(torch's default).",
        ),
        (
            ((table - mean) / (table.var(1, keepdim=True) + 1e-6)).flatten(),
            "the rows are right, but this divides by the variance; take its square root.",
        ),
        (
            -_mended(rewards, size),
            "the sign is flipped: a reward above the mean has a positive advantage.",
        ),
    ]


check_mended = Exercise(
    "Is `mended(rewards, size)` GRPO's advantage, where the completions of one prompt are side by "
    "side?",
    truth=_mended,
    inputs=_prompts_of_a_size,
    rtol=2e-3,
    atol=1e-3,
    examples=[
        ([1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], 3),
        ([1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0], 4),
    ],
    wrong=_wrong_mended,
    praise="with 16 prompts of 16 completions the wrong `view` has the right shape, so no error "
    "ever gives it away. Look for groups of equal rewards: their advantages must be 0.",
)


def _by_rows(table: Tensor) -> Tensor:
    return (table - table.mean(1, keepdim=True)) / (table.std(1, keepdim=True) + 1e-6)


def _whole(policy: Policy, seed: int) -> Part:
    """What GRPO's whole loss takes: old log-probs, rewards, groups, mask."""
    batch, rewards = rollout(policy, seed, prompts=8)
    return Part(batch, rewards, (batch.logp, rewards, batch.group, batch.mask))


def _centred(policy: Policy, seed: int) -> Part:
    """What GSPO's loss takes: old log-probs, advantages, mask."""
    batch, rewards = rollout(policy, seed, prompts=8)
    return Part(batch, rewards, (batch.logp, group_relative(rewards, batch.group), batch.mask))


def _grpo_loss(
    logp: Tensor,
    logp_old: Tensor,
    rewards: Tensor,
    group: Tensor,
    mask: Tensor,
    eps_low: float,
    eps_high: float,
    *,
    how: str = "seq-mean-token-mean",
    advantages: Callable[[Tensor, Tensor], Tensor] = group_relative,
    tokens: Callable[..., Tensor] = _clipped,
) -> Tensor:
    A = advantages(rewards, group)[:, None].expand_as(logp)
    return aggregate(tokens(logp, logp_old, A, eps_low, eps_high), mask, how)


def _of_a_window(loss: Callable[..., Tensor]) -> list[Mistake]:
    """What goes wrong with any clipped loss whose last arguments are the window's edges."""
    return [
        (
            lambda *a: loss(*a[:-2], 0.999, 1e6),
            "nothing is clipped: the first update does not show it, since every ratio is 1, but "
            "the later ones do.",
        ),
        (lambda *a: loss(*a[:-1], a[-2]), "the upper edge ignores `eps_high`."),
        (lambda *a: loss(*a[:-2], a[-1], a[-2]), "`eps_low` and `eps_high` have changed places."),
    ]


check_grpo_loss = InTheLoop(
    "Is `grpo_loss(logp, logp_old, rewards, group, mask, eps_low, eps_high)` GRPO's whole loss, "
    "inside the loop?",
    truth=_grpo_loss,
    start="dial",
    rollout=_whole,
    settings=[(0.2, 0.2), (0.05, 0.3), (0.3, 0.1)],
    lr=3e-4,
    mistakes=[
        *_of_a_window(_grpo_loss),
        (
            partial(_grpo_loss, how="token-mean"),
            "this is one mean over all tokens of the batch, DAPO's. GRPO takes the mean of each "
            "completion first.",
        ),
        (
            partial(_grpo_loss, how="seq-mean-token-sum"),
            "a completion's tokens are summed here; GRPO divides the sum by the completion's own "
            "length.",
        ),
        (
            partial(_grpo_loss, how="seq-mean-token-sum-norm"),
            "each completion is divided by the padded width, a constant, as in Dr.GRPO; GRPO "
            "divides by its own length, the number of tokens in `mask`.",
        ),
        (
            partial(_grpo_loss, advantages=partial(group_relative, scale=None)),
            "the advantages are not divided by the group's standard deviation: that is Dr.GRPO.",
        ),
        (
            partial(
                _grpo_loss,
                advantages=lambda rewards, group: group_relative(rewards, torch.zeros_like(group)),
            ),
            "the rewards are centred over the whole batch; each prompt is its own group.",
        ),
        (
            partial(_grpo_loss, advantages=lambda rewards, group: rewards),
            "the rewards stand where the advantages belong: nothing is subtracted.",
        ),
        (
            partial(_grpo_loss, advantages=leave_one_out),
            "these advantages compare with the *other* completions and are not divided; GRPO "
            "compares with the whole group and divides by its standard deviation.",
        ),
        (
            partial(
                _grpo_loss,
                tokens=lambda new, old, A, *window: _by_ratio((old - new).exp(), A, *window),
            ),
            "the ratio is new over old: exp(logp - logp_old).",
        ),
        (
            partial(
                _grpo_loss,
                tokens=lambda new, old, A, low, high: (
                    -(new - old).exp().clamp(1 - low, 1 + high) * A
                ),
            ),
            "the clipped term stands alone; take the minimum of both, or tokens that want to come "
            "back lose their gradient.",
        ),
        (
            partial(_grpo_loss, tokens=lambda new, old, A, *window: -A * new),
            "this is REINFORCE with a group's baseline: it agrees with GRPO at the first update, "
            "where all ratios are 1, but not later.",
        ),
    ],
    praise="These are GRPO's four steps: compare within the group, weigh by the ratio, clip, "
    "average.",
)


check_logs = Numbers(
    "Which log (1, 2 or 3) is GRPO's, which clamps the weight, and which clips a completion's "
    "ratio?",
    grpo=Number(
        3.0,
        {
            1.0: "log 1 stops no token at all, although many lie outside the window.",
            2.0: "log 2 has no mixed completion: all tokens of one lose their gradient together. GRPO judges "
            "every token by itself.",
        },
    ),
    clamped=Number(
        1.0,
        {
            2.0: "log 2 stops tokens; a clamp never does.",
            3.0: "log 3 stops tokens; a clamp never does.",
        },
    ),
    completion=Number(
        2.0,
        {
            1.0: "log 1 stops nothing; a clip does, whatever ratio it looks at.",
            3.0: "log 3 has mixed completions; clipping a completion's ratio keeps or stops it "
            "as a whole.",
        },
    ),
    praise="three columns tell them apart: the tokens clipped, the mixed completions, and the "
    "largest weight.",
)


def _gspo(
    logp: Tensor,
    logp_old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    eps_low: float,
    eps_high: float,
    *,
    how: str = "seq-mean-token-mean",
) -> Tensor:
    A = advantages[:, None].expand_as(logp)
    tokens = gspo_loss(logp, logp_old, advantages=A, mask=mask, eps_low=eps_low, eps_high=eps_high)
    return aggregate(tokens.per_token, mask, how)


def _by_completion(ratio: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """GSPO's loss with another ratio of a completion: (log-ratios of its tokens, mask) -> [B]."""

    def loss(
        logp: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor, *window: float
    ) -> Tensor:
        return _by_ratio(ratio(logp - logp_old, mask), advantages, *window).mean()

    return loss


def _length_mean(log_ratio: Tensor, mask: Tensor) -> Tensor:
    return (log_ratio * mask).sum(1) / mask.sum(1)


check_gspo = InTheLoop(
    "Is `gspo(logp, logp_old, advantages, mask, eps_low, eps_high)` GSPO's loss, inside the loop?",
    truth=_gspo,
    start="dial",
    rollout=_centred,
    settings=[(3e-4, 4e-4), (0.02, 0.3), (0.2, 0.01)],
    lr=3e-4,
    mistakes=[
        *_of_a_window(_gspo),
        (
            lambda logp, logp_old, A, mask, *window: aggregate(
                _clipped(logp, logp_old, A[:, None].expand_as(logp), *window),
                mask,
                "seq-mean-token-mean",
            ),
            "every token has its own ratio here: that is GRPO. GSPO has one for the completion.",
        ),
        (
            _by_completion(lambda log_ratio, mask: (log_ratio * mask).sum(1).exp()),
            "this is the product of the tokens' ratios; GSPO takes its |y|-th root, the geometric "
            "mean.",
        ),
        (
            _by_completion(lambda log_ratio, mask: _length_mean(log_ratio.exp(), mask)),
            "this is the arithmetic mean of the ratios; take the mean of the log-ratios, then "
            "`exp`.",
        ),
        (
            _by_completion(lambda log_ratio, mask: log_ratio.mean(1).exp()),
            "padding counts here: sum over `mask` only, and divide by the completion's own length.",
        ),
        (
            _by_completion(lambda log_ratio, mask: (log_ratio * mask).mean(1).exp()),
            "the sum is divided by the padded width; divide by the completion's own length.",
        ),
        (
            lambda logp, logp_old, A, mask, low, high: (
                -(_length_mean(logp - logp_old, mask).exp().clamp(1 - low, 1 + high) * A).mean()
            ),
            "the clipped term stands alone; take the minimum of both, or completions that want "
            "to come back lose their gradient.",
        ),
        (
            _by_completion(lambda log_ratio, mask: _length_mean(-log_ratio, mask).exp()),
            "the ratio is new over old: logp - logp_old.",
        ),
        (
            partial(_gspo, how="token-mean"),
            "this is one mean over all tokens, so long completions count for more; give each "
            "completion the same share.",
        ),
        (lambda *a: _gspo(*a) * len(a[0]), "the completions are summed; take their mean."),
        (
            lambda logp, logp_old, A, mask, *eps: -(A * _length_mean(logp, mask)).mean(),
            "there is no ratio here: this is the policy gradient, and it agrees with GSPO at the "
            "first update only.",
        ),
    ],
    praise="With one update per batch every s is 1 and the curve is GRPO's; the two part from the "
    "second update on.",
)
