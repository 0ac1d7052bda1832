"""Exercises of chapter 12, at scale: a softmax in pieces, several processes, adapters, and what fits on a card."""

from __future__ import annotations

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trbook.scale.memory import MODELS, Setup, adapters, peak


def _merged(peak_a: Tensor, total_a: Tensor, peak_b: Tensor, total_b: Tensor) -> Tensor:
    """log Z of two pieces, each known by its largest logit and the sum of exponentials below it."""
    return torch.logsumexp(torch.stack([peak_a + total_a.log(), peak_b + total_b.log()]), 0)


def _pieces(draw: Draw) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two pieces of the vocabulary for five tokens; a total is between 1 and the number of logits in the piece."""
    return draw.uniform(0.3, 4, 5), draw.uniform(1.1, 8, 5), draw.uniform(0.2, 5, 5), draw.uniform(1.2, 6, 5)


check_merge = Exercise(
    "Is `merge(peak_a, total_a, peak_b, total_b)` the logarithm of Z over both pieces of the vocabulary?",
    truth=_merged,
    inputs=_pieces,
    examples=[
        ([0.5, 2.0, 1.0, 3.0, 0.5], [2.0, 1.5, 4.0, 1.0, 3.0], [1.0, 2.0, 2.0, 0.5, 1.5], [3.0, 1.5, 2.0, 5.0, 1.0]),
        (
            [1000.0, 3.0, 1.0, 2.0, 0.5],
            [2.0, 1.5, 4.0, 1.0, 3.0],
            [3.0, 1000.0, 2.0, 0.5, 1.5],
            [3.0, 1.5, 2.0, 5.0, 1.0],
        ),
    ],
    mistakes=[
        Mistake(
            "no rescaling",
            lambda peak_a, total_a, peak_b, total_b: torch.maximum(peak_a, peak_b) + (total_a + total_b).log(),
            "the two totals are relative to two different peaks. Multiply each by exp(its peak - the larger peak) "
            "before you add them.",
        ),
        Mistake(
            "rescaled the wrong way",
            lambda peak_a, total_a, peak_b, total_b: (
                (higher := torch.maximum(peak_a, peak_b))
                + (total_a * (higher - peak_a).exp() + total_b * (higher - peak_b).exp()).log()
            ),
            "a total shrinks when its peak is replaced by a larger one: the factor is exp(own peak - larger peak), "
            "at most 1.",
        ),
        Mistake(
            "sum of the logarithms",
            lambda peak_a, total_a, peak_b, total_b: peak_a + total_a.log() + peak_b + total_b.log(),
            "this adds the two log Z. It is the Zs that add up, then comes the logarithm.",
        ),
        Mistake("Z", lambda **a: _merged(**a).exp(), "this is Z itself; its logarithm is asked for."),
        Mistake(
            "without the peak",
            lambda peak_a, total_a, peak_b, total_b: (
                _merged(peak_a, total_a, peak_b, total_b) - torch.maximum(peak_a, peak_b)
            ),
            "the larger peak was taken out of every exponential and has to be added again at the end.",
        ),
        Mistake(
            "the larger piece",
            lambda peak_a, total_a, peak_b, total_b: torch.maximum(peak_a + total_a.log(), peak_b + total_b.log()),
            "this is the larger of the two log Z; the smaller piece counts too.",
        ),
        Mistake(
            "e to the peak",
            lambda peak_a, total_a, peak_b, total_b: (total_a * peak_a.exp() + total_b * peak_b.exp()).log(),
            "the formula is right, and exp(1000) overflows: it is infinite. Take the larger peak out of both "
            "exponentials and add it at the end.",
        ),
        Mistake(
            "relative to b",
            lambda peak_a, total_a, peak_b, total_b: peak_b + (total_a * (peak_a - peak_b).exp() + total_b).log(),
            "right where `peak_b` is the larger one; where `peak_a` is larger by 1,000 the exponential overflows. "
            "Make both relative to the larger of the two.",
        ),
        Mistake(
            "relative to a",
            lambda peak_a, total_a, peak_b, total_b: peak_a + (total_a + total_b * (peak_b - peak_a).exp()).log(),
            "right where `peak_a` is the larger one; where `peak_b` is larger by 1,000 the exponential overflows. "
            "Make both relative to the larger of the two.",
        ),
        Mistake(
            "the smaller peak added",
            lambda peak_a, total_a, peak_b, total_b: (
                _merged(peak_a, total_a, peak_b, total_b) - (peak_a - peak_b).abs()
            ),
            "the totals are relative to the larger peak, and the smaller one is added at the end.",
        ),
        Mistake(
            "peaks and totals apart",
            lambda peak_a, total_a, peak_b, total_b: peak_a + peak_b + (total_a + total_b).log(),
            "the peaks are added up, and the totals. A piece's Z is its total times exp(its peak): add those two.",
        ),
    ],
    praise="with it a vocabulary of any size passes by in pieces, and no piece is ever needed again.",
)


def _whole(sums: Tensor, counts: Tensor) -> Tensor:
    return sums.sum() / counts.sum()


check_whole = Exercise(
    "Is `whole(sums, counts)` the mean loss per token of the batch that several processes share?",
    truth=_whole,
    inputs=lambda draw: (draw.uniform(-3, 6, 4), draw.integers(2, 40, 4)),
    examples=[([6.0, 1.0, 0.0, 1.0], torch.tensor([2, 2, 2, 10]))],
    mistakes=[
        Mistake(
            "mean of means",
            lambda sums, counts: (sums / counts).mean(),
            "this is the mean of the processes' own means: a token in a process that has few of them counts for "
            "more. Divide the sum over all processes by the number of tokens in all of them.",
        ),
        Mistake(
            "over processes",
            lambda sums, counts: sums.mean(),
            "this divides by the number of processes; divide by the number of tokens.",
        ),
        Mistake(
            "mean count, sum of sums",
            lambda sums, counts: sums.sum() / counts.double().mean(),
            "the numerator is the whole batch's, the denominator one process's mean; take the whole count.",
        ),
        Mistake(
            "mean sum, whole count",
            lambda sums, counts: sums.mean() / counts.sum(),
            "the numerator is one process's mean, the denominator the whole batch's; take the whole sum.",
        ),
        Mistake("no division", lambda sums, counts: sums.sum(), "nothing is divided yet."),
        Mistake(
            "sum of means", lambda sums, counts: (sums / counts).sum(), "these are the processes' own means, added up."
        ),
        Mistake("turned over", lambda sums, counts: counts.sum() / sums.sum(), "this is tokens per unit of loss."),
    ],
    praise="so every process needs one number from the others, the count, before it takes its gradient.",
)


def _bytes(frozen: Tensor, learning: Tensor) -> Tensor:
    return 2 * frozen + 16 * learning


check_bytes = Exercise(
    "Is `bytes_of(frozen, learning)` what model, adapters, gradients and AdamW hold?",
    truth=_bytes,
    inputs=lambda draw: (draw.uniform(2000, 9000, 3), draw.uniform(10, 300, 3)),
    examples=[([1000.0, 494.0, 7615.0], [100.0, 4.4, 20.0])],
    mistakes=[
        Mistake(
            "float32",
            lambda frozen, learning: 4 * frozen + 16 * learning,
            "4 bytes for each frozen weight are too many: it is bfloat16, 2 bytes, and has no gradient.",
        ),
        Mistake(
            "everything learns",
            lambda frozen, learning: 16 * (frozen + learning),
            "what is frozen has no gradient and no moments: 2 bytes for each of its weights and nothing else.",
        ),
        Mistake(
            "no moments",
            lambda frozen, learning: 2 * frozen + 8 * learning,
            "AdamW's two moments are missing: 4 bytes each, for each weight that learns.",
        ),
        Mistake(
            "one of four",
            lambda frozen, learning: 2 * frozen + 12 * learning,
            "12 bytes for each weight that learns are too few. It has itself, its gradient, and AdamW's moments of "
            "the gradient and of its square: four numbers of 4 bytes.",
        ),
        Mistake(
            "copies",
            lambda frozen, learning: 2 * frozen + 20 * learning,
            "20 bytes for each weight that learns are too many: adapters are float32 and need no copies.",
        ),
        Mistake(
            "weights alone",
            lambda frozen, learning: 2 * frozen + 4 * learning,
            "these are the weights alone; gradients and AdamW's two moments are missing.",
        ),
        Mistake(
            "2 bytes for all",
            lambda frozen, learning: 2 * (frozen + learning),
            "this is all weights in bfloat16; the adapters are float32, with a gradient and two moments.",
        ),
        Mistake("bits", lambda frozen, learning: 8 * _bytes(frozen, learning), "these are bits; 8 are a byte."),
        Mistake(
            "adapters of 16 bits",
            lambda frozen, learning: 2 * frozen + 14 * learning,
            "the adapters learn in float32: 4 bytes each, and a gradient of 4 bytes.",
        ),
        Mistake("no adapters", lambda frozen, learning: 2 * frozen, "these are the frozen weights alone."),
    ],
    praise="sixteen bytes for each weight that learns, two for each that does not: why adapters fit where their model "
    "would not.",
)

_VOCABULARY, _POSITIONS = 151_936, 8 * 1024
check_logits = Numbers(
    "The gigabytes of whole logits, and of an anchor's 64 most likely tokens.",
    rtol=5e-3,
    logits=Number(
        12 * _POSITIONS * _VOCABULARY / 1e9,
        {
            4 * _POSITIONS * _VOCABULARY / 1e9: "`logits`: one array is this large; at the peak there are three.",
            8
            * _POSITIONS
            * _VOCABULARY
            / 1e9: "`logits`: these are two arrays. At the peak there are three: log-probs, "
            "their gradient, the logits' gradient.",
            6
            * _POSITIONS
            * _VOCABULARY
            / 1e9: "`logits`: the arrays are float32, 4 bytes a number, whatever the weights are.",
            12 * 1024 * _VOCABULARY / 1e9: "`logits`: this is for one completion; there are eight.",
            12 * _POSITIONS * _VOCABULARY: "`logits`: in gigabytes, please: divide by 10^9.",
            12 * _POSITIONS * _VOCABULARY / 2**30: "`logits`: this divides by 2^30; a gigabyte here is 10^9 bytes.",
        },
    ),
    anchor=Number(
        12 * 64 * _POSITIONS / 1e9,
        {
            4 * 64 * _POSITIONS / 1e9: "`anchor`: these are the log-probs alone. An id takes 8 bytes more.",
            8 * 64 * _POSITIONS / 1e9: "`anchor`: an id takes 8 bytes and a log-prob 4.",
            12 * 64 * 1024 / 1e9: "`anchor`: this is for one completion; there are eight.",
            12 * 64 * _POSITIONS: "`anchor`: in gigabytes, please: divide by 10^9.",
            12 * 64 * _POSITIONS / 1e6: "`anchor`: these are megabytes; in gigabytes, please.",
            12 * 64 * _POSITIONS / 2**30: "`anchor`: this divides by 2^30; a gigabyte here is 10^9 bytes.",
            4 * _VOCABULARY * _POSITIONS / 1e9: "`anchor`: this is the whole distribution; only 64 tokens are kept.",
        },
    ),
    praise="the logits are there for the completions that pass at once, the anchor for all completions of the batch. "
    "Kept whole, it would be the larger of the two from 25 completions on.",
)


def _largest(scoring: str) -> int:
    """The most completions at once, a power of two, with which the exercise's setup fits in 24 GB."""
    fitting = [2**k for k in range(9) if peak(Setup(at_once=2**k, scoring=scoring, completion=512)) <= 24e9]
    return max(fitting)


def _at_once(name: str, scoring: str, overlooked: str) -> Number:
    """The number, with a hint for every other one from 1 to 256."""
    wanted = _largest(scoring)

    def hint(n: int) -> str:
        if n & (n - 1):
            return f"`{name}`: a power of two is asked for: 1, 2, 4, 8, ..."
        return (
            f"`{name}`: this does not fit. {overlooked}"
            if n > wanted
            else (f"`{name}`: this fits, and twice as many do too.")
        )

    return Number(wanted, {n: hint(n) for n in range(1, 257) if n != wanted})


check_at_once = Numbers(
    "The most completions at once, of powers of two, with whole logits and in chunks.",
    whole=_at_once("whole", "full", "Are the activations in it?"),
    chunked=_at_once("chunked", "chunked", "The activations are not in chunks."),
    praise="chunks take the logits away, not the activations. What is left is fewer completions at once, or computing "
    "activations twice.",
)

_SMALL = MODELS["Qwen2.5-0.5B"]
_LEARNING, _ALL = adapters(_SMALL, 16), 494_032_768
_WIDTHS = [(896, 896)] * 2 + [(896, 128)] * 2 + [(896, 4864)] * 3
check_lora = Numbers(
    "How many numbers learn with adapters of rank 16 on Qwen2.5-0.5B, and which share of all weights that is.",
    learning=Number(
        _LEARNING,
        {
            adapters(_SMALL, 8): "`learning`: this is rank 8, or one of the two matrices A and B of every layer alone.",
            _LEARNING / 24: "`learning`: this is one block; there are 24.",
            _LEARNING / 16: "`learning`: the rank is missing: a layer's adapters have 16 times as many.",
            24
            * sum(
                a * b for a, b in _WIDTHS
            ): "`learning`: this is in times out, the matrices themselves. A has 16 x in "
            "numbers and B out x 16: they add up to 16 x (in + out).",
            24 * 256 * sum(a * b for a, b in _WIDTHS): "`learning`: A and B are multiplied. Their numbers add up: 16 x "
            "(in + out).",
            24 * 16 * sum(a + b for a, b in _WIDTHS[:4]): "`learning`: gate, up and down are missing.",
            24 * 16 * sum(a + b for a, b in _WIDTHS[4:]): "`learning`: q, k, v and o are missing.",
            24
            * 16
            * sum(a + b for a, b in _WIDTHS[::2][:2] + _WIDTHS[4:]): "`learning`: q and o are two layers, k and v "
            "are two more.",
            24 * 16 * sum(a + b for a, b in _WIDTHS[:6]): "`learning`: the MLP has three layers: gate, up and down.",
        },
    ),
    share=Number(
        _LEARNING / _ALL,
        {
            100 * _LEARNING / _ALL: "`share`: this is in per cent; as a share, please.",
            _LEARNING
            / (_ALL + _LEARNING): "`share`: this is of weights and adapters together; of the weights, please.",
            _ALL / _LEARNING: "`share`: turned over; the numbers that learn stand above.",
            0.018: "`share`: right as far as it goes; three digits, please.",
        },
    ),
    praise="AdamW's state and the gradients shrink to the same share.",
)
