"""Exercises of chapter 12, at scale: a softmax in pieces, several processes, adapters, and what fits on a card."""

from __future__ import annotations

import torch
from torch import Tensor

from trlib.lab.scale.memory import MODELS, Setup, adapters, peak
from trlib.pages.exercises.check import Draw, Exercise, Mistake, Number, Numbers


def _merged(peak_a: Tensor, total_a: Tensor, peak_b: Tensor, total_b: Tensor) -> Tensor:
    """log Z of two pieces, each known by its largest logit and the sum of exponentials below it."""
    return torch.logsumexp(torch.stack([peak_a + total_a.log(), peak_b + total_b.log()]), 0)


def _pieces(draw: Draw) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two pieces of the vocabulary for five tokens; a total is between 1 and the number of logits in the piece."""
    return draw.uniform(0.3, 4, 5), draw.uniform(1.1, 8, 5), draw.uniform(0.2, 5, 5), draw.uniform(1.2, 6, 5)


check_merge = Exercise(
    "Is `merge(peak_a, total_a, peak_b, total_b)` the logarithm of Z over both pieces of the vocabulary?",
    truth=_merged, inputs=_pieces,
    examples=[([0.5, 2.0, 1.0, 3.0, 0.5], [2.0, 1.5, 4.0, 1.0, 3.0], [1.0, 2.0, 2.0, 0.5, 1.5],
               [3.0, 1.5, 2.0, 5.0, 1.0])],
    mistakes=[
        Mistake("no rescaling", lambda peak_a, total_a, peak_b, total_b:
                torch.maximum(peak_a, peak_b) + (total_a + total_b).log(),
                "the two totals are relative to two different peaks. Multiply each by exp(its peak - the larger peak) "
                "before you add them."),
        Mistake("rescaled the wrong way", lambda peak_a, total_a, peak_b, total_b:
                (higher := torch.maximum(peak_a, peak_b))
                + (total_a * (higher - peak_a).exp() + total_b * (higher - peak_b).exp()).log(),
                "a total shrinks when its peak is replaced by a larger one: the factor is exp(own peak - larger peak), "
                "at most 1."),
        Mistake("sum of the logarithms", lambda peak_a, total_a, peak_b, total_b:
                peak_a + total_a.log() + peak_b + total_b.log(),
                "this adds the two log Z. It is the Zs that add up, then comes the logarithm."),
        Mistake("Z", lambda **a: _merged(**a).exp(), "this is Z itself; its logarithm is asked for."),
        Mistake("without the peak", lambda peak_a, total_a, peak_b, total_b:
                _merged(peak_a, total_a, peak_b, total_b) - torch.maximum(peak_a, peak_b),
                "the larger peak was taken out of every exponential and has to be added again at the end."),
        Mistake("the larger piece", lambda peak_a, total_a, peak_b, total_b:
                torch.maximum(peak_a + total_a.log(), peak_b + total_b.log()),
                "this is the larger of the two log Z; the smaller piece counts too."),
    ],
    praise="with it a vocabulary of any size passes by in pieces, and no piece is ever needed again.")


def _whole(sums: Tensor, counts: Tensor) -> Tensor:
    return sums.sum() / counts.sum()


check_whole = Exercise(
    "Is `whole(sums, counts)` the mean loss per token of the batch that several processes share?",
    truth=_whole, inputs=lambda draw: (draw.uniform(-3, 6, 4), draw.integers(2, 40, 4)),
    examples=[([6.0, 1.0, 0.0, 1.0], torch.tensor([2, 2, 2, 10]))],
    mistakes=[
        Mistake("mean of means", lambda sums, counts: (sums / counts).mean(),
                "this is the mean of the processes' own means: a token in a process that has few of them counts for "
                "more. Divide the sum over all processes by the number of tokens in all of them."),
        Mistake("over processes", lambda sums, counts: sums.mean(),
                "this divides by the number of processes; divide by the number of tokens."),
        Mistake("mean count, sum of sums", lambda sums, counts: sums.sum() / counts.double().mean(),
                "the numerator is the whole batch's, the denominator one process's mean; take the whole count."),
        Mistake("no division", lambda sums, counts: sums.sum(), "nothing is divided yet."),
        Mistake("sum of means", lambda sums, counts: (sums / counts).sum(),
                "these are the processes' own means, added up."),
        Mistake("turned over", lambda sums, counts: counts.sum() / sums.sum(), "this is tokens per unit of loss."),
    ],
    praise="so every process needs one number from the others, the count, before it takes its gradient.")


def _bytes(frozen: Tensor, learning: Tensor) -> Tensor:
    return 2 * frozen + 16 * learning


check_bytes = Exercise(
    "Is `bytes_of(frozen, learning)` what model, adapters, gradients and AdamW hold?",
    truth=_bytes, inputs=lambda draw: (draw.uniform(2000, 9000, 3), draw.uniform(10, 300, 3)),
    examples=[([1000.0, 494.0, 7615.0], [100.0, 4.4, 20.0])],
    mistakes=[
        Mistake("float32", lambda frozen, learning: 4 * frozen + 16 * learning,
                "the frozen weights are bfloat16: 2 bytes each."),
        Mistake("everything learns", lambda frozen, learning: 16 * (frozen + learning),
                "what is frozen has no gradient and no moments: 2 bytes for each of its weights and nothing else."),
        Mistake("no moments", lambda frozen, learning: 2 * frozen + 8 * learning,
                "AdamW's two moments are missing: 4 bytes each, for each weight that learns."),
        Mistake("one moment", lambda frozen, learning: 2 * frozen + 12 * learning,
                "AdamW keeps two moments, of the gradient and of its square."),
        Mistake("adapters of 16 bits", lambda frozen, learning: 2 * frozen + 14 * learning,
                "the adapters learn in float32: 4 bytes each, and a gradient of 4 bytes."),
        Mistake("no adapters", lambda frozen, learning: 2 * frozen,
                "these are the frozen weights alone."),
    ],
    praise="sixteen bytes for each weight that learns, two for each that does not: why adapters fit where their model "
           "would not.")

_VOCABULARY, _POSITIONS = 151_936, 8 * 1024
check_logits = Numbers(
    "The gigabytes of whole logits, and of an anchor's 64 most likely tokens.",
    logits=Number(12 * _POSITIONS * _VOCABULARY / 1e9, {
        4 * _POSITIONS * _VOCABULARY / 1e9: "`logits`: one array is this large; at the peak there are three.",
        6 * _POSITIONS * _VOCABULARY / 1e9: "`logits`: the arrays are float32, 4 bytes a number, whatever the weights "
                                            "are.",
        12 * 1024 * _VOCABULARY / 1e9: "`logits`: this is for one completion; there are eight.",
        12 * _POSITIONS * _VOCABULARY: "`logits`: in gigabytes, please: divide by 10^9.",
        12 * _POSITIONS * _VOCABULARY / 2**30: "`logits`: this divides by 2^30; a gigabyte here is 10^9 bytes."}),
    anchor=Number(12 * 64 * _POSITIONS / 1e9, {
        4 * 64 * _POSITIONS / 1e9: "`anchor`: these are the log-probs alone. An id takes 8 bytes more.",
        8 * 64 * _POSITIONS / 1e9: "`anchor`: an id takes 8 bytes and a log-prob 4.",
        12 * 64 * _POSITIONS: "`anchor`: in gigabytes, please: divide by 10^9.",
        4 * _VOCABULARY * _POSITIONS / 1e9: "`anchor`: this is the whole distribution; only 64 tokens are kept."}),
    praise="the anchor is kept for every token of the batch, the logits only for those that pass at once. Kept whole, "
           "the anchor would be the larger of the two.")


def _largest(scoring: str) -> int:
    """The most completions at once, a power of two, with which the exercise's setup fits in 24 GB."""
    fitting = [2**k for k in range(9) if peak(Setup(at_once=2**k, scoring=scoring, completion=512)) <= 24e9]
    return max(fitting)


check_at_once = Numbers(
    "The most completions at once, of powers of two, with whole logits and in chunks.",
    whole=Number(_largest("full"), {
        2 * _largest("full"): "`whole`: this does not fit. Are the activations in it?",
        _largest("full") / 2: "`whole`: this fits, and twice as many do too."}),
    chunked=Number(_largest("chunked"), {
        2 * _largest("chunked"): "`chunked`: this does not fit: the activations are not in chunks.",
        _largest("chunked") / 2: "`chunked`: this fits, and twice as many do too."}),
    praise="chunks take the logits away, not the activations. What is left is fewer completions at once, or computing "
           "activations twice.")

check_lora = Numbers(
    "How many numbers learn with adapters of rank 16 on Qwen2.5-0.5B, and which share of all weights that is.",
    learning=Number(adapters(MODELS["Qwen2.5-0.5B"], 16), {
        adapters(MODELS["Qwen2.5-0.5B"], 8): "`learning`: this is rank 8.",
        adapters(MODELS["Qwen2.5-0.5B"], 16) / 24: "`learning`: this is one layer; there are 24."}),
    share=Number(adapters(MODELS["Qwen2.5-0.5B"], 16) / 494_032_768, {
        100 * adapters(MODELS["Qwen2.5-0.5B"], 16) / 494_032_768: "`share`: this is in per cent; as a share, please."}),
    praise="AdamW's state shrinks by the same share.")
