"""Memory: what fills a card while a batch is drawn and learned from, part by part."""

from __future__ import annotations

from typing import ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite
from trbook.scale.memory import LEARNS, METHODS, MODELS, PRECISIONS, SCORING


class Memory(Explorable):
    """Bytes of weights, gradients, optimiser, activations, logits, anchors and cache, while a batch
    is drawn and while it is learned from, beside cards of 16, 24 and 80 GB. The formulas are those
    of `trbook.scale.memory`.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or a word that is none
            of those offered.
    """

    module: ClassVar[str] = "memory"
    fallback: ClassVar[str] = (
        "Memory: bytes of weights, activations, logits and anchors of one batch, as a stacked "
        "bar beside cards of 16, 24 and 80 GB. It needs JavaScript."
    )

    model = t.Enum(tuple(MODELS), "Qwen2.5-0.5B", help=f"One of {tuple(MODELS)}.").tag(sync=True)
    method = t.Enum(METHODS, "logp", help=f"What the method keeps: one of {METHODS}.").tag(
        sync=True
    )
    scoring = t.Enum(
        SCORING, "full", help="Whole logits, or a chunk of the vocabulary at a time."
    ).tag(sync=True)
    learns = t.Enum(LEARNS, "lora", help="Adapters, or all weights.").tag(sync=True)
    precision = t.Enum(PRECISIONS, "bfloat16", help="Of the weights.").tag(sync=True)
    at_once = Finite(16.0, help="Completions in a forward pass of an update, at least 1.").tag(
        sync=True
    )
    completion = Finite(256.0, help="Tokens of a completion, at least 1.").tag(sync=True)
    prompt = Finite(64.0, help="Tokens of a prompt, at least 1.").tag(sync=True)
    prompts = Finite(16.0, help="Prompts of a batch, at least 1.").tag(sync=True)
    group = Finite(16.0, help="Completions of a prompt, at least 1.").tag(sync=True)
    vocabulary = Finite(0.0, help="Tokens of the vocabulary; 0: the model's own.").tag(sync=True)
