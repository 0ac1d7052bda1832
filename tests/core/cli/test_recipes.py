"""The command line takes a task's recipe for a policy where it is told nothing, and says so."""

import pytest

from tests.typed import typed
from trlib.loop import train as loop
from trlib.model import policy as module
from trlib.tasks import Aloud, Sums, load_task


@pytest.fixture
def asked(monkeypatch):
    """What reaches `load_policy`, `train` and `evaluate`; nothing is loaded."""
    found = {}

    def load(name, **options):
        found.update(name=name, **options)
        return None

    def stop(_policy, task, *_method, **settings):
        found.update(task=task, settings=settings)
        raise ValueError("seen")

    monkeypatch.setattr(module, "load_policy", load)
    monkeypatch.setattr(loop, "train", stop)
    monkeypatch.setattr("trlib.evaluation.evaluate", stop)
    return found


@pytest.mark.parametrize("kind", [Sums, Aloud])
def test_smollm2_is_trained_by_the_recipe_of_its_task(asked, capsys, kind):
    recipe, line = kind.recipes["smollm2"], f"train --task {kind.name} --policy smollm2"
    assert typed(line) == 1
    assert asked["task"] == load_task(kind.name, **recipe.knobs)
    assert (asked["lora"], asked["chat"]) == (recipe.lora, False)
    assert {name: asked["settings"][name] for name in recipe.settings} == recipe.settings
    message = capsys.readouterr().err.splitlines()[0]
    expected = f"trlib: the recipe of {kind.name} for smollm2 (--no-recipe ignores it): "
    assert message.startswith(f"{expected}--")

    # What was said, said as options without the recipe, is the same run.
    first = dict(asked)
    assert typed(f"{line} --no-recipe {message.removeprefix(expected)}") == 1
    assert asked == first and "recipe" not in capsys.readouterr().err


def test_an_option_that_is_said_holds_and_is_not_told_of(asked, capsys):
    assert (
        typed(
            "train --task sums --policy smollm2 --lr 1e-4 --knob examples=3 --chat --lora r=4 "
            "--max-tokens 9"
        )
        == 1
    )
    assert asked["settings"]["lr"] == 1e-4 and asked["settings"]["steps"] == 30
    assert asked["settings"]["max_tokens"] == 9 and asked["chat"] is True
    assert asked["task"].examples == 3 and asked["task"].numbers == (10, 99)
    assert asked["lora"] == {"r": 4, "target_modules": "all-linear"}
    message = capsys.readouterr().err.splitlines()[0]
    for option in ("--lr", "examples", "-chat", " r="):
        assert option not in message
    assert "--knob numbers=10,99" in message and "--steps 30" in message
