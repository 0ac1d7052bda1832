"""Old, mixed and unlabelled data: a lag, a buffer, completions of several policies, log-probs that
nobody kept."""

import math
from functools import partial

import torch

from tests.core.loop import runs
from tests.losses import close
from trlib.algorithms import GRPO, PPO
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


def test_a_buffer_mixes_ages_prompt_by_prompt_and_segments_mix_them_in_a_completion():
    ages = trained(lag=1, buffer=2, steps=6).last.age
    of_prompts = ages[::2, 0].tolist()
    assert torch.equal(ages, ages[:, :1].expand_as(ages)) and torch.equal(ages[::2], ages[1::2])
    assert {*of_prompts} == {1, 2, 3}  # the lag, and up to `buffer` batches more
    run = trained(lag=2, segments=3, max_tokens=9)
    assert run.last.age[0].tolist() == sorted(run.last.age[0].tolist(), reverse=True)
    assert set(run.last.age[run.last.mask].tolist()) == {2, 1, 0}
    assert run.history.age[0] == 0 < run.history.age[1] < run.history.age[3] < 2
    assert trained(lag=1).history.age.tolist() == [0, 1, 1, 1]


def test_the_weights_of_a_batch_are_those_of_its_age():
    """Without a learning rate all versions are alike, so the log-probs of every part agree with the
    learner's."""
    run = trained(lag=3, buffer=1, segments=2, lr=1e-30)
    scored = run.policy.score(run.last).logp
    close(scored[run.last.mask], run.last.logp[run.last.mask], 1e-05)
    assert run.history.kl_sampler.max() < 1e-9 and run.history.ess_seq.min() > 1 - 1e-5
    old = trained(lag=3, buffer=1, segments=2)
    assert old.history.kl_sampler[3] > 1e-3 and old.history.ess_seq[3] < 0.9


def test_a_resumed_run_remembers_the_buffer(tmp_path):
    settings = {"lag": 1, "buffer": 2, "segments": 2, "checkpoint_every": 2}
    whole = trained(steps=6, **settings)
    trained(steps=4, out=tmp_path, **settings)
    assert runs.same(trained(steps=6, out=tmp_path, resume=True, **settings), whole)


def test_without_the_samplers_log_probs_the_learner_is_the_anchor():
    silent = partial(trained, steps=2, sampler_logp=False)
    run = silent(lag=1)
    assert "kl_sampler" not in run.history and "ess_seq" not in run.history
    assert run.history.reward.notna().all() and run.history.grad_norm.gt(0).all()
    one = silent(GRPO(), minibatches=1)  # nothing is skipped, and nothing is NaN
    assert one.history.ratio_max.tolist() == [1, 1] and one.history.loss.notna().all()


def test_the_effective_sample_size_of_long_completions_and_of_none():
    long = torch.full((2, 1000), 5.0)  # a product of e^5000 is no number
    every = torch.ones_like(long, dtype=torch.bool)
    assert sequence_ess(long, torch.zeros_like(long), every) == 1
    assert math.isnan(sequence_ess(long, long, ~every)), "nothing to count"
