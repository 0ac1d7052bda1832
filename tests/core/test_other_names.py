"""Other libraries' names: every surface answers with ours, and ours exist."""

import inspect
import math
import re
from dataclasses import fields

import pytest
import torch

import trlib
from tests.losses import refused
from trlib.aggregation import aggregate
from trlib.algorithms import (
    ALGORITHMS,
    DPPO,
    GRPO,
    PPO,
    TROLL,
    cispo_loss,
    dppo_loss,
    gspo_loss,
    pg_is_loss,
    ppo_loss,
)
from trlib.cli import main
from trlib.corrections import truncated_importance
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
    assert f"unrecognized argument {option}; '{option}' of " in (said := capsys.readouterr().err)
    assert f"--{ours.replace('_', '-')}" in said
    assert main(["train", "--set", f"{theirs}=1"]) == 1
    assert f"'{ours}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("loss", "theirs", "words"),
    [
        (ppo_loss, "epsilon", "'epsilon' of TRL is 'eps_low' and 'eps_high' here"),
        (cispo_loss, "clip_ratio_low", "'clip_ratio_low' of verl is 'eps_low' here"),
        (ppo_loss, "clip", "'clip' of other code is 'eps_low' and 'eps_high' here"),
        (pg_is_loss, "old_log_prob", "'old_log_prob' of verl is 'logp_old' here"),
        (ppo_loss, "completion_mask", "'completion_mask' of TRL is 'mask' here"),
        (dppo_loss, "delta", "did you mean 'delta_tv'?"),
        (aggregate, "loss_agg_mode", "'loss_agg_mode' of verl is 'how' here"),
        (truncated_importance, "mode", "'mode' of other code is 'how' here"),
        (GRPO, "clip", "'clip' of other code is 'eps_low' and 'eps_high' here"),
    ],
)
def test_the_pure_functions_name_ours_as_the_classes_do(loss, theirs, words):
    refused(f"TypeError: .* is called '{theirs}'.*{re.escape(words)}", loss, **{theirs: 0.2})


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
