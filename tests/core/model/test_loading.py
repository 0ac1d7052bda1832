"""What is read from a folder: whole, with its own tokenizer and chat, adapters on their model; else
one sentence."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import trlib
from tests.core.model.alike import alike
from tests.losses import noise, refused, same, trained
from trlib.algorithms import GRPO
from trlib.model.prompt_encoding import chat_prompts
from trlib.model.rollout import sample

LORA = {"r": 2, "target_modules": ["q_proj", "v_proj"]}
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %} answer{% endif %}"
)


def moved(policy):
    """The policy after something was learned."""
    for i, p in enumerate(policy.parameters):
        p.data += 0.1 * noise(*p.shape, seed=i).to(p.dtype)
    return policy


def broken(folder, message):
    """Loading a folder ends in an error that says so."""
    refused(f"CheckpointError: .*{message}", trlib.load_policy, folder)


def change(file, **settings):
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


# -- adapters
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"use_dora": True},
        {"modules_to_save": ["lm_head"]},
        {"target_modules": ["embed_tokens", "q_proj"]},
        {"bias": "all"},
    ],
)
def test_adapters_come_back_on_their_model_and_are_trained_on(folder, tmp_path, more):
    torch.manual_seed(3)
    drawn = torch.get_rng_state()
    policy = moved(trlib.load_policy(folder, lora={**LORA, **more}))
    saved = policy.save(tmp_path / "saved")
    assert not (saved / "model.safetensors").exists()
    again = trlib.load_policy(saved)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert alike(again, policy) and again.identity() == policy.identity()
    c = sample(again, ["7 : +3 ="], group=3, max_tokens=8, seed=0)
    again.score(c).logp.sum().backward()
    again.load_state({name: p + 0.1 * p.grad for name, p in again.trainable.items()})
    # A loaded one knows its model, too, and replaces what it came from.
    twice = trlib.load_policy(again.save(saved))
    assert alike(twice, again) and not alike(twice, policy)


def test_a_model_that_was_named_from_another_folder_is_found(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    policy = moved(trlib.load_policy("./model", lora=LORA))
    saved = policy.save("saved")
    assert json.loads((saved / "trlib.json").read_text()) == {"chat": False, "base": str(folder)}
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert alike(trlib.load_policy(saved), policy)
    shutil.move(folder, tmp_path / "gone")
    broken(
        saved,
        rf"policy '{saved}': expected the model that its adapters belong to, "
        rf"'{folder}', got: policy '{folder}': no such folder",
    )


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_adapters_are_float32_at_least_on_a_model_of_any_type(folder, tmp_path, dtype):
    saved = moved(trlib.load_policy(folder, lora=LORA, dtype=dtype)).save(tmp_path / "saved")
    again = trlib.load_policy(saved, dtype=dtype)
    learn, rest = (
        {p.dtype for p in again.model.parameters() if p.requires_grad is on} for on in (True, False)
    )
    wide = torch.float64 if dtype == "float64" else torch.float32
    assert rest == {getattr(torch, dtype)} and learn <= {torch.float32, wide}
    c = sample(again, ["7 : +3 ="], max_tokens=4, seed=0)
    assert again.score(c).logp.isfinite().all()


def test_adapters_that_do_not_fit_are_refused(folder, tmp_path):
    saved = moved(trlib.load_policy(folder, lora=LORA)).save(tmp_path / "saved")
    message = (
        r"lora: expected None, because policy '.*saved' is a folder of adapters, .*got \{'r': 2"
    )
    refused(message, trlib.load_policy, saved, lora={"r": 2})
    file = saved / "adapter_model.safetensors"
    tensors = load_file(file)
    name = min(tensors)
    save_file({n: t for n, t in tensors.items() if n != name}, file)
    broken(saved, rf"got a file without '{name}'")
    other = name.replace("layers.0", "layers.7")
    save_file({**tensors, other: tensors[name].clone()}, file)
    broken(saved, rf"got a file with '{other}'")
    save_file({**tensors, name: tensors[name][:, :3].contiguous()}, file)
    broken(saved, r"expected adapters that fit their model at .*saved, got: ")
    file.rename(saved / "adapter_model.bin")
    broken(saved, r"adapter_model.safetensors', got no such file")
    change(saved / "adapter_config.json", megatron_config={"x": 1}, megatron_core="runs.a.helper")
    broken(saved, "expected adapters that import nothing, got a megatron_config")
    endless = "(([a-z._0-9]+)+)+!"
    for settings in ({"target_modules": endless}, {"rank_pattern": {endless: 4}}):
        keep = (saved / "adapter_config.json").read_text()
        change(saved / "adapter_config.json", **settings, megatron_config=None)
        broken(saved, f"adapters that are applied at once, got {next(iter(settings))}")
        (saved / "adapter_config.json").write_text(keep)


@pytest.mark.parametrize(
    ("kind", "settings", "layers"),
    [
        ("llama", {}, "q_proj v_proj"),
        ("olmo2", {}, "down_proj gate_proj k_proj o_proj q_proj up_proj v_proj"),
        (
            "qwen2_moe",
            {
                "num_experts": 2,
                "moe_intermediate_size": 16,
                "shared_expert_intermediate_size": 16,
                "num_experts_per_tok": 2,
            },
            "down_proj gate_proj k_proj o_proj q_proj shared_expert_gate up_proj v_proj",
        ),
    ],
)
def test_adapters_of_every_family_find_their_layers_and_come_back(
    small_model, policy, tmp_path, kind, settings, layers
):
    small_model(kind, **settings).save_pretrained(tmp_path / "model")
    policy.tokenizer.save_pretrained(tmp_path / "model")
    adapted = trlib.load_policy(tmp_path / "model", lora={"r": 2})
    torch.rand(1)  # whatever was drawn before, adapters start alike
    twin = trlib.load_policy(tmp_path / "model", lora={"r": 2})
    found = {name.split(".lora_")[0].split(".")[-1] for name in adapted.trainable}
    assert sorted(found) == layers.split() and same(adapted, twin)
    c = sample(adapted, ["7 : +3 ="], group=2, max_tokens=8, seed=0)
    adapted.score(c).logp[c.mask].sum().backward()
    # B of each pair begins at 0, so that in the first step it alone has a gradient
    assert all(("lora_B" in name) == bool(p.grad.any()) for name, p in adapted.trainable.items())
    again = trlib.load_policy(moved(adapted).save(tmp_path / "saved"))
    assert same(again, adapted) and alike(again, adapted) and not alike(again, twin)


# -- chat
# --------------------------------------------------------------------------------------------------


def test_a_saved_policy_is_asked_as_it_was(folder, tmp_path):
    tokenizer = trlib.load_policy(folder).tokenizer
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    for chat in (True, False):
        policy = trlib.load_policy(folder, chat=chat)
        again = trlib.load_policy(policy.save(tmp_path / "saved"))
        assert again.chat is chat and again.encode_prompts(["7 :"]) == policy.encode_prompts(
            ["7 :"]
        )
        assert trlib.load_policy(tmp_path / "saved", chat=not chat).chat is not chat
        adapted = trlib.load_policy(folder, chat=chat, lora=LORA).save(tmp_path / "adapted")
        assert trlib.load_policy(adapted).chat is chat
    assert trlib.load_policy(folder).chat  # another program's folder: where there is a template


# -- damage
# --------------------------------------------------------------------------------------------------


def test_tensors_that_are_missing_or_of_another_size_are_named(folder):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = "model.layers.1.mlp.up_proj.weight"
    for left, words in (
        (
            {n: t for n, t in tensors.items() if n != name},
            rf"got none for '{name}' \(1 are missing\)",
        ),
        (
            {**tensors, name: tensors[name][:7].clone()},
            rf"got '{name}' of \[7, 32\] where \[48, 32\] is wanted",
        ),
        (
            {**tensors, name.replace("1", "2"): tensors[name].clone()},
            r"got 'model.layers.2.mlp.* beside them",
        ),
    ):
        save_file(left, file, metadata={"format": "pt"})
        broken(folder, rf"policy '{folder}': expected .* at {folder}, {words}")
    # what belongs to another part than the language model is left out, and what older programs
    # wrote beside it
    for beside in ("vision_tower.layers.9.weight", "model.layers.1.self_attn.scale", "extra"):
        save_file({**tensors, beside: torch.ones(2)}, file, metadata={"format": "pt"})
        trlib.load_policy(folder)


def test_weights_that_are_tied_are_not_missing(small_model, policy, tmp_path):
    model = small_model("gpt2")
    model.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    loaded = trlib.load_policy(tmp_path).model
    assert torch.equal(loaded.lm_head.weight, model.transformer.wte.weight)


def test_code_that_comes_with_a_model_does_not_run(folder, tmp_path, monkeypatch):
    (folder / "own.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\n"
        "from transformers import LlamaConfig\nclass C(LlamaConfig): model_type = 'own'\n"
    )
    change(
        folder / "config.json",
        model_type="own",
        auto_map={"AutoConfig": "own.C", "AutoModelForCausalLM": "own.C"},
    )
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # a pipe that says yes to every question
    broken(folder, r"got: one that needs code of its own, and trlib runs none")
    assert not (tmp_path / "ran").exists()


# -- tokens
# --------------------------------------------------------------------------------------------------


def test_a_token_that_only_fills_up_may_be_outside_the_embedding(folder, alone):
    tokenizer = trlib.load_policy(folder).tokenizer
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<fill>"})
    tokenizer.save_pretrained(folder)
    policy = trlib.load_policy(folder)
    assert policy.tokenizer.pad_token_id == rows and policy.pad_id == policy.end_id
    c = sample(policy, ["7 : +3 =", "7 :"], group=3, max_tokens=8, seed=0)
    assert int(c.prompt_ids.max()) < rows and not c.prompt_mask.all()
    alone(policy, c, 2e-5)


@pytest.mark.parametrize("kind", ["qwen2", "gpt2", "cohere"])
@pytest.mark.parametrize("by_hand", [True, False])
def test_words_stay_words_in_the_folder_of_a_family_that_has_a_tokenizer_of_its_own(
    small_model, policy, tmp_path, kind, by_hand, recwarn
):
    settings = {"bos_token_id": 1, "eos_token_id": 1} if kind == "cohere" else {}
    tokenizer, own = policy.tokenizer, tmp_path / "own"
    small_model(kind, **settings).save_pretrained(own)
    if by_hand:
        tokenizer.backend_tokenizer.save(str(own / "tokenizer.json"))
        named = {"eos_token": tokenizer.eos_token, "pad_token": tokenizer.pad_token}
        (own / "tokenizer_config.json").write_text(json.dumps(named))
    else:
        tokenizer.save_pretrained(own)
    loaded = trlib.load_policy(own)
    texts = ["7 : +3 = 10", *tokenizer.get_vocab()]
    for again in (
        loaded,
        trlib.load_policy(loaded.save(tmp_path / "saved")),
        trlib.load_policy(trlib.load_policy(own, lora={"r": 2}).save(tmp_path / "adapted")),
    ):
        assert again.encode(texts) == policy.encode(texts) and again.end_id == policy.end_id
        assert again.tokenizer.decode(again.encode(texts[:1])[0]) == texts[0]
    messages = [str(w.message) for w in recwarn if "tokenizer.json" in str(w.message)]
    assert all("read as its tokenizer.json says, not as a " in text for text in messages)
    assert bool(messages) or not by_hand


def test_an_end_token_that_the_tokenizer_appends_does_not_end_a_prompt(policy):
    from tokenizers import processors

    plain = policy.encode_prompts(["7 : +3 =", "7 :"])
    end, fill = policy.tokenizer.eos_token, policy.tokenizer.pad_token
    ids = [(end, policy.end_id), (fill, policy.tokenizer.pad_token_id)]
    asked = policy.encode_prompts([f"7 :{end}"])[0]
    assert asked[-1] == policy.end_id  # a text's own
    policy.tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{fill} $A {end}", special_tokens=ids
    )
    assert policy.tokenizer("7 :")["input_ids"][-1] == policy.end_id
    assert policy.encode_prompts(["7 : +3 =", "7 :"]) == [
        [policy.tokenizer.pad_token_id, *row] for row in plain
    ]
    assert policy.encode_prompts([f"7 :{end}"]) == [[policy.tokenizer.pad_token_id, *asked]]


# -- context
# --------------------------------------------------------------------------------------------------


def test_a_run_s_folder_leads_to_the_policy_that_it_kept(policy, tmp_path):
    """One that was stopped before it kept one, and a folder of anything else, are named."""
    out = tmp_path / "a"
    run = trained(GRPO(), policy=policy, steps=1, out=out)
    found = trlib.load_policy(str(out))
    assert found.name == str(out / "policy") and run.out == out and same(found, policy)
    shutil.rmtree(out / "policy")
    broken(str(out), "stopped before; resume=True, or --resume")
    broken(str(tmp_path), "without a model.*has a$")
    # A folder of anything else, such as /etc with its polkit-1, is no place for a model.
    (tmp_path / "other" / "polkit-1").mkdir(parents=True)
    broken(str(tmp_path / "other"), "got one without a model$")


# -- what would compute without an end
# --------------------------------------------------------------------------------------------------


def test_a_part_of_a_model_that_is_no_safetensors_file_is_not_read(folder):
    index = {"metadata": {}, "weight_map": {"lm_head.weight": "pytorch_model.bin"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    broken(folder, "expected parts that are safetensors, which run nothing, got pytorch_model.bin")


def test_a_chat_template_that_never_ends_is_ended(folder, monkeypatch):
    monkeypatch.setattr("trlib.model.bounds.SECONDS", 1)
    policy = trlib.load_policy(folder, chat=False)
    loop = "{% for i in range(99999) %}"
    policy.tokenizer.chat_template = loop * 4 + "{% endfor %}" * 4
    with pytest.raises(trlib.errors.CheckpointError, match="takes longer than 1 seconds"):
        chat_prompts(policy.tokenizer, ["?"])


def test_adapters_of_another_program_name_their_model_in_their_settings(folder, tmp_path):
    adapted = moved(trlib.load_policy(folder, lora=LORA))
    adapted.model.save_pretrained(tmp_path / "foreign")  # no notes and no tokenizer
    assert alike(trlib.load_policy(tmp_path / "foreign"), adapted)
    for base, words in (
        (None, r"to be named in adapter_config.json, got base_model_name_or_path None"),
        (str(tmp_path / "foreign"), r"got '.*foreign', which holds adapters itself"),
    ):
        change(tmp_path / "foreign" / "adapter_config.json", base_model_name_or_path=base)
        broken(tmp_path / "foreign", words)


def test_a_family_with_its_own_tokenizer_keeps_it(policy, tmp_path, small_model, recwarn):
    from transformers import Qwen2Tokenizer

    words = [*"abcdefghijklmnopqrstuvwxyz0123456789", "Ġ", "Ċ", "<|endoftext|>", "th", "Ġth"]
    merges = [("t", "h"), ("Ġ", "th")]
    tokenizer = Qwen2Tokenizer(vocab={word: i for i, word in enumerate(words)}, merges=merges)
    small_model("qwen2", vocab_size=len(words)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = trlib.load_policy(tmp_path)
    assert type(loaded.tokenizer) is Qwen2Tokenizer and not [
        w for w in recwarn if "tokenizer" in str(w.message)
    ]
    assert loaded.encode(["b th th"]) == [[1, words.index("Ġth"), words.index("Ġth")]]
