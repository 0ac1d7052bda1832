import pytest
import torch

from trlib.loop.sampler import Sampler, round_trip


def test_a_round_trip_by_hand():
    weight = torch.tensor([[7.0, -3.4, 0.6], [0.07, -0.014, 0.0], [0.0, 0.0, 0.0]])
    expected = torch.tensor([[7.0, -3.0, 1.0], [0.07, -0.01, 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(round_trip(weight, 4), expected)
    fine = round_trip(weight, 8)
    assert (fine - weight).abs().max() <= 7 / 127 / 2 + 1e-7
    torch.testing.assert_close(round_trip(fine, 8), fine)


def test_nothing_stale_or_coarse_is_the_learner_itself(policy):
    assert Sampler(policy, lag=0, precision="fp32").policy() is policy


@pytest.mark.parametrize("lag", [1, 3])
def test_a_lag_of_k_batches_samples_with_the_weights_of_k_batches_ago(policy, lag):
    sampler = Sampler(policy, lag=lag, precision="fp32")
    first = policy.state()
    for batch in range(6):
        policy.load_state({name: t + batch for name, t in first.items()})
        own = dict(sampler.policy().model.named_parameters())
        for name, t in first.items():
            assert torch.equal(own[name], t + max(0, batch - lag))


@pytest.mark.parametrize("precision", ["bf16", "int8", "int4"])
def test_precision_changes_the_sampler_and_not_the_learner(policy, precision):
    before, model = policy.state(), Sampler(policy, lag=0, precision=precision).policy().model
    own = dict(model.named_parameters())
    frequencies = dict(policy.model.named_buffers())
    assert frequencies and all(
        torch.equal(b, frequencies[name]) for name, b in model.named_buffers()
    )
    for name, t in before.items():
        assert torch.equal(policy.trainable[name], t)
        expected = (
            t.bfloat16()
            if precision == "bf16"
            else round_trip(t, int(precision[3:]))
            if t.dim() == 2
            else t
        )
        assert torch.equal(own[name], expected)
        if t.dim() == 2:
            assert not torch.equal(own[name].float(), t)
