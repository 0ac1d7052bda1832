"""Pre-training: a tiny run learns, repeats bit for bit, leaves all or nothing; the shipped model is
its card's."""

import json
import math
from dataclasses import asdict, replace

import pytest
import torch
from transformers import AutoTokenizer, GenerationConfig

from tests.by_day import by_day
from tests.losses import refused
from trlab import pretraining
from trlab.pretraining import Recipe, checksum, pretrain
from trlab.pretraining.learning import batch_of, loss_of, word_tokenizer
from trlab.pretraining.teaching import DialTeacher
from trlib.evaluation import evaluate
from trlib.model.loading import EMBEDDED
from trlib.model.policy import load_policy
from trlib.tasks import Dial, load_task
from trlib.tasks.dial import WORDS

TINY = Recipe(steps=(12, 4), batch=16, hidden=16, heads=2, mlp=32)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny checkpoint: its folder and its card."""
    out = tmp_path_factory.mktemp("made") / "base"
    return out, pretrain("dial", out=out, seed=3, recipe=TINY, moves=(1, 2))


def test_the_loss_falls_from_chance(made):
    policy = load_policy(str(made[0]))
    teacher = DialTeacher(Dial(moves=(1, 2)))
    lesson = teacher.lessons(seed=9)[0]
    batch = batch_of([next(lesson) for _ in range(16)], policy.tokenizer.get_vocab(), teacher)
    assert loss_of(policy.model, *batch)[0].item() < math.log(272) - 0.2


def test_the_same_seed_makes_the_same_file_and_another_another(made, tmp_path):
    _, card = made
    torch.manual_seed(99)  # global state plays no part
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    make = {"recipe": TINY, "moves": (1, 2)}
    assert pretrain("dial", out=tmp_path / "a", seed=3, **make)["sha256"] == card["sha256"]
    assert pretrain("dial", out=tmp_path / "b", seed=4, **make)["sha256"] != card["sha256"]
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads


def test_the_card_says_how_it_was_made(made):
    out, card = made
    stored = json.loads((out / "card.json").read_text())
    assert stored == json.loads(json.dumps(card)) and stored["sha256"] == checksum(out)
    assert stored["steps"] == [12, 4] and stored["seed"] == 3
    assert stored["recipe"] == json.loads(json.dumps(asdict(TINY)))
    assert load_task(**stored["task"]) == Dial(moves=(1, 2))
    assert stored["command"] == "trlib pretrain dial --seed 3 --knob moves=1,2"
    assert stored["parameters"] == 272 * 16 + 2 * (4 * 16 * 16 + 3 * 16 * 32 + 2 * 16) + 16


def test_the_first_part_ends_once_it_is_good_enough(tmp_path):
    recipe = replace(TINY, steps=(40, 2), until=0.0)
    assert pretrain("dial", out=tmp_path / "a", recipe=recipe)["steps"] == [25, 2]


class Certain(torch.nn.Module):
    """Stands for a model: gives the next token of the rows it was shown a chosen probability."""

    def __init__(self, tokens, probability):
        super().__init__()
        self.logp = torch.zeros(*tokens.shape, 272)
        rest = ((1 - probability) / 271).log()
        self.logp[:] = rest[..., None]
        self.logp[:, :-1].scatter_(-1, tokens[:, 1:, None], probability[:, :-1, None].log())

    def model(self, input_ids):
        return type("Output", (), {"last_hidden_state": self.logp})

    def lm_head(self, hidden):
        return hidden


def test_the_loss_counts_completions_only_and_the_opener_is_given():
    ids = word_tokenizer(WORDS, context=32).get_vocab()
    task = Dial(moves=2)
    pairs = [
        (task.prompts(1, seed=0)[0], "easy so 4"),
        (task.prompts(1, seed=1)[0], "slowly 1 2 so 2"),
    ]
    tokens, labels, follows = batch_of(pairs, ids, DialTeacher(task))
    # 5 words of prompt, then the completion and the end token, then padding.
    assert (labels != -100).tolist() == [
        [False] * 5 + [True] * 4 + [False] * 2,
        [False] * 5 + [True] * 6,
    ]
    assert follows.tolist() == [[False] * 6 + [True] * 3 + [False] * 2, [False] * 6 + [True] * 5]
    assert tokens[0, 5:].tolist() == [ids["easy"], ids["so"], ids["4"], 1, 0, 0]
    probability = torch.full(tokens.shape, 0.01)
    probability[:, 4] = 0.1  # the opener, predicted at the prompt's last word
    probability[:, 5:] = 0.5
    loss, right = loss_of(Certain(tokens, probability), tokens, labels, follows)
    assert loss.item() == pytest.approx(
        -(2 * torch.tensor(0.1).log() + 8 * torch.tensor(0.5).log()).item() / 10
    )
    assert right == pytest.approx((0.5**3 + 0.5**5) / 2, rel=1e-5)


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pretraining, "learn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain("dial", out=tmp_path / "base", recipe=TINY)
    assert list(tmp_path.iterdir()) == []


def test_what_stands_in_its_place_is_kept(made):
    out, card = made
    expected = "FileExistsError: out: expected a folder that does not exist yet"
    refused(expected, pretrain, "dial", out=out, seed=2, recipe=TINY)
    assert checksum(out) == card["sha256"]
    refused("task with a base model: .*did you mean 'dial'", pretrain, "dail", out=out)


MODELS = {
    "dial": "--seed 0",
    "dial_1": "--seed 1",
    "dial_2": "--seed 2",
    "dial_rare": "--seed 0 --knob careful=0.05",
}
"""The shipped models of `dial`, and how each was made."""


def assert_near(share, expected, *sizes):
    """Two shares of so many draws, within five standard deviations."""
    allowed = 5 * (expected * (1 - expected) * sum(1 / n for n in sizes)) ** 0.5
    assert abs(share - expected) <= allowed, (share, expected)


@pytest.mark.parametrize(
    "name",
    by_day(MODELS, "dial", later=[*MODELS][1:], reason="a stored model, which does not change"),
)
def test_a_shipped_model_is_made_as_its_card_says_and_answers_so(name):
    folder, careful = EMBEDDED / name, 0.05 if name == "dial_rare" else 0.25
    card = json.loads((folder / "card.json").read_text())
    assert checksum(folder) == card["sha256"]
    text = (folder / "README.md").read_text()
    assert card["sha256"] in text and f"`{card['command']}`" in text
    for how in ("sampled", "greedy"):
        shares = [card["accuracy"][how]["accuracy"], *card["accuracy"][how]["interval"]]
        assert "{:.3f} | {:.3f} to {:.3f}".format(*shares) in text
    assert card["command"] == f"trlib pretrain dial {MODELS[name]}"
    assert card["recipe"] == json.loads(json.dumps(asdict(Recipe())))
    assert load_task(**card["task"]) == Dial(moves=(1, 8), careful=careful)
    theirs = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert theirs.get_vocab() == word_tokenizer(WORDS, context=128).get_vocab()
    assert (theirs.padding_side, theirs.model_max_length) == ("left", 128)
    drawn = GenerationConfig.from_pretrained(folder)
    assert (drawn.do_sample, drawn.temperature, drawn.top_k, drawn.top_p) == (True, 1.0, 0, 1.0)
    accuracy, n = card["accuracy"], card["accuracy"]["n"]
    assert_near(accuracy["sampled"]["careful"], careful, n)
    found = evaluate(load_policy(name), Dial(), prompts=600, samples=1)
    assert_near(found.sampled.value, accuracy["sampled"]["accuracy"], 600, n)
    assert_near(found.greedy.value, accuracy["greedy"]["accuracy"], 600, n)
