"""Bytes of one batch of reinforcement learning, part by part: what fills a card, and which lever
empties it.

    setup = Setup(model="Qwen2.5-0.5B", prompts=16, group=16, completion=256, at_once=32)
    updating(setup)
        {"weights": ..., "gradients": ..., "logits": ..., ...} at the peak of an update
    sampling(setup)             the same while completions are drawn

The formulas are ours. Parameters, adapters, gradients, AdamW's state, anchors, the cache of keys
and values and the logits are counted, and tests hold each to tensors that exist. `activations`
counts what torch 2.13 keeps of a layer of Llama or Qwen2 for the backward pass, and is exact for
these; what kernels take for themselves, fragments and the framework's own megabytes are not
counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from trlib.arguments import setting, validate

CHUNK = 2048
"""Columns of the vocabulary at a time, the default of `trbook.scale.scoring.score_tokens`."""
METHODS = ("logp", "topk", "full")
SCORING = ("chunked", "full")
PRECISIONS = ("float32", "bfloat16")
LEARNS = ("lora", "full")
PARTS = ("weights", "gradients", "optimizer", "activations", "logits", "anchors", "cache")
"""The parts."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder: Llama's layer, or with biases on q, k and v Qwen2's."""

    vocabulary: int
    hidden: int
    layers: int
    inner: int
    """Width of the MLP."""
    heads: int
    kv_heads: int
    tied: bool
    """The output layer is the embedding."""
    qkv_bias: bool = False

    @property
    def kv(self) -> int:
        """Width of the keys, and of the values, of a token in a layer."""
        return self.hidden // self.heads * self.kv_heads


MODELS: dict[str, Shape] = {
    "embedded": Shape(272, 64, 2, 192, 4, 4, tied=True),
    "SmolLM2-135M": Shape(49_152, 576, 30, 1536, 9, 3, tied=True),
    "Qwen2.5-0.5B": Shape(151_936, 896, 24, 4864, 14, 2, tied=True, qkv_bias=True),
    "Qwen2.5-7B": Shape(152_064, 3584, 28, 18_944, 28, 4, tied=False, qkv_bias=True),
}
"""Models by name, as their config.json says."""


@dataclass(frozen=True)
class Setup:
    """What decides the bytes.

    Raises:
        TypeError, ValueError: a number that is not a size, a word that is not one of those offered.
    """

    model: str = setting("Qwen2.5-0.5B", among=tuple(MODELS))
    vocabulary: int = setting(0, least=0)
    """Tokens of the vocabulary; 0: the model's own."""
    prompts: int = setting(16, least=1)
    group: int = setting(16, least=1)
    prompt: int = setting(64, least=1)
    """Tokens of a prompt."""
    completion: int = setting(256, least=1)
    """Tokens of a completion."""
    at_once: int = setting(16, least=1)
    """Completions that go through the model together in an update; more than there are: all."""
    method: str = setting("logp", among=METHODS)
    """What is kept of the anchor: log-probs alone (`logp`), the `top_k` most likely tokens
    (`topk`), distributions (`full`)."""
    top_k: int = setting(64, least=1)
    scoring: str = setting("full", among=SCORING)
    """`full`: whole logits; `chunked`: a chunk of the vocabulary at a time (`trbook.scale.scoring`)."""
    precision: str = setting("bfloat16", among=PRECISIONS)
    """Type of the weights."""
    learns: str = setting("lora", among=LEARNS)
    """`lora`: adapters of `rank` on every linear layer of the blocks, in float32; `full`: all
    weights."""
    rank: int = setting(8, least=1)

    def __post_init__(self) -> None:
        validate(self)

    @property
    def shape(self) -> Shape:
        """The model's sizes, with the vocabulary that is asked for."""
        own = MODELS[self.model]
        return Shape(**{**vars(own), "vocabulary": self.vocabulary or own.vocabulary})

    @property
    def completions(self) -> int:
        return self.prompts * self.group

    @property
    def rows(self) -> int:
        """Completions in a forward pass of an update."""
        return min(self.at_once, self.completions)

    @property
    def width(self) -> int:
        """Bytes of a weight."""
        return 2 if self.precision == "bfloat16" else 4


def parameters(shape: Shape) -> int:
    """Numbers in the model."""
    h, kv = shape.hidden, shape.kv
    layer = (
        2 * h * h + 2 * h * kv + 3 * h * shape.inner + 2 * h + (h + 2 * kv if shape.qkv_bias else 0)
    )
    return shape.layers * layer + h + shape.vocabulary * h * (1 if shape.tied else 2)


def adapters(shape: Shape, rank: int) -> int:
    """Numbers in adapters of a rank on the seven linear layers of every block: rank x (in + out)
    each.

    In the book: :eq:`scale-lora`.
    """
    h, kv, inner = shape.hidden, shape.kv, shape.inner
    return shape.layers * rank * (2 * (h + h) + 2 * (h + kv) + 3 * (h + inner))


def learning(setup: Setup) -> int:
    """Numbers that learn."""
    return adapters(setup.shape, setup.rank) if setup.learns == "lora" else parameters(setup.shape)


def _weights(setup: Setup) -> int:
    lora = 4 * learning(setup) if setup.learns == "lora" else 0
    return setup.width * parameters(setup.shape) + lora


def _gradients(setup: Setup) -> int:
    return (4 if setup.learns == "lora" else setup.width) * learning(setup)


def _optimizer(setup: Setup) -> int:
    """AdamW's two moments in float32; weights of 16 bits learn through copies of 32."""
    copies = 4 if setup.learns == "full" and setup.width == 2 else 0
    return (8 + copies) * learning(setup)


def activations_a_token(setup: Setup) -> int:
    """Bytes that the layers keep of one token for the backward pass.

    Per layer, with H the width, F the MLP's, K that of the keys and n the heads, counted from what
    torch saves:

        float32    all: 32 H + 16 F + 8 K + 4 n + 8
            LoRA: 24 H + 16 F + 8 K + 4 n + 8 + 28 rank
        bfloat16   all: 20 H +  8 F + 4 K + 4 n + 8
            LoRA: 36 H + 10 F + 4 K + 4 n + 8 + 28 rank

    Adapters in float32 on a model in bfloat16 keep a float32 copy of what they read: hence the 36.
    """
    shape, lora = setup.shape, setup.learns == "lora"
    h, inner, kv = {
        (4, False): (32, 16, 8),
        (4, True): (24, 16, 8),
        (2, False): (20, 8, 4),
        (2, True): (36, 10, 4),
    }[setup.width, lora]
    own = h * shape.hidden + inner * shape.inner + kv * shape.kv + 4 * shape.heads + 8
    return shape.layers * (own + (28 * setup.rank if lora else 0))


def _logits(setup: Setup, rows: int) -> int:
    """At the peak of a backward pass: log-probs, their gradient and the logits' gradient, float32;
    in chunks three arrays of positions x chunk, and the mean output weight of each position."""
    positions, shape = rows * setup.completion, setup.shape
    if setup.scoring == "full" or setup.method == "full":
        return 12 * positions * shape.vocabulary
    return positions * (12 * min(CHUNK, shape.vocabulary) + 4 * shape.hidden)


def _anchors(setup: Setup) -> int:
    """What is kept of every token of the batch until its last update, the sampler's log-prob and
    the old one first."""
    tokens = setup.completions * setup.completion
    more = {
        "topk": 12 * min(setup.top_k, setup.shape.vocabulary),  # an id of 8 bytes, a log-prob of 4
        "full": 4 * setup.shape.vocabulary,
    }
    return tokens * (8 + more.get(setup.method, 0))


def updating(setup: Setup) -> dict[str, int]:
    """Bytes at the peak of an update, by part. In the book: the logits :eq:`scale-bytes`."""
    tokens = setup.rows * (setup.prompt + setup.completion)
    sizes = {
        "weights": _weights(setup),
        "gradients": _gradients(setup),
        "optimizer": _optimizer(setup),
        "activations": tokens * activations_a_token(setup),
        "logits": _logits(setup, setup.rows),
        "anchors": _anchors(setup),
        "cache": 0,
    }
    return {part: sizes[part] for part in PARTS}


def sampling(setup: Setup) -> dict[str, int]:
    """Bytes while completions are drawn, all of them at a time, at the last token: by part."""
    shape, tokens = setup.shape, setup.completions * (setup.prompt + setup.completion)
    standing = updating(setup)
    sizes = {
        **dict.fromkeys(PARTS, 0),
        "weights": standing["weights"],
        "optimizer": standing["optimizer"],
        "logits": 8 * setup.completions * shape.vocabulary,
        "anchors": standing["anchors"],
        "cache": 2 * shape.layers * shape.kv * setup.width * tokens,
    }
    return {part: sizes[part] for part in PARTS}


def peak(setup: Setup) -> int:
    """Bytes at the worse of the two moments."""
    return max(sum(updating(setup).values()), sum(sampling(setup).values()))
