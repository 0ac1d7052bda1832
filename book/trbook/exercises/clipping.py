"""Chapter 6's exercises: how far a window lets a token move, a ratio counted once, processed
log-probs, strange logs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Number, Numbers
from trbook.exercises.inside import Choice, InTheLoop, Part
from trbook.rollout import rollout
from trlib.advantages import group_relative
from trlib.algorithms import ppo_loss
from trlib.corrections import truncated_importance
from trlib.loop.sampler import Sampler
from trlib.model.policy import Policy


def _room(q: Tensor, eps_high: float) -> Tensor:
    return torch.minimum(eps_high * q, 1 - q)


def _wrong_room(q, eps_high):
    return [
        (eps_high * q, "a probability ends at 1: a token with q = 0.99 cannot gain 0.198."),
        (
            torch.minimum((1 + eps_high) * q, torch.ones_like(q)),
            "this is where the token is clipped, p = (1 + eps_high) q; how far is that from q?",
        ),
        (
            (1 + eps_high) * q,
            "this is where the token is clipped, p = (1 + eps_high) q, and it may lie above 1. "
            "How far is it from q, and where does a probability end?",
        ),
        (
            torch.maximum(eps_high * q, 1 - q),
            "two things stop the token: the window and probability 1. The nearer one counts, not "
            "the farther.",
        ),
        (
            torch.minimum(torch.full_like(q, eps_high), 1 / q - 1),
            "this is how far the *ratio* may go from 1; multiply by q to get a probability.",
        ),
        (eps_high / q, "at the edge (p - q)/q is eps_high, so p - q is eps_high *times* q."),
        (
            torch.minimum(eps_high * (1 - q), q),
            "q and 1 - q are exchanged: the window multiplies the token's own probability.",
        ),
    ]


check_room = Exercise(
    "How much probability may `room(q, eps_high)` tokens with A > 0 gain before PPO's clip "
    "stops them?",
    truth=_room,
    inputs=lambda draw: (
        torch.cat([draw.uniform(0.01, 0.4, 3), draw.uniform(0.9, 0.99, 3)]),
        draw.number(0.15, 0.5),
    ),
    examples=[([1e-5, 0.01, 0.5, 0.99], 0.2)],
    wrong=_wrong_room,
    praise="a token of probability 0.00001 may gain 0.000002 per batch, and one of probability 0.5 "
    "may gain 0.1: the clip's radius is eps times q.",
)


def _dropped(q: Tensor, p: Tensor, advantages: Tensor, eps: float, delta: float) -> Tensor:
    clip = torch.where(advantages > 0, p / q > 1 + eps, p / q < 1 - eps)
    mask = torch.where(advantages > 0, p - q > delta, p - q < -delta)
    return clip & ~mask & (advantages != 0)


def _moves(draw: Draw) -> tuple[Any, ...]:
    """Rare and likely tokens that have moved either way, for both signs of A, near the edges of
    both methods and never on one. Each of the four verdicts occurs."""
    order = torch.cat([draw.uniform(0, 1, 8).argsort() for _ in range(3)])
    q = torch.cat(
        [draw.uniform(0.01, 0.05, 8), draw.uniform(0.3, 0.5, 8), draw.uniform(0.8, 0.9, 8)]
    )
    up = torch.cat(
        [draw.uniform(0.2, 0.5, 8), draw.uniform(0.3, 0.7, 8), draw.uniform(0.02, 0.08, 8)]
    )
    down = torch.cat(
        [draw.uniform(0.2, 0.5, 8), draw.uniform(0.3, 0.7, 8), draw.uniform(0.1, 0.2, 8)]
    )
    p = q * (1.003 + torch.where(order % 2 == 0, up, -down))
    advantages = torch.where(order < 4, 1.0, -1.0) * draw.uniform(0.5, 2, 24)
    return q, p, advantages, draw.number(0.21, 0.4), draw.number(0.08, 0.25)


def _wrong_dropped(q, p, advantages, eps, delta):
    up, ratio, moved, some = advantages > 0, p / q, p - q, advantages != 0
    clip = torch.where(up, ratio > 1 + eps, ratio < 1 - eps)
    clip_at_edge = torch.where(up, ratio >= 1 + eps, ratio <= 1 - eps)
    mask = torch.where(up, moved > delta, moved < -delta)
    mask_at_edge = torch.where(up, moved >= delta, moved <= -delta)
    right = _dropped(q, p, advantages, eps, delta)
    return [
        (
            clip_at_edge & ~mask_at_edge & some,
            "a token exactly on an edge is still inside, in the window and in the region: use "
            "`>` and `<`, without the equals sign.",
        ),
        (
            clip_at_edge & ~mask & some,
            "a ratio of exactly 1 + eps or 1 - eps is still inside the window, and PPO keeps it.",
        ),
        (
            clip & ~mask_at_edge & some,
            "a token that has moved by exactly `delta` is still inside DPPO's region, which keeps "
            "it.",
        ),
        (clip, "these are all that PPO stops; leave out those that DPPO stops too."),
        (~clip & mask, "these are the tokens that DPPO stops and PPO keeps: the other failure."),
        (
            clip ^ mask,
            "these are all tokens that the two treat differently; the exercise asks only for "
            "those that PPO drops.",
        ),
        (
            clip | mask,
            "these are all that at least one of the two stops; the exercise asks for those "
            "that only PPO does.",
        ),
        (
            ~right,
            "the wrong way round: these are all the tokens that the exercise does not ask for.",
        ),
        (
            clip & mask,
            "these are the tokens that *both* stop; the exercise asks for those that DPPO keeps.",
        ),
        (
            right & up,
            "this looks at A > 0 only; with A < 0 the probability should decrease, and a token is stopped "
            "below the window.",
        ),
        (
            clip & (moved.abs() / 2 <= delta),
            "no half: with two outcomes, this token and any other, the total variation is |p - q| "
            "itself.",
        ),
        (
            ((ratio - 1).abs() > eps) & ~mask,
            "PPO's clip is signed too: with A > 0 it stops above the window only, with A < 0 "
            "below it only.",
        ),
        (
            ((ratio - 1).abs() > eps) & (moved.abs() <= delta),
            "being outside is not enough: both methods keep a token that moved against its "
            "advantage.",
        ),
        (
            _dropped(p, q, advantages, eps, delta),
            "q is the probability before, p the one now: the ratio is p / q.",
        ),
        (
            _dropped(q, p, -advantages, eps, delta),
            "the signs are crossed: A > 0 increases the probability, so it is stopped above the window.",
        ),
        (
            clip & ~torch.where(up, ratio - 1 > delta, ratio - 1 < -delta),
            "DPPO's mask compares p - q with delta; this compares p/q - 1, which is a ratio again.",
        ),
    ]


check_dropped = Exercise(
    "Does `dropped(q, p, advantages, eps, delta)` name the tokens that PPO stops and DPPO-TV "
    "keeps?",
    truth=_dropped,
    inputs=_moves,
    examples=[
        (
            [1e-5, 0.99, 0.3, 0.3, 0.3],
            [1e-3, 0.80, 0.55, 0.1, 0.1],
            [1.0, -1.0, 1.0, -1.0, 1.0],
            0.2,
            0.15,
        ),
        ([0.1, 0.1, 0.9, 0.9], [0.5, 0.4, 0.5, 0.6], [1.0, 1.0, -1.0, -1.0], 0.2, 0.15),
        # On the window's edge and on the mask's, in binary fractions, which need no rounding.
        (
            [0.5, 0.5, 0.25, 0.5, 0.25],
            [0.625, 0.375, 0.5, 0.25, 0.375],
            [1.0, -1.0, 1.0, -1.0, 1.0],
            0.25,
            0.25,
        ),
    ],
    wrong=_wrong_dropped,
    praise="the rare token is among them and the likely one is not: PPO keeps the likely one, "
    "which DPPO would have dropped.",
)


def _weight(logp: Tensor, logp_old: Tensor, logp_rollout: Tensor, cap: float) -> Tensor:
    return (logp - logp_old).exp() * (logp_old - logp_rollout).exp().clamp(max=cap)


def _three(draw: Draw) -> tuple[Any, ...]:
    """A sampler that is off by up to a factor of e either way, and a learner that has moved
    since."""
    old = draw.uniform(-4, -1, 8)
    off = torch.tensor([1.0, -1.0, 0.2, -0.2, 0.9, -0.6, 0.6, 0.1], dtype=torch.float64)
    return (
        old + draw.uniform(-0.4, 0.4, 8),
        old,
        old - off * draw.uniform(0.8, 1.1, 8),
        draw.number(1.3, 1.5),
    )


def _wrong_weight(logp, logp_old, logp_rollout, cap):
    ratio, off = (logp - logp_old).exp(), (logp_old - logp_rollout).exp()
    whole = (logp - logp_rollout).exp()
    return [
        (
            whole * off.clamp(max=cap),
            "the mismatch π_old/μ is counted twice: π/μ contains it already. The correction "
            "multiplies π/π_old.",
        ),
        (
            ratio,
            "the sampler is forgotten: this is PPO's own ratio; the correction π_old/μ is missing.",
        ),
        (
            off.clamp(max=cap),
            "this is the correction alone; the policy's own movement since then, π/π_old, is "
            "missing.",
        ),
        (
            whole,
            "the product is right, π/μ counted once, but nothing is truncated: a factor π_old/μ "
            "above `cap` must become `cap`. (If you cut, do it after `exp`.)",
        ),
        (ratio.clamp(max=cap) * off, "the cap cuts π/π_old here; TIS cuts the correction π_old/μ."),
        (
            whole.clamp(max=cap),
            "the whole of π/μ is truncated; TIS truncates π_old/μ alone and leaves π/π_old to the "
            "clip.",
        ),
        (
            ratio * (logp_rollout - logp_old).exp().clamp(max=cap),
            "the correction is upside down: it is the learner's probability over the sampler's.",
        ),
        (
            ratio * off.clamp(1 / cap, cap),
            "this also bounds the correction from below, at 1/cap; TIS truncates from above only.",
        ),
        (
            logp - logp_old + (logp_old - logp_rollout).clamp(max=math.log(cap)),
            "this is the weight's logarithm: take exp.",
        ),
        (
            ratio * torch.where(off > cap, 0.0, off),
            "factors above `cap` become 0 here: that is the mask (MIS). Truncation sets them to "
            "`cap`.",
        ),
    ]


check_weight = Exercise(
    "Is `weight(logp, logp_old, logp_rollout, cap)` the factor before A: π/π_old times the "
    "truncated π_old/μ?",
    truth=_weight,
    inputs=_three,
    examples=[([-2.0, -2.0, -2.0], [-2.0, -2.1, -2.0], [-2.0, -2.3, -4.0], 2.0)],
    wrong=_wrong_weight,
    praise="below the cap it is exactly π/μ, the ratio that makes the mean over the sampler's "
    "tokens right.",
)


def _processed(logits: Tensor, temperature: float, k: int) -> Tensor:
    scaled = logits / temperature
    edge = scaled.topk(k, -1).values[..., -1:]
    return scaled.masked_fill(scaled < edge, -torch.inf).log_softmax(-1).exp()


def _logits(draw: Draw) -> tuple[Any, ...]:
    """Two positions of six tokens, no two logits alike."""
    order = torch.stack([draw.uniform(0, 1, 6).argsort(), draw.uniform(0, 1, 6).argsort()]).double()
    return (
        0.7 * order + draw.uniform(-0.2, 0.2, 2, 6),
        draw.number(0.5, 0.8),
        int(draw.integers(2, 5, 1)),
    )


def _wrong_processed(logits, temperature, k):
    right, cut_off = _processed(logits, temperature, k), logits < logits.topk(k).values[..., -1:]
    return [
        (
            logits.softmax(-1),
            "these are the raw probabilities: neither temperature nor top-k is applied yet.",
        ),
        (
            (logits / temperature).softmax(-1),
            "the temperature is applied, but top-k is not: all but the k largest get probability 0.",
        ),
        (
            _processed(logits, 1.0, k),
            "top-k is applied, but the temperature is not: it divides the logits.",
        ),
        (
            _processed(logits, 1 / temperature, k),
            "the temperature *divides* the logits; below 1 it sharpens.",
        ),
        (
            (logits / temperature).softmax(-1).masked_fill(cut_off, 0.0),
            "what is left does not sum to 1; the sampler draws from the kept tokens alone, "
            "renormalised.",
        ),
        (
            (logits / temperature).masked_fill(cut_off, 0.0).softmax(-1),
            "a logit of 0 is not a probability of 0: set what is cut off to minus infinity.",
        ),
        (
            _processed(logits, temperature, k - 1),
            "one token too few is kept; is the k-th itself left out?",
        ),
        (
            right.clamp(min=1e-38).log(),
            "these are log-probs; the exercise asks for the probabilities.",
        ),
        (
            right.log(),
            "these are log-probs, minus infinity where a token is cut off; the exercise asks for "
            "the probabilities.",
        ),
        (
            _processed(logits, 1.0, k) / temperature,
            "the temperature divides probabilities here, which then do not sum to 1; it divides "
            "the logits.",
        ),
    ]


check_processed = Exercise(
    "Is `processed(logits, temperature, k)` the probability of every token that a sampler with "
    "temperature and top-k draws from?",
    truth=_processed,
    inputs=_logits,
    wrong=_wrong_processed,
    praise="a kept token's probability is divided by the kept mass, and a learner that scores "
    "without top-k reads that as a ratio below 1.",
)


check_cause = Choice(
    "Why are tokens outside the window: rate, epochs, window or engine?",
    right="engine",
    wrong={
        "rate": "in the first row no step has been taken yet, and tokens are outside already. Which "
        "numbers does the ratio compare there?",
        "epochs": "every update has a new batch, so no batch is used twice. What is outside in the "
        "first row, before any step?",
        "window": "a token that is learning leaves the window by a step. Here tokens are outside "
        "before the first one, and no more of them after the fourth.",
    },
    praise="the ratio divides the learner's probability by that of a sampler with quantised weights. "
    "Rare tokens are off by a large factor, and hardly any probability moves. Before the first step "
    "a clip ratio above 0 is a mismatch.",
)

check_logs = Numbers(
    "Which log (1, 2 or 3) comes from rounded weights, which from a top 4, which from raw "
    "log-probs?",
    rounded=Number(
        2.0,
        {
            1.0: "a sampler with rounded weights draws from its own log-probs and leaves no token "
            "out, so the mean of π/μ is near 1.",
            3.0: "rounding moves ratios both ways; in log 3 none is above 1.",
        },
    ),
    top_4=Number(
        3.0,
        {
            1.0: "with a top-k that the learner leaves out, every ratio is the kept mass: none "
            "lies above 1.",
            2.0: "with a top-k that the learner leaves out, every ratio is the kept mass: none "
            "lies above 1.",
        },
    ),
    raw=Number(
        1.0,
        {
            2.0: "the tokens were not drawn from the raw log-probs, so the mean of the ratio is "
            "not 1.",
            3.0: "a temperature makes rare tokens likelier: some ratios must lie above 1.",
        },
    ),
    praise="the mean of π/μ is 1 if μ drew the tokens and can write all that π can. If it is not 1 "
    "before the first update, one of these two conditions fails.",
)


def _rounded(policy: Policy, seed: int) -> Part:
    """Eight prompts of `dial` with eight completions each, written with the policy's own weights in
    four bits."""
    sampler = Sampler(policy, lag=0, precision="int4").policy()
    batch, rewards = rollout(sampler, seed, prompts=8)
    advantages = group_relative(rewards, batch.group, scale=None)[:, None].expand_as(batch.logp)
    with torch.no_grad():
        logp_old = policy.score(batch).logp
    return Part(batch, rewards, (logp_old, batch.logp, advantages, batch.mask))


def _corrected(
    logp: Tensor,
    logp_old: Tensor,
    logp_rollout: Tensor,
    advantages: Tensor,
    mask: Tensor,
    eps: float,
    cap: float,
) -> Tensor:
    tokens = ppo_loss(
        logp, logp_old, advantages=advantages, mask=mask, eps_low=eps, eps_high=eps
    ).per_token
    factor = truncated_importance(logp_old, logp_rollout, mask, cap=cap)
    return (tokens * factor)[mask].sum() / mask.sum()


def _exchanged(
    ratio: Callable[..., Tensor] = lambda now, m, cap: now,
    factor: Callable[..., Any] = lambda m, cap: m.clamp(max=cap),
    kept: Callable[..., Tensor] = lambda r, A, eps: torch.minimum(
        r * A, r.clamp(1 - eps, 1 + eps) * A
    ),
    mean: Callable[[Tensor, Tensor], Tensor] = lambda tokens, mask: tokens[mask].mean(),
) -> Callable[..., Tensor]:
    """The loss with another piece, made of now = π/π_old, m = π_old/μ and the cap."""

    def loss(
        logp: Tensor, old: Tensor, mu: Tensor, A: Tensor, mask: Tensor, eps: float, cap: float
    ) -> Tensor:
        m = (old - mu).exp()
        r = ratio((logp - old).exp(), m, cap)
        return -mean(factor(m, cap) * kept(r, A, eps), mask)

    return loss


check_corrected_loss = InTheLoop(
    "Is `corrected_loss(logp, logp_old, logp_rollout, advantages, mask, eps, cap)` the clip "
    "around the learner, with the mismatch counted once?",
    truth=_corrected,
    start="dial",
    rollout=_rounded,
    settings=[(0.2, 2.0), (0.1, 1.2), (0.3, 1.5)],
    mistakes=[
        (
            _exchanged(factor=lambda m, cap: 1),
            "this is PPO as if the learner had sampled the tokens: the factor π_old/μ is missing.",
        ),
        (
            _exchanged(lambda now, m, cap: now * m, lambda m, cap: 1),
            "the clip lies around the sampler here, and nothing is truncated; the exercise wants "
            "it around π_old.",
        ),
        (
            _exchanged(lambda now, m, cap: now * m),
            "the mismatch is counted twice: π/μ contains π_old/μ already. The correction "
            "multiplies π/π_old.",
        ),
        (
            _exchanged(factor=lambda m, cap: m),
            "nothing is truncated: a factor π_old/μ above `cap` must become `cap`.",
        ),
        (
            _exchanged(factor=lambda m, cap: m * (m <= cap)),
            "factors above `cap` become 0 here: that is the mask (MIS). Truncation sets them to "
            "`cap`.",
        ),
        (
            _exchanged(factor=lambda m, cap: m.clamp(1 / cap, cap)),
            "this also bounds the factor from below, at 1/cap; TIS truncates from above only.",
        ),
        (
            _exchanged(factor=lambda m, cap: (1 / m).clamp(max=cap)),
            "the correction is upside down: it is the learner's probability over the sampler's.",
        ),
        (
            _exchanged(lambda now, m, cap: now * m.clamp(max=cap), lambda m, cap: 1),
            "the factor is inside the clip here, so the mismatch alone can stop a token; it "
            "multiplies what the clip returns.",
        ),
        (
            _exchanged(kept=lambda r, A, eps: r * A),
            "nothing is clipped: at the first update π/π_old is 1 everywhere, but later it is not.",
        ),
        (
            _exchanged(kept=lambda r, A, eps: r.clamp(1 - eps, 1 + eps) * A),
            "the clipped term stands alone; take the minimum of both, or tokens that want to come "
            "back lose their gradient.",
        ),
        (
            _exchanged(mean=lambda tokens, mask: tokens[mask].sum()),
            "the tokens are summed; take their mean.",
        ),
        (
            _exchanged(mean=lambda tokens, mask: ((tokens * mask).sum(1) / mask.sum(1)).mean()),
            "this is a mean of each completion's mean, so tokens of short completions weigh "
            "more; take one mean over all tokens.",
        ),
        (
            _exchanged(mean=lambda tokens, mask: (tokens * mask).mean()),
            "the sum is divided by the whole rectangle, padding included; divide by the number of "
            "tokens in `mask`.",
        ),
    ],
    praise="The clip asks how far the learner has moved, and the factor says which policy has sampled the tokens.",
)
