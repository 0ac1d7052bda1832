"""Every column of a run's two tables, on one small batch: computed in NumPy from what the objective
was given, the gradients of its losses, and the weights before and after the batch.

What a plain batch would hide is in it: a sampler that is a batch behind, a temperature, prompts with
completions that begin with a part of an expert's, two minibatches twice, a clip that binds, and a
probe of some completions only."""

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import trlib
from tests.losses import sampled
from trlib.algorithms import PPO, Centered, Needs, Stage
from trlib.loop import loop
from trlib.loop.metrics import METRICS
from trlib.seeds import derive

PROMPTS, GROUP, PROBE, STEPS, EPS = 6, 4, 9, 3, 0.01
SETTINGS = {
    "steps": STEPS,
    "prompts": PROMPTS,
    "group": GROUP,
    "probe": PROBE,
    "temperature": 0.8,
    "lag": 1,
    "minibatches": 2,
    "epochs": 2,
    "lr": 1e-3,
    "seed": 3,
    "warmup": 0,
    "progress": False,
}
CENTERING = ("drift", "covariance")
"""Columns that this method does not show."""
OVERLONG = "overlong"
"""The column that a run without prompts that are too long has not."""
updates, batches = [], []


class Seen(PPO):
    """A prompt's last completion is guided unless the others are all right; what it sees is kept."""

    def needs(self, anchor):
        return Needs(reference=True)

    def plan(self, group, batch):
        return Stage(group - 1), Stage(1, prefix=0.5, below=group - 1)

    def objective(self, scores, batch):
        updates.append({"new": scores.logp.detach(), "batch": batch})
        return super().objective(scores, batch)

    def update(self, step):
        before = {name: p.detach().clone() for name, p in step.weights.items()}
        batches.append({"batch": step.batch, "weights": before})
        for part in step.minibatches():
            loss = part.loss()
            updates[-1]["slopes"] = torch.autograd.grad(loss, part.parameters, retain_graph=True)
            part.descend(loss)


@pytest.fixture(scope="module")
def run():
    """The run, whose clock goes on by 2 seconds whenever it is looked at."""
    ticks = count(0, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
        method = Seen(eps_low=EPS, eps_high=EPS)
        return trlib.train(trlib.load_policy("dial"), trlib.load_task("dial"), method, **SETTINGS)


def of_update(seen):
    """The columns of an update, and its ratios."""
    batch, mask = seen["batch"], seen["batch"].mask.numpy()
    new, old, mu, a = (
        x.double().numpy()
        for x in (seen["new"], batch.logp_old, batch.logp_rollout, batch.advantages)
    )
    r, far = np.exp(new - old)[mask], new - mu
    a = a[mask]
    kept = ~((a > 0) & (r > 1 + EPS) | (a < 0) & (r < 1 - EPS))
    whole = np.exp(np.where(mask, far, 0).sum(1)[mask.any(1)])
    norms = [float(g.double().square().sum()) for g in seen["slopes"]]
    columns = {
        "loss": -np.minimum(r * a, np.clip(r, 1 - EPS, 1 + EPS) * a).mean(),
        "grad_norm": np.sqrt(sum(norms)),
        "kept": kept.mean(),
        "kept_pos": kept[a > 0].mean(),
        "kept_neg": kept[a < 0].mean(),
        "push": (kept * r * a).mean(),
    }
    last = {
        "ess": r.sum() ** 2 / (len(r) * (r**2).sum()),
        "ess_seq": whole.sum() ** 2 / (len(whole) * (whole**2).sum()),
    }
    first = {"kl_sampler": (np.exp(far) - 1 - far)[mask].mean()}
    return columns, r, first, last


def of_probe(run, weights):
    """The exact columns, and of each completion of the probe its prompt and its term of
    `kl_seq_back`. `weights`: those that sampled."""
    first, sampler = trlib.load_policy("dial"), trlib.load_policy("dial")
    sampler.load_state(weights)
    c = run.last.rows(run.last.full_rows)
    ref, mu, pi = (
        policy.score(c, temperature=0.8, full=True).full.detach().double()
        for policy in (first, sampler, run.policy)
    )
    there, log_ratio = c.mask, (sampled(pi - mu, c.tokens) * c.mask).sum(1)
    p, q = pi.exp(), mu.exp()
    tv = (p - q).abs().sum(-1)[there] / 2
    back = log_ratio.exp() * log_ratio - log_ratio.exp() + 1
    columns = {
        "entropy": -(p * pi).sum(-1)[there].mean(),
        "kl": (q * (mu - pi)).sum(-1)[there].mean(),
        "kl_back": (p * (pi - mu)).sum(-1)[there].mean(),
        "kl_seq_back": back.mean(),
        "tv": tv.mean(),
        "tv_max": tv.max(),
        "kl_ref": (p * (pi - ref)).sum(-1)[there].mean(),
        "kl_ref_seq": ((p * (pi - ref)).sum(-1) * there).sum(1).mean(),
    }
    return columns, c.group, back


def test_every_column_of_the_history(run):
    held, parts = batches[-1]["batch"], updates[-4:]
    columns, ratios, first, last = zip(*map(of_update, parts), strict=True)
    expected = {name: np.mean([one[name] for one in columns]) for name in columns[0]}
    every = np.concatenate(ratios)
    expected |= first[0] | last[-1]
    expected |= {"ratio_max": every.max(), "seconds": 2.0, "age": 1.0}
    expected |= {"ratio_p01": np.quantile(every, 0.01), "ratio_p99": np.quantile(every, 0.99)}
    expected |= of_probe(run, batches[-2]["weights"])[0]
    own, lengths = ~held.forced.any(1), held.mask.sum(1).double()
    correct = torch.tensor([reason == "right" for reason in held.reasons])
    right = {
        (int(held.group[i]), tuple(held.tokens[i][held.mask[i]].tolist()))
        for i in (correct & own).nonzero().flatten()
    }
    expected |= {
        "reward": held.rewards[own].mean(),
        "right": correct[own].double().mean(),
        "length": lengths.mean(),
        "tokens_per_s": lengths.sum() / 2,
        "distinct": len(right) / PROMPTS,
    }
    assert {*expected} == {*METRICS} - {*CENTERING, OVERLONG} == {*run.history.columns} - {"batch"}
    for name, value in expected.items():
        assert run.history[name].iloc[-1] == pytest.approx(float(value), rel=1e-4, abs=1e-7), name
    assert run.history["age"].tolist() == [0, *[1] * (STEPS - 1)]
    # What the batch is there for.
    assert 0 < len(right) < own.sum() < PROMPTS * GROUP and 0 < expected["kept"] < 1
    assert expected["kl_sampler"] > 1e-4 and lengths.min() < lengths.max()


def test_every_column_of_the_prompts(run):
    held, prompts = (
        batches[-1]["batch"],
        trlib.load_task("dial").prompts(PROMPTS, seed=derive(SETTINGS["seed"], "train", STEPS - 1)),
    )
    _, group, back = of_probe(run, batches[-2]["weights"])
    table = run.prompts[run.prompts["batch"] == STEPS - 1]
    shares = []
    for i, prompt in enumerate(prompts):
        mine, row = held.group == i, table[table["prompt"] == i].iloc[0]
        own = mine & ~held.forced.any(1)
        shares.append(float(1 - own.sum() / GROUP))
        expected = {
            "reward": held.rewards[own].mean(),
            "length": held.mask[mine].sum() / GROUP,
            "guided": shares[-1],
            "kl_seq_back": back[group == i].mean(),
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(float(value), rel=1e-4, abs=1e-7), name
        assert (row["text"], row["difficulty"]) == (prompt.text, prompt.difficulty)
        assert len(group[group == i]) in (PROBE // PROMPTS, PROBE // PROMPTS + 1)
    named = {"batch", "prompt", "text", "difficulty", *expected}
    assert {*run.prompts.columns} == named and len(run.prompts) == STEPS * PROMPTS
    guided = table[table["guided"] == 0.25]["reward"]
    assert {*shares} == {0.0, 0.25} and 0 < guided.max() < 1


def test_the_two_columns_that_a_method_shows():
    """What the sampler's average token pushes, and the rest, as shares of the gradient without
    centering."""
    found = []

    class Watched(Centered):
        def update(self, step):
            if not found:
                full, c = step.score().full, step.batch
                drift = (c.full_anchor.exp().detach() * full).nan_to_num(0, 0, 0).sum(-1)
                logp = sampled(full, c.tokens)
                slopes = [
                    torch.autograd.grad(
                        -(c.advantages * x)[c.mask].mean(), step.parameters, retain_graph=True
                    )
                    for x in (logp, drift, logp - drift)
                ]
                size = [
                    np.sqrt(sum(float(g.double().square().sum()) for g in one)) for one in slopes
                ]
                found.extend([size[1] / size[0], size[2] / size[0]])
            super().update(step)

    how = {**SETTINGS, "minibatches": 1, "epochs": 1, "steps": 1, "sampler": "int4"}
    run = trlib.train(trlib.load_policy("dial"), trlib.load_task("dial"), Watched(), **how)
    assert run.history[[*CENTERING]].iloc[0].tolist() == pytest.approx(found, rel=1e-3)
    assert min(found) > 0.05
