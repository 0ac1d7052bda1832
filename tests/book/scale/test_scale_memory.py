"""Formulas of bytes against tensors that exist: counted by torch, made by transformers, peft and
this package."""

import pytest
import torch
from transformers import DynamicCache

import trlib
from trbook.scale import memory
from trbook.scale.memory import MODELS, Setup, Shape
from trbook.scale.meter import peak_bytes
from trbook.scale.scoring import score_tokens
from trlib.loop.optimizer_step import OptimizerStep
from trlib.loop.optimizers import adamw
from trlib.model.decoder import extend
from trlib.model.rollout import sample

KINDS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def kept_bytes(function, *, but):
    """Bytes of the tensors that autograd keeps of a call for its backward pass, each storage once;
    `but`: places of the storages that are there anyway (`places` of a model)."""
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in but:
            kept[storage.data_ptr()] = (storage.nbytes(), storage)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        held = function()
    total = sum(count for count, _ in kept.values())
    del held
    return total


def places(model):
    """Where a model's parameters and buffers lie."""
    return {
        tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())
    }


def model_of(shape):
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "qwen2" if shape.qkv_bias else "llama",
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        tie_word_embeddings=shape.tied,
    )
    return AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("name", list(MODELS))
def test_parameters_and_adapters_are_those_of_the_model(name):
    from peft import LoraConfig, get_peft_model

    shape = MODELS[name]
    with torch.device("meta"):
        model = model_of(shape)
        assert sum(p.numel() for p in model.parameters()) == memory.parameters(shape)
        adapted = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear"))
    assert sum(p.numel() for p in adapted.parameters() if p.requires_grad) == memory.adapters(
        shape, 8
    )
    known = {
        "embedded": 124_224,
        "SmolLM2-135M": 134_515_008,
        "Qwen2.5-0.5B": 494_032_768,
        "Qwen2.5-7B": 7_615_616_512,
    }
    assert memory.parameters(shape) == known[name]


@pytest.mark.parametrize("precision", list(KINDS))
@pytest.mark.parametrize("learns", memory.LEARNS)
@pytest.mark.parametrize(
    "shape",
    [
        Shape(64, 64, 2, 192, 4, 4, tied=True),
        Shape(64, 128, 3, 256, 8, 2, tied=True),
        Shape(64, 64, 2, 160, 4, 1, tied=True, qkv_bias=True),
    ],
)
def test_what_torch_keeps_of_the_layers_is_as_counted(shape, learns, precision, monkeypatch):
    from peft import LoraConfig, get_peft_model

    monkeypatch.setitem(memory.MODELS, "embedded", shape)
    setup = Setup(model="embedded", learns=learns, precision=precision)
    tokens = torch.randint(0, 64, (2, 24))
    kept = []
    for layers in (1, shape.layers):  # what stands around the layers falls out of the difference
        torch.manual_seed(0)
        model = model_of(Shape(**{**vars(shape), "layers": layers})).to(KINDS[precision])
        if learns == "lora":
            model = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear"))
        body = model.get_base_model().model if learns == "lora" else model.model
        kept.append(
            kept_bytes(
                lambda body=body: body(input_ids=tokens).last_hidden_state, but=places(model)
            )
        )
    wanted = memory.activations_a_token(setup) * tokens.numel()
    assert (kept[1] - kept[0]) * shape.layers == wanted * (shape.layers - 1)


@pytest.mark.parametrize("vocabulary", [5000, 49_152])
def test_the_logits_of_an_update_peak_as_counted(vocabulary):
    setup = Setup(
        model="embedded",
        vocabulary=vocabulary,
        prompts=1,
        group=16,
        completion=4,
        at_once=16,
        learns="full",
        precision="float32",
    )
    positions = setup.rows * setup.completion
    hidden = torch.randn(positions, 64, requires_grad=True)
    weight, tokens = 0.1 * torch.randn(vocabulary, 64), torch.randint(0, vocabulary, (positions,))

    def whole():
        (hidden @ weight.T).log_softmax(-1).gather(-1, tokens[:, None]).sum().backward()

    def chunked():
        score_tokens(hidden, weight, tokens).sum().backward()

    for scoring, function in (("full", whole), ("chunked", chunked)):
        hidden.grad = None
        wanted = memory.updating(Setup(**{**vars(setup), "scoring": scoring}))["logits"]
        assert peak_bytes(function) == pytest.approx(wanted, rel=0.01), scoring


@pytest.mark.parametrize("precision", list(KINDS))
@pytest.mark.parametrize("learns", memory.LEARNS)
def test_gradients_and_adamw_take_as_counted(learns, precision):
    lora = {"r": 8, "target_modules": "all-linear"} if learns == "lora" else None
    policy = trlib.load_policy("dial", dtype=precision, lora=lora)
    setup = Setup(model="embedded", learns=learns, precision=precision)
    counted = memory.updating(setup)
    assert sum(p.numel() for p in policy.parameters) == memory.learning(setup)
    assert sum(p.nbytes for p in policy.model.parameters()) == counted["weights"]
    descent = OptimizerStep(
        [(policy.parameters, 1.0)],
        adamw,
        lr=1e-3,
        betas=(0.9, 0.95),
        weight_decay=0.0,
        warmup=1,
        grad_norm=1.0,
    )
    loss = sum(p.float().square().sum() for p in policy.parameters)
    gradients = torch.autograd.grad(loss, policy.parameters)
    assert sum(g.nbytes for g in gradients) == counted["gradients"]
    descent.step(sum(p.float().square().sum() for p in policy.parameters))
    moments = [
        value
        for state in descent.optimizer.state.values()
        for name, value in state.items()
        if name != "step"
    ]
    copies = [weight for _, weight in descent.exact]
    assert sum(t.nbytes for t in (*moments, *copies)) == counted["optimizer"]


def test_anchors_and_the_cache_take_as_counted():
    task, policy = trlib.load_task("dial"), trlib.load_policy("dial")
    texts = [prompt.text for prompt in task.prompts(4, seed=0)]
    batch = sample(policy, texts, group=8, max_tokens=16, seed=0)
    length = batch.tokens.shape[1]
    setup = Setup(
        model="embedded",
        prompts=4,
        group=8,
        completion=length,
        prompt=batch.prompt_ids.shape[1],
        precision="float32",
    )
    old = policy.score(batch, full=True)
    kept = {"logp": batch.logp.nbytes + old.logp.nbytes}
    top = old.full.topk(64, -1)
    kept["topk"] = kept["logp"] + top.indices.nbytes + top.values.nbytes
    kept["full"] = kept["logp"] + old.full.nbytes
    for method, wanted in kept.items():
        assert memory.updating(Setup(**{**vars(setup), "method": method}))["anchors"] == wanted, (
            method
        )
    ids = torch.randint(2, 200, (len(batch), batch.prompt_ids.shape[1] + length))
    cache = DynamicCache()
    extend(policy.model, cache, input_ids=ids)
    assert (
        sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
        == memory.sampling(setup)["cache"]
    )
