"""A run with a reference: what is equal to what, what moves, what resumes, what the history says."""

import pytest

import trlib
from tests.losses import trained
from trlib.algorithms import GRPO, PGIS, DrGRPO, Reference
from trlib.tasks import Verdict

CLOCK = ["seconds", "tokens_per_s"]
REWARDED = {"beta": 0.3, "place": "reward", "estimator": "k1"}


def history(method, **settings):
    return trained(method, steps=3, **settings).history.drop(columns=CLOCK)


@pytest.mark.parametrize("kind", [GRPO, DrGRPO])
def test_beta_of_grpo_is_short_for_k3_in_the_loss(kind):
    long = kind(reference=Reference(beta=0.3, estimator="k3"))
    assert history(kind(beta=0.3), epochs=2).equals(history(long, epochs=2))


def test_without_a_weight_it_only_measures():
    free = history(PGIS())
    measured = history(PGIS(reference=Reference(beta=0.0)))
    assert measured[free.columns].equals(free)
    assert set(measured) - set(free) == {"kl_ref", "kl_ref_seq"}


def test_with_adapters_a_reference_shares_what_does_not_learn():
    policy = trlib.load_policy("dial", lora={"r": 2, "target_modules": ["q_proj"]})
    near = policy.copy(sharing_frozen=True)
    addresses = {p.data_ptr() for p in policy.model.parameters()}
    own = {n for n, p in near.model.named_parameters() if p.data_ptr() not in addresses}
    assert own == set(policy.trainable) and not near.trainable
    method = PGIS(reference=Reference(beta=0.3, every=2))
    run = trained(method, policy=policy, steps=3, lr=1e-2)
    assert run.history["kl_ref"].gt(0).all()
    assert {n: p.data_ptr() for n, p in run.policy.trainable.items()}.keys() == own


@pytest.mark.parametrize(
    "reference",
    [
        Reference(beta=0.3),
        Reference(**REWARDED),
        Reference(**{**REWARDED, "place": "token-reward"}),
    ],
    ids=["loss", "reward", "token-reward"],
)
def test_every_place_keeps_a_run_nearer(reference):
    settings = {"steps": 8, "lr": 3e-3}
    near, free = (
        trained(DrGRPO(reference=one), **settings).history["kl_ref_seq"].iloc[-1]
        for one in (reference, Reference(beta=0.0))
    )
    assert near < 0.8 * free


@pytest.mark.parametrize("estimator", ["k1", "k2"])
def test_groups_with_equal_rewards_are_still_pulled_back(estimator):
    """After two batches no answer is right any more: without a penalty nothing has a gradient."""
    place = "reward" if estimator == "k1" else "loss"
    for beta in (0.0, 1.0):
        method = PGIS(reference=Reference(beta=beta, place=place, estimator=estimator))
        late = trained(method, task=_Hopeless(), steps=4, lr=3e-3).history.iloc[2:]
        assert late["reward"].eq(0).all()
        assert late["grad_norm"].gt(1e-3).all() if beta else late["grad_norm"].eq(0).all()


class _Hopeless:
    """`dial`, of which only the first 32 completions can be right."""

    def __init__(self):
        self.task, self.left = trlib.load_task("dial"), 32

    def __getattr__(self, name):
        return getattr(self.task, name)

    def verify(self, prompt, completion, *, ended):
        self.left -= 1
        given = self.task.verify(prompt, completion, ended=ended)
        return given if self.left >= 0 else Verdict(0.0, "wrong answer")


def test_a_reference_is_replaced_every_n_batches():
    moving = trained(PGIS(reference=Reference(beta=0.0, every=2)), steps=4, lr=1e-3).history[
        "kl_ref"
    ]
    fixed = trained(PGIS(reference=Reference(beta=0.0)), steps=4, lr=1e-3).history["kl_ref"]
    assert moving[:2].equals(fixed[:2]) and moving[2] < 0.7 * fixed[2]
    half = trained(PGIS(reference=Reference(beta=0.0, every=2, share=0.5)), steps=4, lr=1e-3)
    assert moving[2] < half.history["kl_ref"][2] < fixed[2]
