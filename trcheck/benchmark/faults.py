"""Dumps of rollouts with a known fault, by exact sampling from known distributions: what `diagnose`
is measured on.

A *bank* holds completions that a model wrote, as the logits of each of their tokens. A dump takes
whole completions of it, draws every token anew from the sampler's distribution and scores it by the
learner's, so that a fault costs an array operation and no model. `dial` and `relay` are the
package's own, most of whose tokens are certain, as training by rewards leaves them; their rounded
copies are real ones. `softmax` has logits without a context: sharp for most tokens, flat for some,
about 0.6 nats of entropy on average.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from trcheck.diagnose import judgement
from trcheck.diagnose.live import rollouts

KINDS = {"softmax": 0, "dial": 3, "relay": 4}
"""Each with a number of its own among the seeds."""
VOCABULARY, WRITTEN = 32, 1024
"""Of `softmax`; and the completions of a bank."""
GROUP = 8
HEALTHY = (
    "fp32",
    "bf16",
    "int8",
    *(f"stale {age}" for age in range(1, 9)),
    "updated",
    "ages",
    "outside",
    "signs",
    "unequal",
)
"""The last four: ages 0 to 2 with their versions; a baseline from outside, with groups of one size
and of several; a random sign for every completion, without rewards."""
LOGITS = {"fp32": 1e-6, "bf16": 0.05, "int8": 0.16, "fp8": 0.45, "int4": 1.2}
"""Standard deviation of the error of a logit, where no rounded copy of the model is at hand: mean
|log-ratio| of 0.02, 0.06, 0.15 and 0.4 nats on `softmax`."""
SHARP = (1.6, 0.6)
"""Mean and standard deviation of the logarithm of the logits' size."""
STALE = 0.05
"""Of a logit's movement in one version."""
UNUSUAL = "unusual"
VERSIONS = 12
"""Of a run whose every version is in the dump."""
RUNS = ("cache", "weights", "drift")
FAULTS = {
    **{f"temperature {t}": "temperature" for t in (0.6, 0.7, 0.8, 0.9, 1.1, 1.3)},
    "temperature sampler": "temperature",
    "top-p": "support",
    "top-k": "support",
    "pairing prompt": "pairing",
    "pairing text": "pairing",
    "pairing all": "pairing",
    "shift": "shift",
    "mask late": "shift",
    "padding": "padding",
    "padding sampler": "padding",
    "end": "end",
    "end -1": "end",
    "repetition": UNUSUAL,
    "bias": UNUSUAL,
    "penalty": "edited-logits",
    "tool": "foreign-tokens",
    "tool filled": "foreign-tokens",
    "dropout": "dropout",
    "dropout alone": UNUSUAL,
    "noise": "noise",
    "fp8": UNUSUAL,
    "int4": UNUSUAL,
    "staleness": "staleness",
    "cache": "cache",
    "weights": "weights",
    "drift": UNUSUAL,
    "dead-groups": "dead-groups",
    "truncation": "truncation",
    "half-groups": "half-groups",
    "advantages shuffled": "advantages",
    "advantages of another batch": "advantages",
    "advantages turned": "advantages",
    "tiled": "advantages",
    "top-1": "column",
    "copied": "column",
    "summed": "unit",
    "prompt counted": "foreign-tokens",
    "middle": "pairing",
    "log10": "unit",
    "base 2": "unit",
    "clipped": "unit",
    "probabilities": "unit",
    "non-finite": "non-finite",
    "overflow": "non-finite",
}
"""Each fault, and the cause that it is; what no column tells apart is amber at most: `repetition` and
`bias` edit other words at every token, as another expert of a mixture does."""


@dataclass(frozen=True)
class Bank:
    """Completions as logits."""

    lengths: np.ndarray
    """[C] tokens of each completion."""
    logits: dict[str, np.ndarray]
    """[N, V] of all tokens, by "fp32", "bf16", "int8", "int4"."""


@cache
def bank(name):
    """The completions of `dial` or `relay`."""
    import torch

    import trlib
    from trlib.loop.sampler import round_trip
    from trlib.model.rollout import sample

    policy, task = trlib.load_policy(name), trlib.load_task(name)
    prompts = [p.text for p in task.prompts(WRITTEN // GROUP, seed=5)]
    logits = {}
    with torch.no_grad():
        done = sample(policy, prompts, group=GROUP, max_tokens=task.max_tokens, seed=6)
        for precision in ("fp32", "bf16", "int8", "int4"):
            copy = policy.copy()
            if precision == "bf16":
                copy.model.to(torch.bfloat16)
            elif precision != "fp32":
                for value in copy.model.parameters():
                    if value.dim() >= 2:
                        value.copy_(round_trip(value, int(precision[3:])))
            full = copy.score(done, full=True).full
            assert full is not None
            logits[precision] = full.float()[done.mask].numpy()
    return Bank(done.mask.sum(1).numpy(), logits)


def log_softmax(logits):
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def flat(seed, completions, fault="fp32", old=True, kind="softmax"):
    """A dump with one row per token: `completion`, `logp`, `logp_rollout`, `advantage`, `mask`,
    `group`, `reward`, `tokens`, and `logp_old` where asked for.

    Args:
        seed: of every draw.
        completions: B; a multiple of 8.
        fault: of `FAULTS`, or what is healthy, of `HEALTHY`.
        old: whether there is a column of the learner before its updates.
        kind: of `KINDS`, whose logits.
    """
    names = (*FAULTS, *HEALTHY)
    g = np.random.default_rng([seed, completions, names.index(fault), KINDS[kind]])
    where, lengths, limit = _places(g, kind, completions, fault)
    n = int(lengths.sum())
    owner = np.repeat(np.arange(completions), lengths)
    first = np.cumsum(lengths) - lengths
    wrong = g.random(completions) < 0.05
    wrong[int(g.integers(completions))] = True
    age = g.integers(0, 3 if fault == "ages" else 7, completions)
    if fault in RUNS:  # the same prompts at every version
        age = np.arange(completions) % VERSIONS
    odd = wrong[owner]
    place = np.arange(n) - first[owner]
    if fault == "pairing all":
        odd = place < 2
    if fault.startswith("tool"):  # the first tokens of a quarter of the completions
        odd = (g.random(completions) < 0.25)[owner]
        odd &= np.arange(n) - first[owner] < np.maximum(lengths[owner] // 3, 1)
    rewards = (
        g.random(completions) < np.repeat(g.uniform(0.15, 0.85, completions // GROUP), GROUP)
    ).astype(float)
    if fault == "dead-groups":
        dead = g.permutation(completions // GROUP) < 0.55 * (completions // GROUP)
        rewards = np.where(np.repeat(dead, GROUP), 1.0, rewards)
    group = np.arange(completions) // GROUP
    advantage = rewards - np.repeat(rewards.reshape(-1, GROUP).mean(1), GROUP)
    push = advantage[owner] if fault == "updated" else np.zeros(n)
    order = np.argsort(place, kind="stable") if fault == "penalty" else np.arange(n)
    cuts = np.flatnonzero(np.diff(place[order])) + 1 if fault == "penalty" else ()
    parts, seen = [], np.zeros((completions, 4096), dtype=bool) if fault == "penalty" else None
    for some in np.split(order, cuts):
        logits, rounded = _logits(g, kind, where[some], fault)
        before = None if seen is None else seen[owner[some], : logits.shape[1]]
        parts.append(
            _tokens(g, logits, rounded, fault, odd[some], age[owner[some]], push[some], before)
        )
        if seen is not None:
            seen[owner[some], parts[-1][0]] = True
    tokens, sampler, learner, again = (
        np.concatenate(c)[np.argsort(order)] for c in zip(*parts, strict=True)
    )
    if fault == "pairing text":  # the scores of another completion, as many as there are
        places = np.flatnonzero(wrong[owner])
        learner[places] = again[places] = np.roll(learner, 500 % n)[places]
    if fault == "shift":
        sampler = np.roll(sampler, 1)
    if fault.startswith("end"):
        sampler[first + lengths - 1] = -1.0 if "-1" in fault else 0.0
    if fault == "tool filled":
        sampler[odd] = 0.0
    made = {
        "completion": owner,
        "logp": again,
        "logp_rollout": sampler,
        "advantage": advantage[owner],
        "mask": np.ones(n, dtype=bool),
        "group": group[owner],
        "reward": rewards[owner],
        "tokens": tokens,
    }
    if old:
        made["logp_old"] = learner
    if fault in ("staleness", "ages", *RUNS):
        made["version"] = 100 - age[owner]
    if fault == "drift":  # the mean push is below 0
        made["advantage"] = made["advantage"] - 0.3
    made = _advantages(g, made, fault)
    return _broken(g, made, fault, limit)


def _places(g, kind, completions, fault):
    """Where the tokens stand in their bank, [N]; each completion's length; and the longest."""
    if kind == "softmax":
        limit = 40 if fault == "truncation" else 64
        lengths = np.clip(8 + g.exponential(22, completions), 8, limit).astype(int)
        if fault == "truncation":
            lengths[g.random(completions) < 0.7] = limit
        return np.zeros(int(lengths.sum()), dtype=int), lengths, limit
    have = bank(kind).lengths
    groups = np.arange(len(have) // GROUP)
    if fault == "truncation":  # of prompts whose completions are long
        mean = have.reshape(-1, GROUP).mean(1)
        groups = groups[mean >= np.median(mean)]
    chosen = GROUP * g.choice(groups, completions // GROUP)[:, None]
    chosen = (chosen + np.arange(GROUP)).ravel()
    lengths = have[chosen]
    limit = int(have.max())
    if kind == "relay" and (fault in ("truncation", "half-groups") or fault.startswith("padding")):
        lengths = np.minimum(lengths, 20 + g.exponential(20, completions).astype(int))
    if fault == "truncation":
        limit = 6 if kind == "dial" else int(np.quantile(lengths, 0.6))
        lengths = np.minimum(lengths, limit)
    begin = (np.cumsum(have) - have)[chosen]
    step = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(begin, lengths) + step, lengths, limit


def _logits(g, kind, where, fault):
    """[n, V] of the tokens, and those of a rounded copy where there is one."""
    n = len(where)
    if kind == "softmax":
        logits = g.standard_normal((n, VOCABULARY), dtype=np.float32)
        size = np.exp(SHARP[0] + SHARP[1] * g.standard_normal((n, 1), dtype=np.float32))
        return logits * size, None
    every = bank(kind).logits
    return every["fp32"][where], every[fault][where] if fault in every else None


def _tokens(
    g,
    logits,
    rounded,
    fault,
    odd,
    age,
    push,
    seen,
):
    """n drawn tokens and their log-probs: the sampler's, and two passes of the learner."""
    n, vocabulary = logits.shape
    version = VERSIONS - 1 - age
    way = np.sin(np.arange(vocabulary) * 7.1).astype(np.float32) * 1.4  # of learning

    def noise(size):
        return size * g.standard_normal(logits.shape, dtype=np.float32)

    drawn, kind = logits, fault.split()[0]
    if kind == "temperature":
        drawn = logits / (0.7 if "sampler" in fault else float(fault.split()[1]))
    if rounded is not None:
        drawn = rounded
    elif fault in LOGITS:
        drawn = logits + noise(LOGITS[fault])
    if fault == "top-p":
        drawn = _top_p(logits, 0.9)
    if fault == "top-k":
        drawn = np.where(logits >= np.sort(logits, -1)[:, -5:-4], logits, -np.inf)
    if fault == "repetition":  # a third of the likely words were written before
        seen = (g.random(logits.shape) < 0.15) & (logits > logits.max(-1, keepdims=True) - 8)
        centred = logits - np.median(logits, -1, keepdims=True)
        drawn = np.where(seen, np.where(centred > 0, centred / 1.3, centred * 1.3), centred)
    if fault == "bias":  # a few words are made unlikely
        drawn = np.where(g.random(logits.shape) < 0.05, logits - 5.0, logits)
    if fault == "penalty":
        drawn = np.where(seen, np.where(logits > 0, logits / 1.25, logits * 1.25), logits)
    if fault in ("staleness", "ages"):
        size = age if fault == "staleness" else np.sqrt(age)
        drawn = logits + noise(STALE * size[:, None].astype(np.float32))
    if fault == "drift":  # the sampler follows at half the pace
        drawn = logits + 0.05 * version[:, None] * way
    if fault == "cache":  # of weights that grow older until a restart, at the seventh version
        drawn = logits + noise(0.08) * (version % 6)[:, None]
    scores = log_softmax(drawn)
    mass = np.cumsum(np.exp(scores), -1)
    tokens = (mass < g.random((n, 1), dtype=np.float32) * mass[:, -1:]).sum(-1)
    if kind == "tool":
        tokens = np.where(odd, g.integers(vocabulary, size=n), tokens)
    sampler = log_softmax(logits) if fault == "temperature sampler" else scores
    learned = logits / 0.7 if fault == "temperature sampler" else logits
    if kind == "stale":
        learned = logits + noise(STALE * np.sqrt(int(fault.split()[1])))
    if fault in ("weights", "drift"):  # the sampler of the first stays where it was
        learned = logits + (0.05 if fault == "weights" else 0.1) * version[:, None] * way
    if fault.startswith("pairing") and fault != "pairing text":
        learned = np.where(odd[:, None], np.roll(logits, 1000 % n, 0), logits)
    learned = learned + noise(0.02)
    again = learned
    if fault == "updated":  # by a few epochs along the advantage
        again = learned.copy()
        again[np.arange(n), tokens] += 0.3 * push
    if kind == "dropout":
        again, learned = learned + noise(0.9), learned + noise(0.9)
    if fault == "dropout alone":
        learned = again

    def of(values):
        return values[np.arange(n), tokens].astype(np.float64)

    if fault == "top-1":
        sampler = np.repeat(scores.max(-1, keepdims=True), vocabulary, 1)
    scored = of(log_softmax(learned))
    twice = scored if again is learned else of(log_softmax(again))
    return tokens, of(sampler), scored, twice


def _advantages(g, made, fault):
    """What a dump's advantages are, where they are not relative to a group of it."""
    first, owner = np.unique(made["completion"], return_index=True)[1], made["completion"]
    each = made["advantage"][first]
    if fault == "advantages shuffled":
        each = g.permutation(each)
    if fault == "advantages of another batch":
        rewards = (g.random(len(each)) < 0.5) * 1.0
        each = rewards - np.repeat(rewards.reshape(-1, GROUP).mean(1), GROUP)
    if fault == "tiled":
        each = made["reward"][first]
        each = each - np.tile(each.reshape(GROUP, -1).mean(0), GROUP)
    if fault == "advantages turned":
        each = -each
    if fault in ("outside", "unequal"):
        each = made["reward"][first] - np.repeat(g.random(len(each) // GROUP), GROUP)
    if fault == "signs":
        each = g.choice([-1.0, 1.0], len(each))
        del made["reward"]
    made["advantage"] = each[owner]
    if fault == "unequal":
        keep = (g.random(len(each)) < 0.8)[owner]
        made = {name: values[keep] for name, values in made.items()}
    return made


def _top_p(logits, mass):
    """The likeliest tokens that hold at least the mass; -inf elsewhere."""
    order = np.argsort(-logits, -1)
    ranked = np.take_along_axis(np.exp(log_softmax(logits)), order, -1)
    beyond = np.cumsum(ranked, -1) - ranked >= mass
    return np.where(np.take_along_axis(beyond, np.argsort(order, -1), -1), -np.inf, logits)


def _broken(g, made, fault, limit):
    """What is wrong with the columns rather than with the distributions."""
    n = len(made["mask"])
    if fault == "log10":
        made["logp_rollout"] = made["logp_rollout"] / np.log(10)
    if fault == "base 2":
        made["logp_rollout"] = made["logp_rollout"] / np.log(2)
    if fault == "clipped":
        made["logp_rollout"] = np.maximum(made["logp_rollout"], -2.5)
    if fault == "probabilities":
        made["logp_rollout"] = np.exp(made["logp_rollout"])
    if fault == "copied" and "logp_old" in made:
        made["logp"] = made["logp_rollout"].copy()
        made["logp_old"] = np.minimum(made["logp_old"] + 0.5 * g.standard_normal(n), 0)
    if fault == "summed":
        total = made["logp_rollout"].cumsum()
        first = np.searchsorted(made["completion"], made["completion"])
        made["logp_rollout"] = total - total[first] + made["logp_rollout"][first]
    if fault in ("prompt counted", "middle"):
        made = _foreign(g, made, fault)
    if fault == "noise":
        error = 0.2 * g.standard_normal(n)
        for name in ("logp", "logp_old"):
            if name in made:
                made[name] = np.minimum(made[name] + error, 0)
    if fault == "mask late":
        made = _late(made)
    if fault == "non-finite":
        made["logp"][g.integers(n, size=3)] = np.nan
    if fault == "overflow":
        made["logp_rollout"][g.integers(n, size=2)] = -1e9
    if fault == "half-groups":
        keep = np.isin(
            made["completion"], np.flatnonzero(g.random(made["completion"].max() + 1) < 0.5)
        )
        made = {name: values[keep] for name, values in made.items()}
    if fault.startswith("padding"):
        made = _padded(g, made, limit, both=fault == "padding")
    return made


def _foreign(g, made, fault):
    """One and the same first token in every completion of a group; or, in a fifth of them, a token
    in the middle that the learner did not read, and what stands behind it."""
    owner = made["completion"]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    names = [name for name in ("logp", "logp_old", "logp_rollout") if name in made]
    if fault == "prompt counted":
        at = place == 0
        made["tokens"][at] = made["group"][at] % 7
        for name in names:
            made[name][at] = -3.0 + 0.01 * g.standard_normal(int(at.sum()))
        return made
    odd = (g.random(owner.max() + 1) < 0.2)[owner]
    moved = np.where(place == 4, -6.0, 0.0) + np.where(
        (place > 4) & (place < 8), 1.5 * g.standard_normal(len(owner)), 0.0
    )
    for name in names[:-1]:
        made[name][odd] = np.minimum(made[name] + moved, 0)[odd]
    return made


def _padded(g, made, limit, both):
    """Every row filled up to the limit with zeros that the mask counts."""
    owner = made["completion"]
    lengths = np.bincount(owner)
    place = owner * limit + np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    first = np.cumsum(lengths) - lengths
    full = {name: np.repeat(values[first], limit) for name, values in made.items()}
    full["tokens"] = np.zeros_like(full["tokens"])
    full["tokens"][place] = made["tokens"]
    for name in ("logp", "logp_old", "logp_rollout"):
        if name in made:
            size = len(lengths) * limit
            full[name] = (
                np.zeros(size) if both or name == "logp_rollout" else -g.exponential(3.0, size)
            )
            full[name][place] = made[name]
    return full


def _late(made):
    """A token of padding behind every completion, which the mask counts instead of the first."""
    owner = made["completion"]
    last = np.flatnonzero(np.diff(owner, append=-1))
    rows = np.sort(np.concatenate([np.arange(len(owner)), last]))
    padded = {name: values[rows].copy() for name, values in made.items()}
    pad = np.flatnonzero(np.diff(padded["completion"], append=-1))
    padded["logp_rollout"][pad] = 0.0
    for name in ("logp", "logp_old"):
        if name in padded:
            padded[name][pad] = -9.0 - np.arange(len(pad)) % 7
    padded["mask"][pad + 1 - np.diff(pad, prepend=-1)] = False
    return padded


def certain_ends(pad=0):
    """A healthy dump whose longest completions end in three tokens of which the model is certain,
    to the last bit; `pad`: and all are filled up with so many zeros at least."""
    made = flat(0, 96, "fp32", True, "dial")
    lengths = np.bincount(made["completion"])
    last = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(made["completion"]))
    sure = (lengths == lengths.max())[made["completion"]] & (last <= 3)
    for name in ("logp", "logp_old", "logp_rollout"):
        made[name] = np.where(sure, 0.0, np.minimum(made[name], -1e-7))
    limit = int(lengths.max()) + pad
    return _padded(np.random.default_rng(0), made, limit, both=True) if pad else made


def judged(columns, memory=None):
    """The verdict on a dump's columns."""
    return judgement.judge(rollouts(columns), memory)[0]
