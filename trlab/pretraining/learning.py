"""How a base model learns: an untrained Llama, the two parts of pretraining, the loss."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from trlab.pretraining.teaching import Teacher
from trlib.tasks.task import Prompt

CONTEXT = 128
"""Positions of a model for short completions: the most tokens that a prompt and its completion have
together."""

PAD, END, UNKNOWN = "<pad>", "<end>", "<unk>"
"""The special tokens; their ids are 0, 1, 2."""
IGNORED = -100
"""The label that `cross_entropy` skips."""


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


def word_tokenizer(words: Sequence[str], *, context: int) -> PreTrainedTokenizerFast:
    """A transformers tokenizer with one token per word, padding on the left.

    `decode(encode(text)) == text` when every word is known; an unknown word becomes `<unk>`. The
    tokenizer adds no special tokens: the sampler writes the end token.

    Args:
        words: the vocabulary, special tokens aside; the n-th word's id is n + 3, counted from 0.
        context: the longest text, in tokens.
    """
    ids = {word: i for i, word in enumerate((PAD, END, UNKNOWN, *words))}
    tokenizer = Tokenizer(WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=context,
        model_input_names=["input_ids", "attention_mask"],
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
) -> list[int]:
    """Train through both parts of the recipe, behind a bar; returns how many updates each took."""
    first, second = recipe.steps
    ids = tokenizer.get_vocab()
    lessons = teacher.lessons(seed=seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.lr[0], betas=recipe.betas, weight_decay=0.0
    )
    recent: deque[float] = deque(maxlen=25)
    model.train()
    step = 0
    with tqdm(desc="pretrain", unit="step", total=first + second) as bar:
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
            if step < first and len(recent) == 25 and sum(recent) / 25 >= recipe.until:
                first = step
            bar.total = first + second
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
            bar.update()
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
