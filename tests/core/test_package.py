"""The house's rules: the loop leaves the gallery out, and the contract's signatures."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import trlib
from trlib.algorithms import ALGORITHMS, Method

ROOT = Path(trlib.__file__).parent


@pytest.mark.test_all("trains in a process of its own")
def test_the_loop_leaves_the_gallery_out():
    code = """
import sys, trlib
policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
run = trlib.train(policy, task, trlib.algorithms.GRPO(), steps=1, prompts=2, group=2, probe=0, progress=False)
assert len(run.history) == 1
sys.exit(", ".join(m for m in sys.modules if m.startswith("trlib.relatives")) or 0)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent
    )
    assert result.returncode == 0, f"a batch of GRPO: {result.stderr.strip()}"


def test_public_names_are_loaded_when_they_are_used():
    assert set(trlib.__all__) <= set(dir(trlib))
    assert trlib.aggregation.aggregate is sys.modules["trlib.aggregation"].aggregate
    with pytest.raises(AttributeError, match="module 'trlib' has no attribute 'agregation'"):
        _ = trlib.agregation


# name in module: the signature of the contract, with `*` before what is keyword-only.
CONTRACT = {
    "aggregation": ["aggregate(per_token, mask, how, *, horizon=None)"],
    "advantages": [
        "group_relative(rewards, group, *, scale='std')",
        "leave_one_out(rewards, group)",
        "length_weighted(rewards, lengths, group)",
        "gae(rewards, values, mask, *, gamma, lam)",
    ],
    "corrections": [
        "truncated_importance(logp_old, logp_rollout, mask, *, cap=2.0, level='token', "
        "how='truncate')",
    ],
    "divergences": [
        "kl(log_a, log_b)",
        "tv(log_a, log_b)",
        "binary_kl(log_a, log_b)",
        "binary_tv(log_a, log_b)",
        "topk_kl(log_a, ids, log_b)",
        "topk_tv(log_a, ids, log_b)",
        "k1(log_a, log_b)",
        "k2(log_a, log_b)",
        "k3(log_a, log_b)",
    ],
    "algorithms": [
        "reinforce_loss(logp, *, advantages, mask)",
        "pg_is_loss(logp, logp_old, *, advantages, mask)",
        "ppo_loss(logp, logp_old, *, advantages, mask, eps_low=.2, eps_high=.2, dual_clip=None)",
        "gspo_loss(logp, logp_old, *, advantages, mask, eps_low=3e-4, eps_high=4e-4)",
        "cispo_loss(logp, logp_old, *, advantages, mask, eps_low=.2, eps_high=.2)",
        "sapo_loss(logp, logp_old, *, advantages, mask, tau_pos=1.0, tau_neg=1.05)",
        "gmpo_loss(logp, logp_old, *, advantages, mask, eps_log=.4)",
        "pspo_loss(logp, logp_old, *, advantages, mask, alpha=.1)",
        "dppo_loss(logp, logp_rollout, *, advantages, mask, delta_tv=None, delta_kl=None, "
        "measured=None, logp_anchor=None, max_ratio=None)",
        "quatro_loss(logp, logp_rollout, *, rewards, group, mask, delta_kl=.1, lambda_min=1e-2, "
        "form='ratio')",
        "troll_loss(logp, logp_old, *, tokens, advantages, mask, delta_kl=.05, alpha=1.0)",
        "trsft_loss(logp, *, mask, alpha=.1)",
    ],
    "algorithms.quatro": ["solve_dual(rewards, *, delta_kl, lambda_min)"],
    "algorithms.troll": ["project(logp, logp_old, *, delta_kl)"],
    "algorithms.trpo": ["conjugate_gradient(matvec, b, *, iterations=10, tolerance=1e-10)"],
}


@pytest.mark.parametrize(
    ("module", "wanted"), [(m, s) for m, lines in CONTRACT.items() for s in lines]
)
def test_signatures_are_the_contracts(module, wanted):
    """The contract's arguments, in its order, of its kinds, with its defaults; more only by keyword
    with a default."""
    name = wanted.split("(")[0]
    promised = inspect.signature(eval("lambda " + wanted[len(name) + 1 : -1] + ": None"))
    actual = inspect.signature(getattr(__import__(f"trlib.{module}", fromlist=[name]), name))
    assert list(actual.parameters)[: len(promised.parameters)] == list(promised.parameters)
    for key, parameter in actual.parameters.items():
        if key in promised.parameters:
            assert parameter.kind == promised.parameters[key].kind, key
            if promised.parameters[key].default is not parameter.empty:
                assert parameter.default == promised.parameters[key].default, key
            elif name != "solve_dual":  # the contract leaves its defaults open
                assert parameter.default is parameter.empty, key
        else:
            assert (
                parameter.kind == parameter.KEYWORD_ONLY
                and parameter.default is not parameter.empty
            ), key


def test_every_method_has_a_key_and_can_be_made_with_its_defaults():
    for key, cls in ALGORITHMS.items():
        method = cls()
        assert key == key.lower() and isinstance(method, Method), key
        assert cls() == method and hash(cls()) == hash(method), key
        with pytest.raises(AttributeError):
            method.aggregation = "token-mean"
