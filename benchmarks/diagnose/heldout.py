"""Dumps that no rule was set on: `python -m benchmarks.diagnose.heldout --record`.

Written after the rules were frozen, with engines and texts of its own: an LSTM that was trained on
this package's source, a GRU that was trained on sums, a random network of decaying averages, whose
text is flat, and `dial`. Faults happen where they happen in practice: weights are rounded, move
along gradients of sampled batches, stay behind or keep an old prefix; completions are scored behind
other prompts. What does not matter is drawn anew for every dump: the engine's precision, the
temperature that both sides have, lags, updates, the kind of advantages, the columns.

Prints what was not called right, and writes every verdict to `--out`; every dump has a seed of its
own. `--record` writes the counts that the book's page tells to `heldout.json` beside this file.
"""

import argparse
import copy
import json
import math
import platform
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

import trlib
from benchmarks.diagnose.faults import judged
from trlib.loop.sampler import round_trip
from trlib.model.rollout import sample
from trlib.tasks import verify_batch

KINDS = ("code", "sums", "flat", "dial")
SIZES = (96, 192, 384)
RECORD = Path(__file__).with_name("heldout.json")
LONGEST, PROMPT = 72, 8
VERSIONS = 12
STEP = 0.02
"""Nats of a logit that a policy moves from version to version."""
NET = ("code", "sums", "flat")
FAULTS = {
    "temperature 1.1": ("temperature", "sharper", KINDS),
    "temperature 1.25": ("temperature", "sharper", KINDS),
    "temperature .75": ("temperature", "changes by", KINDS),
    "top-p .92": ("support", "mean of π/μ", KINDS),
    "repetition penalty 1.2": ("edited-logits", "penalty", NET),
    "banned words": ("edited-logits", "beyond e²|penalty or bias|edited logits", KINDS),
    "versions 0 to 6": ("staleness", "of older versions", KINDS),
    "three versions behind, of large steps": ("staleness", "a sampler that lags", KINDS),
    "all behind another prompt": ("pairing", "another prompt", KINDS),
    "a tenth behind another prompt": ("pairing", "beyond e²|differ far more", KINDS),
    "mask one late": ("shift", "the last tokens", KINDS),
    "padding counted": ("padding", "", KINDS),
    "shifted by one": ("shift", "", KINDS),
    "advantages shuffled": ("advantages", "go with the rewards", KINDS),
    "advantages of another batch": ("advantages", "go with the rewards", KINDS),
    "advantages turned": ("advantages", "go with the rewards", KINDS),
    "half of the groups missing": ("half-groups", "", KINDS),
    "int4": ("precision", "low precision", KINDS),
    "dropout": ("dropout", "between two passes|dropout", KINDS),
    "prefix cache": ("cache", "prefix cache", NET),
    "adapter that never arrives": ("weights", "do not arrive", NET),
    "drift": ("drift", "or drift", NET),
}
"""Each with its cause, words of the amber verdicts that hint at it, and the kinds that have it."""


class Net(nn.Module):
    """Logits of the next token from a state."""

    def __init__(self, kind, vocabulary, width):
        super().__init__()
        self.kind, self.vocabulary, self.width = kind, vocabulary, width
        self.embedding = nn.Embedding(vocabulary, width)
        cells = {"code": nn.LSTMCell, "sums": nn.GRUCell}
        self.cell = cells[kind](width, width) if kind in cells else nn.Linear(width, width)
        self.out = nn.Linear(width, vocabulary)

    def begin(self, rows):
        return torch.zeros(rows, (2 if self.kind == "code" else 3) * self.width)

    def step(self, state, token, dropout=0.0):
        """The next state and [rows, V] logits."""
        read, w = self.embedding(token), self.width
        if self.kind == "code":
            h, c = self.cell(read, (state[:, :w], state[:, w:]))
            state = torch.cat([h, c], 1)
        elif self.kind == "sums":
            h = self.cell(read, state[:, :w])
            state = torch.cat([h, state[:, w:]], 1)
        else:  # averages that decay at three rates
            parts = [
                d * part + (1 - d) * read
                for d, part in zip((0.5, 0.8, 0.95), state.split(w, 1), strict=True)
            ]
            state = torch.cat(parts, 1)
            h = torch.tanh(self.cell(2.0 * parts[0] + 2.0 * parts[1] + 3.0 * parts[2]))
        h = nn.functional.dropout(h, dropout, training=dropout > 0)
        return state, self.out(h)


def sources():
    """Lines of this package's modules, as ids; 0 ends a line."""
    lines = [
        line.strip()
        for path in sorted(Path(trlib.__file__).parent.glob("algorithms/*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if 20 < len(line.strip()) < 64
    ]
    letters = sorted(set("".join(lines)))
    return [[1 + letters.index(x) for x in line] + [0] for line in lines], 1 + len(letters)


def sums(g):
    """A line of sums such as 37+45=82;8+11=19, as ids; 0 ends it."""
    made = []
    for _ in range(int(g.integers(3, 7))):
        a, b = (int(x) for x in g.integers(1, 50, 2))
        made.append(f"{a}+{b}={a + b}")
    return [1 + "0123456789+=;".index(x) for x in ";".join(made)] + [0]


@cache
def network(kind):
    """A trained one, or the random one whose text is flat; and lines that prompts are cut from."""
    torch.manual_seed(311)
    g = np.random.default_rng(312)
    if kind == "flat":
        net = Net(kind, 400, 48)
        with torch.no_grad():
            net.out.weight.normal_(0, 0.45)
            net.cell.weight.mul_(2.0)
            net.out.bias[0] = 3.2
        return net, [g.integers(1, 400, 40).tolist() for _ in range(400)]
    lines, vocabulary = sources() if kind == "code" else ([sums(g) for _ in range(3000)], 14)
    net = Net(kind, vocabulary, 96 if kind == "code" else 80)
    optimizer = torch.optim.Adam(net.parameters(), 4e-3)
    for _ in range(350):
        chosen = [lines[int(i)][: LONGEST - 1] for i in g.integers(len(lines), size=32)]
        x = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in chosen], True, -1)
        state, loss = net.begin(32), torch.zeros(())
        for t in range(x.shape[1] - 1):
            state, logits = net.step(state, x[:, t].clamp(min=0))
            loss = loss + nn.functional.cross_entropy(
                logits, x[:, t + 1], ignore_index=-1, reduction="sum"
            )
        optimizer.zero_grad()
        (loss / (x >= 0).sum()).backward()
        optimizer.step()
    return net, lines


class Engine:
    """A policy in some precision: writes completions and scores them."""

    def __init__(self, model, prefix=None, round_logits=None):
        self.model, self.round_logits = model, round_logits
        self.prefix = prefix or model  # which weights read the prompt

    def module(self):
        return self.model if isinstance(self.model, nn.Module) else self.model.model

    def changed(self, how):
        """A copy with other matrices."""
        m = self.model
        made = copy.deepcopy(m) if isinstance(m, nn.Module) else m.copy()
        engine = Engine(made)
        with torch.no_grad():
            for weight in engine.module().parameters():
                if weight.dim() >= 2:
                    weight.copy_(how(weight))
        return engine

    def logits(self, batch, dropout=0.0):
        """[B, T, V] of the batch's tokens."""
        if not isinstance(self.model, Net):
            drop = (lambda x: nn.functional.dropout(x, dropout)) if dropout else None
            made = self.model.score(batch["completions"], full=True, perturb=drop).full
        else:
            state, made = self.read(batch["prompt"]), []
            before = torch.cat([batch["prompt"][:, -1:], batch["tokens"][:, :-1]], 1)
            for t in range(before.shape[1]):
                state, logits = self.model.step(state, before[:, t], dropout)
                made.append(logits)
            made = torch.stack(made, 1)
        return made if self.round_logits is None else made.to(self.round_logits).float()

    def read(self, prompt):
        state = self.prefix.begin(len(prompt))
        for t in range(prompt.shape[1] - 1):
            state, _ = self.prefix.step(state, prompt[:, t])
        return state


def drawn(logp, g):
    """One token of each distribution, [...] of [..., V]."""
    mass = logp.double().exp().cumsum(-1)
    u = torch.from_numpy(g.random((*logp.shape[:-1], 1)))
    return (mass < u * mass[..., -1:]).sum(-1).clamp(max=logp.shape[-1] - 1)


def penalised(logits, seen):
    return torch.where(seen, torch.where(logits > 0, logits / 1.2, logits * 1.2), logits)


def write(engine, kind, prompt, temperature, g, penalty=False):
    """A batch: completions of the prompts."""
    if kind == "dial":
        task = trlib.load_task(kind)
        prompts, group = prompt
        done = sample(
            engine.model,
            [p.text for p in prompts],
            group=group,
            temperature=temperature,
            max_tokens=task.max_tokens,
            seed=int(g.integers(1 << 30)),
        )
        rewards = np.array([v.reward for v in verify_batch(task, prompts, done)])
        return {
            "completions": done,
            "tokens": done.tokens,
            "mask": done.mask,
            "rewards": rewards,
        }
    rows = len(prompt)
    state, token = engine.read(prompt), prompt[:, -1]
    alive, tokens, mask = torch.ones(rows, dtype=torch.bool), [], []
    limit = torch.from_numpy(g.integers(LONGEST // 2, LONGEST, rows))  # what a context leaves
    seen = torch.zeros(rows, engine.model.vocabulary, dtype=torch.bool).scatter_(1, prompt, True)
    for t in range(LONGEST):
        state, logits = engine.model.step(state, token)
        if penalty:
            logits = penalised(logits, seen)
        token = drawn((logits / temperature).log_softmax(-1), g)
        seen = seen.scatter(1, token[:, None], True)
        tokens.append(token)
        mask.append(alive)
        alive = alive & (token != 0) & (t + 1 < limit)
    return {"prompt": prompt, "tokens": torch.stack(tokens, 1), "mask": torch.stack(mask, 1)}


def prompts_of(kind, count, group, g):
    """So many prompts, each `group` times."""
    if kind == "dial":
        return trlib.load_task(kind).prompts(count, seed=int(g.integers(1 << 30))), group
    lines = network(kind)[1]
    chosen = [lines[int(i)][:PROMPT] for i in g.integers(len(lines), size=count)]
    return torch.tensor(chosen).repeat_interleave(group, 0)


def moves(engine, batch, weight):
    """A function of nats of a logit: the engine after a step along sum weight log π."""
    trial = engine.changed(lambda w: w)
    weights = [w.requires_grad_() for w in trial.module().parameters() if w.dim() >= 2]
    a = torch.from_numpy(np.ascontiguousarray(weight)).float() * batch["mask"]
    with torch.enable_grad():
        logp = token_logp(trial.logits(batch), drawn_of(batch))
        gradients = torch.autograd.grad((a * logp).sum(), weights)
    norm = math.sqrt(sum(float(x.square().sum()) for x in gradients)) + 1e-12

    def of(size):
        step = iter(gradients)
        return engine.changed(lambda w: w + size * next(step) / norm)

    with torch.no_grad():
        here = engine.logits(batch)[batch["mask"]]
        there = of(0.003).logits(batch)[batch["mask"]]
        p = here.softmax(-1)
        move = there - here - (p * (there - here)).sum(-1, keepdim=True)
        per_nat = 0.003 / max(float((p * move.abs()).sum(-1).mean()), 1e-9)
    return lambda nats: of(nats * per_nat) if nats else engine


def drawn_of(batch):
    """The tokens that the dump holds."""
    return batch.get("fresh", batch["tokens"])


def token_logp(logits, tokens):
    return logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]


def in_precision(engine, precision):
    """What a sampler computes with."""
    if precision == "fp32":
        return engine
    if precision.startswith("int"):
        return engine.changed(lambda w: round_trip(w, int(precision[3:])))
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    made = engine.changed(lambda w: w.to(kind).float())
    made.round_logits = kind
    return made


def estimated(rewards, group, mask, how, g):
    """[B, T] advantages by one of the estimators that are in use, or by none."""
    size = np.bincount(group)[group]
    mean = (np.bincount(group, rewards) / np.maximum(np.bincount(group), 1))[group]
    each = rewards - mean
    if how == "std":
        spread = np.sqrt((np.bincount(group, each**2) / np.maximum(np.bincount(group), 1))[group])
        each = each / (spread + 1e-4)
    if how == "loo":
        each = each * size / np.maximum(size - 1, 1)
    if how == "batch":
        each = (rewards - rewards.mean()) / (rewards.std() + 1e-6)
    if how == "moving":  # REINFORCE with a moving mean
        mean, made = 0.5, []
        for r in rewards:
            made.append(r - mean)
            mean = 0.95 * mean + 0.05 * r
        each = np.array(made)
    if how == "outside":  # a baseline for every prompt, from elsewhere
        each = rewards - g.uniform(0.1, 0.9, group.max() + 1)[group]
    if how == "signs":
        each = g.choice([-1.0, 1.0], len(rewards))
    if how == "critic":
        return (rewards - 0.5)[:, None] + 0.3 * g.standard_normal(mask.shape)
    return np.broadcast_to(each[:, None], mask.shape)


ESTIMATORS = ("mean", "std", "loo", "batch", "moving", "outside", "signs", "critic")


def made(kind, size, fault, seed):
    """A dump with one row per token, as `faults.flat` returns it, and what does not matter about
    it; fault None: a healthy one."""
    which = list(FAULTS).index(fault) if fault else len(FAULTS)
    g = np.random.default_rng([2026, 80, seed, size, KINDS.index(kind), which])
    torch.manual_seed(int(g.integers(1 << 30)))
    learner = Engine(trlib.load_policy(kind) if kind == "dial" else network(kind)[0])
    group = int(g.choice([4, 8]))
    drew = learned = float(g.choice([1.0, 1.0, 0.7, 1.2]))
    precision = str(g.choice(["fp32", "bf16", "bf16", "fp16", "int8"]))
    how = str(g.choice(ESTIMATORS))
    lag = str(g.choice(["none", "none", "one", "ages"]))
    update = float(g.choice([0.0, 0.0, 0.04, 0.15]))
    columns = {
        name for name in ("logp_old", "group", "reward", "version", "tokens") if g.random() < 0.7
    }
    fault = fault or "healthy"
    if fault != "healthy":
        precision, lag = ("int4" if fault == "int4" else str(g.choice(["fp32", "bf16"]))), "none"
        update = update if "logp_old" in columns and fault != "dropout" else 0.0
        how = str(g.choice(["mean", "std", "loo"])) if "advan" in fault or "half" in fault else how
    if fault.startswith("temperature"):
        learned, drew = 1.0, float(fault.split()[1])
    if "advantages" in fault or "half" in fault:
        columns |= {"group", "reward"}
    if fault == "dropout":
        columns |= {"logp_old"}
    run = fault in ("prefix cache", "adapter that never arrives", "drift")
    versions = np.zeros(size, dtype=int)
    prompt = prompts_of(kind, size // group, group, g)
    ages = {"ages": (0, 1, 2), "one": (int(g.integers(1, 4)),)}.get(lag, (0,))
    step = STEP
    if fault.startswith("versions"):
        ages, step = tuple(range(7)), 0.06
        columns |= {"version"}
    if fault.startswith("three"):
        ages, step = (3,), 0.1
        columns -= {"version"}
    if len(ages) > 1:
        columns |= {"version"}

    def towards(nats):
        return learner

    if any(ages) or run:
        with torch.no_grad():
            start = write(learner, kind, prompts_of(kind, 16, 8, g), 1.0, g)
        way = np.broadcast_to(g.standard_normal((len(start["mask"]), 1)), start["mask"].shape)
        towards = moves(learner, start, way)
    if run:
        columns |= {"version", "tokens", "group"}
        return _run(g, kind, size, fault, learner, towards, prompt, group, columns, precision)
    with torch.no_grad():
        versions = g.choice(ages, size)
        parts = []
        for age in np.unique(versions):
            sampler = in_precision(towards(-step * age), precision)
            batch = write(sampler, kind, prompt, drew, g, "penalty" in fault)
            parts.append((age, batch, sampler.logits(batch)))
        batch, mu = parts[0][1], parts[0][2].clone()
        for age, other, logits in parts[1:]:
            rows = torch.from_numpy(np.flatnonzero(versions == age))
            mu = _joined(batch, other, mu, logits, rows)
        mu, batch = _edited(g, fault, batch, mu, drew)
        rollout = token_logp(mu / drew, drawn_of(batch))
    ids, mask = np.repeat(np.arange(size // group), group), batch["mask"].numpy()
    rewards = batch.get("rewards", (g.random(size) < g.beta(2, 2, size // group)[ids]) * 1.0)
    while (np.ptp(rewards.reshape(-1, group), 1) == 0).mean() > 0.4:  # no other fault by chance
        rewards[int(g.integers(size))] = float(g.random() < 0.5)
    advantage = estimated(rewards, ids, mask, how, g)
    elsewhere = np.zeros(size, dtype=bool)
    if fault.startswith("a tenth"):
        elsewhere = g.random(size) < 0.1
        elsewhere[int(g.integers(size))] = True
    if fault.startswith("all behind"):
        elsewhere[:] = True
    rate = 0.1 if fault == "dropout" else 0.0
    new = moves(learner, batch, advantage)(update) if update else learner
    with torch.no_grad():
        passes = []
        for engine in (learner, new):
            logits = engine.logits(batch, rate)
            if elsewhere.any():
                other = engine.logits(_behind_another(batch, group))
                logits = torch.where(torch.from_numpy(elsewhere)[:, None, None], other, logits)
            passes.append(token_logp(logits / learned, drawn_of(batch)))
    if fault == "advantages shuffled":
        advantage = advantage[g.permutation(size)]
    if fault == "advantages of another batch":
        advantage = estimated((g.random(size) < 0.5) * 1.0, ids, mask, how, g)
    if fault == "advantages turned":
        advantage = -advantage
    values = {"logp": passes[1], "logp_old": passes[0], "logp_rollout": rollout}
    flat = _columns(g, fault, batch, values, advantage, ids, rewards, 50 - versions, columns)
    told = f"{precision}, T {learned:g}, {lag}, {how}, moved {update:g}, groups of {group}"
    return flat, f"{told}, {', '.join(sorted(columns))}"


def _joined(batch, other, mu, logits, rows):
    """Rows of one batch taken from another, and of the logits; lengths may differ."""
    longest = max(mu.shape[1], logits.shape[1])

    def wide(x):
        return nn.functional.pad(x, (0, 0) * (x.dim() - 2) + (0, longest - x.shape[1]))

    mu, logits = wide(mu), wide(logits)
    mu[rows] = logits[rows]
    for name in ("tokens", "mask"):
        batch[name], there = wide(batch[name]), wide(other[name])
        batch[name][rows] = there[rows]
    if "rewards" in batch:
        batch["rewards"][rows.numpy()] = other["rewards"][rows.numpy()]
        c = batch["completions"]
        batch["completions"] = replace(
            c, tokens=batch["tokens"], mask=batch["mask"], forced=wide(c.forced), logp=wide(c.logp)
        )
    return mu


def _edited(g, fault, batch, mu, drew):
    """The sampler's logits after its own edits, and the batch with tokens drawn from them anew,
    each behind what stood before it."""
    tokens = batch["tokens"]
    if "penalty" in fault:  # applied while it wrote
        seen = torch.zeros(len(tokens), mu.shape[-1], dtype=torch.bool)
        seen = seen.scatter(1, batch["prompt"], True)
        mu = mu.clone()
        for t in range(mu.shape[1]):
            mu[:, t] = penalised(mu[:, t], seen)
            seen = seen.scatter(1, tokens[:, t : t + 1], True)
        return mu, batch
    again = fault in ("top-p .92", "banned words")
    if fault == "top-p .92":
        value, order = (mu / drew).softmax(-1).sort(-1, descending=True)
        outside = (value.cumsum(-1) - value >= 0.92).gather(-1, order.argsort(-1))
        mu = mu.masked_fill(outside, -math.inf)
    if fault == "banned words":
        there = torch.from_numpy(g.permutation(tokens[batch["mask"]].unique().numpy()))
        mu = mu.clone()
        mu[..., there[: max(1, len(there) // 7)]] -= 3.5
    if not again:
        return mu, batch
    fresh = torch.where(batch["mask"], drawn((mu / drew).log_softmax(-1), g), tokens)
    return mu, batch | {"fresh": fresh}


def _behind_another(batch, group):
    """The batch behind the next prompt."""
    if "prompt" in batch:
        return batch | {"prompt": batch["prompt"].roll(group, 0)}
    c = batch["completions"]
    ids, mask = (x.roll(1, 0) for x in (c.prompt_ids, c.prompt_mask))
    return batch | {"completions": replace(c, prompt_ids=ids, prompt_mask=mask)}


def _run(g, kind, size, fault, learner, towards, prompt, group, columns, precision):
    """A run of twelve versions over the same few prompts, each scored by its learner."""
    few = prompt[: 8 * group : group]
    each = max(16, size // VERSIONS)
    rows = torch.from_numpy(g.integers(len(few), size=each))
    behind = few[rows]
    flats = []
    for version in range(VERSIONS):
        with torch.no_grad():
            now = towards(STEP * 2 * version)
            behind_by = {"drift": STEP * version, "prefix cache": STEP * 2 * version}
            sampler = in_precision(towards(behind_by.get(fault, 0.0)), precision)
            if fault == "prefix cache":  # filled at the last restart
                sampler.prefix = towards(STEP * 2 * (version - version % 6)).model
            batch = write(sampler, kind, behind, 1.0, g)
            rollout = token_logp(sampler.logits(batch), batch["tokens"])
            logp = token_logp(now.logits(batch), batch["tokens"])
        ids, mask = rows.numpy(), batch["mask"].numpy()
        rewards = (g.random(each) < 0.5) * 1.0
        advantage = estimated(rewards, ids, mask, "outside", g)
        if fault == "drift":  # wrong answers are pushed down harder than right ones up
            advantage = np.where(advantage < 0, 2.5, 1) * advantage
        values = {"logp": logp, "logp_old": logp, "logp_rollout": rollout}
        version_of = np.full(each, version)
        flat = _columns(g, fault, batch, values, advantage, ids, rewards, version_of, columns)
        flat["completion"] = flat["completion"] + each * version
        flats.append(flat)
    whole = {name: np.concatenate([flat[name] for flat in flats]) for name in flats[0]}
    return whole, f"{precision}, {', '.join(sorted(columns))}"


def _columns(g, fault, batch, values, advantage, group, rewards, version, keep):
    """What is wrong with columns, and the dump."""
    mask = batch["mask"].numpy()
    values = {name: x.double().numpy().copy() for name, x in values.items()}
    rollout, counted = values["logp_rollout"], mask
    if fault.startswith("shifted"):
        rollout[:, 1:] = rollout[:, :-1].copy()
    if fault == "padding counted":
        longest = mask.sum(1).max()
        values = {name: np.where(mask, x, 0.0)[:, :longest] for name, x in values.items()}
        mask = counted = np.ones_like(mask[:, :longest])
    if fault == "mask one late":
        rollout[~mask] = 0.0  # a sampler has no log-prob of what it did not write
        mask = mask | np.roll(mask, 1, 1)
        counted = np.roll(batch["mask"].numpy(), 1, 1)
        counted[:, 0] = False
    if fault.startswith("half"):
        mask = mask & (g.random(len(mask)) < 0.5)[:, None]
        counted = mask
    row, column = np.nonzero(mask)
    flat = {
        "completion": row,
        **{name: x[row, column] for name, x in values.items()},
        "advantage": np.asarray(advantage)[row, column],
        "mask": counted[row, column],
        "group": group[row],
        "reward": rewards[row],
        "tokens": drawn_of(batch).numpy()[row, column],
        "version": version[row],
    }
    absent = {"logp_old", "group", "reward", "version", "tokens"} - keep
    return {name: x for name, x in flat.items() if name not in absent}


def right(fault, verdict):
    """ "named", "hinted", "beside" (amber that says something else), "misnamed" or "missed"; a true
    name beside a wrong one is misnamed."""
    cause, hints, _ = FAULTS[fault]
    names = {each.name for each in verdict.causes}
    if names - {cause}:
        return "misnamed"
    if names:
        return "named"
    if verdict.verdict == "unusual":
        told = hints and any(hint in verdict.headline for hint in hints.split("|"))
        return "hinted" if told else "beside"
    return "missed"


def faulty():
    """Three dumps of each fault: kind, size, fault."""
    made = []
    for i, (fault, (_, _, kinds)) in enumerate(FAULTS.items()):
        for j in range(3):
            made.append((kinds[(i + j) % len(kinds)], SIZES[(i + 2 * j) % 3], fault))
    return made


def dumps(seed, healthy, healthy_seed):
    """Every dump by its name: kind, size, fault, seed; the faulty ones first."""
    faults = [(kind, size, fault, seed) for kind, size, fault in faulty()]
    of_kind = [(SIZES[i % 3], None, healthy_seed + 1 + i) for i in range(healthy)]
    every = faults + [(kind, *each) for kind in KINDS for each in of_kind]
    return {
        f"{fault or 'healthy'}, {kind}, {size}, {its_seed}": (kind, size, fault, its_seed)
        for kind, size, fault, its_seed in every
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--healthy", type=int, default=75, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the faulty ones")
    parser.add_argument("--healthy-seed", type=int, help="the first of the healthy ones")
    parser.add_argument("--out", type=Path, help="every verdict; begun by an earlier run: goes on")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    args = parser.parse_args()
    torch.set_num_threads(1)
    verdicts = {}
    if args.out and args.out.exists():
        verdicts = json.loads(args.out.read_text(encoding="utf-8"))
    healthy_seed = args.seed if args.healthy_seed is None else args.healthy_seed
    every = dumps(args.seed, args.healthy, healthy_seed)
    for name, (kind, size, fault, seed) in every.items():
        if name in verdicts:
            continue
        columns, told = made(kind, size, fault, seed)
        verdict = judged(columns)
        word = right(fault, verdict) if fault else verdict.verdict
        verdicts[name] = [word, verdict.headline]
        if fault or word != "healthy":
            print(f"{word:9}{name}: {verdict.headline[:160]} ({told})", flush=True)
        if args.out:
            _write(args.out, verdicts)
    faults, healthy, accused = {fault: Counter() for fault in FAULTS}, {}, {}
    for name in every:
        word, headline = verdicts[name]
        fault, kind, *_ = name.rsplit(", ", 3)
        if fault in faults:
            faults[fault][word] += 1
            continue
        healthy.setdefault(kind, Counter())[word] += 1
        if word == "found":
            accused[name] = headline
    record = {
        "command": "python -m benchmarks.diagnose.heldout --record "
        f"--seed {args.seed} --healthy-seed {healthy_seed}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__.split("+")[0],
        },
        "faults": {fault: dict(sorted(x.items())) for fault, x in faults.items()},
        "healthy": {kind: dict(sorted(x.items())) for kind, x in healthy.items()},
        "accused": accused,
    }
    print(json.dumps(record, indent=1, ensure_ascii=False))
    if args.record:
        _write(RECORD, record)


def _write(path, what):
    path.write_text(json.dumps(what, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
