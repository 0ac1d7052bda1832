"""The recipes for GPUs: every key is one of the installed libraries', and the bytes and seconds are
those of `trbook.scale.memory`. Nothing here runs on a GPU."""

import math
import re
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from trbook.scale import memory, recipes
from trbook.scale.recipes import H100, RECIPES, on_a_card, room, seconds, share, synced
from trcheck.diagnose import scale
from trlib.corrections import expected_weight

EVERY = pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: f"{recipe.gpus}")


def folder(library):
    spec = find_spec(library)
    if spec is None or spec.origin is None:
        pytest.skip(f"{library} is not installed")
    return Path(spec.origin).parent


@cache
def fields(path):
    """Every annotated name in the classes of a file: the fields of its dataclasses, without
    importing it."""
    return set(re.findall(r"^    (\w+): ", path.read_text(encoding="utf-8"), re.MULTILINE))


@cache
def options(path):
    """Every option that a file hands to `add_argument`."""
    return set(re.findall(r'"(--\w+)"', path.read_text(encoding="utf-8")))


@cache
def ppo_trainer():
    generated = folder("verl") / "trainer/config/_generated_ppo_trainer.yaml"
    return yaml.load(
        generated.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )


@EVERY
def test_trl_and_accelerate_have_every_setting(recipe):
    known = fields(folder("trl") / "trainer/grpo_config.py") | fields(
        folder("transformers") / "training_args.py"
    )
    settings = recipes.trl_settings(recipe)
    assert not set(settings) - known
    batch = (
        settings["per_device_train_batch_size"]
        * settings["gradient_accumulation_steps"]
        * recipe.gpus
    )
    assert batch == recipe.setup.completions and batch % settings["num_generations"] == 0

    commands = folder("accelerate") / "commands"
    config = recipes.accelerate_settings(recipe)
    assert not set(config) - fields(commands / "config/config_args.py")
    launch = options(commands / "launch.py")
    assert not {f"--{name}" for name in config["fsdp_config"]} - launch
    assert (
        not {word for word in recipes.trl_command(recipe).split() if word.startswith("--")} - launch
    )
    text = recipes.trl_files(recipe)
    script, _, rest = text.partition("# fsdp.yaml\n")
    compile(script.split("\n# the command")[0], "train.py", "exec")
    assert not rest or yaml.safe_load(rest.partition("\n#")[0]) == config, (
        "what is printed is what was checked"
    )


def test_verl_has_every_setting_and_its_batches_are_whole():
    both = "actor_rollout_ref.rollout.n_gpus_per_node"
    asked = [(recipe, recipes.verl_settings(recipe)) for recipe in RECIPES.values()]
    asked.append((RECIPES[8], recipes.asynchronous(RECIPES[8])))
    for recipe, settings in asked:
        for name in settings:
            place = ppo_trainer()
            for word in name.split("."):
                assert word in place, name
                place = place[word]
        cards = settings["trainer.nnodes"] * settings["trainer.n_gpus_per_node"]
        assert cards + settings.get(both, 0) == recipe.gpus
        printed = recipes.verl_command(recipe, settings)
        assert all(f"{name}={value}" in printed for name, value in settings.items())
    version = settings["trainer.v1.separate_async.parameter_sync_step"]
    mini = settings["actor_rollout_ref.actor.ppo_mini_batch_size"]
    assert settings["data.train_batch_size"] == version * mini == recipe.setup.prompts
    assert mini * recipe.setup.group % (cards * recipe.setup.at_once) == 0
    assert sum(on_a_card(replace(recipe, gpus=cards)).values()) < 0.9 * H100.memory


def test_on_several_machines_shards_stay_inside_one():
    added = recipes.across(RECIPES[8], machines=4)
    assert added["verl"]["actor_rollout_ref.actor.fsdp_config.fsdp_size"] == 8
    assert not set(added["verl"]) - set(recipes.verl_settings(RECIPES[8])), "checked above"
    commands = folder("accelerate") / "commands"
    assert not set(added["accelerate"]) - fields(commands / "config/config_args.py")
    sizes = added["accelerate"]["parallelism_config"]
    # The launcher passes over a size whose name is not one of its options.
    assert not {f"--{name}" for name in sizes} - options(commands / "launch.py")
    assert math.prod(sizes.values()) == added["accelerate"]["num_processes"] == 32


def test_the_correction_is_chosen_by_the_noise_of_a_whole_completion():
    for recipe in RECIPES.values():
        for mismatch in (0.037, 0.0105):
            sigma = recipes.noise(mismatch)
            product = expected_weight(sigma, recipe.setup.completion, "truncate", recipes.BOUND)
            chosen = recipes.level(recipe, sigma)
            assert chosen == (
                "sequence" if recipe.setup.completion * sigma**2 <= 1 / 3 else "token"
            )
            assert chosen == "token" or product > 0.95, (
                "a product is chosen only where it keeps its weight"
            )
            tokens = recipe.setup.completion if chosen == "sequence" else 1
            assert expected_weight(sigma, tokens, "truncate", recipes.BOUND) > 0.95
    assert [recipes.level(RECIPES[gpus], recipes.noise(0.0105)) for gpus in RECIPES] == [
        "sequence",
        "token",
    ]
    recorded = next(row for row in scale.recorded() if row.key == "bf16")
    assert recipes.noise() == pytest.approx(recorded.deviation * (math.pi / 2) ** 0.5)
    for recipe in RECIPES.values():
        assert (
            recipes.trl_settings(recipe)["vllm_importance_sampling_mode"]
            == f"{recipes.level(recipe)}_truncate"
        )
        assert recipes.verl_settings(recipe)[
            "algorithm.rollout_correction.rollout_is"
        ] == recipes.level(recipe)


def test_shards_divide_what_stands_still_and_nothing_else():
    recipe = RECIPES[8]
    one, two, eight = (on_a_card(replace(recipe, gpus=gpus)) for gpus in (1, 2, 8))
    for part in ("weights", "gradients", "optimizer"):
        assert one[part] == 2 * two[part] == 8 * eight[part]
    assert one["gathered"] == 0 < two["gathered"] == eight["gathered"]
    assert one["activations"] == two["activations"] == eight["activations"]
    weights = memory.parameters(recipe.setup.shape)
    assert (
        sum(one[part] for part in ("weights", "gradients", "optimizer"))
        == 16 * weights
        == 8 * synced(recipe)
    )
    whole = memory.updating(recipe.setup)
    kept = on_a_card(recipe, recompute=False)
    assert kept["activations"] == whole["activations"] > 10 * eight["activations"]


@EVERY
def test_a_recipe_fits_its_card(recipe):
    standing = sum(on_a_card(recipe)[part] for part in ("weights", "gradients", "optimizer"))
    assert sum(on_a_card(recipe).values()) < 0.9 * H100.memory, (
        "the engine sleeps while the card learns"
    )
    assert standing + recipe.engine * H100.memory < 0.9 * H100.memory, (
        "and both are there while it samples"
    )
    assert room(recipe) >= 32


def test_seconds_are_bytes_and_multiplications_over_what_a_card_does():
    recipe = RECIPES[8]
    parts = seconds(recipe)
    assert parts["update"] == pytest.approx(4 * parts["scoring"])
    flops = 8 * memory.parameters(recipe.setup.shape) * recipe.rows * recipe.tokens
    assert parts["update"] == pytest.approx(flops / (H100.computes * H100.flops))
    alone = replace(recipe, gpus=1, setup=replace(recipe.setup, prompts=1, group=1, prompt=1))
    floor = synced(alone) / (H100.reads * H100.bandwidth) * alone.setup.completion
    assert seconds(alone)["sampling"] == pytest.approx(floor, rel=0.01), (
        "one completion: every token reads all weights"
    )
    slow = replace(H100, bandwidth=H100.bandwidth / 2)
    assert seconds(recipe, slow)["sampling"] == pytest.approx(2 * parts["sampling"], rel=0.01)
    longer = replace(recipe, setup=replace(recipe.setup, completion=8192, at_once=1))
    assert 0 < share(recipe) < share(longer) < 1, "longer completions, fewer in hand"
