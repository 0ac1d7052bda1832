"""The losses of TRL 1.16.0 that have a name here: equal in float64, value and gradient, where
definitions agree. TRL's losses stand inside its trainer: it is a real one, which is given log-probs
in place of its model's."""

from functools import partial

import pytest
import torch

from tests.instruments.bridges.test_trl import GRPOTrainer, trainer_of, training
from tests.instruments.parity.test_verl import agree, both, close, ours
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
from trlib.relatives.asynchrony.weights import LUSPO, vespo_loss

pytestmark = pytest.mark.filterwarnings("ignore")
MEANS = {
    "bnpo": "token-mean",
    "dapo": "token-mean",
    "grpo": "seq-mean-token-mean",
    "dr_grpo": "seq-mean-token-sum-norm",
    "luspo": "seq-mean-token-sum",
}
WINDOW = {"eps_low": 0.2, "eps_high": 0.28}
CLIP = {"epsilon": 0.2, "epsilon_high": 0.28, "loss_type": "bnpo"}
SEQUENCES = {**CLIP, "importance_sampling_level": "sequence"}
PPO = partial(ppo_loss, **WINDOW)
HORIZON = 9
SHAPE = {"k_pos": 1.5, "lam_pos": 0.5, "k_neg": 0.7, "lam_neg": 4.0}
VESPO = {"vespo_k_pos": 1.5, "vespo_lambda_pos": 0.5, "vespo_k_neg": 0.7, "vespo_lambda_neg": 4.0}


@pytest.fixture
def theirs(policy, tmp_path):
    """TRL's loss of a batch and its gradient: its settings, then what its trainer and the batch hold
    besides."""

    def found(batch, settings, advantages="advantages", beside=(), kind=GRPOTrainer, **inputs):
        trainer = training(policy, tmp_path, kind, **{"max_completion_length": HORIZON, **settings})
        vars(trainer).update(beside)
        mask, a = batch["mask"].long(), batch[advantages]
        inputs |= {
            "prompt_ids": mask[:, :1],
            "prompt_mask": mask[:, :1],
            "completion_ids": mask,
            "completion_mask": mask,
            "advantages": a[:, 0] if advantages == "advantages" else a,
            "num_items_in_batch": mask.sum(),
            "old_per_token_logps": batch["old"],
            "ref_per_token_logps": batch["old"],
        }

        def loss(logp):
            scored = lambda *_, **__: (logp, torch.zeros_like(logp), None)  # noqa: E731
            trainer._get_per_token_logps_and_entropies = scored
            return trainer._compute_loss(trainer.model, inputs)

        return both(loss, batch["logp"])

    return found


@pytest.mark.parametrize(
    ("settings", "loss", "how"),
    [
        *(({**CLIP, "loss_type": name}, PPO, how) for name, how in MEANS.items()),
        ({**CLIP, "delta": 2.5}, partial(PPO, dual_clip=2.5), "token-mean"),
        (SEQUENCES, partial(gspo_loss, **WINDOW), "token-mean"),
        ({**SEQUENCES, "loss_type": "luspo"}, partial(gspo_loss, **WINDOW), LUSPO().aggregation),
        # its epsilon is the bound itself, and there is none below
        (
            {"loss_type": "cispo", "epsilon_high": 1.28},
            partial(cispo_loss, eps_low=None, eps_high=0.28),
            "token-mean",
        ),
        # it holds its temperatures in float32
        (
            {"loss_type": "sapo"},
            partial(sapo_loss, tau_neg=torch.tensor(1.05).item()),
            "seq-mean-token-mean",
        ),
        ({"loss_type": "vespo"}, vespo_loss, "token-mean"),
        ({"loss_type": "vespo", **VESPO}, partial(vespo_loss, **SHAPE), "token-mean"),
    ],
)
def test_a_loss_is_trls(theirs, batch, settings, loss, how):
    mixed = loss is PPO or "delta" in settings
    for advantages in ("advantages", "mixed") if mixed else ("advantages",):
        if "delta" in settings:  # where A > 0 the window is reached first
            batch["old"][:, 0] = batch["logp"][:, 0] - 3.0
        wanted = theirs(batch, settings, advantages)
        agree(wanted, ours(loss, batch, how, advantages=advantages, horizon=HORIZON))


def test_gmpo_is_that_of_the_experimental_trainer(theirs, batch):
    from trl.experimental.gmpo import GMPOTrainer

    window = {"epsilon_low": 0.4, "epsilon_high": 0.4}
    wanted = theirs(batch, {"loss_type": "grpo"}, beside=window, kind=GMPOTrainer)
    agree(wanted, ours(gmpo_loss, batch, "seq-mean-token-mean"))


@pytest.mark.parametrize("loss_type", MEANS)
def test_means_over_rows_count_empty_ones(theirs, batch, loss_type):
    how, settings = MEANS[loss_type], {**CLIP, "loss_type": loss_type}
    emptied = {**batch, "mask": batch["mask"] & (torch.arange(6) != 2).unsqueeze(-1)}
    share = 1.0 if how == "token-mean" else 5 / 6
    value, gradient = ours(PPO, emptied, how, horizon=HORIZON)
    agree(theirs(emptied, settings), (share * value, share * gradient))
    value, gradient = theirs({**batch, "mask": batch["mask"] & False}, settings)
    assert value == 0 and (gradient == 0).all()


def test_the_kl_term_is_multiplied_by_the_ratio_unless_it_is_told_not_to(theirs, batch):
    def with_reference(logp, old, *, mask, **credit):
        return add_reference_kl(
            PPO(logp, old, mask=mask, **credit), logp, old, mask=mask, beta=0.04
        )

    charged = {"beta": 0.04}
    plain = ours(with_reference, batch)
    agree(theirs(batch, {**CLIP, "use_bias_correction_kl": False}, beside=charged), plain)
    leaf = batch["logp"].clone().requires_grad_()
    d = batch["old"] - leaf
    weighed = 0.04 * aggregate((-d).exp() * (torch.expm1(d) - d), batch["mask"], "token-mean")
    (gradient,) = torch.autograd.grad(weighed, leaf)
    value, slope = ours(PPO, batch)
    agree(theirs(batch, CLIP, beside=charged), (value + weighed.detach(), slope + gradient))
    assert (plain[1] - slope - gradient).abs().max() > 1e-4


def test_the_samplers_correction_multiplies_the_loss(theirs, batch):
    factor = truncated_importance(batch["old"], batch["rollout"], batch["mask"], cap=2.0)
    beside = {"use_vllm": True, "vllm_importance_sampling_correction": True}
    wanted = theirs(batch, CLIP, beside=beside, importance_sampling_ratio=factor)
    agree(wanted, ours(PPO, {**batch, "advantages": batch["advantages"] * factor}))
    assert (factor == 2.0).any()


def test_what_a_trainer_hands_to_its_loss(policy, tmp_path):
    rewards = [1.0, 0.0, 0.25, 0.5, 1.0, 1.0, 1.0, 1.0]
    exact, group = torch.tensor(rewards), torch.arange(8) // 4

    def handed(**settings):
        trainer = trainer_of(
            policy, tmp_path, GRPOTrainer, lambda **_: rewards, max_completion_length=2, **settings
        )
        return trainer._generate_and_score_completions([{"prompt": "1 : +1 ="}] * 8)

    scored, spread = handed(scale_rewards="group"), exact[:4].std()
    close(scored["advantages"][:4], (exact - exact[:4].mean())[:4] / (spread + 1e-4))
    close(scored["advantages"] * (spread + 1e-4) / (spread + 1e-6), group_relative(exact, group))
    assert "old_per_token_logps" not in scored  # one update follows the rollout
    stale = handed(num_iterations=2)
    close(stale["advantages"], group_relative(exact, group, scale=None))
    assert stale["old_per_token_logps"].shape == stale["completion_ids"].shape
