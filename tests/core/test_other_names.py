"""Other libraries' names: every surface answers with ours, and ours exist."""

import inspect
from dataclasses import fields

import pytest

import trlib
from tests.losses import refused
from trlib.algorithms import (
    ALGORITHMS,
    DPPO,
    GRPO,
    TROLL,
    ppo_loss,
)
from trlib.cli import main
from trlib.other_names import NAMES, TENSORS

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


def test_a_loss_names_its_argument():
    refused(
        "TypeError: ppo_loss: no argument is called 'epsilon'.*'eps_low'", ppo_loss, epsilon=0.2
    )


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
