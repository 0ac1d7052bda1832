"""The losses of TRL 1.16.0 that have a name here: equal in float64 where definitions agree.

TRL's losses stand inside its trainer. `_compute_loss` runs unchanged on a stand-in that knows the
log-probs; advantages and what the batch holds come from a real trainer.
"""

from functools import partial

import pytest
import torch

from tests.instruments.parity.test_verl import agree, both, close
from trcheck.conformance import trl_stand_in
from trcheck.conformance.functions import hold
from trcheck.conformance.vectors import load
from trlib.advantages import group_relative
from trlib.aggregation import aggregate
from trlib.algorithms import (
    add_reference_kl,
    cispo_loss,
    gmpo_loss,
    gspo_loss,
    ppo_loss,
    sapo_loss,
)
from trlib.corrections import truncated_importance

pytestmark = pytest.mark.filterwarnings("ignore")
MEANS = {
    "bnpo": "token-mean",
    "dapo": "token-mean",
    "grpo": "seq-mean-token-mean",
    "luspo": "seq-mean-token-sum",
    "dr_grpo": "seq-mean-token-sum-norm",
}
WINDOW = {"eps_low": 0.2, "eps_high": 0.28}
HORIZON = 9


def theirs(
    trl,
    batch,
    settings,
    loss_type="bnpo",
    kind=None,
    anchor="old",
    advantages="advantages",
    **options,
):
    run = trl_stand_in.trl(
        kind or trl.GRPOTrainer, settings=settings, loss_type=loss_type, horizon=HORIZON, **options
    )
    given = {
        "mask": batch["mask"],
        "advantages": batch[advantages],
        "logp_old": batch[anchor],
        "logp_rollout": batch["rollout"],
    }
    return both(lambda logp: run(given, logp), batch["logp"])


def ours(
    function,
    batch,
    how="token-mean",
    advantages="advantages",
    factor=1.0,
    **settings,
):
    given = {"advantages": batch[advantages] * factor, "mask": batch["mask"], **settings}

    def loss(logp):
        found = function(logp, batch["old"], **given).per_token
        return aggregate(found, batch["mask"], how, horizon=HORIZON)

    return both(loss, batch["logp"])


@pytest.mark.parametrize("loss_type", MEANS)
@pytest.mark.parametrize("advantages", ["advantages", "mixed"])
def test_ppo_under_every_aggregation(trl, batch, loss_type, advantages):
    agree(
        theirs(trl, batch, WINDOW, loss_type, advantages=advantages),
        ours(ppo_loss, batch, MEANS[loss_type], advantages, **WINDOW),
    )


def test_delta_is_a_dual_clip(trl, batch):
    """It bounds the ratio on both sides of A, but where A > 0 the window is reached first: the same
    in every number."""
    batch["old"][:, 0] = batch["logp"][:, 0] - 3.0
    for advantages in ("advantages", "mixed"):
        agree(
            theirs(trl, batch, {**WINDOW, "dual_clip": 2.5}, advantages=advantages),
            ours(ppo_loss, batch, advantages=advantages, dual_clip=2.5, **WINDOW),
        )


def test_gspo_with_one_advantage_a_row(trl, batch):
    for loss_type in ("grpo", "bnpo"):
        agree(
            theirs(trl, batch, WINDOW, loss_type, level="sequence"),
            ours(gspo_loss, batch, MEANS[loss_type], **WINDOW),
        )


def test_cispo_bounds_above_only_and_epsilon_is_the_bound(trl, batch):
    agree(
        theirs(trl, batch, {"eps_high": 1.28}, "cispo"),
        ours(cispo_loss, batch, eps_low=None, eps_high=0.28),
    )


def test_sapo_whose_temperatures_trl_holds_in_float32(trl, batch):
    agree(
        theirs(trl, batch, {"tau_pos": 1.0, "tau_neg": 1.05}, "sapo"),
        ours(sapo_loss, batch, "seq-mean-token-mean", tau_neg=torch.tensor(1.05).item()),
    )


def test_gmpo_of_the_experimental_trainer(trl, batch):
    from trl.experimental.gmpo import GMPOTrainer

    agree(
        theirs(trl, batch, {"eps_log": 0.4}, "grpo", GMPOTrainer),
        ours(gmpo_loss, batch, "seq-mean-token-mean"),
    )


def test_means_over_rows_count_empty_ones(trl, batch):
    emptied = {**batch, "mask": batch["mask"] & (torch.arange(6) != 2).unsqueeze(-1)}
    for loss_type, how in MEANS.items():
        share = 1.0 if how == "token-mean" else 5 / 6
        value, gradient = ours(ppo_loss, emptied, how, **WINDOW)
        agree(theirs(trl, emptied, WINDOW, loss_type), (share * value, share * gradient))
    nothing = {**batch, "mask": batch["mask"] & False}
    for loss_type in MEANS:
        value, gradient = theirs(trl, nothing, WINDOW, loss_type)
        assert value == 0 and (gradient == 0).all()


def with_reference(logp, old, *, advantages, mask, beta, ref):
    plain = ppo_loss(logp, old, advantages=advantages, mask=mask, **WINDOW)
    return add_reference_kl(plain, logp, ref, mask=mask, beta=beta)


def test_the_kl_term(trl, batch):
    """The stand-in's reference is the old policy. TRL multiplies by the ratio unless it is told not
    to."""
    plain = ours(partial(with_reference, beta=0.04, ref=batch["old"]), batch)
    agree(theirs(trl, batch, WINDOW, beta=0.04, use_bias_correction_kl=False), plain)
    leaf = batch["logp"].clone().requires_grad_()
    d = batch["old"] - leaf
    weighed = aggregate((-d).exp() * (torch.expm1(d) - d), batch["mask"], "token-mean")
    (gradient,) = torch.autograd.grad(weighed, leaf)
    value, slope = ours(ppo_loss, batch, **WINDOW)
    agree(
        theirs(trl, batch, WINDOW, beta=0.04),
        (value + 0.04 * weighed.detach(), slope + 0.04 * gradient),
    )
    assert (plain[1] - slope - 0.04 * gradient).abs().max() > 1e-4


def test_the_samplers_correction_multiplies_the_loss(trl, batch):
    factor = truncated_importance(batch["old"], batch["rollout"], batch["mask"], cap=2.0)

    class Corrected(trl.GRPOTrainer):
        def _compute_loss(self, model, inputs):
            vars(self).update(use_vllm=True, vllm_importance_sampling_correction=True)
            return super()._compute_loss(model, {**inputs, "importance_sampling_ratio": factor})

    agree(
        theirs(trl, batch, WINDOW, kind=Corrected), ours(ppo_loss, batch, factor=factor, **WINDOW)
    )
    assert (factor == 2.0).any()


def handed(policy, folder, rewards, **settings):
    """What a real trainer hands to its loss."""
    from tests.instruments.bridges.test_trl import GRPOTrainer, trainer_of

    def reward(completions, **_):
        return rewards

    trainer = trainer_of(policy, folder, GRPOTrainer, reward, max_completion_length=2, **settings)
    return trainer._generate_and_score_completions([{"prompt": "1 : +1 ="}] * len(rewards))


def test_what_a_real_trainer_hands_to_the_loss(trl, policy, tmp_path):
    rewards = [1.0, 0.0, 0.25, 0.5, 1.0, 1.0, 1.0, 1.0]
    exact, group = torch.tensor(rewards), torch.arange(8) // 4
    scored = handed(policy, tmp_path, rewards, scale_rewards="group")
    spread = exact[:4].std()
    close(scored["advantages"][:4], (exact - exact[:4].mean())[:4] / (spread + 1e-4))
    close(scored["advantages"] * (spread + 1e-4) / (spread + 1e-6), group_relative(exact, group))
    assert "old_per_token_logps" not in scored  # one update follows the rollout
    stale = handed(policy, tmp_path, rewards, num_iterations=2)
    close(stale["advantages"], group_relative(exact, group, scale=None))
    assert stale["old_per_token_logps"].shape == stale["completion_ids"].shape


def test_our_bridge_agrees_with_our_vectors(trl):
    """TrustRegionTrainer, held by the public runner: DPPO around the sampler's log-probs."""
    for how in ("token-mean", "seq-mean-token-sum", "seq-mean-token-sum-norm"):
        (finding,) = hold(
            load(), "trlib.bridges.trl:TrustRegionTrainer", signature="trl", loss="dppo_tv", how=how
        )
        if how == "token-mean":
            assert (finding.status, finding.words) == ("agrees", "")
        else:  # as in TRL, an empty row counts in the mean
            assert [(d.point, "nothing unmasked too" in d.words) for d in finding.deviations] == [
                ("aggregation", True)
            ]
            assert finding.seen == ("an empty row",)
