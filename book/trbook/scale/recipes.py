"""One GPU, and one machine with eight: what a card then holds, and which correction the sampler asks
for.

    recipe = RECIPES[8]
    on_a_card(recipe)
        {"weights": ..., "gathered": ..., ...}, bytes at the peak of an update
    level(recipe)
        "token" or "sequence"

The files that train so are `examples/trl` and `examples/verl`; tests hold them to these numbers.
Nobody has run them on GPUs. Bytes are those of `trbook.scale.memory`, spread over the cards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from trbook.scale.memory import Setup, Shape, activations_a_token, parameters, sampling, updating

H100 = 80e9
"""Bytes of a card's memory."""


@dataclass(frozen=True)
class Recipe:
    """A batch, and the cards of one machine that it is spread over; together they hold one copy of
    the weights."""

    gpus: int
    setup: Setup
    """The whole batch; `at_once` is per card."""
    engine: float
    """The share of a card's memory that vLLM takes."""

    @property
    def tokens(self) -> int:
        """Counts the tokens of a prompt with its completion."""
        return self.setup.prompt + self.setup.completion


def _recipe(gpus: int, engine: float, **batch: Any) -> Recipe:
    return Recipe(gpus, Setup(learns="full", group=8, prompt=256, **batch), engine)


RECIPES: dict[int, Recipe] = {
    1: _recipe(1, 0.3, model="Qwen2.5-0.5B", prompts=16, completion=1024, at_once=8),
    8: _recipe(8, 0.5, model="Qwen2.5-7B", prompts=64, completion=2048, at_once=4),
}
"""By the number of GPUs. All weights learn, and each batch is used once."""


def _layer(shape: Shape) -> int:
    """Weights of one block."""
    outside = shape.hidden + shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    return (parameters(shape) - outside) // shape.layers


def on_a_card(recipe: Recipe, *, recompute: bool = True) -> dict[str, int]:
    """Bytes on each card at the peak of an update, by part.

    Weights, gradients and AdamW's state are divided by `recipe.gpus`: 16 bytes per weight in all,
    however the library splits them. `gathered` is what a sharded pass holds whole for a moment, in
    bfloat16: embedding and output layer, the block at work and the next. With `recompute` a block
    keeps its input only, and one block at a time keeps everything (`gradient_checkpointing`).
    """
    setup, shape = recipe.setup, recipe.setup.shape
    whole, layer = updating(setup), _layer(recipe.setup.shape)
    tokens = setup.rows * recipe.tokens
    per_token = activations_a_token(setup)
    if recompute:
        per_token = 2 * shape.hidden * shape.layers + per_token // shape.layers
    outside = parameters(shape) - shape.layers * layer
    return {
        **{part: -(-whole[part] // recipe.gpus) for part in ("weights", "gradients", "optimizer")},
        "gathered": 2 * (outside + 2 * layer) if recipe.gpus > 1 else 0,
        "activations": tokens * per_token,
        "logits": whole["logits"],
    }


def room(recipe: Recipe) -> int:
    """Completions for which vLLM's share of a card has keys and values, beside its weights in
    bfloat16."""
    setup = recipe.setup
    cache = sampling(setup)["cache"] // setup.completions
    return int((recipe.engine * H100 - 2 * parameters(setup.shape)) // cache)


LITTLE = 1 / 3
"""The largest T σ² at which a completion's product of ratios costs little: e^(-1/3) of the batch is
left in effect."""
BF16 = 0.037437
"""The mean |log-ratio| per token, nats, of bf16 against float32 on SmolLM2-135M, as the page on
diagnose has it."""
BOUND = 2.0
"""The largest weight of the recipes' correction."""


def noise(mismatch: float | None = None) -> float:
    """σ of a token's log-ratio between two engines, nats, supposed normal: its mean size times
    √(π/2).

    The mean size is measured, `sampling/sampling_logp_difference/mean` in TRL; None: bf16's,
    recorded on SmolLM2."""
    mean = BF16 if mismatch is None else mismatch
    return mean * math.sqrt(math.pi / 2)


def level(recipe: Recipe, sigma: float | None = None) -> str:
    """Whose ratio corrects for the sampler: "sequence" while T σ² costs little, else "token"; None:
    σ is `noise()`."""
    sigma = noise() if sigma is None else sigma
    return "sequence" if recipe.setup.completion * sigma**2 <= LITTLE else "token"


@dataclass(frozen=True)
class Alarm:
    """A number to watch, and when to stop the run."""

    what: str
    trl: str
    """Its name in TRL's log."""
    verl: str
    """Its name in verl's log."""
    when: str
    meaning: str


ALARMS = (
    Alarm(
        "mismatch with a learning rate of 0",
        "sampling/sampling_logp_difference/mean",
        "rollout_corr/k3_kl",
        "TRL above 0.1 nats, verl above 0.01",
        "more than bf16 explains (0.04 and 0.0015 on SmolLM2): another temperature, raw "
        "log-probs, fp8",
    ),
    Alarm(
        "the same, batch after batch",
        "sampling/sampling_logp_difference/mean",
        "rollout_corr/k3_kl",
        "it grows from batch to batch",
        "with a learning rate of 0: the sampler's cache or state is damaged; otherwise: weights "
        "do not arrive",
    ),
    Alarm(
        "one token's mismatch",
        "sampling/sampling_logp_difference/max",
        "training/rollout_probs_diff_max",
        "it jumps by a factor of ten",
        "a damaged shard, another tokenizer or template, a shift by one token",
    ),
    Alarm(
        "mean weight of the correction",
        "sampling/importance_sampling_ratio/mean",
        "rollout_corr/rollout_is_mean",
        "below 0.8, or falling",
        "products over long completions: most of the batch weighs nothing, the long ones least. "
        "Weigh tokens",
    ),
    Alarm(
        "clipped share in the first update",
        "clip_ratio/region_mean",
        "actor/pg_clipfrac",
        "above 0 with one update per batch",
        "the ratio should be 1: dropout is on, or the two passes differ",
    ),
    Alarm(
        "groups without a signal",
        "frac_reward_zero_std",
        "",
        "above 0.5",
        "half of the sampler's work teaches nothing: other prompts, larger groups",
    ),
    Alarm(
        "completions cut off",
        "completions/clipped_ratio",
        "response_length/clip_ratio",
        "above 0.1, or rising",
        "their reward judges the limit, not the answer",
    ),
    Alarm(
        "time of weight sync",
        "profiling/Time taken: GRPOTrainer.sync_weights",
        "timing_s/update_weights",
        "above a tenth of the step",
        "gathered over the slow network, one tensor at a time. TRL writes this to wandb or MLflow "
        "only",
    ),
    Alarm(
        "time of sampling",
        "step_time",
        "timing_s/gen",
        "far above what it was in the first batches",
        "waiting for the longest completion, too little room for keys and values, a cold engine",
    ),
)
"""Most bounds are ours and none was tried at this size: begin with them, and move them to what a
healthy run shows."""
