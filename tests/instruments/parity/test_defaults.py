"""The tables of defaults in chapters 4 (PPO) and 4b (the critic), read out of the installed
libraries."""

from __future__ import annotations

import inspect
import pkgutil
from dataclasses import fields
from typing import Any

import pytest

from trlib.algorithms import PPO, PPOCritic

pytestmark = pytest.mark.filterwarnings("ignore")


def of_fields(cls: Any) -> dict[str, Any]:
    return {field.name: field.default for field in fields(cls)}


def test_stable_baselines3(sb3: Any) -> None:
    from stable_baselines3 import PPO as THEIRS

    default = {name: p.default for name, p in inspect.signature(THEIRS.__init__).parameters.items()}
    assert (default["clip_range"], default["clip_range_vf"], default["target_kl"]) == (
        0.2,
        None,
        None,
    )
    assert (default["n_epochs"], default["batch_size"]) == (10, 64)
    assert (default["gamma"], default["gae_lambda"], default["normalize_advantage"]) == (
        0.99,
        0.95,
        True,
    )
    source = inspect.getsource(THEIRS.train)
    assert "approx_kl_div > 1.5 * self.target_kl" in source
    assert "th.abs(ratio - 1) > clip_range" in source, "its clip fraction counts both sides"
    assert "F.mse_loss(rollout_data.returns, values_pred)" in source, (
        "the clipped value alone, no maximum"
    )


def test_verl(verl: Any) -> None:
    from verl.trainer.config.algorithm import AlgoConfig, KLControlConfig
    from verl.workers.config.actor import ActorConfig
    from verl.workers.config.critic import CriticConfig

    actor, critic, algorithm, kl = map(
        of_fields, (ActorConfig, CriticConfig, AlgoConfig, KLControlConfig)
    )
    assert (actor["clip_ratio_low"], actor["clip_ratio_high"], actor["clip_ratio_c"]) == (
        0.2,
        0.2,
        3.0,
    )
    assert (actor["ppo_epochs"], critic["cliprange_value"]) == (1, 0.5)
    assert (algorithm["gamma"], algorithm["lam"], algorithm["use_kl_in_reward"]) == (
        1.0,
        1.0,
        False,
    )
    assert (kl["kl_coef"], kl["horizon"]) == (0.001, 10000)
    assert "torch.gt(pg_losses2, pg_losses1)" in inspect.getsource(
        verl.compute_policy_loss_vanilla
    ), "its clip fraction counts what is silenced"
    assert "torch.max(vf_losses1, vf_losses2)" in inspect.getsource(verl.compute_value_loss)
    assert "masked_whiten" in inspect.getsource(verl.compute_gae_advantage_return)


def test_trl(trl: Any) -> None:
    import trl.experimental

    default = of_fields(trl.GRPOConfig)
    assert (default["epsilon"], default["delta"], default["num_iterations"], default["beta"]) == (
        0.2,
        None,
        1,
        0.0,
    )
    parts = {name.split(".")[-1] for _, name, _ in pkgutil.iter_modules(trl.experimental.__path__)}
    assert not hasattr(trl, "PPOTrainer") and "ppo" not in parts, "no trainer with a critic"


def test_ours() -> None:
    assert (PPO().eps_low, PPO().eps_high, PPO().dual_clip) == (0.2, 0.2, None)
    assert (PPOCritic().gamma, PPOCritic().lam, PPOCritic().value_clip) == (1.0, 0.95, 0.2)
