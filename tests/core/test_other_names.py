"""Other libraries' names: every surface answers with ours, and ours exist."""

import inspect
import math
from dataclasses import fields

import pytest
import torch

import trlib
from tests.losses import refused
from trlib.algorithms import (
    ALGORITHMS,
    DPPO,
    GRPO,
    PPO,
    TROLL,
    cispo_loss,
    gspo_loss,
    ppo_loss,
)
from trlib.cli import main
from trlib.other_names import NAMES, TENSORS, error_suffix, near

ASKED = {
    "num_iterations": "epochs",
    "rollout_n": "group",
    "epsilon": "eps_low",
    "delta": "dual_clip",
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
    assert f"unrecognized argument {option}; '{option}' of " in (message := capsys.readouterr().err)
    assert f"--{ours.replace('_', '-')}" in message
    assert main(["train", "--set", f"{theirs}=1"]) == 1
    assert f"'{ours}'" in capsys.readouterr().err


@pytest.mark.parametrize("takes", [ppo_loss, cispo_loss, gspo_loss, PPO, GRPO])
def test_a_windows_bounds_are_not_its_widths(takes):
    x = torch.zeros(1, 2)
    given = {} if isinstance(takes, type) else {"logp": x, "logp_old": x, "advantages": x}
    given |= {"mask": x == 0} if given else {}
    words = (
        r"ValueError: eps_low, eps_high: expected .* bounds: those are eps_low=0.2, eps_high=0.2"
    )
    refused(words, takes, **given, eps_low=0.8, eps_high=1.2)
    for low, high in ((1.0, math.inf), (1.0, 1.2), (0.2, 1.2), (0.9, 0.9), (0.8, 4.0)):
        takes(**given, eps_low=low, eps_high=high)


def test_a_difference_in_meaning_is_said():
    assert "number of minibatches" in error_suffix("ppo_mini_batch_size", ["minibatches"])
    assert "default is 3" in error_suffix("clip_ratio_c", ["dual_clip"])
    assert "off the reward" in error_suffix("kl_coef", ["beta"])


def test_what_stands_before_a_dotted_name_is_passed_over():
    assert "'epochs'" in error_suffix("actor_rollout_ref.actor.ppo_epochs", ["epochs"])
    assert "'group'" in error_suffix("actor_rollout_ref.rollout.n", ["group"])
    for theirs, ours in {
        "rollout.max_new_tokens": "max_tokens",
        "ckpt.output_dir": "out",
        "rollout.batch_size": "prompts",
        "train.micro_batch_size": "at_once",
        "algo.kl.init_coef": "beta",
        "algo.advantage.estimator": "advantage",
        "actor.model_name_or_path": "policy",
    }.items():
        assert f"'{theirs}' of OpenRLHF is '{ours}' here" in error_suffix(theirs, [ours])


def test_a_method_without_the_setting_is_not_said_to_have_it():
    refused(
        "TypeError: DPPO: no setting is called 'delta'; did you mean 'delta_tv'", DPPO, delta=0.1
    )
    with pytest.raises(TypeError) as caught:
        TROLL(epsilon=0.2)
    assert "eps_low" not in str(caught.value)


def test_every_name_of_ours_exists():
    methods = {f.name for kind in ALGORITHMS.values() for f in fields(getattr(kind, "func", kind))}
    known = {
        "run": set(inspect.signature(trlib.train).parameters),
        "method": methods,
        "argument": {"policy", "task", "reward"},
    }
    known["tensor"] = set(inspect.signature(ppo_loss).parameters) | {"logp_rollout"}
    for names in (*NAMES.values(), *TENSORS.values()):
        for entry in names.values():
            assert known[entry.owner] >= set(entry.ours), entry


def test_the_first_word_of_a_longer_name_is_near_too():
    """A whole name that is as near comes before the beginning of one."""
    known = ["dial_methods", "real", "real_map", "stale"]
    assert near("dail", known) == "; did you mean 'dial_methods'?"
    assert near("rael", known) == "; did you mean 'real'?"
    assert near("reap_map", known) == "; did you mean 'real_map'?"
    assert near("zzz", known) == ""
    assert near("gpro", ALGORITHMS) == "; did you mean 'grpo'?"
