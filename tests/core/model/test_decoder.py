"""Which models are decoders: those that sampling and scoring are right for are taken, the others
are refused."""

import pytest
import torch

import trlib
from tests.losses import refused
from trlib.model import decoder

IDS = [5, 9, 4, 30, 12, 7, 21]
WIDE = {"head_dim": 8}
BLOOM = {"n_layer": 2, "n_head": 4}
OPT = {"ffn_dim": 48, "word_embed_proj_dim": 32}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
LATER = "whose logits do not change when a later token does"


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("llama", {}),
        ("gpt2", {}),
        ("qwen3", WIDE),
        ("gemma3_text", WIDE),
        ("mistral", {"sliding_window": 4, **WIDE}),
        ("opt", OPT),
        ("mixtral", EXPERTS),
        ("falcon", {"alibi": True, "multi_query": False}),
        ("bloom", BLOOM),
        ("bert", {"is_decoder": True}),
    ],
)
def test_decoders_are_taken_as_they_are(small_model, kind, settings):
    model = small_model(kind, **settings).eval()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    drawn = torch.get_rng_state()
    decoder.check("m", model, IDS)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_model_is_checked_when_it_is_loaded(small_model, policy, tmp_path):
    small_model("bert").save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    refused(
        rf"CheckpointError: .*policy '{tmp_path}': expected a decoder {LATER}, got a BertLMHeadMod",
        trlib.load_policy,
        tmp_path,
    )


def test_logits_that_are_no_numbers_are_named(small_model):
    model = small_model()
    torch.nn.init.constant_(model.model.norm.weight, float("nan"))
    refused(
        r"CheckpointError: .*policy 'm': expected finite logits, got a LlamaForCausalLM",
        decoder.check,
        "m",
        model,
        IDS,
    )
