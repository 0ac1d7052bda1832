"""Policies from GGUF files: a small one written here, and damaged ones."""

import json

import gguf
import numpy as np
import pytest
import torch

import trlib
from tests.core.model.alike import alike
from tests.losses import refused

HIDDEN, LAYERS, HEADS, KV_HEADS, MLP = 64, 2, 4, 2, 96
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def bytes_as_letters():
    """The 256 letters in which byte-level tokenizers write bytes, in the order of the bytes."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(b) if b in shown else chr(next(hidden)) for b in range(256)]


def write_gguf(path, *, template=TEMPLATE):
    """A random llama of two layers over bytes and two merges, as a GGUF file; gives its tensors as
    they are read."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [*special, *bytes_as_letters(), "th", "the"]
    rng = np.random.default_rng(0)
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("small")
    out.add_context_length(128)
    out.add_embedding_length(HIDDEN)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(MLP)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_freq_base(10_000.0)
    out.add_rope_dimension_count(HIDDEN // HEADS)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(tokens) - 3))
    out.add_token_merges(["t h", "th e"])
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_unk_token_id(0)
    out.add_pad_token_id(2)
    if template is not None:
        out.add_chat_template(template)
    width = HIDDEN // HEADS * KV_HEADS
    shapes = {"token_embd": (len(tokens), HIDDEN)}
    for i in range(LAYERS):
        shapes |= {
            f"blk.{i}.attn_q": (HIDDEN, HIDDEN),
            f"blk.{i}.attn_k": (width, HIDDEN),
            f"blk.{i}.attn_v": (width, HIDDEN),
            f"blk.{i}.attn_output": (HIDDEN, HIDDEN),
            f"blk.{i}.ffn_gate": (MLP, HIDDEN),
            f"blk.{i}.ffn_up": (MLP, HIDDEN),
            f"blk.{i}.ffn_down": (HIDDEN, MLP),
        }
    read = {}
    kind = gguf.GGMLQuantizationType.Q4_1
    for name, shape in shapes.items():
        value = rng.normal(0, 0.3, shape).astype(np.float32)
        blocks = gguf.quants.quantize(value, kind)
        out.add_tensor(f"{name}.weight", blocks, raw_dtype=kind)
        read[name] = gguf.quants.dequantize(blocks, kind)
    for name in [
        "output_norm",
        *(f"blk.{i}.{part}_norm" for i in range(LAYERS) for part in ("attn", "ffn")),
    ]:
        read[name] = rng.uniform(0.5, 1.5, HIDDEN).astype(np.float32)
        out.add_tensor(f"{name}.weight", read[name])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return read


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    return path, write_gguf(path)


@pytest.fixture
def small(written):
    return trlib.load_policy(written[0])


# -- a small file
# -------------------------------------------------------------------------------------------------


def test_weights_are_the_files_rounded_ones_as_floats(written, small):
    read, model = written[1], small.model.model
    assert small.model.dtype == torch.float32 and small.size == sum(v.size for v in read.values())
    np.testing.assert_array_equal(model.embed_tokens.weight.detach(), read["token_embd"])
    np.testing.assert_array_equal(
        model.layers[1].mlp.down_proj.weight.detach(), read["blk.1.ffn_down"]
    )
    np.testing.assert_array_equal(
        model.layers[0].input_layernorm.weight.detach(), read["blk.0.attn_norm"]
    )
    # llama.cpp interleaves the two halves of each head's rotated dimensions; here they are apart
    # again.
    half = HIDDEN // HEADS // 2
    apart = (
        read["blk.0.attn_q"].reshape(HEADS, half, 2, HIDDEN).swapaxes(1, 2).reshape(HIDDEN, HIDDEN)
    )
    np.testing.assert_array_equal(model.layers[0].self_attn.q_proj.weight.detach(), apart)
    assert small.model.lm_head.weight is model.embed_tokens.weight


def test_its_tokens_its_template_and_its_end(small):
    assert small.chat and small.end_id == 2 and small.pad_id == 2 and small.context == 128
    ids = small.encode(["the 19"])[0]
    assert small.tokenizer.convert_ids_to_tokens(ids) == ["the", "Ġ", "1", "9"]
    asked = small.encode_prompts(["the"])[0]
    assert (
        small.tokenizer.decode(asked) == "<|im_start|>user\nthe<|im_end|>\n<|im_start|>assistant\n"
    )
    assert asked[0] == 1 and asked.count(2) == 1
    assert small.tokenizer.batch_decode([[*ids, 2]], skip_special_tokens=True) == ["the 19"]


def test_without_a_template_a_prompt_is_continued(written, tmp_path):
    write_gguf(tmp_path / "bare.gguf", template=None)
    bare = trlib.load_policy(tmp_path / "bare.gguf")
    assert not bare.chat and bare.tokenizer.decode(bare.encode_prompts(["the 19"])[0]) == "the 19"
    assert not trlib.load_policy(written[0], chat=False).chat
    refused(
        r"chat: policy '.*bare.gguf' has a tokenizer without a chat template",
        trlib.load_policy,
        tmp_path / "bare.gguf",
        chat=True,
    )


def test_it_is_saved_as_floats_and_comes_back_the_same(small, tmp_path):
    folder = small.save(tmp_path / "saved")
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    again = trlib.load_policy(folder)
    assert again.chat and again.encode_prompts(["the 19"]) == small.encode_prompts(["the 19"])
    assert alike(again, small)


# -- damaged and absent
# -------------------------------------------------------------------------------------------


def test_a_file_that_is_cut_short_absent_or_of_something_else_is_named(written, tmp_path):
    whole, file = written[0].read_bytes(), tmp_path / "cut.gguf"
    message = r"CheckpointError: .*policy '.*\.gguf': "
    refused(f"{message}no such file", trlib.load_policy, file)
    parts = (whole[: int(len(whole) * share)] for share in (0.0, 0.02, 0.999))
    for content in (*parts, b"not a model\n" * 100):
        file.write_bytes(content)
        refused(rf"{message}expected a whole GGUF file .*cut\.gguf at", trlib.load_policy, file)


# -- what is not installed
