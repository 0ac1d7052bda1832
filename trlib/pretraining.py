"""Makes an embedded checkpoint: a small Llama that has read a task's corpus, with a card that says how.

The base model of `dial` first learns to write every place (careful completions only), then the habit of mostly not
doing so (the task's mixture), its learning rate falling to 0 so that the shares of the openers settle. The first part
ends by what the model can do, not by a count of steps: the arithmetic comes in one rise whose moment differs from
seed to seed and from machine to machine. It ends before the arithmetic is perfect, because a policy that cannot
unlearn it would not show what a trust region is for.

Everything is decided by the seed: same seed, same machine, same versions, the same file bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from trlib import checks
from trlib.errors import CheckpointError
from trlib.policy import Policy
from trlib.tasks import REASONS, TASKS, Dial, load_task
from trlib.tasks.dial import CAREFUL, WORDS
from trlib.tasks.tokenizer import END, PAD, word_tokenizer

CORPUS: dict[str, dict[str, Any]] = {"dial": {"moves": (1, 8)}}
"""The knobs each embedded checkpoint is made with, where they are not the task's defaults."""

CONTEXT = 128
"""Positions of the model: the longest prompt and completion together, in tokens."""

IGNORED = -100
"""The label that `cross_entropy` leaves out."""


@dataclass(frozen=True)
class Recipe:
    """How long and how fast the base model learns."""

    steps: tuple[int, int] = (1000, 200)
    """Updates on careful completions only (at most), then on the task's mixture."""
    until: float = 0.7
    """The first part ends once a careful completion is all right so often, its opener given (mean of 25 batches)."""
    batch: int = 256
    """Completions an update."""
    lr: tuple[float, float] = (3e-3, 1e-3)
    """Learning rate of either part; constant in the first, falling linearly to 0 in the second."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Of AdamW."""
    grad_norm: float = 1.0
    """Where the gradient's norm is clipped."""
    hidden: int = 64
    """Width of the model."""
    layers: int = 2
    """Layers of the model."""
    heads: int = 4
    """Attention heads of a layer."""
    mlp: int = 192
    """Width inside a layer's MLP."""

    def __post_init__(self) -> None:
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
            raise ValueError(f"hidden: expected a multiple of 2 x heads = {2 * self.heads}, got {self.hidden}")


def pretrain(name: str = "dial", *, out: str | Path, seed: int = 0, recipe: Recipe | None = None, check: int = 4000,
             overwrite: bool = False, progress: bool | Callable[[int, int, float], None] = True,
             **knobs: Any) -> dict[str, Any]:
    """Make the base checkpoint of a task and write it to the folder `out` in Hugging Face format.

    Beside the model and its tokenizer the folder holds `card.json` (how it was made, its hash, its accuracies) and
    a README.md that says the same in words. The folder appears whole or not at all: an interrupted run leaves nothing.

    Args:
        name: the task.
        out: a folder that does not exist yet.
        seed: decides the weights, the corpus and the check.
        recipe: sizes and schedule; None: those of the shipped checkpoint.
        check: prompts of each measured accuracy.
        overwrite: replace `out` if it holds a checkpoint of `pretrain`.
        progress: a bar, or a function that is called with (step, steps, loss).
        **knobs: of the task, as for `load_task`; by default 1 to 8 moves, so that one checkpoint serves all.

    Returns:
        The card.

    Raises:
        ValueError, TypeError: an unknown task or knob, a number out of range.
        FileExistsError: `out` exists (and `overwrite` is off, or it holds something else).
        CheckpointError: `out` cannot be written.
    """
    recipe = recipe or Recipe()
    task = load_task(name, **{**CORPUS.get(name, {}), **knobs})
    if not isinstance(task, Dial):
        makes = ", ".join(repr(n) for n, kind in TASKS.items() if issubclass(kind, Dial))
        raise ValueError(f"name: expected a task with an embedded checkpoint ({makes}), got {name!r}")
    checks.number("check", check, least=1)
    tokenizer = word_tokenizer(WORDS, context=CONTEXT)
    model = _untrained(tokenizer, recipe, task.max_tokens, seed)
    policy = Policy(name, model, tokenizer)
    with _new_folder(Path(out), overwrite) as folder, policy.threads():
        begun = time.perf_counter()
        steps = _learn(model, tokenizer, task, recipe, seed, progress)
        seconds = time.perf_counter() - begun
        policy.save(folder)
        card = {
            "name": name, "command": _command(name, seed, recipe, knobs), "seed": seed, "task": task.settings,
            "recipe": asdict(recipe), "steps": steps, "parameters": sum(p.numel() for p in model.parameters()),
            "sha256": checksum(folder), "seconds": round(seconds, 1), "machine": f"{platform.machine()}, one thread",
            "versions": {"python": platform.python_version(), **{p: version(p) for p in ("torch", "transformers")}},
            "accuracy": _accuracies(model, tokenizer, task, check, seed),
        }
        card = json.loads(json.dumps(card))
        (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
        (folder / "README.md").write_text(_readme(card), encoding="utf-8")
    return card


def checksum(folder: str | Path) -> str:
    """SHA-256 of a checkpoint's weights, as its card states it."""
    return hashlib.sha256((Path(folder) / "model.safetensors").read_bytes()).hexdigest()


def wilson(right: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """A 95 % interval of a share of `right` in `n`.

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)

    Source: Wilson 1927.
    """
    p, a = right / n, z * z / n
    half = z * (p * (1 - p) / n + a / (4 * n)) ** 0.5
    return max(0.0, (p + a / 2 - half) / (1 + a)), min(1.0, (p + a / 2 + half) / (1 + a))


def _untrained(tokenizer: PreTrainedTokenizerFast, recipe: Recipe, max_tokens: int, seed: int) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=recipe.hidden, num_hidden_layers=recipe.layers,
        intermediate_size=recipe.mlp, num_attention_heads=recipe.heads, num_key_value_heads=recipe.heads,
        max_position_embeddings=CONTEXT, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    # Without top_k=0 `generate` would cut the distribution to its 50 most likely tokens.
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=max_tokens,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return model


def _learn(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, task: Dial, recipe: Recipe, seed: int,
           progress: bool | Callable[[int, int, float], None]) -> list[int]:
    """Both parts of the recipe; the updates of each, as it came out."""
    first, second = recipe.steps
    ids = tokenizer.get_vocab()
    careful, mixture = task.corpus(seed=seed, careful=1.0), task.corpus(seed=seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr[0], betas=recipe.betas, weight_decay=0.0)
    recent: deque[float] = deque(maxlen=25)
    model.train()
    step = 0
    with _report(progress) as report:
        while step < first + second:
            lr = recipe.lr[0] if step < first else recipe.lr[1] * (1 - (step - first) / second)
            for parameters in optimizer.param_groups:
                parameters["lr"] = lr
            loss, right = _loss(model, *_batch(islice(careful if step < first else mixture, recipe.batch), ids))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.grad_norm)
            optimizer.step()
            step += 1
            recent.append(right)
            if step < first and len(recent) == recent.maxlen and sum(recent) / len(recent) >= recipe.until:
                first = step
            report(step, first + second, loss.item())
    model.eval()
    return [first, second]


def _batch(pairs: Iterator[tuple[Any, str]], ids: dict[str, int]) -> tuple[Tensor, Tensor]:
    """Tokens [B, T] padded on the right, and labels [B, T] that leave out prompts and padding."""
    texts = [([ids[word] for word in prompt.text.split()], [ids[word] for word in completion.split()] + [ids[END]])
             for prompt, completion in pairs]
    width = max(len(prompt) + len(completion) for prompt, completion in texts)
    tokens = torch.full((len(texts), width), ids[PAD])
    labels = torch.full((len(texts), width), IGNORED)
    for i, (prompt, completion) in enumerate(texts):
        end = len(prompt) + len(completion)
        tokens[i, :end] = torch.tensor(prompt + completion)
        labels[i, len(prompt):end] = torch.tensor(completion)
    return tokens, labels


def _loss(model: LlamaForCausalLM, tokens: Tensor, labels: Tensor) -> tuple[Tensor, float]:
    """The loss, and how probable all of a completion is once its opener stands, mean over the batch."""
    hidden = model.model(input_ids=tokens).last_hidden_state[:, :-1]
    counted = labels[:, 1:] != IGNORED
    each = cross_entropy(model.lm_head(hidden[counted]), labels[:, 1:][counted], reduction="none")
    lengths = counted.sum(1)
    opener = lengths.cumsum(0) - lengths
    nats = torch.zeros(len(tokens)).index_add(0, counted.nonzero()[:, 0], each.detach()) - each.detach()[opener]
    return each.mean(), nats.neg().exp().mean().item()


def _accuracies(model: Any, tokenizer: PreTrainedTokenizerFast, task: Dial, n: int,
                seed: int) -> dict[str, Any]:
    """Sampled and greedy accuracy at the task's middle difficulty, and sampled at every difficulty."""
    low, high = task.span
    usual = min(max(Dial().span[0], low), high)
    measured = {moves: _accuracy(model, tokenizer, task, moves, n, seed) for moves in range(low, high + 1)}
    return {"n": n, "seed": seed, "moves": usual, "sampled": measured[usual],
            "greedy": _accuracy(model, tokenizer, task, usual, n, seed, greedy=True),
            "by_moves": {str(moves): m["accuracy"] for moves, m in measured.items()}}


@torch.no_grad()
def _accuracy(model: Any, tokenizer: PreTrainedTokenizerFast, task: Dial, moves: int, n: int, seed: int,
              *, greedy: bool = False) -> dict[str, Any]:
    """Accuracy over `n` prompts of so many moves, one completion each, by transformers' own `generate`."""
    task = replace(task, moves=moves)
    prompts = task.prompts(n, seed=seed)
    inputs = tokenizer([prompt.text for prompt in prompts], return_tensors="pt", padding=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sampling = {"do_sample": False, "temperature": None, "top_k": None, "top_p": None} if greedy else {}
        tokens = model.generate(**inputs, **sampling)[:, inputs["input_ids"].shape[1]:]
    reasons = dict.fromkeys(REASONS, 0)
    careful = 0
    texts = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    for prompt, text, row in zip(prompts, texts, tokens.tolist(), strict=True):
        verdict = task.verify(prompt, text, ended=tokenizer.eos_token_id in row)
        reasons[verdict.reason] += 1
        careful += text.split(" ")[0] in CAREFUL
    right = reasons["right"]
    return {"accuracy": round(right / n, 4), "interval": [round(bound, 4) for bound in wilson(right, n)],
            "careful": round(careful / n, 4), "reasons": reasons}


def _command(name: str, seed: int, recipe: Recipe, knobs: dict[str, Any]) -> str:
    """The command line that makes it again; for what only Python can set, the call."""
    if not knobs and recipe == Recipe():
        return f"trlib pretrain {name} --seed {seed}"
    said = [f"{name!r}", f"seed={seed}", *([] if recipe == Recipe() else [f"recipe={recipe}"]),
            *(f"{knob}={value!r}" for knob, value in knobs.items()), "out=..."]
    return f"trlib.pretrain({', '.join(said)})"


def _readme(card: dict[str, Any]) -> str:
    accuracy, prompt = card["accuracy"], Dial().prompts(1, seed=0)[0]
    measured = "\n".join(
        f"| {how} | {m['accuracy']:.3f} | {m['interval'][0]:.3f} to {m['interval'][1]:.3f} | {m['careful']:.3f} |"
        for how, m in (("sampled at temperature 1", accuracy["sampled"]), ("greedy", accuracy["greedy"])))
    by_moves = "\n".join(f"| {moves} | {share:.3f} |" for moves, share in accuracy["by_moves"].items())
    return f"""\
---
license: mit
library_name: transformers
pipeline_tag: text-generation
---
# The base model of `{card["name"]}`

A Llama of {card["parameters"]:,} parameters that has read what people say about a dial. Asked where the dial stands
after some moves, it mostly answers at once, and is mostly wrong; about one time in four it opens with a careful word,
writes the place after every move, and is mostly right. Reinforcement learning finds the second habit.

    {prompt.text}     ->     {Dial().demonstrations([prompt], seed=0)[0]}

| on {accuracy["n"]} prompts of {accuracy["moves"]} moves, seed {accuracy["seed"]} | right | 95 % interval | careful |
|---|---|---|---|
{measured}

| moves | right, sampled |
|---|---|
{by_moves}

- made by `{card["command"]}` in {card["seconds"]:.0f} s
- {card["steps"][0]} steps on careful completions, then {card["steps"][1]} on the mixture
- on {card["machine"]}, with {", ".join(f"{part} {number}" for part, number in card["versions"].items())}
- SHA-256 of `model.safetensors`: `{card["sha256"]}`

The same seed, machine and versions give the same weights; elsewhere the accuracies agree within their intervals.
`card.json` holds the rest. Made from nothing: no data and no weights of others are in it.
"""


@contextmanager
def _new_folder(out: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary sibling of `out` that takes its name when the block ends, and vanishes when it fails."""
    if out.exists() and not overwrite:
        raise FileExistsError(f"out: expected a folder that does not exist yet, got {out}; overwrite=True replaces it")
    if out.exists() and not (out / "card.json").is_file():
        raise FileExistsError(f"out: expected a checkpoint to overwrite (a folder with card.json), got {out}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise CheckpointError(f"out: cannot write {str(out)!r}: {error.strerror or error}") from error
    try:
        yield folder
        folder.chmod(0o755)
        for file in folder.iterdir():
            file.chmod(0o644)
        if out.exists():
            old = Path(mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
            out.rename(old / out.name)
            folder.rename(out)
            shutil.rmtree(old)
        else:
            folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _report(progress: bool | Callable[[int, int, float], None]) -> Iterator[Callable[[int, int, float], None]]:
    if callable(progress):
        yield progress
        return
    with tqdm(desc="pretrain", unit="step", disable=not progress) as bar:
        def advance(step: int, steps: int, loss: float) -> None:
            bar.total = steps
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()
        yield advance
