"""Dumps that no threshold was set on: `python tests/instruments/diagnose/heldout.py`.

Four policies: a random recurrent network and a random network of the last three tokens (other
vocabularies and lengths than `faults.py` has), `dial` and `relay`. Here faults happen where they
happen in practice. Weights are rounded, drift from version to version and are updated along the
advantages; dropout drops; a completion is scored behind another prompt; `dial` and `relay` write
their completions and are rewarded by their tasks. What does not matter is drawn anew for every
dump: the sampler's precision, the temperature that both sides have, updates, the size of a group,
the kind of advantages, which columns there are.

Prints what was not called right, and writes every verdict to `--out`; every dump has a seed of its
own. `--record` writes the counts that the book's page tells to `heldout.json` beside this file:

    python tests/instruments/diagnose/heldout.py --seed 10000 --fault-seed 11000 --healthy 125 --record
"""

import argparse
import copy
import json
import math
import platform
import shlex
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import torch
from faults import judged
from torch import Tensor, nn

import trlib
from trlib.advantages import group_relative
from trlib.loop.sampler import round_trip
from trlib.model.completions import Completions
from trlib.model.rollout import sample
from trlib.tasks import verify_batch

KINDS = ("recurrent", "window", "dial", "relay")
SIZES = (128, 512)
FAULTS = {
    "temperature .6": ("temperature", "slope"),
    "temperature .7": ("temperature", "slope"),
    "temperature .8": ("temperature", "slope"),
    "temperature .9": ("temperature", "slope"),
    "top-p .9": ("support", "mean"),
    "one in twenty behind another prompt": ("pairing", "tail far"),
    "shifted by one": ("shift", ""),
    "padding counted": ("padding", ""),
    "dropout": ("dropout", "size passes"),
    "int4": ("precision", "size"),
    "versions 0 to 5": ("staleness", "aging"),
    "two thirds of the groups dead": ("dead-groups", ""),
    "cut": ("truncation", ""),
    "log2": ("unit", ""),
    "end token without a log-prob": ("end", "last"),
    "edited logits": ("edited-logits", "tail far"),
    "a tool's answer counted": ("foreign-tokens", "tail"),
}
"""Each with its cause, and the amber verdicts that hint at it."""
RECORD = Path(__file__).with_name("heldout.json")
VERSION = 0.02
"""Nats of a logit that a policy moves from version to version."""


class Network(nn.Module):
    """Random logits of the next token from a state: a GRU's, or the last three tokens'."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.vocabulary, width = kind, 500 if kind == "recurrent" else 800, 48
        self.embedding = nn.Embedding(self.vocabulary, width)
        self.inner = (
            nn.GRUCell(width, width)
            if kind == "recurrent"
            else nn.Sequential(nn.Linear(3 * width, width), nn.Tanh())
        )
        self.out = nn.Linear(width, self.vocabulary)
        with torch.no_grad():
            if kind == "recurrent":
                for weight in self.inner.parameters():
                    weight.mul_(3.0)
            self.out.weight.normal_(0, 0.8)
            self.out.bias.copy_(-torch.arange(1.0, self.vocabulary + 1).log())  # Zipf's law
            self.out.bias[0] = self.out.bias.max() + 1.5  # ends a completion

    def begin(self, rows):
        width = self.embedding.embedding_dim
        return torch.zeros(rows, width if self.kind == "recurrent" else 3 * width)

    def step(self, state, token, dropout=0.0):
        """The next state and [rows, V] logits."""
        read = self.embedding(token)
        if self.kind == "recurrent":
            state = h = self.inner(read, state)
        else:
            state = torch.cat([state[:, read.shape[1] :], read], 1)
            h = self.inner(state)
        h = nn.functional.dropout(h, dropout, training=dropout > 0)
        sharp = 0.5 + 2.5 * torch.sigmoid(6 * h[:, :1]) if self.kind == "recurrent" else 2.0
        return state, sharp * self.out(h)


@dataclass
class Batch:
    """What a sampler wrote."""

    tokens: Tensor  #: [B, T].
    mask: Tensor  #: [B, T] bool.
    prompt: Tensor  #: [B, 3] tokens before them, of a network.
    rewards: np.ndarray  #: [B].
    group: np.ndarray  #: [B].
    completions: Completions | None = None  #: Of a policy of the package.


@cache
def network(kind):
    torch.manual_seed(41)
    return Network(kind)


@cache
def policy(kind):
    return trlib.load_policy(kind)


def module(model):
    return model if isinstance(model, nn.Module) else model.model


def changed(model, how):
    """A copy with other matrices."""
    made = copy.deepcopy(model) if isinstance(model, nn.Module) else model.copy()
    with torch.no_grad():
        for weight in module(made).parameters():
            if weight.dim() >= 2:
                weight.copy_(how(weight))
    return made


def logits_of(model, batch, dropout=0.0, elsewhere=False):
    """[B, T, V] of the batch's tokens; `elsewhere`: behind the neighbouring group's prompt."""
    if isinstance(model, Network):
        prompt = batch.prompt.roll(len(batch.prompt) // 3, 0) if elsewhere else batch.prompt
        state, made = model.begin(len(prompt)), []
        before = torch.cat([prompt, batch.tokens[:, :-1]], 1)
        for t in range(before.shape[1]):
            state, logits = model.step(state, before[:, t], dropout)
            if t >= prompt.shape[1] - 1:
                made.append(logits)
        return torch.stack(made, 1)
    c = batch.completions
    assert c is not None
    if elsewhere:
        c = replace(c, prompt_ids=c.prompt_ids.roll(1, 0), prompt_mask=c.prompt_mask.roll(1, 0))
    drop = (lambda x: nn.functional.dropout(x, dropout)) if dropout else None
    full = model.score(c, full=True, perturb=drop).full
    return full


def write(model, kind, n, size, temperature, g):
    """Completions by a sampler."""
    group = np.repeat(np.arange(n // size), size)
    if not isinstance(model, Network):
        task = trlib.load_task(kind)
        prompts = task.prompts(n // size, seed=int(g.integers(1 << 30)))
        c = sample(
            model,
            [p.text for p in prompts],
            group=size,
            temperature=temperature,
            max_tokens=task.max_tokens,
            seed=int(g.integers(1 << 30)),
        )
        rewards = np.array([v.reward for v in verify_batch(task, prompts, c)])
        return Batch(c.tokens, c.mask, torch.zeros(0), rewards, group, c)
    longest = 56
    prompt = torch.from_numpy(g.integers(1, model.vocabulary, (n // size, 3))).repeat_interleave(
        size, 0
    )
    state, alive = model.begin(n), torch.ones(n, dtype=torch.bool)
    token, tokens, mask = prompt[:, 0], [], []
    for t in range(2 + longest):
        state, logits = model.step(state, token)
        if t < 2:
            token = prompt[:, t + 1]
            continue
        token = drawn((logits / temperature).log_softmax(-1), g)
        tokens.append(token)
        mask.append(alive)
        alive = alive & (token != 0)
    chance = np.repeat(g.beta(1.5, 1.5, n // size), size)
    return Batch(
        torch.stack(tokens, 1), torch.stack(mask, 1), prompt, (g.random(n) < chance) * 1.0, group
    )


def drawn(logp, g):
    """One token of each distribution, [...] of [..., V]."""
    u = torch.from_numpy(g.random((*logp.shape[:-1], 1)))
    mass = logp.double().exp().cumsum(-1)
    return (mass < u * mass[..., -1:]).sum(-1).clamp(max=logp.shape[-1] - 1)


def advantages(rewards, group, mask, kind, g):
    """[B, T] by one of the common estimators."""
    r, owner = torch.from_numpy(rewards), torch.from_numpy(group)
    if kind == "batch":
        made = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
    elif kind == "critic":
        return (rewards - 0.5)[:, None] + 0.2 * g.standard_normal(mask.shape)
    else:
        made = group_relative(r, owner, scale="std" if kind == "std" else None).numpy()
    return np.broadcast_to(made[:, None], mask.shape)


def learns(model, batch, advantage, tokens):
    """What a step along a batch's advantages makes of a policy, by how many nats it moves a logit
    there; `tokens` are those that the dump holds, which may have been drawn anew."""
    trial = changed(model, lambda w: w)
    weights = [w.requires_grad_() for w in module(trial).parameters() if w.dim() >= 2]
    a = torch.from_numpy(np.array(advantage)).float() * batch.mask
    with torch.enable_grad():
        new = logits_of(trial, batch)
        gradients = torch.autograd.grad((a * token_logp(new, tokens)).sum(), weights)
    norm = math.sqrt(sum(float(x.square().sum()) for x in gradients)) + 1e-12

    def of(size):
        step = iter(gradients)
        return changed(model, lambda w: w + size * next(step) / norm)

    with torch.no_grad():
        tried = 0.003
        move = (logits_of(of(tried), batch) - new)[batch.mask]
        p = new[batch.mask].softmax(-1)
        move = move - (p * move).sum(-1, keepdim=True)
        per_nat = tried / max(float((p * move.abs()).sum(-1).mean()), 1e-9)
    return lambda nats: of(nats * per_nat) if nats else model


def token_logp(logits, tokens):
    return logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]


def made(kind, size, fault, seed):
    """A dump with one row per token, as `faults.flat` returns it, and what does not matter about
    it; None: a healthy one."""
    which = list(FAULTS).index(fault) if fault else len(FAULTS)
    g = np.random.default_rng([2026, 65, seed, size, KINDS.index(kind), which])
    torch.manual_seed(int(g.integers(1 << 30)))
    learner = network(kind) if kind in ("recurrent", "window") else policy(kind)
    fault = fault or "healthy"
    group = int(g.choice([4, 8, 16]))
    temperature = float(g.choice([1.0, 1.0, 0.8, 1.2]))
    precision = str(g.choice(["fp32", "bf16", "int8"], p=[0.3, 0.5, 0.2]))
    behind = int(g.choice([0, 0, 1, 2, 3]))
    estimator = str(g.choice(["mean", "std", "batch", "critic"], p=[0.4, 0.3, 0.15, 0.15]))
    steps = float(g.choice([0.0, 0.03, 0.1]))
    columns = {name for name in ("logp_old", "group", "reward") if g.random() < 0.6}
    versions = bool(g.random() < 0.4)
    forgot, dropout = 1.0, 0.0
    if fault != "healthy":  # one thing is wrong, on an engine in bf16
        precision, behind = ("int4" if fault == "int4" else "bf16"), 0
    if fault.startswith("temperature"):
        temperature, forgot = 1.0, float(fault.split()[1])
    if fault.startswith("dropout"):
        dropout, steps, columns = (
            0.1 if kind in ("dial", "relay") else 0.02,
            0.0,
            columns | {"logp_old"},
        )
    if "dead" in fault:
        estimator, columns = "mean", columns | {"group"}
    if fault != "healthy" and "logp_old" not in columns:
        steps = 0.0  # as the page says: such a file is read as one of a batch's first update
    with torch.no_grad():
        sampler = learner
        ages = range(6) if fault.startswith("versions") else [behind]
        if any(ages):  # what another batch's gradient would undo
            other = write(learner, kind, 128, group, 1.0, g)
            towards = learns(
                learner,
                other,
                advantages(other.rewards, other.group, other.mask, "mean", g),
                other.tokens,
            )
            sampler = towards(-VERSION * ages[-1] if behind else 0)
        if precision == "bf16":
            sampler = changed(sampler, lambda w: w.bfloat16().float())
        elif precision != "fp32":
            sampler = changed(sampler, lambda w: round_trip(w, int(precision[3:])))
        batch = write(sampler, kind, size, group, temperature * forgot, g)
        if fault == "cut":
            lengths = batch.mask.sum(1)
            limit = next(n for n in range(1, 99) if (lengths > n).float().mean() <= 0.6)
            batch.mask = batch.mask & (torch.arange(batch.mask.shape[1]) < limit)
        age = g.integers(0, 6, size)
        mu = logits_of(sampler, batch)
        if fault.startswith("versions"):
            versions = True
            for k in range(1, 6):
                older = logits_of(towards(-VERSION * k), batch)
                mu[age == k] = older[age == k]
        mu, tokens, odd = _sampled(g, fault, batch, mu / (temperature * forgot))
        if precision == "bf16":
            mu = mu.bfloat16().float()
        rollout = token_logp(mu, tokens)
    if fault == "healthy":  # not a batch whose groups happen to be dead
        while (np.ptp(batch.rewards.reshape(-1, group), 1) == 0).mean() > 0.4:
            batch.rewards[int(g.integers(size))] = float(g.random() < 0.5)
    if "dead" in fault:
        alike = np.isin(batch.group, np.flatnonzero(g.random(size // group) < 0.67))
        batch.rewards[alike] = 1.0
    mask = batch.mask.numpy()
    advantage = advantages(batch.rewards, batch.group, mask, estimator, g)
    with torch.no_grad():
        elsewhere = odd[:, None] & batch.mask if "another prompt" in fault else None
        passes = []
        new = learns(learner, batch, advantage, tokens)(steps) if steps else learner
        for model in (learner, new):
            logits = logits_of(model, batch, dropout)
            if elsewhere is not None:
                logits = torch.where(
                    elsewhere[..., None], logits_of(model, batch, dropout, elsewhere=True), logits
                )
            passes.append(token_logp(logits / temperature, tokens))
    old, now = passes
    flat = _columns(
        fault,
        batch,
        {"logp": now, "logp_rollout": rollout, "logp_old": old},
        tokens,
        advantage,
        100 - age if fault.startswith("versions") else np.full(size, 100),
        columns | ({"version"} if versions else set()),
    )
    told = f"{precision}, {behind} behind, T {temperature:g}, {estimator}, moved {steps:g}"
    return flat, f"{told}, groups of {group}, {', '.join(sorted(columns))}"


def _sampled(g, fault, batch, logits):
    """The sampler's logits after its own edits, the tokens that it drew from them (each behind what
    stood before it when it was written), and the completions that are odd."""
    tokens, odd = batch.tokens, torch.from_numpy(g.random(len(batch.tokens)) < 0.05)
    odd[int(g.integers(len(odd)))] = True
    redraw = fault.startswith("versions")
    if fault == "top-p .9":
        value, order = logits.softmax(-1).sort(-1, descending=True)
        outside = (value.cumsum(-1) - value >= 0.9).gather(-1, order.argsort(-1))
        logits, redraw = logits.masked_fill(outside, -math.inf), True
    if fault == "edited logits":  # a penalty for repetitions; some words made unlikely
        redraw, logits = True, logits.clone()
        if batch.completions is None:
            for t in range(1, logits.shape[1]):
                seen = torch.zeros_like(logits[:, t], dtype=torch.bool)
                seen.scatter_(1, tokens[:, :t], True)
                here = logits[:, t]
                less = torch.where(here > 0, here / 1.3, here * 1.3)
                logits[:, t] = torch.where(seen, less, here)
        else:
            words = torch.from_numpy(g.permutation(tokens[batch.mask].unique().numpy()))
            logits[..., words[: max(1, len(words) // 8)]] -= 4.0
    if redraw:
        tokens = torch.where(batch.mask, drawn(logits.log_softmax(-1), g), tokens)
    if fault.startswith("a tool"):  # the middle of one completion in five
        place, n = torch.arange(tokens.shape[1]), batch.mask.sum(1, keepdim=True)
        inside = (place >= n // 3) & (place <= 2 * n // 3) & batch.mask
        inside &= torch.from_numpy(g.random(len(tokens)) < 0.2)[:, None]
        tokens = torch.where(inside, tokens[torch.from_numpy(g.permutation(len(tokens)))], tokens)
        if batch.completions is not None:
            anything = torch.from_numpy(g.integers(logits.shape[-1], size=tuple(tokens.shape)))
            tokens = torch.where(inside, anything, tokens)
    return logits, tokens, odd


def _columns(
    fault,
    batch,
    passes,
    tokens,
    advantage,
    version,
    keep,
):
    """What is wrong with columns, and the dump."""
    mask = batch.mask.numpy()
    values = {name: x.double().numpy().copy() for name, x in passes.items()}
    if fault.startswith("shifted"):
        values["logp_rollout"][:, 1:] = values["logp_rollout"][:, :-1].copy()
    if fault == "log2":
        values["logp_rollout"] /= math.log(2)
    if fault.startswith("end token"):
        last = mask.sum(1) - 1
        values["logp_rollout"][np.arange(len(mask)), last] = 0.0
    if fault == "padding counted":
        values = {name: np.where(mask, x, 0.0) for name, x in values.items()}
        mask = np.ones_like(mask[:, : mask.sum(1).max()])
        values = {name: x[:, : mask.shape[1]] for name, x in values.items()}
    row, column = np.nonzero(mask)
    flat = {
        "completion": row,
        **{name: x[row, column] for name, x in values.items()},
        "advantage": advantage[row, column],
        "mask": np.ones(len(row), dtype=bool),
        "group": batch.group[row],
        "reward": batch.rewards[row],
        "tokens": tokens.numpy()[row, column],
        "version": version[row],
    }
    absent = {"logp_old", "group", "reward", "version"} - keep
    return {name: x for name, x in flat.items() if name not in absent}


def right(fault, verdict):
    """ "named", "hinted", "beside" (amber that says something else), "misnamed" or "missed"."""
    cause, hint = FAULTS[fault]
    names = [each.name for each in verdict.causes]
    if cause in names:
        return "named"
    if names:
        return "misnamed"
    if verdict.verdict == "unusual":
        hinted = any(HINTS[each] in verdict.headline for each in hint.split())
        return "hinted" if hinted else "beside"
    return "missed"


HINTS = {
    "slope": "log π/μ changes",
    "mean": "the mean of π/μ",
    "tail": "beyond e²",
    "far": "differ far more than the others",
    "size": "healthy engine here shows",
    "passes": "between two passes of the learner",
    "last": "the last tokens",
    "aging": "per version",
}


def faulty():
    """What can be told apart at all: every completion of `relay` has 64 tokens."""
    same = ("cut", "padding counted")
    return [
        (kind, size, fault)
        for fault in FAULTS
        for kind in KINDS
        for size in SIZES
        if not (kind == "relay" and fault in same)
    ]


def counts(found, seed, fault_seed):
    """What the page tells: how many dumps of each kind got which verdict, how many of each fault
    were called what, and the healthy ones that were accused."""

    def of(verdicts, known, part):
        words = {name: [] for name in known}
        for name, (word, _) in verdicts.items():
            words[name.split(", ")[part]].append(word)
        return {
            name: {word: some.count(word) for word in sorted(set(some))}
            for name, some in words.items()
            if some
        }

    return {
        "command": f"python tests/instruments/diagnose/heldout.py {shlex.join(sys.argv[1:])}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__.split("+")[0],
        },
        "seeds": {"healthy": seed, "faults": fault_seed},
        "healthy": of(found["healthy"], KINDS, 0),
        "faults": of(found["faults"], tuple(FAULTS), 0),
        "accused": {n: told for n, (word, told) in found["healthy"].items() if word == "found"},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--healthy", type=int, default=250, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--fault-seed", type=int, help="the first of the faulty ones; --seed")
    parser.add_argument("--faults", type=int, default=1, help="dumps of each fault, kind and size")
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    args = parser.parse_args()
    torch.set_num_threads(1)
    first = args.seed if args.fault_seed is None else args.fault_seed
    found = {"faults": {}, "healthy": {}}
    for kind, size, fault in faulty():
        if kind not in args.kinds or (args.only and fault not in args.only):
            continue
        for seed in range(first, first + args.faults):
            columns, told = made(kind, size, fault, seed)
            verdict = judged(columns)
            word = right(fault, verdict)
            found["faults"][f"{fault}, {kind}, {size}, seed {seed}"] = [word, verdict.headline]
            print(
                f"{word:9}{fault}, {kind}, {size}, {seed}: {verdict.headline} ({told})", flush=True
            )
    for kind in args.kinds:
        for seed in range(args.seed, args.seed + args.healthy):
            size = (64, 128, 256, 512)[seed // 2 % 4]
            columns, told = made(kind, size, None, seed)
            verdict = judged(columns)
            found["healthy"][f"{kind}, {size}, seed {seed}"] = [verdict.verdict, verdict.headline]
            if verdict.verdict != "healthy":
                print(f"healthy {kind}, {size}, {seed}: {verdict.headline} ({told})", flush=True)
        some = [v[0] for name, v in found["healthy"].items() if name.startswith(kind)]
        print(kind, {word: some.count(word) for word in set(some)}, flush=True)
    for path, what in (
        (args.out, found),
        (RECORD if args.record else None, counts(found, args.seed, first)),
    ):
        if path:
            text = json.dumps(what, indent=1, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
