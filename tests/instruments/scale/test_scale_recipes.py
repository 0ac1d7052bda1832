"""What the recipes for GPUs hold and watch: bytes are those of
`trbook.scale.memory`, and the metrics are the installed libraries'. Nothing here runs on a GPU."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from trbook.scale import recipes
from trbook.scale.recipes import H100, RECIPES, on_a_card, room

EVERY = pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: f"{recipe.gpus}")


def folder(library):
    spec = find_spec(library)
    if spec is None or spec.origin is None:
        pytest.skip(f"{library} is not installed")
    return Path(spec.origin).parent


COMPOSED = re.compile(r"profiling/Time taken: GRPOTrainer\.|rollout_corr/|timing_s/")
"""Beginnings of names that a library puts together where it logs them."""


@pytest.mark.parametrize("library", ["trl", "verl"])
def test_an_alarm_watches_what_the_library_logs(library):
    sources = "".join(path.read_text("utf-8") for path in folder(library).rglob("*.py"))
    for alarm in recipes.ALARMS:
        assert COMPOSED.sub("", getattr(alarm, library)) in sources


@EVERY
def test_a_recipe_fits_its_card(recipe):
    standing = sum(on_a_card(recipe)[part] for part in ("weights", "gradients", "optimizer"))
    assert sum(on_a_card(recipe).values()) < 0.9 * H100, "the engine sleeps while the card learns"
    assert standing + recipe.engine * H100 < 0.9 * H100, "and both are there while it samples"
    assert room(recipe) >= 32
