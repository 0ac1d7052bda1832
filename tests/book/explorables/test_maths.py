"""One mathematics for the explorables, the engine and `trlib`: Node runs the modules that pages run
on numbers that both languages are held to. `tests/vectors.json` has those of losses, divergences and
the dual; those of regions and pushes and every explorable's first state are computed here and handed over. `lanes.json`
holds two batches of every method (`python -m tests.book.explorables.test_maths` stores them), `figures.json` and
`engine.json` what the figures make of theirs (`node/figures.test.mjs --write`)."""

import json
import math
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from scipy.optimize import brentq

import trlib
from tests.book.conftest import run
from trbook import explorables
from trbook.bandit import push_limit, pushed
from trbook.explorables.parts import parts
from trbook.explorables.projection import NAMES, OLD
from trlib.algorithms import dppo_loss, ppo_loss
from trlib.divergences import binary_kl, binary_tv, kl
from trlib.model.rollout import sample

HERE = Path(__file__).parents[1] / "node"
LOW, HIGH, DELTA_TV, DELTA_KL = 0.2, 0.28, 0.15, 0.05


def double(values):
    return torch.as_tensor(values, dtype=torch.float64)


def pairs():
    """Old and new probabilities: the landmarks, rare and near-certain tokens, and far moves both
    ways."""
    draw = random.Random(7)
    logits = [(draw.uniform(-15, 10), draw.uniform(-15, 10)) for _ in range(150)]
    close = [(u, u + draw.gauss(0, 0.2)) for u, _ in logits]
    return [(1e-5, 1e-3), (0.99, 0.8), (0.3, 0.3), (1e-300, 0.5)] + [
        (1 / (1 + math.exp(-a)), 1 / (1 + math.exp(-b))) for a, b in [*logits, *close]
    ]


def kl_edge(old, sign):
    """Where DPPO's binary KL reaches its threshold, by a root finder on trlib's divergence, in
    -log(1-p) above the old probability and -log p below it."""
    log_old = double(old).log()

    def log_new(v):
        return math.log1p(-math.exp(-v)) if sign > 0 else -v

    def excess(v):
        return float(binary_kl(log_old, double(log_new(v)))) - DELTA_KL

    start, end = (-math.log1p(-old), 36.0) if sign > 0 else (-math.log(old), 600.0)
    return math.exp(
        log_new(end if excess(end) < 0 else brentq(excess, start, end, xtol=1e-14, rtol=1e-13))
    )


def regions(sign):
    """Which of the pairs each region keeps, and where it falls silent, for one sign of A."""
    q, p = double(pairs()).log().T
    given = {
        "advantages": torch.full((1, len(q)), float(sign), dtype=torch.float64),
        "mask": torch.ones(1, len(q), dtype=torch.bool),
    }
    losses = {
        "ppo": ppo_loss(p[None], q[None], eps_low=LOW, eps_high=HIGH, **given),
        "dppo_tv": dppo_loss(p[None], q[None], delta_tv=DELTA_TV, **given),
        "dppo_kl": dppo_loss(p[None], q[None], delta_kl=DELTA_KL, **given),
    }
    edges = {
        "ppo": [old * (1 + HIGH if sign > 0 else 1 - LOW) for old, _ in pairs()],
        "dppo_tv": [old + sign * DELTA_TV for old, _ in pairs()],
        "dppo_kl": [kl_edge(old, sign) for old, _ in pairs() if old > 1e-200],
    }
    kept = {name: loss.diagnostics["kept"][0].tolist() for name, loss in losses.items()}
    return {"sign": sign, "kept": kept, "edges": edges}


def push(mu, baseline, steps):
    """A push followed for some steps, and to its end where it has one; answers 2 and 4 are right."""
    mu, rewards = double(mu), double([0, 1, 0, 1, 0, 0])
    held = float(mu @ rewards) > baseline
    limit = push_limit(mu, rewards, baseline=baseline) if held else None
    return {
        "mu": mu.tolist(),
        "baseline": baseline,
        "steps": steps,
        "logp": pushed(mu, rewards, baseline=baseline, steps=steps).tolist(),
        "limit": limit.tolist() if held else None,
        "kl": float(kl(mu.log(), limit.log())) if baseline < 0 else None,
    }


def pushes():
    usual, hard = [0.34, 0.12, 0.24, 0.08, 0.14, 0.08], [0.6, 0.03, 0.2, 0.02, 0.1, 0.05]
    few = [push(usual, V, steps) for V in (-2.5, -0.1, 0.0, 0.1, 0.19) for steps in (0, 1, 300)]
    return [*few, *(push(mu, V, 200) for mu in (usual, hard) for V in (0.3, 0.5, 1.0))]


def first():
    """Every explorable in its first state."""
    return [getattr(explorables, name)() for name in explorables.__all__]


def made():
    q, p = double(pairs()).log().T
    return {
        "pairs": [list(pair) for pair in pairs()],
        "settings": {"low": LOW, "high": HIGH, "delta_tv": DELTA_TV, "delta_kl": DELTA_KL},
        "binary": {"tv": binary_tv(q, p).tolist(), "kl": binary_kl(q, p).tolist()},
        "regions": [regions(sign) for sign in (1, -1)],
        "pushes": pushes(),
        "first": {shown.module: shown.settings() for shown in first()},
    }


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """The files that Node reads: what pages load (the engine, and the weights of each checkpoint),
    and what trlib computes."""
    folder = tmp_path_factory.mktemp("node")
    maths = folder / "maths.json"
    maths.write_text(json.dumps(made()), encoding="utf-8")
    return {"PARTS": shipped(folder / "parts.json"), "MATHS": str(maths)}


def shipped(path):
    path.write_text(json.dumps(parts()), encoding="utf-8")
    return str(path)


LANE = pytest.param("lane", marks=pytest.mark.test_all("a lane of every method learns in Node"))


@pytest.mark.parametrize("name", ["maths", "figures", "engine", LANE, "explorables", "reducer"])
def test_javascript_computes_the_same(node, given, name):
    node("--test", f"{name}.test.mjs", **given)


def assert_no_row_under_another_name(node, sequences):
    """What the playground holds after random events, against Workers that remember what they were
    told."""
    counts = json.loads(node("fuzz.mjs", str(sequences), "1"))
    assert counts["sequences"] == sequences
    assert counts["rows"] > 2 * sequences and counts["stopped"] > 0.05 * sequences
    assert counts["seeds"] > 0.2 * sequences and counts["pinned"] > 0.2 * sequences


def test_no_sequence_of_events_files_a_row_under_another_name(node):
    assert_no_row_under_another_name(node, 300)


@pytest.mark.nightly("thirty times as many")
def test_no_long_sequence_of_events_does(node):
    assert_no_row_under_another_name(node, 10_000)


def first_words(policy, prompt, *, prefixes=None):
    """Log-probs of the next word of a prompt's completion."""
    written = sample(policy, [prompt], prefixes=prefixes, max_tokens=24, seed=0)
    with torch.no_grad():
        return policy.score(written, full=True).full[0, len(prefixes[0]) if prefixes else 0]


def test_projection_s_old_bars_are_the_base_policy_s():
    policy = trlib.load_policy("dial")
    ids = [policy.tokenizer.encode(name)[0] for name in NAMES]
    full = first_words(policy, trlib.load_task("dial").prompts(16, seed=0)[0].text)
    assert full[ids].softmax(-1).tolist() == pytest.approx(list(OLD), abs=1e-3)
    assert sum(OLD) == pytest.approx(1)


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        run("lane.test.mjs", "--write", PARTS=shipped(Path(folder) / "parts.json"))
