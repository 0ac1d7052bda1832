"""SkyRL's own entry point with a loss of trlib, which TRLIB_METHOD names:
trainer.algorithm.policy_loss_type=trlib_dppo."""

import json
import os
import sys

import ray
import torch
from skyrl.backends.skyrl_train.utils.ppo_utils import PolicyLossRegistry
from skyrl.train.config import SkyRLTrainConfig
from skyrl.train.entrypoints.main_base import BasePPOExp, validate_cfg
from skyrl.train.utils import initialize_ray

from trlib.checks import value_checks
from trlib.methods import token_loss


def register(method: str, **settings) -> None:
    """Add `trlib_` and the method's name to the registry, which SkyRL hands to all workers.

    Raises ValueError: a loss that is not linear in the advantage."""
    loss = token_loss(method, **settings)

    def policy_loss(
        log_probs, old_log_probs, advantages, config=None, loss_mask=None, rollout_logprobs=None
    ):
        mask = torch.ones_like(log_probs) if loss_mask is None else loss_mask
        sampler = loss.anchor == "rollout" and rollout_logprobs is not None
        with value_checks(False):
            found = loss(
                log_probs,
                rollout_logprobs if sampler else old_log_probs,
                advantages=advantages.expand_as(log_probs),
                mask=mask > 0,
            )
        kept = found.diagnostics["kept"].sum() / (mask > 0).sum().clamp(min=1)
        # The reduction stands in the advantages, and a summed loss has it from there.
        return (found.per_token * mask).sum(), {"clip_ratio": 1 - kept.item()}

    x = torch.linspace(-3.0, -0.1, 6).view(2, 3)
    scaled, whole = (
        policy_loss(x, x.flip(1), x.sin() * size, loss_mask=torch.ones_like(x))[0] / size
        for size in (0.01, 1.0)
    )
    if not torch.isclose(scaled, whole, rtol=1e-4):
        raise ValueError(f"method: expected a loss that is linear in the advantage, got {method!r}")
    PolicyLossRegistry.register(f"trlib_{method.rpartition(':')[2]}", policy_loss)


@ray.remote(num_cpus=1)
def run(config):
    BasePPOExp(config).run()


if __name__ == "__main__":
    register(os.environ["TRLIB_METHOD"], **json.loads(os.environ.get("TRLIB_SETTINGS", "{}")))
    config = SkyRLTrainConfig.from_cli_overrides(sys.argv[1:])
    validate_cfg(config)
    initialize_ray(config)
    ray.get(run.remote(config))
