"""Exercises of chapter 10, TRAPO: the price of a token, a loop that teaches too little, and the
whole loss, trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.built import Built, movements
from trbook.exercises.check import Draw, Exercise, Number, Numbers
from trbook.exercises.verdict import one_number
from trbook.rollout import adamw, descend
from trlib.model.completions import Completions, join
from trlib.model.policy import Policy, load_policy
from trlib.model.rollout import sample
from trlib.tasks import load_task


def _trsft(logp: Tensor, alpha: float) -> Tensor:
    p = logp.exp()
    return -p / p.detach().clamp(min=alpha)


check_price = Numbers(
    "With alpha = 0.1, how many nats can leaving out one of the expert's tokens cost at most, "
    "and how many tokens can keep at least alpha?",
    nats=Number(
        1 + math.log(10),
        {
            math.log(10): "that is the cost at p = alpha, -log 0.1; below it φ falls by 1 more.",
            1.0: "that is how far φ falls below alpha; from 1 down to alpha it has fallen by log "
            "10 already.",
            0.1: "that is alpha; the cost is -φ(0).",
            math.log(10) - 1: "the 1 is subtracted in φ, so it adds to the cost.",
            10.0: "that is the largest slope dφ/dp, 1/alpha.",
            -1 - math.log(10): "that is φ(0); its price is -φ(0), which is positive.",
        },
    ),
    tokens=Number(
        10.0,
        {
            9.0: "ten tokens of exactly 0.1 each sum to 1.",
            11.0: "eleven tokens of at least 0.1 sum to more than 1.",
            1.0: "that is so at alpha = 1.",
            0.1: "that is alpha; how many shares of 0.1 fit into 1?",
        },
    ),
    praise="SFT's cost of leaving a token out is infinite, so it leaves none out. That is the "
    "whole difference.",
)


def _earlier(twin: Tensor) -> Tensor:
    """[B]: a completion before this one is its twin."""
    return twin.tril(-1).any(1)


def _taught(forced: Tensor, group: Tensor) -> Tensor:
    """The tokens that are taught: a prefix that completions of one prompt share counts once."""
    return forced & ~_earlier(_alike(forced) & (group == group[:, None]))[:, None]


def _alike(forced: Tensor) -> Tensor:
    """[B, B]: prefixes of one length."""
    length = forced.sum(1)
    return length == length[:, None]


def _forced(draw: Draw) -> tuple[Tensor, Tensor]:
    """Twelve completions of three prompts, some with a prefix, in any order: [12, 6] bool and
    [12]."""
    lengths = torch.tensor([0, 2, 2, 5, 0, 0, 2, 4, 5, 5, 5, 2])
    order = draw.uniform(0, 1, 12).argsort()
    lengths = (lengths + draw.integers(0, 2, 12) * (lengths > 3))[order]
    return torch.arange(6) < lengths[:, None], torch.arange(3).repeat_interleave(4)[order]


def _wrong_taught(forced, group):
    same = group == group[:, None]
    right = _taught(forced, group)
    return [
        (
            forced & ~_earlier(_alike(forced))[:, None],
            "this is still the broken loop: a prefix is left out because another *prompt* has "
            "one of the same length, whose tokens are different.",
        ),
        (
            forced & ~_earlier(same)[:, None],
            "this teaches one completion of each prompt; two prefixes of different lengths are "
            "both taught.",
        ),
        (forced.clone(), "this teaches a prefix that four completions share four times."),
        (forced & ~right, "the wrong way round: these are the repetitions, which are left out."),
        (
            forced & ~((_alike(forced) & same).sum(1) > 1)[:, None],
            "where two completions share a prefix, both are left out here; one of them stays.",
        ),
        (
            torch.zeros_like(forced),
            "nothing is taught: each completion is its own twin here. Compare it with earlier "
            "ones only.",
        ),
        (
            forced & ~(same & (forced.sum(1) > forced.sum(1)[:, None])).any(1)[:, None],
            "only each prompt's longest prefix is taught here; shorter ones count too, each once.",
        ),
        (
            forced & ~(_alike(forced) & same).triu(1).any(1)[:, None],
            "each prefix is taught once here, but by the last completion that has it; leave out "
            "what comes after the first, as the loop does.",
        ),
        (~right, "these are the tokens that are *not* taught."),
    ]


check_taught = Exercise(
    "Does `taught(forced, group)` teach every prefix of the expert once?",
    truth=_taught,
    inputs=_forced,
    wrong=_wrong_taught,
    praise="a fault like this raises no error and slows learning. A count of the tokens that are "
    "taught, in the log, finds it.",
)

HORIZON = 16
"""Most tokens of a completion."""
_Part = tuple[Completions, Tensor, Tensor]
"""A batch, its rewards [B], and the expert's tokens that are taught [B, T]."""


def _rollout(policy: Policy, seed: int, prompts: int) -> _Part:
    """A batch of which half the completions begin with a part of the expert's answer; the expert
    errs."""
    task = load_task("dial", moves=(1, 12), max_tokens=HORIZON, expert_slip=0.2)
    drawn = task.prompts(prompts, seed=seed)
    answers = [
        [*ids, policy.end_id]
        for ids in policy.encode([answer or "" for answer in task.demonstrations(drawn, seed=seed)])
    ]
    parts: list[Completions] = []
    rewards: list[Tensor] = []
    for count, share in ((4, 0.0), (2, 0.25), (1, 0.5), (1, 1.0)):
        cuts = [
            answer if share == 1 else answer[: round(share * (len(answer) - 1))]
            for answer in answers
        ]
        part = sample(
            policy,
            [prompt.text for prompt in drawn],
            group=count,
            max_tokens=HORIZON,
            prefixes=[cut for cut in cuts for _ in range(count)],
            seed=seed + len(parts),
        )
        parts.append(part)
        rewards.append(task.judge(drawn, part).view(prompts, count))
    batch = join(parts)
    return batch, torch.cat(rewards, 1).flatten(), _taught(batch.forced, batch.group)


@cache
def _sampled() -> tuple[_Part, ...]:
    """Three batches of the policy that rarely writes its steps, four prompts with eight completions
    each."""
    policy = load_policy("dial_rare")
    return tuple(_rollout(policy, seed, prompts=4) for seed in (7, 8, 9))


def _asked(
    loss: Callable[..., Any], policy: Policy, part: _Part, alpha: float, horizon: int
) -> Tensor:
    """The reader's loss of a batch, or a hint at what it is instead."""
    batch, rewards, expert = part
    logp = policy.score(batch).logp
    return one_number(
        loss(logp, rewards.to(logp.dtype), batch.mask.clone(), expert.clone(), alpha, horizon)
    )


def _movements(loss: Callable[..., Any]) -> Tensor:
    def update(policy: Policy, optimizer: torch.optim.Optimizer, *part: Any) -> None:
        optimizer.zero_grad()
        _asked(loss, policy, *part).backward()
        optimizer.step()

    parts = zip(_sampled(), (0.1, 0.3, 0.02), (16, 16, 20), strict=True)
    return movements("dial_rare", 0.05, update, list(parts))


def _learns(loss: Callable[..., Any], batches: int = 12) -> str:
    """Trains `dial_rare` with the reader's loss, and reports how the reward of the free completions
    changed."""
    policy = load_policy("dial_rare")
    means: list[float] = []
    optimizer = adamw(policy, 3e-4)
    for seed in range(batches):
        part = _rollout(policy, 100 * seed, prompts=8)
        means.append(float(part[1].view(-1, 8)[:, :4].mean()))
        descend(policy, optimizer, _asked(loss, policy, part, 0.1, HORIZON))
    first, last = sum(means[:3]) / 3, sum(means[-3:]) / 3
    return (
        "three updates agree with ours, and your loss has just trained `dial_rare` with an expert "
        f"who errs: the reward of completions without a prefix went from {first:.2f} (first three "
        f"batches) to {last:.2f} (last three of {batches}; 8 prompts x 8 completions, one epoch, "
        "learning rate 3e-4). So few batches are noisy."
    )


def _centred(groups: Tensor) -> Tensor:
    return groups - groups.mean(1, keepdim=True)


def _whole(
    logp: Tensor,
    rewards: Tensor,
    own: Tensor,
    expert: Tensor,
    alpha: float,
    horizon: int,
    *,
    advantages: Callable[[Tensor], Tensor] = _centred,
    imitate: Callable[[Tensor, float], Tensor] = _trsft,
    weigh: bool = False,
) -> Tensor:
    """TRAPO's loss, or a variant of it; `weigh`: the advantage stands before the expert's half too."""
    A = advantages(rewards.view(-1, 8)).reshape(-1, 1)
    imitation = (A if weigh else 1) * imitate(logp, alpha)
    per_token = -A * (logp - logp.detach()).exp() * own + imitation * expert
    return per_token.sum() / len(rewards) / horizon


def _standardised(floor: float) -> Callable[[Tensor], Tensor]:
    return lambda groups: _centred(groups) / (groups.std(1, keepdim=True) + floor)


check_trapo_loss = Built(
    "Is `trapo_loss(logp, rewards, own, expert, alpha, horizon)` TRAPO's loss of a batch that is "
    "used once?",
    truth=_whole,
    trace=_movements,
    praise=_learns,
    mistakes=[
        (lambda *a: -_whole(*a), "this goes uphill: a loss is minus what you want more of."),
        (
            partial(_whole, imitate=lambda logp, alpha: -logp),
            "the expert's half is SFT's here, with weight 1 on every token; TrSFT fades tokens of "
            "p < alpha.",
        ),
        (
            partial(_whole, imitate=lambda logp, alpha: -logp.exp() / logp.exp().clamp(min=alpha)),
            "the divisor max(p, alpha) is not detached, so a token above alpha gets no gradient.",
        ),
        (
            partial(_whole, imitate=lambda logp, alpha: -logp.exp() / alpha),
            "where the expert's p is above alpha it is divided by itself, so that the weight "
            "stays 1; here the weight grows to 1/alpha.",
        ),
        (
            partial(_whole, imitate=lambda logp, alpha: _trsft(logp, 0.1)),
            "the first update agrees but the second does not: did you write in 0.1 for `alpha`?",
        ),
        *(
            (
                partial(_whole, advantages=_standardised(floor)),
                "the advantages are divided by the group's standard deviation; TRAPO only "
                "subtracts the mean.",
            )
            for floor in (1e-4, 1e-6)
        ),
        (
            partial(_whole, weigh=True),
            "the expert's half is multiplied by the advantage; there is none in it.",
        ),
        (
            lambda logp, rewards, own, expert, *rest: _whole(logp, rewards, expert, own, *rest),
            "`own` and `expert` have changed places.",
        ),
        (
            lambda logp, rewards, own, expert, alpha, horizon: (
                len(rewards)
                * horizon
                * _whole(logp, rewards, own / own.sum(), expert / expert.sum(), alpha, horizon)
            ),
            "here each half is divided by its own number of tokens; both share one divisor, the "
            "number of completions times `horizon`.",
        ),
        (
            partial(_whole, advantages=lambda groups: groups - groups.mean()),
            "the baseline is the mean of the whole batch; take each prompt's own eight completions.",
        ),
        (
            partial(
                _whole,
                # Those without a prefix are the first four of the check's batches.
                advantages=lambda groups: groups - groups[:, :4].mean(1, keepdim=True),
            ),
            "the baseline leaves out the completions with a prefix; TRAPO's mean is over all eight.",
        ),
        (
            partial(_whole, advantages=lambda groups: groups),
            "the rewards themselves weigh the policy's tokens; subtract the mean of the prompt's "
            "eight.",
        ),
        (
            lambda logp, rewards, own, expert, *rest: _whole(
                logp, rewards, own | expert, expert, *rest
            ),
            "the policy gradient also runs on the expert's tokens, which the policy did not "
            "sample: use `own`.",
        ),
        (
            partial(_whole, imitate=lambda logp, alpha: 0 * logp),
            "only the policy's own tokens are taught; the expert's half is missing.",
        ),
        (
            partial(_whole, advantages=lambda groups: 0 * groups),
            "only the expert's tokens are taught; the policy gradient is missing.",
        ),
        (
            lambda logp, rewards, own, expert, alpha, horizon: (
                len(rewards)
                * horizon
                * _whole(logp, rewards, own, expert, alpha, horizon)
                / (own | expert).sum()
            ),
            "the sum is divided by the tokens present; the divisor is the constant number of "
            "completions times `horizon`.",
        ),
        (lambda *a: _whole(*a) * a[-1], "divide by `horizon` too, the token limit."),
    ],
)
