"""How a base model learns: an untrained Llama, the two parts of pretraining, the loss."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from trlab.pretraining.teaching import Teacher
from trlab.pretraining.tokenizer import END, PAD
from trlib import checks
from trlib.tasks.task import Prompt

CONTEXT = 128
"""Positions of a model for short completions: the most tokens that a prompt and its completion have
together."""

IGNORED = -100
"""The label that `cross_entropy` skips."""

Progress = bool | Callable[[int, int, float], None]
"""Whether to show a bar, or a function called with (step, steps, loss)."""


@dataclass(frozen=True)
class Recipe:
    """How long and how fast the base model learns."""

    steps: tuple[int, int] = (1000, 200)
    """Updates on the first lessons (at most), then on the second."""
    until: float = 0.7
    """The first part ends when the model gets this share of completions right, given their choices
    (mean of 25 batches)."""
    batch: int = 256
    """Completions per update."""
    lr: tuple[float, float] = (3e-3, 1e-3)
    """The learning rate of each part: constant in the first, falling linearly to 0 in the
    second."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's."""
    grad_norm: float = 1.0
    """The norm at which the gradient is clipped."""
    hidden: int = 64
    """Width of the model."""
    layers: int = 2
    """Layers of the model."""
    heads: int = 4
    """Attention heads per layer."""
    mlp: int = 192
    """Width of each layer's MLP."""

    def __post_init__(self) -> None:
        checks.validate(self)
        for name in ("steps", "lr", "betas"):
            pair = tuple(getattr(self, name))
            if len(pair) != 2 or min(pair) < 0:
                raise ValueError(f"{name}: expected two numbers of at least 0, got {pair}")
            object.__setattr__(self, name, pair)
        if sum(self.steps) < 1:
            raise ValueError(f"steps: expected at least one step, got {self.steps}")
        checks.number("until", self.until, least=0)
        checks.number("grad_norm", self.grad_norm, above=0)
        for name in ("batch", "hidden", "layers", "heads", "mlp"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.hidden % (2 * self.heads):
            raise ValueError(
                f"hidden: expected a multiple of 2 x heads = {2 * self.heads}, got {self.hidden}"
            )


def untrained(
    tokenizer: PreTrainedTokenizerFast, recipe: Recipe, max_tokens: int, seed: int
) -> LlamaForCausalLM:
    """The model before training; the seed decides its weights."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        intermediate_size=recipe.mlp,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=tokenizer.model_max_length,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    # Without top_k=0 `generate` would cut the distribution to its 50 most likely tokens.
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=max_tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return model


def learn(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    teacher: Teacher,
    recipe: Recipe,
    seed: int,
    progress: Progress,
) -> list[int]:
    """Train through both parts of the recipe; returns how many updates each took."""
    first, second = recipe.steps
    ids = tokenizer.get_vocab()
    lessons = teacher.lessons(seed=seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.lr[0], betas=recipe.betas, weight_decay=0.0
    )
    recent: deque[float] = deque(maxlen=25)
    model.train()
    step = 0
    with _report(progress) as report:
        while step < first + second:
            lr = recipe.lr[0] if step < first else recipe.lr[1] * (1 - (step - first) / second)
            for parameters in optimizer.param_groups:
                parameters["lr"] = lr
            pairs = list(islice(lessons[step >= first], recipe.batch))
            loss, right = loss_of(model, *batch_of(pairs, ids, teacher))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.grad_norm)
            optimizer.step()
            step += 1
            recent.append(right)
            if (
                step < first
                and len(recent) == recent.maxlen
                and sum(recent) / len(recent) >= recipe.until
            ):
                first = step
            report(step, first + second, loss.item())
    model.eval()
    return [first, second]


def batch_of(
    pairs: list[tuple[Prompt, str]], ids: dict[str, int], teacher: Teacher
) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens [B, T] padded on the right, labels [B, T] that skip prompts and padding, and a mask
    [B, T] of the tokens that follow from those before them (neither a choice nor skipped)."""
    after = [END] if teacher.ends else []
    rows = [(prompt.text.split(), [*completion.split(), *after]) for prompt, completion in pairs]
    width = max(len(prompt) + len(completion) for prompt, completion in rows)
    tokens = torch.full((len(rows), width), ids[PAD])
    labels = torch.full((len(rows), width), IGNORED)
    follows = torch.zeros(len(rows), width, dtype=torch.bool)
    for i, (prompt, completion) in enumerate(rows):
        begin, end = len(prompt), len(prompt) + len(completion)
        tokens[i, :end] = torch.tensor([ids[word] for word in prompt + completion])
        labels[i, begin:end] = tokens[i, begin:end]
        follows[i, begin:end] = torch.tensor([not chosen for chosen in teacher.chosen(completion)])
    return tokens, labels, follows


def loss_of(
    model: LlamaForCausalLM, tokens: Tensor, labels: Tensor, follows: Tensor
) -> tuple[Tensor, float]:
    """The loss, and the probability of a completion given its choices, mean over the batch."""
    hidden = model.model(input_ids=tokens).last_hidden_state[:, :-1]
    counted = labels[:, 1:] != IGNORED
    each = cross_entropy(model.lm_head(hidden[counted]), labels[:, 1:][counted], reduction="none")
    of_row = counted.nonzero()[:, 0]
    nats = torch.zeros(len(tokens)).index_add(0, of_row, each.detach() * follows[:, 1:][counted])
    return each.mean(), nats.neg().exp().mean().item()


@contextmanager
def _report(progress: Progress) -> Iterator[Callable[[int, int, float], None]]:
    if callable(progress):
        yield progress
        return
    with tqdm(desc="pretrain", unit="step", disable=not progress) as bar:

        def advance(step: int, steps: int, loss: float) -> None:
            bar.total = steps
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()

        yield advance
