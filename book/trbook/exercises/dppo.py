"""Exercises of chapter 7, DPPO: the mask, the divergences that it can look at, thresholds in three units."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trlib import divergences
from trlib.model.completions import top_k

DELTA = 0.15


def _silenced(p: Tensor, q: Tensor, advantages: Tensor, delta: float) -> Tensor:
    return torch.where(advantages > 0, p - q > delta, p - q < -delta)


def _moved(draw: Draw, count: int = 8) -> tuple[Tensor, Tensor, Tensor, float]:
    """Tokens of middling probability, no difference of probabilities within a hundredth of the threshold."""
    q, delta = draw.uniform(0.3, 0.6, count), round(draw.number(0.03, 0.2), 2)
    step = draw.uniform(0.02, 0.24, count) * (2 * draw.integers(0, 2, count) - 1)
    near = (step.abs() - delta).abs() < 0.01
    return q + step + 0.02 * step.sign() * near, q, draw.normal(count) + 0.01, delta


check_silenced = Exercise(
    "Is `silenced(p, q, advantages, delta)` True where DPPO's mask on total variation leaves a token no gradient?",
    truth=_silenced,
    inputs=_moved,
    examples=[
        ([0.001, 0.8, 0.7, 0.4], [0.00001, 0.99, 0.5, 0.6], [1.0, -1.0, -1.0, 1.0], DELTA),
        ([0.7, 0.3, 0.7, 0.3], [0.5, 0.5, 0.5, 0.5], [1.0, 1.0, -1.0, -1.0], DELTA),
    ],
    mistakes=[
        Mistake(
            "kept",
            lambda p, q, advantages, delta: ~_silenced(p, q, advantages, delta),
            "turned around: these are the tokens that keep their gradient.",
        ),
        Mistake(
            "unsigned",
            lambda p, q, advantages, delta: (p - q).abs() > delta,
            "this silences every token outside, also those that their update would bring back: that is the mask "
            "called IPO. DPPO's looks at the sign of the advantage.",
        ),
        Mistake(
            "inward",
            lambda p, q, advantages, delta: torch.where(advantages > 0, p - q < -delta, p - q > delta),
            "these are the tokens on their way home: outside, and pushed back. Silence those that are pushed on.",
        ),
        Mistake(
            "direction alone",
            lambda p, q, advantages, delta: torch.where(advantages > 0, p > q, p < q),
            "every token that has moved with its advantage is silenced here, however little; compare with delta.",
        ),
        Mistake(
            "logarithms",
            lambda p, q, advantages, delta: torch.where(advantages > 0, (p / q).log() > delta, (p / q).log() < -delta),
            "this compares log-probs, so it is a window on the ratio; take the difference of the probabilities.",
        ),
        Mistake(
            "scaled",
            lambda p, q, advantages, delta: (p - q) * advantages > delta,
            "the size of the advantage has come into the distance; only its sign says which way is outward.",
        ),
        Mistake(
            "ratio",
            lambda p, q, advantages, delta: torch.where(advantages > 0, p / q > 1 + delta, p / q < 1 - delta),
            "this is a window on the ratio, PPO's; DPPO compares the difference of the probabilities, p - q.",
        ),
        Mistake(
            "upward only",
            lambda p, q, advantages, delta: (advantages > 0) & (p - q > delta),
            "a token with A < 0 that has lost more than `delta` is outside as well.",
        ),
        Mistake(
            "downward only",
            lambda p, q, advantages, delta: (advantages < 0) & (p - q < -delta),
            "a token with A > 0 that has gained more than `delta` is outside as well.",
        ),
        Mistake(
            "half",
            lambda p, q, advantages, delta: _silenced(p, q, advantages, 2 * delta),
            "half of the difference is compared here. Between two outcomes, |p - q| and |(1 - p) - (1 - q)|, the "
            "halves add up to |p - q|.",
        ),
    ],
    praise="0.00001 -> 0.001 is kept, at a ratio of 100, and 0.99 -> 0.80 is silenced, at a ratio of 0.81.",
)


def _binary_kl(q: Tensor, p: Tensor) -> Tensor:
    return divergences.binary_kl(q.log(), p.log())


check_kl_of_two = Exercise(
    "Is `kl_of_two(q, p)` the KL divergence of this token against all others, KL(anchor || policy)?",
    truth=_binary_kl,
    inputs=lambda draw: (draw.uniform(0.02, 0.97, 6), draw.uniform(0.02, 0.97, 6)),
    examples=[([0.99, 0.5, 0.01], [0.8, 0.4, 0.3])],
    mistakes=[
        Mistake(
            "other direction",
            lambda q, p: _binary_kl(p, q),
            "this is KL(policy || anchor); DPPO measures from the anchor: its own q stands before the logarithm.",
        ),
        Mistake(
            "one outcome",
            lambda q, p: q * (q / p).log(),
            "the sampled token alone is one outcome of two; add that of all others, 1 - q against 1 - p.",
        ),
        Mistake(
            "others' sign",
            lambda q, p: q * (q / p).log() - (1 - q) * ((1 - q) / (1 - p)).log(),
            "both outcomes are added; a KL divergence has no minus between its terms.",
        ),
        Mistake(
            "weights",
            lambda q, p: q * (q / p).log() + (1 - p) * ((1 - q) / (1 - p)).log(),
            "the others are weighed by the policy here; both outcomes are weighed by the anchor: 1 - q.",
        ),
        Mistake(
            "others alone",
            lambda q, p: (1 - q) * ((1 - q) / (1 - p)).log(),
            "the sampled token is an outcome too; add q log(q / p).",
        ),
        Mistake(
            "cross-entropy",
            lambda q, p: -q * p.log() - (1 - q) * (1 - p).log(),
            "this is the cross-entropy; the anchor's own entropy has to be taken off.",
        ),
        Mistake(
            "log-ratio",
            lambda q, p: (q / p).log(),
            "this is -log r, the estimate k1 from one sample; weigh both "
            "outcomes by their probability under the anchor.",
        ),
        Mistake("bits", lambda q, p: _binary_kl(q, p) / torch.tensor(2.0).log(), "this is in bits; `log`, not `log2`."),
        Mistake("total variation", lambda q, p: (q - p).abs(), "this is the total variation; take the KL divergence."),
    ],
    praise="near certainty it is strict: 0.99 -> 0.80 costs 0.18 nats, more than three times DPPO's threshold of 0.05.",
)


def _topk_tv(q: Tensor, p: Tensor, y: Tensor, k: int) -> Tensor:
    top = top_k(q.log(), y, k)
    return divergences.topk_tv(top.logp, top.ids, p.log())


def _halves(q: Tensor, p: Tensor, ids: list[int], rest: bool = True) -> Tensor:
    """Σ |q - p| / 2 over some tokens and, if asked for, the rest."""
    total = (q[ids] - p[ids]).abs().sum()
    return (total + (q[ids].sum() - p[ids].sum()).abs() if rest else total) / 2


def _likeliest(q: Tensor, y: Tensor, k: int) -> list[int]:
    ids: list[int] = q.topk(k).indices.tolist()
    return ids if int(y) in ids else [*ids[:-1], int(y)]


def _two(draw: Draw) -> tuple[Tensor, Tensor, Tensor, int]:
    """Two distributions over twelve tokens, no probability twice; y is outside the k most likely and moves against what
    lies there with it, so that merging would hide it."""
    q, p = (torch.softmax(1.5 * draw.normal(12) + 0.001 * torch.arange(12), 0) for _ in range(2))
    k = int(draw.integers(2, 9))
    outside = q.argsort(descending=True)[k:]
    against = (p - q)[outside] * -(p - q)[outside].sum().sign()
    return q, p, outside[against.argmax()], k


check_topk_tv = Exercise(
    "Is `topk_tv(q, p, y, k)` the total variation over the anchor's k most likely tokens, y among them, and a rest?",
    truth=_topk_tv,
    inputs=_two,
    examples=[
        ([0.6, 0.25, 0.1, 0.05], [0.4, 0.25, 0.1, 0.25], torch.tensor(3), 2),
        ([0.6, 0.25, 0.1, 0.05], [0.4, 0.35, 0.2, 0.05], torch.tensor(0), 2),
    ],
    mistakes=[
        Mistake(
            "y not swapped in",
            lambda q, p, y, k: _halves(q, p, q.topk(k).indices.tolist()),
            "where y is not among the k most likely, it has to take the place of the last of them; here its own "
            "move is hidden in the rest.",
        ),
        Mistake(
            "y added",
            lambda q, p, y, k: _halves(q, p, sorted({*q.topk(k).indices.tolist(), int(y)})),
            "y comes as a token more than k here; it replaces the k-th.",
        ),
        Mistake(
            "no rest",
            lambda q, p, y, k: _halves(q, p, _likeliest(q, y, k), rest=False),
            "the rest is missing: what all other tokens have together is an outcome of its own.",
        ),
        Mistake(
            "always replaced",
            lambda q, p, y, k: _halves(q, p, [*q.topk(k).indices.tolist()[:-1], int(y)]),
            "y replaces the k-th only where it is not among the k most likely already.",
        ),
        Mistake(
            "rest whole",
            lambda q, p, y, k: _topk_tv(q, p, y, k) + ((q - p)[_likeliest(q, y, k)].sum().abs() / 2),
            "the rest is an outcome like the others: it is halved with them.",
        ),
        Mistake("no half", lambda q, p, y, k: 2 * _topk_tv(q, p, y, k), "total variation is half of the sum."),
        Mistake(
            "whole",
            lambda q, p, y, k: (q - p).abs().sum() / 2,
            "this is the total variation of the whole vocabulary; keep k tokens and merge all others.",
        ),
        Mistake("binary", lambda q, p, y, k: (q[y] - p[y]).abs(), "this is the binary total variation, of y alone."),
    ],
    praise="with y swapped in, top-k never sees less than binary: y's own move always counts.",
)

check_room = Numbers(
    "q = 0.001 with A > 0, q = 0.99 with A < 0: how far do a ratio window of 0.2 and a TV of 0.15 let each of them go?",
    rare_ratio=Number(
        0.0012,
        {
            1.2: "that is the ratio; the probability is q times it.",
            0.0008: "A > 0 pushes it up.",
            0.201: "the window is on the ratio: add a fifth of q, not 0.2.",
            0.0002: "that is the room; the token began at 0.001.",
            0.151: "that is where a TV of 0.15 stops it.",
        },
    ),
    rare_tv=Number(
        0.151,
        {
            0.15: "that is the room; the token began at 0.001.",
            0.00115: "total variation is a difference of probabilities: add 0.15, whatever q is.",
            0.0012: "that is where the ratio's window stops it.",
        },
    ),
    likely_ratio=Number(
        0.792,
        {
            0.79: "the window is on the ratio: 0.8 times q, not q - 0.2.",
            0.8: "that is the ratio; the probability is q times it.",
            1.188: "A < 0 pushes it down.",
            0.198: "that is the room; the token began at 0.99.",
            0.825: "the window ends at 1 - 0.2, not at 1 / 1.2.",
            0.84: "that is where a TV of 0.15 stops it.",
        },
    ),
    likely_tv=Number(
        0.84,
        {
            1.14: "A < 0 pushes it down.",
            0.15: "that is the room; the token began at 0.99.",
            0.792: "that is where the ratio's window stops it.",
        },
    ),
    praise="the same two settings give the rare token 750 times as much room, and the likely one a quarter less.",
)

check_chain = Numbers(
    "q = (0.4, 0.3, 0.2, 0.1), p = (0.35, 0.4, 0.1, 0.15), y = 0: total variation as binary, top-2 and full see it.",
    binary=Number(
        0.05,
        {
            0.1: "take half of the sum over both outcomes: 0.05 + 0.05, halved.",
            0.025: "the others are an outcome too, and move by as much.",
        },
    ),
    top_2=Number(
        0.1,
        {
            0.05: "token 1 is in the top 2 and counts by itself.",
            0.2: "total variation is half of the sum.",
            0.075: "the rest is an outcome too: 0.3 against 0.25.",
            0.15: "tokens 2 and 3 are merged: only what they have together counts.",
        },
    ),
    full=Number(
        0.15,
        {
            0.3: "total variation is half of the sum.",
            0.1: "tokens 2 and 3 count one by one here, and move in opposite directions.",
        },
    ),
    praise="what two merged tokens exchange is not seen: each merging can hide something, and none adds.",
)


def _weight(p: Tensor, q: Tensor, advantages: Tensor, delta: float, cap: float) -> Tensor:
    return advantages * (p / q).clamp(max=cap) * ~_silenced(p, q, advantages, delta)


def _far(draw: Draw) -> tuple[Tensor, Tensor, Tensor, float, float]:
    """Sixteen tokens: four of them rare, as far as four times their anchor, and twelve as in `_moved`."""
    rare, cap = draw.uniform(0.01, 0.05, 4), round(draw.number(1.2, 2.5), 2)
    p, q, advantages, delta = _moved(draw, 12)
    grown = rare * draw.uniform(0.3, 4, 4)
    return torch.cat([grown, p]), torch.cat([rare, q]), torch.cat([draw.normal(4), advantages]), delta, cap


check_weight = Exercise(
    "Is `weight(p, q, advantages, delta, cap)` DPPO's gradient weight, with the importance ratio cut at `cap`?",
    truth=_weight,
    inputs=_far,
    mistakes=[
        Mistake(
            "no cap",
            lambda p, q, advantages, delta, cap: _weight(p, q, advantages, delta, math.inf),
            "the ratio is not cut at `cap` yet.",
        ),
        Mistake(
            "cap on the weight",
            lambda p, q, advantages, delta, cap: _weight(p, q, advantages, delta, math.inf).clamp(max=cap),
            "the cap is on the ratio, not on the ratio times the advantage.",
        ),
        Mistake(
            "cap on both sides",
            lambda p, q, advantages, delta, cap: (
                advantages * (p / q).clamp(1 / cap, cap) * ~_silenced(p, q, advantages, delta)
            ),
            "the ratio is cut from above only; a small one stays.",
        ),
        Mistake(
            "dropped",
            lambda p, q, advantages, delta, cap: _weight(p, q, advantages, delta, math.inf) * (p / q <= cap),
            "a token with a ratio above `cap` is dropped here; it counts with `cap` for its ratio.",
        ),
        Mistake(
            "window",
            lambda p, q, advantages, delta, cap: (
                advantages * (p / q).clamp(max=cap) * ~torch.where(advantages > 0, p / q > 1 + delta, p / q < 1 - delta)
            ),
            "the mask looks at the ratio here; DPPO's looks at p - q.",
        ),
        Mistake(
            "no advantage",
            lambda p, q, advantages, delta, cap: (p / q).clamp(max=cap) * ~_silenced(p, q, advantages, delta),
            "the advantage itself is missing.",
        ),
        Mistake(
            "no ratio",
            lambda p, q, advantages, delta, cap: advantages * ~_silenced(p, q, advantages, delta),
            "the importance ratio p / q is missing.",
        ),
        Mistake(
            "no mask",
            lambda p, q, advantages, delta, cap: advantages * (p / q).clamp(max=cap),
            "no token is silenced here: this is truncated importance sampling without a region.",
        ),
        Mistake(
            "unsigned",
            lambda p, q, advantages, delta, cap: advantages * (p / q).clamp(max=cap) * ((p - q).abs() <= delta),
            "tokens outside that would come back are silenced too; DPPO keeps them.",
        ),
        Mistake(
            "old over new",
            lambda p, q, advantages, delta, cap: (
                advantages * (q / p).clamp(max=cap) * ~_silenced(p, q, advantages, delta)
            ),
            "the ratio is new over old: p / q.",
        ),
        Mistake(
            "the loss",
            lambda p, q, advantages, delta, cap: -_weight(p, q, advantages, delta, cap),
            "turned around: w = -dL/dlog p is positive where the token is pushed up.",
        ),
    ],
    praise="three lines, and every library's variant is a change to one of them: anchor, threshold, cap, sign.",
)
