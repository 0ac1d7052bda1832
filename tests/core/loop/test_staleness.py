"""Old and mixed data: a lag, and completions of several policies."""

import math

import torch

from tests.core.loop import runs
from tests.losses import close
from trlib.algorithms import PPO
from trlib.corrections import sequence_ess

SMALL = {
    "prompts": 8,
    "group": 2,
    "lr": 1e-3,
    "warmup": 0,
    "minibatches": 2,
}


def trained(method=None, steps=4, **settings):
    return runs.trained(method or PPO(), steps=steps, **{**SMALL, **settings})


def test_segments_mix_ages_in_a_completion():
    run = trained(lag=2, segments=3, max_tokens=9)
    assert run.last.age[0].tolist() == sorted(run.last.age[0].tolist(), reverse=True)
    assert set(run.last.age[run.last.mask].tolist()) == {2, 1, 0}
    assert run.history.age[0] == 0 < run.history.age[1] < run.history.age[3] < 2
    assert trained(lag=1).history.age.tolist() == [0, 1, 1, 1]


def test_the_weights_of_a_batch_are_those_of_its_age():
    """Without a learning rate all versions are alike, so the log-probs of every part agree with the
    learner's."""
    run = trained(lag=3, segments=2, lr=1e-30)
    scored = run.policy.score(run.last).logp
    close(scored[run.last.mask], run.last.logp[run.last.mask], 1e-05)
    assert run.history.kl_sampler.max() < 1e-9 and run.history.ess_seq.min() > 1 - 1e-5
    old = trained(lag=3, segments=2)
    assert old.history.kl_sampler[3] > 1e-3 and old.history.ess_seq[3] < 0.9


def test_the_effective_sample_size_of_long_completions_and_of_none():
    long = torch.full((2, 1000), 5.0)  # a product of e^5000 is no number
    every = torch.ones_like(long, dtype=torch.bool)
    assert sequence_ess(long, torch.zeros_like(long), every) == 1
    assert math.isnan(sequence_ess(long, long, ~every)), "nothing to count"
