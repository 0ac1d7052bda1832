"""What every verifier asks of its prompt, and every knob of its number, in one place: a new task is
one more line."""

import json
import math
from types import SimpleNamespace

import pytest

import trlib
from tests.losses import named, refused, trained
from trlib.algorithms import GRPO
from trlib.tasks import Prompt, Verdict, load_task

TASKS = ("dial", "spend", "relay", "tales", "sums", "aloud", "gsm8k")
OWN = {
    "dial": Prompt("7 : +3 flip =", "9", 2),
    "spend": Prompt("37 :", "0", 37),
    "relay": Prompt("7 :", "every place is right", 1),
    "tales": Prompt("a tale of a hare and a star :", "a good story"),
    "sums": Prompt("What is 2 + 3?", "5"),
    "aloud": Prompt("18 + 25 + 31:", "74", 1),
    "gsm8k": Prompt("How many legs have two hens?", "4", 1),
}
RIGHT = {
    "dial": "easy so 9",
    "spend": "-9 28 -9 19 -9 10 -9 1 -1 0",
    "relay": "+3 10 -1 9",
    "tales": "once a shy hare lived by the sea and wished for a star . one snowy night it met a bear . "
    "the bear made a star for the hare and both were happy .",
    "sums": "5",
    "aloud": " 18 + 25 = 43, 43 + 31 = 74. Answer 74",
    "gsm8k": "2 * 2 = 4\n#### 4",
}
KNOBS = {"relay": {"horizon": 4}, "tales": {"reward": "judge"}}


@pytest.fixture
def task(request, tmp_path):
    file = tmp_path / "hens.jsonl"
    file.write_text(json.dumps({"question": "How many?", "answer": "1 + 1 = 2\n#### 2"}) + "\n")
    return load_task(
        request.param,
        **({"path": str(file)} if request.param == "gsm8k" else KNOBS.get(request.param, {})),
    )


every_task = pytest.mark.parametrize("task", TASKS, indirect=True)


@every_task
def test_its_own_prompts_are_taken(task):
    assert task.verify(OWN[task.name], RIGHT[task.name], ended=True).right
    for prompt in task.prompts(50 if task.name != "gsm8k" else 1, seed=0):
        assert task.verify(prompt, "?", ended=True).reward == 0


@every_task
def test_what_is_no_completion_is_refused(task):
    given = {"prompt": OWN[task.name], "completion": RIGHT[task.name], "ended": True}
    named(task.verify, given, {"completion": (None,), "ended": ("yes",)})


MINE = '''
from typing import ClassVar
from dataclasses import dataclass
from trlib.tasks import Prompt, Verdict, knobs


{decorator}
class Echo:
    """Repeat a number."""

    name: ClassVar[str] = "echo"
    largest: int = 99
    max_tokens: int = 4

    {settings}

    def prompts(self, n, *, seed):
        random = knobs.stream(self.name, "prompts", seed)
        numbers = [str(knobs.draw(random, self.largest + 1)) for _ in range(n)]
        return [Prompt(f"{{number}} :", number) for number in numbers]

    def verify(self, prompt, completion, *, ended):
        right = ended and completion.strip() == prompt.answer
        return Verdict(float(right), "right" if right else "wrong answer")
'''


def test_a_task_of_ones_own_is_loaded_from_its_file(tmp_path):
    file = tmp_path / "mine.py"
    settings = "@property\n    def settings(self):\n        return knobs.settings(self)"
    file.write_text(MINE.format(decorator="@dataclass(frozen=True)", settings=settings))
    task = load_task(f"{file}:Echo", largest=9)
    assert task.settings == {"name": "echo", "largest": 9, "max_tokens": 4}
    (prompt,) = task.prompts(1, seed=0)
    assert task.verify(prompt, prompt.answer, ended=True).reason == "right"

    file.write_text(MINE.format(decorator="", settings=settings))
    refused(
        r"TypeError: task: expected a dataclass.*Echo', which is not one: put `@dataclass",
        load_task,
        f"{file}:Echo",
    )
    file.write_text(MINE.format(decorator="@dataclass(frozen=True)", settings=""))
    refused(
        r"TypeError: task: expected what trlib.tasks.Task lists, got .*Echo' without settings",
        load_task,
        f"{file}:Echo",
    )
    heir = MINE.format(decorator="@dataclass(frozen=True)", settings="").replace(
        "class Echo:", "class Echo(Task):"
    )
    file.write_text(
        heir.replace("import Prompt,", "import Prompt, Task,")
    )  # the protocol's own members do nothing
    refused(
        r"TypeError: .*got .*Echo' without settings: it lacks the property `settings`; add `@prop",
        load_task,
        f"{file}:Echo",
    )


ASKED = Prompt("7 : +3 flip =", "9")


def broken(verdict=None, prompts=None):
    """A task whose verifier or prompts give back something else; None: what is right."""
    return SimpleNamespace(
        name="broken",
        max_tokens=8,
        settings={"name": "broken"},
        prompts=lambda n, *, seed: [ASKED] * n if prompts is None else prompts,
        verify=lambda prompt, completion, *, ended: verdict,
    )


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (broken(), r"TypeError: .*expected Verdict\(reward, reason\), .*, got None"),
        (broken(Verdict(1.0, None)), "TypeError: .*reason: expected text, .*, got None"),
        (
            broken(Verdict("1", "right")),
            "TypeError: .*for prompt '7 : .* is '1', expected a finite",
        ),
        (broken(Verdict(math.nan, "right")), "NonFiniteError: .* is nan, expected a finite number"),
        (broken(Verdict(math.inf, "right")), "NonFiniteError: .* is inf, expected a finite number"),
        (
            broken(prompts=iter([ASKED])),
            "TypeError: .*prompts: expected a list of 2 .* list_iterator",
        ),
        (broken(prompts=["7", "8"]), r"TypeError: .*prompts\[0\]: expected a .*Prompt, got '7'"),
        (
            broken(prompts=[ASKED, Prompt("", "9")]),
            r".*prompts\[1\]: its text: expected words, got ''",
        ),
    ],
)
def test_what_a_task_may_not_give_back_is_named_where_it_learns_and_where_it_is_measured(
    task, message
):
    policy = trlib.load_policy("dial")
    refused(message, trlib.evaluate, policy, task, prompts=2, samples=1)
    stopped = "NonFiniteError" if "NonFinite" in message else "MethodError"
    expected = f"{stopped}: batch 0: .*{message.rpartition('Error: ')[2]}"
    refused(expected, trained, GRPO(), policy=policy, task=task, prompts=2, group=2, steps=1)
