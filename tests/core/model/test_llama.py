"""The plain Llama is transformers' Llama: the same logits, gradients and caches, with the weights
of now, and nothing else is taken for one."""

import copy

import peft
import pytest
import torch
from transformers import DynamicCache

from trlib.loop.critic import Critic
from trlib.model.attention import reading
from trlib.model.llama import plain_llama
from trlib.model.packing import plain, shared
from trlib.model.policy import Policy
from trlib.model.rollout import sample

SHAPES = {
    "of the embedded models": {"tie_word_embeddings": True},
    "with fewer keys than queries": {"num_key_value_heads": 2, "tie_word_embeddings": False},
    "with a start of its own": {"rope_parameters": {"rope_type": "default", "rope_theta": 50.0}},
}


def close(one, other, bound=1e-6):
    """Alike up to `bound` times the largest number."""
    assert one.shape == other.shape
    assert (one - other).abs().max() <= bound * other.abs().max()


def completions(policy):
    """Of prompts of two lengths, so that there is padding on both sides."""
    prompts = [[3, 4, 5, 6], [7, 8], [9, 3, 4, 5]]
    return sample(policy, prompts, group=4, max_tokens=6, seed=0)


def by_transformers(model, layout):
    with reading(model, layout):
        return model(**layout.inputs(), logits_to_keep=layout.kept).logits


def slopes(logits, parameters):
    weight = torch.linspace(-1, 1, logits.numel()).view_as(logits)
    return torch.autograd.grad((logits.log_softmax(-1) * weight).sum(), parameters)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("laid", [shared, plain])
def test_logits_and_gradients_are_transformers(small_model, policy, shape, laid):
    model = small_model("llama", **SHAPES[shape]).eval()
    layout = laid(completions(Policy("small", model, policy.tokenizer)))
    assert (layout.tree is None) is (laid is plain) and (layout.mask is None) is (laid is shared)
    read = plain_llama(model)(**layout.inputs(), logits_to_keep=layout.kept)
    expected = by_transformers(model, layout)
    close(read.logits, expected)
    close(model.get_output_embeddings()(read.hidden), expected)
    parameters = dict(model.named_parameters())
    for name, one, other in zip(
        parameters,
        slopes(read.logits, parameters.values()),
        slopes(expected, parameters.values()),
        strict=True,
    ):
        assert other.abs().max() > 0, name
        close(one, other, 1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_a_cache_is_gone_on_from(small_model, policy, alone, shape):
    """By one token of rows that are padded and reordered, as a sampler does, and by several."""
    model = small_model("llama", **SHAPES[shape]).eval()
    small = Policy("small", model, policy.tokenizer)
    alone(small, completions(small), 1e-5)
    ids, cache = (
        torch.randint(3, 20, (3, 9), generator=torch.Generator().manual_seed(0)),
        DynamicCache(),
    )
    for part in (ids[:, :4], ids[:, 4:]):
        last = plain_llama(model)(input_ids=part, cache=cache).logits
    close(last, model(input_ids=ids).logits[:, 4:])


def inputs_of(policy):
    """A layout of a few completions, and what a model reads of it."""
    layout = policy.layout(sample(policy, ["7 : +3 ="], group=4, max_tokens=8, seed=0))
    return layout, {**layout.inputs(), "logits_to_keep": layout.kept}


def test_its_weights_are_those_of_now(policy):
    model = policy.model
    layout, inputs = inputs_of(policy)
    kept, before = plain_llama(model), by_transformers(model, layout)
    policy.load_state({name: 1.1 * t for name, t in policy.state().items()})
    now = by_transformers(model, layout)
    assert (now - before).abs().max() > 1e-3
    close(kept(**inputs).logits, now)
    model.model.norm.weight = torch.nn.Parameter(2 * model.model.norm.weight.detach())
    close(plain_llama(model)(**inputs).logits, by_transformers(model, layout))


def test_weights_replace_those_that_they_name(policy):
    model = policy.model
    layout, inputs = inputs_of(policy)
    for name in ("model.embed_tokens.weight", "model.layers.1.mlp.up_proj.weight"):
        weight = (1.5 * model.get_parameter(name).detach()).requires_grad_()
        read = plain_llama(model, {name: weight})(**inputs).logits
        expected = copy.deepcopy(model)
        own = expected.get_parameter(name)
        own.data *= 1.5
        logits = by_transformers(expected, layout)
        close(read, logits)
        close(slopes(read, [weight])[0], slopes(logits, [own])[0], 1e-5)
    head = model.lm_head.weight  # tied: transformers replaces the embedding too
    for unknown in ({"model.norm.bias": torch.zeros(64)}, {"lm_head.weight": head.detach()}):
        assert plain_llama(model, unknown) is None


def test_a_critic_reads_by_it(policy, monkeypatch):
    critic = Critic(policy)
    torch.nn.init.normal_(critic.model.head.weight, generator=torch.Generator().manual_seed(0))
    c = sample(policy, ["7 : +3 =", "7 : +3 +3 ="], group=4, max_tokens=8, seed=0)
    moved = {name: 1.1 * p.detach() for name, p in critic.trainable.items()}
    here = critic.values(c), critic.values(c, moved)
    monkeypatch.setattr("trlib.loop.critic.plain_llama", lambda model: None)
    for one, other in zip(here, (critic.values(c), critic.values(c, moved)), strict=True):
        close(one, other)


def test_a_model_that_was_changed_is_left_to_transformers(small_model):
    class Linear(torch.nn.Linear):
        pass

    for change in (
        lambda m: m.double(),
        lambda m: m.to(torch.bfloat16),
        lambda m: m.lm_head.register_forward_pre_hook(lambda module, inputs: None),
        lambda m: m.model.embed_tokens.register_forward_hook(lambda module, inputs, out: 2 * out),
        lambda m: setattr(m.model.layers[1].mlp, "up_proj", Linear(32, 48, bias=False)),
        lambda m: setattr(m.model.layers[1], "forward", lambda x, **inputs: x),
        lambda m: peft.get_peft_model(m, peft.LoraConfig(target_modules=["q_proj"])),
    ):
        model = small_model("llama")
        assert plain_llama(model) is not None
        changed = change(model)
        assert plain_llama(changed if isinstance(changed, peft.PeftModel) else model) is None
        assert plain_llama(model) is None
