import pytest
import torch

import trlib
from tests.core.model.alike import alike
from tests.losses import D
from trlib.model.loading import place_for, type_for
from trlib.model.policy import Policy
from trlib.model.rollout import sample


def test_a_copy_has_weights_of_its_own_that_do_not_learn(policy):
    copied = policy.copy()
    before = copied.model.lm_head.weight.clone()
    policy.load_state({name: t + 1 for name, t in policy.state().items()})
    assert torch.equal(copied.model.lm_head.weight, before) and not copied.parameters


def test_dropout_is_off(small_model, policy):
    noisy = Policy("gpt2", small_model("gpt2"), policy.tokenizer)
    assert alike(noisy, noisy)


def test_a_score_has_gradient_and_float64_is_kept(policy, task):
    c = sample(policy, [task.prompts(1, seed=0)[0].text], group=2)
    policy.model.double()
    scores = policy.score(c, full=True)
    assert scores.logp.dtype == D and scores.logp.requires_grad
    own = scores.full.gather(-1, c.tokens.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(own, scores.logp)
    policy.model.bfloat16()
    assert policy.score(c).logp.dtype == torch.float32


def test_a_type_is_of_the_weights_and_not_of_the_frequencies(folder):
    exact, coarse = (trlib.load_policy(folder, dtype=name) for name in ("float32", "bfloat16"))
    assert all(p.dtype == torch.bfloat16 for p in coarse.model.parameters())
    found = dict(coarse.model.named_buffers())
    assert found and all(torch.equal(b, found[name]) for name, b in exact.model.named_buffers())


def test_devices_and_types():
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    assert place_for("auto", 4_999_999) == cpu and place_for("cpu", 10**9) == cpu
    assert place_for("auto", 10**9) == (
        cuda if torch.cuda.is_available() else place_for("auto", 10**9)
    )
    assert type_for("auto", cpu) == torch.float32 and type_for("float64", cpu) == D
    assert (
        type_for("bfloat16", cpu) == torch.bfloat16 and type_for("float16", cuda) == torch.float16
    )


@pytest.fixture
def c(policy, task):
    """Three short completions of each of two prompts."""
    prompts = [p.text for p in task.prompts(2, seed=0)]
    return trlib.sample(policy, prompts, group=3, max_tokens=6, seed=0)


def test_hidden_states_are_what_the_output_layer_reads(policy, c):
    scores = policy.score(c, full=True, hidden=True)
    logits = policy.model.get_output_embeddings()(scores.hidden)
    torch.testing.assert_close(torch.log_softmax(logits, -1)[c.mask], scores.full[c.mask])
    few = policy.score(c, full=True, hidden=True, at_once=2)
    torch.testing.assert_close(few.hidden[c.mask], scores.hidden[c.mask])
