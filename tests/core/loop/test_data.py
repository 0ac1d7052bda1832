"""Prompts and a reward function in place of a task, as TRL takes them."""

import threading
from dataclasses import dataclass
from typing import ClassVar

import pytest

import trlib
from tests.core.loop.runs import SHORT, same, trained
from tests.losses import refused
from trlib.cli import main
from trlib.tasks import DataTask, Prompt, Verdict, knobs

DIAL = trlib.load_task("dial")
PROMPTS = DIAL.prompts(20, seed=5)
ROWS = [{"prompt": p.text, "answer": p.answer} for p in PROMPTS]


def reward(prompts, completions, answer, **columns):
    """In TRL's signature."""
    asked = zip(prompts, completions, answer, strict=True)
    return [DIAL.verify(Prompt(p, a), c, ended=True).reward for p, c, a in asked]


@dataclass(frozen=True)
class Equivalent:
    """The same by hand, as a task."""

    name: ClassVar[str] = "data"
    max_tokens: int = 256
    settings: ClassVar[dict] = {}

    def prompts(self, n, *, seed):
        return knobs.without_repeats(knobs.stream("data", "prompts", seed), PROMPTS, n)

    def verify(self, prompt, completion, *, ended):
        given = DIAL.verify(prompt, completion, ended=True).reward
        return Verdict(given, "right" if given >= 1 else "wrong answer")


def dataset():
    return pytest.importorskip("datasets").Dataset.from_list(ROWS)


@pytest.mark.parametrize("data", [lambda: ROWS, lambda: PROMPTS, dataset])
def test_a_run_from_data_and_a_reward_is_the_run_of_the_same_task_bit_for_bit(data):
    settings = {**SHORT, "lr": 3e-3, "minibatches": 2}
    by_task = trained(task=Equivalent(), **settings)
    by_data = trained(task=data(), reward=reward, **settings)
    frames = [run.prompts.drop(columns="difficulty") for run in (by_task, by_data)]
    by_task.prompt_rows = by_data.prompt_rows = []  # difficulty is no column of a data set
    assert same(by_task, by_data) and frames[0].equals(frames[1])
    assert by_data.history["reward"].max() > 0 and by_data.history["grad_norm"].max() > 0


def test_several_rewards_are_added_and_none_counts_nothing():
    task = DataTask(["a", "b"], [lambda completions: [1.0, None], lambda prompts: [0.5, 0.25]])
    verdicts = task.verify_many(task.prompts(2, seed=0), ["x", "y"], [True, False], [[1], [2]])
    assert [(v.reward, v.reason) for v in verdicts] == [(1.5, "right"), (0.25, "no end")]


def test_a_conversation_is_put_into_the_chat_template(monkeypatch):
    policy = trlib.load_policy("dial")
    system = {"role": "system", "content": "S"}
    rows = [{"prompt": [system, {"role": "user", "content": p.text}]} for p in PROMPTS]
    seen = []

    def judge(prompts, completions):
        seen.append((prompts[0], completions[0]))
        return [0.0] * len(prompts)

    given = {"policy": policy, "task": rows, "reward": judge, **SHORT, "steps": 1}
    refused("batch 0: .*chat template .*got conversations", trained, **given)
    policy.tokenizer.chat_template = (
        "{% for m in messages %}{{ '<' ~ m.role ~ '>' ~ m.content }}{% endfor %}:"
    )
    policy.chat = True
    encoded = policy.encode_prompts([DataTask(rows, judge).row(0).text])
    wanted = policy.encode([f"<system>S<user>{PROMPTS[0].text}:"])
    assert encoded == wanted
    trained(**given)
    (prompt, completion) = seen[0]
    assert [m["role"] for m in prompt] == ["system", "user"]
    assert completion[0]["role"] == "assistant" and isinstance(completion[0]["content"], str)


async def _asynchronous(prompts):
    return prompts


def test_the_command_line_takes_prompts_and_a_reward(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "def short(completions):\n    return [1.0 for c in completions]\n"
    )
    (tmp_path / "prompts.jsonl").write_text("".join(f'{{"prompt": "{p.text}"}}\n' for p in PROMPTS))
    data = ["--data", str(tmp_path / "prompts.jsonl"), "--reward", f"{tmp_path / 'mine.py'}:short"]
    small = ["--steps", "1", "--prompts", "2", "--group", "2", "--max-tokens", "4", "--quiet"]
    out = ["--out", str(tmp_path / "run")]
    assert main(["train", "--policy", "dial", *data, *small, *out]) == 0
    assert "DrGRPO" not in capsys.readouterr().err
    few = ["--prompts", "2", "--samples", "1", "--max-tokens", "4"]
    assert main(["evaluate", "--policy", str(tmp_path / "run"), *data, *few]) == 0
    assert " 1.000 " in capsys.readouterr().out
    assert main(["evaluate", "--policy", str(tmp_path / "run"), *few]) == 1
    assert "--data, --reward: expected both" in capsys.readouterr().err
    assert main(["train", *data[:2], *small]) == 1
    assert "--reward: expected it beside --data" in capsys.readouterr().err


def test_a_reward_function_that_hangs_ends_the_run_after_its_time_limit():
    forever = threading.Event()

    def hanging(prompts):
        forever.wait()
        return [0.0] * len(prompts)

    texts = [p.text for p in PROMPTS]
    try:
        refused(
            "MethodError: batch 0: reward_timeout: .* more than 0.01 seconds",
            trained, task=texts, reward=hanging, steps=1, max_tokens=4, reward_timeout=0.01,
        )  # fmt: skip
    finally:
        forever.set()
    assert trained(task=ROWS, reward=reward, reward_timeout=1e6, **{**SHORT, "steps": 1}).rows


def test_an_evaluation_asks_each_row_once_and_its_interval_is_of_these_prompts():
    policy = trlib.load_policy("dial")
    few = trlib.evaluate(policy, ROWS[:5], reward=reward, samples=4, max_tokens=8)
    assert few.settings["prompts"] == len(few.prompts) == few.prompts["prompt"].nunique() == 5
    by_hand = trlib.evaluate(
        policy, Equivalent(), prompts=[Prompt(p, a) for p, a in few.prompts[["prompt", "answer"]].values],
        samples=4, max_tokens=8,
    )  # fmt: skip
    assert few.sampled == by_hand.sampled and few.greedy == by_hand.greedy


def test_a_reward_gets_the_tokens_of_each_completion_up_to_its_end():
    policy, seen = trlib.load_policy("dial"), []

    def judge(prompts, completions, completion_ids, answer, **others):
        seen.extend(zip(completions, completion_ids, strict=True))
        return [0.0] * len(prompts)

    trained(policy=policy, task=ROWS, reward=judge, **SHORT | {"steps": 1})
    decoded = [policy.tokenizer.decode(ids, skip_special_tokens=True) for _, ids in seen]
    assert decoded == [text for text, _ in seen]
    ends = {ids[-1] for _, ids in seen if len(ids) < max(len(ids) for _, ids in seen)}
    assert ends == {policy.tokenizer.eos_token_id}
