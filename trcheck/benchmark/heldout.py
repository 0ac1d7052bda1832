"""Dumps that no rule was set on: `python -m trcheck.benchmark.heldout --record`.

Written after the rules, with models and faults of its own kind: a Llama trained on words of a
grammar, a GPT-2 (learned positions) on sums, a Llama on letters of Python's own manual. Each trains
for seconds. A fault is made where it happens: another cut, another text in the batch, an attention
mask that sees too much, weights of other steps. What does not matter is drawn anew for every dump:
precision, the temperature of both sides, lags, updates, the kind of advantages, the columns.

`--record` writes the counts that the book's page tells to `heldout.json` beside this file.
"""

import argparse
import copy
import json
import multiprocessing
import platform
import pydoc_data.topics
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from trcheck.diagnose.judgement import judge
from trcheck.diagnose.live import rollouts
from trlib.loop.sampler import round_trip

RECORD = Path(__file__).with_name("heldout.json")
KINDS = ("words", "sums", "letters")
SIZES = (64, 96, 160)
PROMPT, LONGEST, GROUP = 8, 32, 8
FAULTS = {
    "temperature .8": ("temperature", "sharper|temperature"),
    "temperature 1.3": ("temperature", "sharper|temperature"),
    "top-p .9": ("support", "mean of π/μ"),
    "top-k 6": ("support", "mean of π/μ"),
    "min-p .08": ("support", "mean of π/μ"),
    "bias on frequent words": ("edited-logits", "penalty or bias|edited logits"),
    "presence penalty": ("edited-logits", "penalty"),
    "the top token's column": ("column", ""),
    "sums in place of log-probs": ("unit", ""),
    "the reference's log-probs as old": ("column", ""),
    "advantages permuted": ("advantages", "equal rewards"),
    "groups reshaped": ("advantages", "equal rewards"),
    "advantages of other rewards": ("advantages", "equal rewards"),
    "cut at the limit": ("truncation", "cut"),
    "prompt counted": ("foreign-tokens", ""),
    "encoded anew in the middle": ("pairing", "another text"),
    "a tool's words": ("foreign-tokens", ""),
    "another template": ("pairing", "template"),
    "a neighbour's tokens attended to": ("jump", "packed rows|another prompt"),
    "left padding attended to": ("jump", "left padding|another prompt"),
    "int4 since yesterday": ("jump", "precision"),
    "ages 0 to 6": ("staleness", "lags"),
    "dropout in the update's pass": ("dropout", "dropout"),
    "dropout in the adapters": ("dropout", "dropout"),
    "a tool's answer, the same everywhere": ("foreign-tokens", ""),
    "the wrong sign": ("sign", ""),
    "the wrong sign, until collapse": ("sign", ""),
}
"""Each with its cause, and words of the amber verdicts that hint at it."""
OLDER = {"a neighbour's tokens attended to", "left padding attended to", "int4 since yesterday"}
"""Held against a healthy day."""


def stops(kind):
    """[V] bool: what ends a completion, and is its last token."""
    ids = torch.arange(600)
    if kind == "words":
        return ids % 11 == 7
    return torch.isin(ids, torch.tensor(sorted(ALPHABET[kind].index(c) for c in STOPS[kind])))


TOPICS = ("assert", "class", "for", "with", "strings", "typesmapping", "import", "try", "lambda")
MANUAL = " ".join(" ".join(pydoc_data.topics.topics[name].split()) for name in TOPICS)
ALPHABET = {"letters": sorted(set(MANUAL)), "sums": "0123456789+:;=."}
STOPS = {"letters": ".,sd", "sums": "=."}


def texts(kind, g, count):
    """[count, PROMPT + LONGEST] ids of text to learn."""
    width = PROMPT + LONGEST
    if kind == "letters":
        starts = g.integers(0, len(MANUAL) - width, count)
        lines = [MANUAL[i : i + width] for i in starts]
    elif kind == "sums":
        lines = []
        for a, b in g.integers(100, 999, (count, 2)):
            steps = ";".join(f"{x}+{y}" for x, y in zip(str(a), str(b), strict=True))
            lines.append((f"{a}+{b}:{steps}={a + b}." * 3)[:width])
    else:  # words, each of which has few that follow it, some frequent everywhere
        follow = np.random.default_rng(5).zipf(1.4, (600, 12)) % 600
        made = np.zeros((count, width), dtype=int)
        made[:, 0] = g.integers(0, 600, count)
        for t in range(1, width):
            which = np.minimum(g.geometric(0.3, count) - 1, 11)
            made[:, t] = follow[made[:, t - 1], which]
        return torch.from_numpy(made)
    return torch.tensor([[ALPHABET[kind].index(c) for c in line] for line in lines])


@cache
def models(kind):
    """The trained one, and seven versions that learnt on from it, further and further."""
    torch.manual_seed(41)
    g = np.random.default_rng(42)
    shape = {"vocab_size": 600 if kind == "words" else len(ALPHABET[kind])}
    if kind == "sums":
        config = GPT2Config(
            **shape, bos_token_id=0, eos_token_id=0, n_embd=48, n_layer=2, n_head=4, n_positions=80,
            resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
        )  # fmt: skip
    else:
        config = LlamaConfig(
            **shape, hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=128,
        )  # fmt: skip
    model = (GPT2LMHeadModel if kind == "sums" else LlamaForCausalLM)(config)
    learn(model, kind, g, 220, 4e-3)
    kept = [copy.deepcopy(model)]
    for _ in range(6):  # on other lines, a line in five of them turned around
        learn(model, kind, g, 4, 7e-4, turned=0.2)
        kept.append(copy.deepcopy(model))
    return [each.eval() for each in kept]


def learn(model, kind, g, steps, rate, turned=0.0):
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        ids = texts(kind, g, 24)
        if turned:
            ids[: int(32 * turned)] = ids[: int(32 * turned)].flip(1)
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()


def rounded(model, precision):
    """A copy as an engine holds it."""
    made = copy.deepcopy(model)
    with torch.no_grad():
        for weight in made.parameters():
            if weight.dim() > 1 and precision.startswith("int"):
                weight.copy_(round_trip(weight, int(precision[3:])))
    return made.to(torch.bfloat16) if precision == "bf16" else made


@torch.no_grad()
def write(model, kind, prompt, g, edit, endless):
    """[B, T] tokens behind [B, P] prompts, which count, and log-probs [B, T] as the sampler has
    them: of each token, and of the likeliest. What is `endless` [B] stops at no word."""
    torch.manual_seed(int(g.integers(1 << 30)))
    ids, cache_, alive, mask = prompt, None, torch.ones(len(prompt), dtype=torch.bool), []
    drawn, top = [], []
    while ids.shape[1] < PROMPT + LONGEST:
        fresh = ids if cache_ is None else ids[:, -1:]
        done = model(input_ids=fresh, past_key_values=cache_, use_cache=True)
        cache_ = done.past_key_values
        logp = edit(done.logits[:, -1].float(), ids).log_softmax(-1)
        token_ = logp.exp().multinomial(1)
        ids = torch.cat([ids, token_], 1)
        mask.append(alive)
        drawn.append(logp.gather(1, token_)[:, 0])
        top.append(logp.amax(-1))
        alive = alive & (~stops(kind)[ids[:, -1]] | endless)
    return ids, *(torch.stack(x, 1) for x in (mask, drawn, top))


def logits_of(model, ids, **more):
    """[B, T, V] of the tokens behind the prompt."""
    return model(input_ids=ids, **more).logits[:, PROMPT - 1 : -1].float()


def token(logits, ids):
    return logits.log_softmax(-1).gather(-1, ids[:, PROMPT:, None])[..., 0]


def edited(fault, frequent):
    """What a sampler does to its logits [B, V], having written `ids`."""

    def edit(logits, ids):
        if fault == "bias on frequent words":
            logits = logits.clone()
            logits[:, frequent] += 2.0
        if fault == "presence penalty":
            logits = logits - torch.zeros_like(logits).scatter(1, ids[:, PROMPT:], 0.8)
        p, order = logits.softmax(-1).sort(-1, descending=True)
        out = torch.zeros_like(p, dtype=torch.bool)
        if fault == "top-p .9":
            out = p.cumsum(-1) - p >= 0.9
        if fault == "top-k 6":
            out = torch.arange(p.shape[-1]).expand_as(p) >= 6
        if fault == "min-p .08":
            out = p < 0.08 * p[:, :1]
        return logits.masked_fill(out.gather(-1, order.argsort(-1)), -torch.inf)

    return edit


def estimated(rewards, group, mask, how, g):
    """[B, T] advantages."""
    n = np.bincount(group)
    mean = (np.bincount(group, rewards) / n)[group]
    length = mask.sum(1)
    made = rewards - mean
    if how == "std":
        made = made / (np.sqrt(np.bincount(group, made**2) / n)[group] + 1e-6)
    if how == "others":
        made = made * n[group] / (n[group] - 1)
    if how == "lengths":
        made = rewards - (np.bincount(group, rewards * length) / np.bincount(group, length))[group]
    if how == "batch":
        made = (rewards - rewards.mean()) / (rewards.std() + 1e-6)
    if how == "reward":
        made = rewards
    if how == "plus-minus":
        made = 2 * rewards - 1
    if how == "critic":
        return (rewards - 0.4)[:, None] + 0.3 * g.standard_normal(mask.shape)
    return np.repeat(made[:, None], mask.shape[1], 1)


def made(kind, size, fault, seed):
    """A dump's columns with a row per token, as `faults.flat` returns them, and the share of its
    completions that no stop ended; None: healthy."""
    which = list(FAULTS).index(fault) if fault else len(FAULTS)
    g = np.random.default_rng([96, seed, size, KINDS.index(kind), which])
    torch.manual_seed(int(g.integers(1 << 30)))
    versions = models(kind)
    frequent = torch.bincount(texts(kind, g, 64).flatten(), minlength=15)
    frequent = frequent.argsort(descending=True)[: 5 if kind == "words" else 2]
    precision = str(g.choice(["fp32", "bf16", "bf16", "int8"]))
    heat = float(g.choice([1.0, 1.0, 0.8, 1.2]))
    lag = int(g.choice([0, 0, 1, 2])) if fault is None else 0
    how = str(g.choice(["mean", "std", "others", "lengths", "batch", "reward", "plus-minus", "critic"]))  # fmt: skip
    columns = {n for n in ("logp_old", "group", "reward", "version", "tokens") if g.random() < 0.75}
    drew = learned = heat
    if fault:
        precision, columns = str(g.choice(["fp32", "bf16"])), columns | {"tokens", "group"}
        columns |= {"reward", "logp_old"}
    if fault in OLDER:
        columns -= {"version"}
    if fault and "temperature" in fault:
        learned, drew = 1.0, float(fault.split()[1])
    if fault and any(word in fault for word in ("advantages", "groups", "sign")):
        how = str(g.choice(["mean", "std", "others"]))
    if fault == "int4 since yesterday":
        precision = "int4"
    lines = texts(kind, g, size // GROUP)
    prompt = lines[:, :PROMPT].repeat_interleave(GROUP, 0)
    learner = versions[6]
    edit = edited(fault, frequent)
    ages = g.integers(0, 7, size) if fault == "ages 0 to 6" else np.full(size, lag)
    if fault is None and lag == 2:
        ages = g.integers(0, 3, size)
        columns |= {"version"}
    if fault == "ages 0 to 6":
        columns |= {"version"}
    ids = torch.zeros(size, PROMPT + LONGEST, dtype=torch.long)
    mask = torch.zeros(size, LONGEST, dtype=torch.bool)
    mu = torch.zeros(size, LONGEST)
    endless = torch.from_numpy(g.random(size) < (0.9 if fault == "cut at the limit" else 0.0))
    for age in np.unique(ages):
        rows = torch.from_numpy(np.flatnonzero(ages == age))
        sampler = rounded(versions[6 - int(age)], precision)
        ids[rows], mask[rows], drawn, top = write(
            sampler, kind, prompt[rows], g, lambda x, i: edit(x, i) / drew, endless[rows]
        )
        mu[rows] = top if fault == "the top token's column" else drawn
    cut = float((mask[:, -1] & ~stops(kind)[ids[:, -1]]).double().mean())
    mask = mask.numpy()
    group = np.repeat(np.arange(size // GROUP), GROUP)
    rewards = (g.random(size) < g.beta(2, 2, size // GROUP)[group]) * 1.0
    if g.random() < 0.3:
        rewards = rewards + 0.1 * g.integers(0, 4, size)
    for i in range(size // GROUP):  # no dead group by chance
        rewards[GROUP * i], rewards[GROUP * i + 1] = 0.0, 1.0
    advantage = estimated(rewards, group, mask, how, g)
    passes = scored(g, fault, learner, learned, ids, mask, versions, advantage)
    if fault == "advantages permuted":
        advantage = advantage[g.permutation(size)]
    if fault == "groups reshaped":
        advantage = estimated(rewards, np.arange(size) % (size // GROUP), mask, how, g)
    if fault == "advantages of other rewards":
        advantage = estimated((g.random(size) < 0.5) * 1.0, group, mask, how, g)
    mu = mu.numpy()
    if fault == "a tool's answer, the same everywhere":
        at = PROMPT + int(g.integers(1, 4))
        answer = g.integers(0, learner.config.vocab_size, 10)
        ids[:, at : at + 10] = torch.from_numpy(answer)
        mask[:, : at + 10 - PROMPT] = True
        with torch.no_grad():
            mu = token(logits_of(rounded(learner, precision), ids) / drew, ids).numpy()
            passes = [token(logits_of(learner, ids) / learned, ids).numpy()] * 2
    if fault == "sums in place of log-probs":
        mu = mu.cumsum(1)
    if fault == "the reference's log-probs as old":
        mu = passes[1].copy()
    if fault == "a tool's words":
        tool = (g.random(size) < 0.4)[:, None] & (np.arange(LONGEST) > 2) & (np.arange(LONGEST) < 9)
        ids[:, PROMPT:][torch.from_numpy(tool)] = torch.from_numpy(
            g.integers(0, learner.config.vocab_size, int(tool.sum()))
        )
        mask |= tool
        with torch.no_grad():
            own = token(logits_of(rounded(learner, precision), ids) / drew, ids).numpy()
            passes = [token(logits_of(learner, ids) / learned, ids).numpy()] * 2
        mu = own
    if fault == "prompt counted":
        with torch.no_grad():
            full = learner(input_ids=ids).logits[:, :-1].log_softmax(-1)
        whole = full.gather(-1, ids[:, 1:, None])[..., 0].numpy()
        noise = 0.01 * g.standard_normal((size, PROMPT - 1))
        mu = np.concatenate([whole[:, : PROMPT - 1] + noise, mu], 1)
        passes = [np.concatenate([whole[:, : PROMPT - 1], x], 1) for x in passes]
        mask = np.concatenate([np.ones((size, PROMPT - 1), bool), mask], 1)
        advantage = np.repeat(advantage[:, :1], mask.shape[1], 1)
    words = ids[:, -mask.shape[1] :].numpy()
    owner, place = np.nonzero(mask)
    flat = {
        "completion": owner, "logp": passes[1][owner, place], "logp_rollout": mu[owner, place],
        "advantage": advantage[owner, place], "mask": np.ones(len(owner), dtype=bool),
        "logp_old": passes[0][owner, place], "tokens": words[owner, place],
        "group": group[owner], "reward": rewards[owner], "version": 50 - ages[owner],
    }  # fmt: skip
    optional = {"logp_old", "tokens", "group", "reward", "version"}
    kept = {n: flat[n] for n in flat if n in columns or n not in optional}
    return {n: x.astype(float) if "logp" in n else x for n, x in kept.items()}, cut


def scored(g, fault, learner, learned, ids, mask, versions, advantage):
    """The learner's log-probs before and after its updates, [B, T] each."""
    seen, more = ids.clone(), {}
    size = len(ids)
    if fault == "encoded anew in the middle":
        for row in np.flatnonzero(g.random(size) < 0.15):
            at = PROMPT + max(3, int(mask[row].sum()) // 3)
            seen[row, at] = int(g.integers(0, learner.config.vocab_size))
    if fault == "another template":
        seen[:, :5] = torch.from_numpy(g.integers(0, learner.config.vocab_size, 5))
    with torch.no_grad():
        if fault == "a neighbour's tokens attended to":
            both = torch.cat([seen.roll(1, 0)[:, -16:], seen], 1)
            place = torch.cat([torch.arange(16), torch.arange(seen.shape[1])])
            more = {"position_ids": place.expand(size, -1)}
            before = learner(input_ids=both, **more).logits[:, 16 + PROMPT - 1 : -1].float()
        elif fault == "left padding attended to":
            both = torch.cat([torch.zeros(size, 4, dtype=torch.long), seen], 1)
            before = learner(input_ids=both).logits[:, 4 + PROMPT - 1 : -1].float()
        else:
            before = logits_of(learner, seen)
        old = token(before / learned, seen if fault == "encoded anew in the middle" else ids)
        if fault == "the reference's log-probs as old":
            return [token(logits_of(versions[0], ids) / learned, ids).numpy(), old.numpy()]
    if fault and "dropout" in fault:
        with torch.no_grad(), noisy(learner, 0.04 if "adapters" in fault else 0.1):
            return [old.numpy(), token(logits_of(learner, ids) / learned, ids).numpy()]
    turned = fault is not None and "sign" in fault
    if not turned and (fault is not None or g.random() < 0.5):
        return [old.numpy()] * 2
    new, steps, size = copy.deepcopy(learner), 1, float(g.choice([0.001, 0.003]))
    if turned:
        steps, size = (12, 0.05) if "collapse" in fault else (4, 0.01)
    push = torch.from_numpy(advantage * mask).float() * (-1 if turned else 1)
    for _ in range(steps):
        new.zero_grad()
        (push * token(logits_of(new, ids) / learned, ids)).sum().backward()
        with torch.no_grad():
            for weight in new.parameters():
                weight += size * weight.norm() * weight.grad / (weight.grad.norm() + 1e-9)
    with torch.no_grad():
        return [old.numpy(), token(logits_of(new, ids) / learned, ids).numpy()]


@contextmanager
def noisy(model, p):
    """In a `with` block every linear layer's output but the head's goes through dropout."""
    layers = [m for n, m in model.named_modules() if "mlp" in n and not list(m.children())]
    hooks = [
        m.register_forward_hook(lambda *args: torch.nn.functional.dropout(args[-1], p))
        for m in layers
    ]
    yield
    for hook in hooks:
        hook.remove()


def verdict(kind, size, fault, seed):
    """The judgement on a dump, and how it is counted. Where one completion in ten or more ran
    into the limit, as a sampler's bias may make them, it is right to say so, whatever else is asked."""
    against = judge(rollouts(yesterday(kind)))[0].measured if fault in OLDER else None
    columns, cut = made(kind, size, fault, seed)
    found = judge(rollouts(columns), against=against)[0]
    names = {cause.name for cause in found.causes}
    if cut >= 0.1 and fault != "cut at the limit":
        names -= {"truncation"}
    if fault == "left padding attended to":  # which is another text before the completion
        names = {"jump" if name == "pairing" else name for name in names}
    if fault is None:
        return "healthy" if found.causes and not names else found.verdict, found
    cause, hints = FAULTS[fault]
    if names - {cause}:
        return "misnamed", found
    if names:
        return "named", found
    hinted = found.verdict == "unusual" and any(h and h in found.headline for h in hints.split("|"))
    return ("hinted" if hinted else "beside" if found.verdict == "unusual" else "missed"), found


@cache
def yesterday(kind):
    columns = made(kind, 192, None, 10**6)[0]
    learner = columns.get("logp_old", columns["logp"])
    return columns | {"logp_rollout": learner + 1e-3 * np.sin(np.arange(len(learner)))}


def of_kind(kind, seed, healthy):
    """How the dumps of a kind count, one of each fault (and None: healthy ones), in words."""
    torch.set_num_threads(1)
    words = []
    for i, fault in enumerate([*FAULTS, *[None] * healthy]):
        number = seed if fault else seed + 1 + i
        word, found = verdict(kind, SIZES[(i + KINDS.index(kind)) % 3], fault, number)
        words.append((fault, word))
        if word not in ("named", "hinted", "healthy"):
            print(f"{word}: {kind}, {fault or number}: {found.headline[:240]}", flush=True)
    return words


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--healthy", type=int, default=100, help="of each kind")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    args = parser.parse_args()
    faults, healthy = {f: Counter() for f in FAULTS}, {k: Counter() for k in KINDS}
    jobs = [(kind, args.seed, args.healthy) for kind in KINDS]
    with multiprocessing.get_context("fork").Pool(len(KINDS)) as pool:
        for kind, words in zip(KINDS, pool.starmap(of_kind, jobs, 1), strict=True):
            for fault, word in words:
                (faults[fault] if fault else healthy[kind])[word] += 1
    record = {
        "command": f"python -m trcheck.benchmark.heldout --record --seed {args.seed}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": {"python": platform.python_version(), "numpy": np.__version__}
        | {m.__name__: m.__version__.split("+")[0] for m in (torch, transformers)},
        "faults": {fault: dict(sorted(x.items())) for fault, x in faults.items()},
        "healthy": {kind: dict(sorted(x.items())) for kind, x in healthy.items()},
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    print(text)
    if args.record:
        RECORD.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
