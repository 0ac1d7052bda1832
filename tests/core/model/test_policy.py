import sys
from unittest.mock import Mock

import pytest
import torch

import trlib
from tests.core.model.alike import alike
from tests.losses import D, refused
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


def test_a_gpu_that_is_not_there_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "empty", Mock(side_effect=RuntimeError))
    message = r"device: expected 'auto' or a device that torch has here \(cpu.*\), got 'cuda"
    for built, colab, advice in (
        (None, False, "'; torch .* is a build for the CPU: .* `TRLIB_TORCH=cuda make book`$"),
        ("12.8", False, "'; torch is built for CUDA and finds no GPU or driver$"),
        (None, True, "'; choose a GPU: Runtime, Change runtime type$"),
    ):
        monkeypatch.setattr(torch.version, "cuda", built)
        if colab:
            monkeypatch.setitem(sys.modules, "google.colab", sys)
        refused(message + advice, place_for, "cuda", 1)


def test_bfloat16_that_is_emulated_is_not_chosen(monkeypatch):
    for there, chosen in ((True, torch.bfloat16), (False, torch.float32)):
        supported = lambda including_emulation=True, on=there: on or including_emulation  # noqa: E731
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
        assert type_for("auto", torch.device("cuda")) == chosen


def test_a_small_model_runs_on_one_thread_and_the_rest_as_before(policy):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with policy.threads():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with pytest.raises(RuntimeError), policy.threads():
            raise RuntimeError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_folder_without_a_whole_model_in_safetensors_is_named(folder, tmp_path, small_model):
    message = "CheckpointError: .*expected a folder with a config.json and model.safetensors"
    refused(message, trlib.load_policy, tmp_path)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    message = "CheckpointError: .*expected a causal language model in the hub's format"
    refused(message, trlib.load_policy, folder)
    file.unlink()  # nothing is unpickled
    torch.save(small_model().state_dict(), folder / "pytorch_model.bin")
    refused("CheckpointError: .*safetensors", trlib.load_policy, folder)


def test_a_place_that_cannot_be_written_is_named_and_the_old_model_kept(
    policy, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    refused(r"CheckpointError: .*cannot write", policy.save, tmp_path / "file" / "model")
    target = policy.save(tmp_path / "model")
    before = (target / "model.safetensors").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(policy.model, "save_pretrained", full)
    refused(r"CheckpointError: .*No space left on device", policy.save, target)
    assert (target / "model.safetensors").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "model"]


def test_a_file_that_is_written_again_does_not_write_into_the_model(folder):
    """Weights that are a view of their file go back to what the file holds, silently, when it is
    written in place."""
    policy = trlib.load_policy(folder)
    policy.load_state({name: t + 1 for name, t in policy.state().items()})
    moved = policy.state()
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes())
    assert all(torch.equal(t, moved[name]) for name, t in policy.state().items())


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
