"""Other libraries' names: every surface answers with ours, and ours exist."""

import inspect
from dataclasses import fields

import pytest

import trlib
from tests.losses import refused
from trlib.algorithms import ALGORITHMS, DPPO, GRPO, TROLL
from trlib.cli import main
from trlib.other_names import NAMES, error_suffix, near

ASKED = {
    "num_iterations": "epochs",
    "num_generations": "group",
    "rollout_n": "group",
    "max_completion_length": "max_tokens",
    "learning_rate": "lr",
    "output_dir": "out",
    "ppo_epochs": "epochs",
    "epsilon": "eps_low",
    "epsilon_high": "eps_high",
    "delta": "dual_clip",
    "clip_ratio_low": "eps_low",
    "clip_ratio_high": "eps_high",
    "clip_ratio_c": "dual_clip",
    "kl_coef": "beta",
}


@pytest.mark.parametrize(("theirs", "ours"), ASKED.items())
def test_python_the_command_line_and_methods_all_name_ours(theirs, ours, capsys):
    refused(
        f"TypeError: train: no argument is called '{theirs}'; .* is .*'{ours}'.* here",
        trlib.train,
        None,
        None,
        None,
        steps=1,
        **{theirs: 1},
    )
    refused(
        f"TypeError: GRPO: no setting is called '{theirs}'; .* is .*'{ours}'.* here",
        GRPO,
        **{theirs: 1},
    )
    option = f"--{theirs.replace('_', '-')}"
    assert main(["train", option, "1"]) == 2
    assert f"unrecognized argument {option}; '{option}' of " in (said := capsys.readouterr().err)
    assert f"--{ours.replace('_', '-')}" in said
    assert main(["train", "--set", f"{theirs}=1"]) == 1
    assert f"'{ours}'" in capsys.readouterr().err


def test_a_difference_in_meaning_is_said():
    assert "parts" in error_suffix("ppo_mini_batch_size", ["minibatches"])
    assert "default is 3" in error_suffix("clip_ratio_c", ["dual_clip"])
    assert "off the reward" in error_suffix("kl_coef", ["beta"])


def test_what_stands_before_a_dotted_name_is_passed_over():
    assert "'epochs'" in error_suffix("actor_rollout_ref.actor.ppo_epochs", ["epochs"])
    assert "'group'" in error_suffix("actor_rollout_ref.rollout.n", ["group"])


def test_our_own_names_in_the_wrong_place_are_sent_to_theirs():
    refused(
        r"TypeError: .*'lr' is a setting of the run: trlib.train\(..., lr=...\), --lr",
        GRPO,
        lr=1e-4,
    )
    refused(
        "TypeError: .*'eps_low' is a setting of the method",
        trlib.train,
        None,
        None,
        None,
        steps=1,
        eps_low=0.1,
    )


def test_a_method_without_the_setting_is_not_said_to_have_it():
    refused(
        "TypeError: DPPO: no setting is called 'delta'; did you mean 'delta_tv'", DPPO, delta=0.1
    )
    with pytest.raises(TypeError) as told:
        TROLL(epsilon=0.2)
    assert "eps_low" not in str(told.value)


def test_every_name_of_ours_exists():
    methods = {f.name for kind in ALGORITHMS.values() for f in fields(getattr(kind, "func", kind))}
    known = {
        "run": set(inspect.signature(trlib.train).parameters),
        "method": methods,
        "argument": {"policy", "task"},
    }
    for names in NAMES.values():
        for entry in names.values():
            assert known[entry.owner] >= set(entry.ours), entry


def test_the_first_word_of_a_longer_name_is_near_too():
    """A whole name that is as near comes before the beginning of one."""
    known = ["dial_methods", "real", "real_map", "stale"]
    assert near("dail", known) == "; did you mean 'dial_methods'?"
    assert near("rael", known) == "; did you mean 'real'?"
    assert near("reap_map", known) == "; did you mean 'real_map'?"
    assert near("zzz", known) == ""
