"""Which models are decoders: those that sampling and scoring are right for are taken, the others
are refused."""

import re

import pytest
import torch

import trlib
from tests.losses import refused
from trlib.errors import CheckpointError
from trlib.model import decoder

IDS = [5, 9, 4, 30, 12, 7, 21]
WIDE = {"head_dim": 8}
BLOOM = {"n_layer": 2, "n_head": 4}
OPT = {"ffn_dim": 48, "word_embed_proj_dim": 32}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
BART = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
}
LATER = "whose logits do not change when a later token does"
CACHE = "that goes on from a key-value cache as if it read everything"
PADDED = "that takes attention_mask and position_ids, so that padding on the left changes nothing"


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


@pytest.mark.parametrize(
    ("kind", "settings", "wanted"),
    [
        ("bert", {}, LATER),
        ("lfm2", {"layer_types": ["conv", "full_attention"]}, CACHE),
        ("rwkv", {"attention_hidden_size": 32}, CACHE),
        ("roformer", {"is_decoder": True}, PADDED),
        ("bart", BART, PADDED),
    ],
)
def test_what_is_no_decoder_is_refused_with_what_it_lacks(small_model, kind, settings, wanted):
    model = small_model(kind, **settings).eval()
    with pytest.raises(
        CheckpointError,
        match=re.escape(f"policy 'm': expected a decoder {wanted}, got a {type(model).__name__}, "),
    ):
        decoder.check("m", model, IDS)


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
