"""What the laboratory says of a bad argument or declaration: a row for each, with the words."""

import math
from functools import partial

import numpy as np
import pytest

from tests.lab.test_sweep import UPDATES, sweep
from tests.losses import refused
from trlab import Axis, Budget, Prediction, Variant
from trlab.basin import piece
from trlab.cells import cells
from trlab.statistics import band, interval, iqm, prediction_interval

ALIKE = {"text": "alike", "higher": "ppo", "lower": "troll", "within": 0.1}
SAID = [
    *[
        (lambda: iqm([]), "runs: expected at least one run"),
        (lambda: iqm([0.1, math.nan]), "runs: expected finite numbers, got NaN or inf"),
        (lambda: iqm(np.zeros((2, 2))), r"runs: expected at least one run, .*got \[2, 2\]"),
        (
            lambda: interval([0.0, 1.0], resamples=0),
            "resamples: expected a whole number from 1 to 1000000, got 0",
        ),
        (lambda: prediction_interval([1.0]), "values: expected at least two runs, got 1"),
        (
            lambda: band([[1.0], [1.0, 2.0]]),
            r"runs: expected runs of one length, got lengths \[1, 2\]",
        ),
    ],
    *(
        (partial(interval, scores), "TypeError: runs: expected ")
        for scores in ({"a": 1}, "abc", ["a", "b"])
    ),
    *(
        (
            partial(piece, rates, [0.5, 0.5], 0.1),
            "rates: expected rising rates, one for each of 2 ends",
        )
        for rates in ([1e-4, 1e-5], [1e-4, 1e-4], [1e-4])
    ),
    (
        lambda: Prediction(**ALIKE | {"lower": 0.5}),
        "TypeError: .*within: expected labels of two variants that are alike, got 'ppo'",
    ),
    (
        lambda: Prediction(**ALIKE | {"within": 0.0}),
        ".*within: expected a number above 0, got 0",
    ),
    (
        lambda: sweep(seeds=range(102, 110), tuned_on=range(100, 103)),
        ".*seeds: expected none of those that chose the settings, got 102 among both",
    ),
]


@pytest.mark.parametrize(("call", "words"), SAID)
def test_what_is_said_of_a_bad_argument_in_the_laboratory(call, words):
    refused(words, call)


DECLARED = [
    (lambda: sweep("ppo"), r"variants: expected Variant, got 'ppo'"),
    (lambda: sweep(variants=Variant("ppo")), r"variants: expected a list, got Variant\("),
    (lambda: sweep(seeds=()), "seeds: expected at least 1, got none"),
    (lambda: sweep(budget=4), "budget: expected Budget, got 4"),
    (lambda: Prediction("", higher=1.0, lower=0.5), "prediction: expected labels of variants"),
    (lambda: Prediction("", higher="ppo", lower=0.5, at=["a"]), r"prediction: at: .* \['a'\]"),
    (lambda: Variant(None), "variant: method: expected a word, got None"),
    (lambda: Variant("ppo", ["x"]), r"variant 'ppo': settings: expected a dict, got \['x'\]"),
    (
        lambda: Variant("ppo", threshold={"eps_high": "a"}),
        r".*threshold\['eps_high'\]: .* number",
    ),
    (lambda: Axis("lr", "abc"), "axis 'lr': expected a list, got 'abc'"),
    (lambda: Axis("updates", {"32": 3}), "axis 'updates': expected Mapping, got 3"),
    (lambda: Budget(steps=1, prompts=1.5), "budget: prompts: expected a whole number, got 1.5"),
    (lambda: Budget(steps=1, minutes=0), "budget: minutes: expected a number above 0, got 0"),
]
USES = Axis("uses", {"1": {}, "4": {"epochs": 4}})
CONTROLS = [
    ({"use": {"1": {}}}, "instead: expected one of uses, got 'use'; did you mean 'uses'"),
    ({"uses": {"3": {}}}, "instead: uses: expected one of 1, 4, got '3'"),
    (
        {"uses": {"4": {"steps": 0}}},
        "axis: steps: expected a whole number of at least 1, got 0",
    ),
]
SWEEPS = [
    (sweep(Variant("pppo")), "method: .*'pppo'; did you mean 'ppo'"),
    (sweep(Variant("ppo", {"eps_hihg": 1.0})), "a setting of 'ppo': .*did you mean 'eps_high'"),
    (sweep(Variant("ppo"), Variant("ppo", {"eps_low": 0.1})), "'ppo' appears twice"),
    (sweep(Variant("ppo"), Variant("ppo", label="b")), r".*\[b, seed 0\] are the same run"),
    (sweep(axes=[Axis("minibatch", (2,))]), "axis: .*did you mean 'minibatches'"),
    (sweep(axes=[Axis("seed", (2,))]), "axis: expected one of"),
    (sweep(axes=[Axis("status", UPDATES)]), "axis: expected a name .*, got 'status'"),
    (sweep(axes=[Axis("updates", UPDATES)]), "axis 'updates': expected labels"),
    (
        sweep(Variant("ppo", train={"lr": 7e-4}), axes=[Axis("lr", (1e-4, 3e-4))]),
        "lr is set by variant 'ppo'",
    ),
    (sweep(axes=[Axis("task.movs", (2,))]), "knob of task 'dial': .*did you mean 'moves'"),
    (
        sweep(axes=[Axis("a", {"x": {"lr": 1.0}}), Axis("lr", (1.0,))]),
        "axis 'a': lr is set by another axis too",
    ),
    (sweep(axes=[Axis("lr", (1.0, 1.0))]), "axis 'lr': .* with values that differ"),
    (sweep(axes=[Axis("lr", ())]), "axis 'lr': .* with values"),
    (sweep(axes=[Axis("threshold", (1.0,))]), "axis 'threshold': variant 'ppo' names no"),
    (sweep(axes=[Axis("minibatches", (3,))]), "minibatches: .*prompts = 16"),
    (sweep(train={"steps": 3}), "an argument of train: expected one of"),
    (sweep(variants=[]), "variants: expected at least 1, got none"),
    (sweep(task="sums"), "policy: expected one of .*, got 'sums'"),
    (sweep(load={"lor": {}}), "an argument of load_policy: .*did you mean 'lora'"),
    (sweep(task="dail"), "task: expected one of .*did you mean 'dial'"),
    *(
        (sweep(predictions=[Prediction("", **{"higher": "ppo", "lower": 0.0, **odd})]), words)
        for odd, words in (
            ({"lower": "ppo"}, "expected two variants, got 'ppo' against itself"),
            ({"higher": "pppo"}, "a prediction's variant: .*did you mean 'ppo'"),
            ({"measure": "sampld"}, "did you mean 'sampled'"),
            ({"at": {"lr": "1"}}, "a prediction's axis"),
        )
    ),
]
BEFORE = [
    *DECLARED,
    *((partial(cells, made), f"sweep 's': .*{words}") for made, words in SWEEPS),
    *(
        (partial(cells, sweep(Variant("ppo", instead=instead), axes=[USES])), f".*{words}")
        for instead, words in CONTROLS
    ),
]


@pytest.mark.parametrize(("declare", "words"), BEFORE)
def test_a_senseless_declaration_is_refused_before_anything_runs(declare, words):
    with pytest.raises((ValueError, TypeError), match=f"(?s)^{words}"):
        declare()
