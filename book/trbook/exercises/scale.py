"""Exercises of chapter 12 and of page 12b: a strange log, a batch that tells losses apart; what fits
on a card, a softmax in pieces that trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

import trlib
from trbook.exercises.attempt import Attempt, asked
from trbook.exercises.check import Number, Numbers
from trbook.exercises.verdict import NotYet, kind
from trbook.scale.memory import Setup, peak
from trbook.scale.meter import peak_bytes
from trbook.scale.scoring import score_tokens
from trlib.model.rollout import sample


def _largest(scoring: str) -> int:
    """The most completions at once, a power of two, with which the exercise's setup fits in 24
    GB."""
    fitting = [
        2**k for k in range(9) if peak(Setup(at_once=2**k, scoring=scoring, completion=512)) <= 24e9
    ]
    return max(fitting)


def _at_once(name: str, scoring: str, overlooked: str) -> Number:
    """The number, with a hint for each of the others from 1 to 256."""
    wanted = _largest(scoring)

    def hint(n: int) -> str:
        if n & (n - 1):
            return f"`{name}`: expected a power of two: 1, 2, 4, 8, ..."
        return (
            f"`{name}`: this does not fit. {overlooked}"
            if n > wanted
            else (f"`{name}`: this fits, but so does twice as many.")
        )

    return Number(wanted, {n: hint(n) for n in range(1, 257) if n != wanted})


check_at_once = Numbers(
    "Which power of two is the largest number of completions at once that fits, with whole logits "
    "and in chunks?",
    whole=_at_once("whole", "full", "Did you count the activations?"),
    chunked=_at_once("chunked", "chunked", "The activations do not come in chunks."),
    praise="chunks take the logits away, not the activations. The only remedies for those are "
    "fewer completions at once, or computing activations twice.",
)

_SIGNS = {
    1: "a process that was never started takes its completions with it: there would be 64 of them "
    "instead of 128.",
    2: "two processes with the same prompts have as many completions as ever, but half as many "
    "different prompts.",
    3: "a sampler that is not the learner shows before the first step: log r would be far from 0, "
    "by about 0.1.",
    4: "with 16-bit weights the gradient is as large as ever and most weights stay exactly where "
    "they were.",
    5: "with a learning rate of 0 no weight at all would change.",
}
"""How each fault that the exercise lists shows in the log of `trbook.scale.strange`; no run has the
fifth."""


def _fault(run: str, fault: int) -> Number:
    return Number(
        fault, {other: f"`{run}`: {sign}" for other, sign in _SIGNS.items() if other != fault}
    )


check_log = Numbers(
    "Which fault does each of the four runs have? Give the faults' numbers, 1 to 5.",
    a=_fault("a", 3),
    b=_fault("b", 2),
    c=_fault("c", 4),
    d=_fault("d", 1),
    praise="no run raised an error, and the reward would not have told the four apart. Log "
    "completions, different "
    "prompts, the ratio before the first step, and the share of weights that changed.",
)


def _gradient(
    logp: Tensor,
    old: Tensor,
    A: Tensor,
    mask: Tensor,
    *,
    kept: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda A, moved, r: A.sign() * moved <= 0.15,
    weight: Callable[[Tensor, Tensor], Tensor] = lambda A, r: A * r,
    per_completion: bool = False,
    padded: bool = False,
) -> Tensor:
    """[B, T]: minus the gradient in `logp` of DPPO's loss, or of one that differs in a part."""
    moved, r = logp.exp() - old.exp(), (logp - old).clamp(max=20).exp()
    counted = torch.full_like(mask, True) if padded else mask
    length = counted.sum(1, keepdim=True) * len(mask) if per_completion else counted.sum()
    return torch.where(mask, weight(A, r) * kept(A, moved, r), 0.0) / length


_MISTAKES: dict[str, dict[str, Any]] = {
    "a loss without a mask": {"kept": lambda A, moved, r: torch.ones_like(A)},
    "a mask with its sign turned around": {"kept": lambda A, moved, r: -A.sign() * moved <= 0.15},
    "a mask that stops tokens on their way back, too": {
        "kept": lambda A, moved, r: moved.abs() <= 0.15
    },
    "a mask for good advantages only": {"kept": lambda A, moved, r: (A < 0) | (moved <= 0.15)},
    "verl's default threshold, 0.2": {"kept": lambda A, moved, r: A.sign() * moved <= 0.2},
    "a mask on the ratio instead of the probability": {
        "kept": lambda A, moved, r: A.sign() * (r - 1) <= 0.2
    },
    "a ratio upside down": {"weight": lambda A, r: A / r},
    "a loss without the ratio": {"weight": lambda A, r: A},
    "a mean over each completion first": {"per_completion": True},
    "a mean that counts padding": {"padded": True},
}


def _tells(answer: Callable[..., Any]) -> str:
    """Tries a reader's batch: every mistake has to have a gradient of its own on it."""
    given = asked(answer)
    if not (
        isinstance(given, tuple | list)
        and len(given) == 4
        and all(isinstance(part, Tensor) and part.dim() == 2 for part in given)
        and len({part.shape for part in given}) == 1
    ):
        raise NotYet(
            "expected four tensors of one shape [B, T], `return logp, old, advantages, mask`, but "
            f"your function returns {kind(given)}."
        )
    logp, old, A = (part.detach().double() for part in given[:3])
    mask = given[3].bool()
    if not 0 < mask.sum() <= _COUNTED:
        raise NotYet(f"expected 1 to {_COUNTED} tokens that count, got {int(mask.sum())}.")
    if not all(torch.isfinite(part[mask]).all() for part in (logp, old, A)):
        raise NotYet("a token that counts has a number that is not finite.")
    if max(logp[mask].max(), old[mask].max()) > 0:
        raise NotYet("a log-prob is above 0, so this token has a probability above 1.")
    right = _gradient(logp, old, A, mask)
    passed = [
        name
        for name, mistake in _MISTAKES.items()
        if torch.allclose(_gradient(logp, old, A, mask, **mistake), right, rtol=1e-3, atol=1e-6)
    ]
    if passed:
        raise NotYet(
            f"{len(passed)} of {len(_MISTAKES)} wrong losses have the right gradient on your batch: "
            f"{'; '.join(passed)}. Which token would give the first of them away?"
        )
    return (
        f"{int(mask.sum())} tokens catch {len(_MISTAKES)} mistakes. Keep such a batch as a test of "
        "your trainer."
    )


_COUNTED = 6
"""The most tokens that the batch may have."""

check_batch = Attempt(
    "Does every wrong loss have another gradient on your batch than the right one?", _tells
)


def _in_pieces(answer: Callable[..., Any]) -> str:
    """Tries `score_in_pieces`: its numbers, what it holds at once, and four updates of a policy with
    it."""
    _numbers(answer)
    held = _memory(answer)
    apart = _updates(answer)
    return (
        f"it held {held / 1e6:.1f} MB where whole logits take {12 * _MANY * _WORDS / 1e6:.0f}. "
        f"After {_UPDATES} updates on `dial` the log-probs are {apart:.0e} nats from those "
        "with `score_tokens`."
    )


def _numbers(answer: Callable[..., Any]) -> None:
    for seed, size in ((0, 1.0), (1, 1.0), (2, 40.0)):  # the last has logits in the hundreds
        draw = torch.Generator().manual_seed(seed)
        hidden, W = size * torch.randn(5, 8, generator=draw), torch.randn(23, 8, generator=draw)
        y = torch.randint(0, 23, (5,), generator=draw)
        for chunk in (6, 23, 50):
            logp, slope = _answered(answer, hidden.clone(), W.clone(), y.clone(), chunk)
            _compare_logp(logp, hidden @ W.T, y, chunk)
            _compare_slope(slope, W, y, (hidden @ W.T).softmax(-1))


def _compare_logp(logp: Tensor, logits: Tensor, y: Tensor, chunk: int) -> None:
    at = torch.arange(len(y))
    want, chosen = logits.log_softmax(-1)[at, y], logits[at, y]
    pieces = logits.split(chunk, 1)
    wrong = [
        (chosen, "this is the logit of each token; log Z is not subtracted yet."),
        (logits.logsumexp(-1), "this is log Z; the log-prob is the token's logit less log Z."),
        (want.exp(), "this is the probability; take its logarithm."),
        (-want, "the sign is flipped: a log-prob is never above 0."),
        (
            chosen - pieces[-1].logsumexp(-1),
            "log Z is of the last piece alone; carry the peak and the total on from piece to piece.",
        ),
        (
            chosen - pieces[0].logsumexp(-1),
            "log Z is of the first piece alone; is there a `return` inside the loop?",
        ),
    ]
    if _is_right("logp", logp, want, wrong, 1e-4):
        return
    if not torch.isfinite(logp).all():
        raise NotYet(
            "`logp`: not finite where logits are large. Take the peak out of every exponential."
        )
    raise NotYet(
        f"`logp` is off with {len(logits)} positions, {logits.shape[1]} tokens and chunk = "
        f"{chunk}. Does the old total shrink by exp(old peak - new peak) when a piece brings a "
        "larger logit?"
    )


def _compare_slope(slope: Tensor, W: Tensor, y: Tensor, p: Tensor) -> None:
    want = W[y] - p @ W
    wrong = [
        (W[y], "this is W_y alone; subtract the mean output row u."),
        (p @ W, "this is the mean output row u; the slope is W_y - u."),
        (-want, "the sign is flipped: it is W_y - u."),
        (W[y] - W.mean(0), "u is the plain mean of the rows; each row counts by its probability."),
    ]
    if not _is_right("slope", slope, want, wrong, 1e-3):
        raise NotYet(
            "the log-probs are right, but `slope` is not. It is W_y - u, where u is the mean of "
            "the rows of W under the policy. The sum behind u shrinks like the total when the "
            "peak rises, and is divided by it at the end."
        )


def _is_right(
    name: str, got: Tensor, want: Tensor, wrong: Sequence[tuple[Tensor, str]], within: float
) -> bool:
    """Whether a result is right; a typical wrong one gets its hint."""
    near = partial(torch.allclose, got, rtol=within, atol=within)
    if near(want):
        return True
    for value, hint in wrong:
        if near(value):
            raise NotYet(f"`{name}`: {hint}")
    return False


def _memory(answer: Callable[..., Any]) -> int:
    draw = torch.Generator().manual_seed(3)
    hidden, W = torch.randn(_MANY, 32, generator=draw), torch.randn(_WORDS, 32, generator=draw)
    y = torch.randint(0, _WORDS, (_MANY,), generator=draw)
    held = peak_bytes(lambda: _answered(answer, hidden, W, y, 512))
    if held >= 4 * _MANY * _WORDS:
        raise NotYet(
            f"the numbers are right, but {held / 1e6:.0f} MB were held at the peak: all logits "
            "at once. Take `chunk` rows of W at a time, and keep a peak, a total and a sum of "
            "rows."
        )
    return held


def _updates(answer: Callable[..., Any]) -> float:
    yours, library = _learned(partial(_Scored.apply, answer)), _learned(score_tokens)
    apart = (yours - library).abs().max().item()
    if not apart < 1e-2:
        raise NotYet(
            f"right on small inputs, but after {_UPDATES} updates on `dial` a log-prob is "
            f"{apart:.1g} nats from the library's. Does your function keep something from one "
            "call to the next?"
        )
    return apart


_MANY, _WORDS, _UPDATES = 64, 20_000, 4


def _answered(
    answer: Callable[..., Any], hidden: Tensor, W: Tensor, y: Tensor, chunk: int
) -> tuple[Tensor, Tensor]:
    """What the reader's function returns, of the right shapes, as float32."""
    got = asked(answer, hidden, W, y, chunk, told="`hidden`, `W`, `y` and `chunk`")
    if got is None or got is Ellipsis:
        raise NotYet("your function returns nothing yet; does it end with `return logp, slope`?")
    if not (
        isinstance(got, tuple | list)
        and len(got) == 2
        and all(isinstance(part, Tensor) for part in got)
    ):
        raise NotYet(
            f"expected two tensors, `return logp, slope`, but your function returns {kind(got)}."
        )
    for name, part, shape in zip(("logp", "slope"), got, (y.shape, hidden.shape), strict=True):
        if part.shape != shape:
            raise NotYet(f"`{name}` has the shape {list(part.shape)} instead of {list(shape)}.")
    logp, slope = (part.detach().cpu().to(torch.float32) for part in got)
    return logp, slope


class _Scored(torch.autograd.Function):
    """The reader's log-probs, with the reader's slope as their gradient in the hidden states."""

    @staticmethod
    def forward(
        ctx: Any, answer: Callable[..., Any], hidden: Tensor, W: Tensor, y: Tensor
    ) -> Tensor:
        logp, slope = _answered(answer, hidden.detach().clone(), W.detach(), y, 64)
        ctx.save_for_backward(slope)
        return logp

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[None, Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return None, grad[:, None] * slope, None, None


def _learned(score: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """Log-probs of one batch of `dial` after a few updates of adapters at a learning rate of
    3e-3."""
    task, policy = (
        trlib.load_task("dial"),
        trlib.load_policy("dial", lora={"r": 8, "target_modules": "all-linear"}),
    )
    body, W = policy.model.get_base_model().model, policy.model.get_output_embeddings().weight
    batch = sample(
        policy,
        [p.text for p in task.prompts(4, seed=0)],
        group=4,
        max_tokens=task.max_tokens,
        seed=0,
    )
    A = torch.tensor([1.0, -1.0]).repeat(len(batch) // 2)[:, None].expand_as(batch.logp)[batch.mask]
    ids = torch.cat([batch.prompt_ids[batch.group], batch.tokens], 1)
    there = torch.cat([batch.prompt_mask[batch.group], batch.present], 1).long()
    place = (there.cumsum(1) - 1).clamp(min=0)
    optimizer = torch.optim.AdamW(policy.parameters, lr=3e-3, betas=(0.9, 0.95))
    logp = torch.empty(0)
    for _ in range(_UPDATES):
        hidden = body(input_ids=ids, attention_mask=there, position_ids=place).last_hidden_state
        hidden = hidden[:, -batch.tokens.shape[1] - 1 : -1][batch.mask]
        logp = score(hidden, W, batch.tokens[batch.mask])
        optimizer.zero_grad()
        (-A * (logp - batch.logp[batch.mask]).exp()).mean().backward()
        optimizer.step()
    return logp.detach()


check_in_the_loop = Attempt(
    "Does `score_in_pieces(hidden, W, y, chunk)` give log-probs and their gradient without ever "
    "holding all logits, and does a policy learn with it as with the library's `score_tokens`?",
    _in_pieces,
)
