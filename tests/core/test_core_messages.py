"""What the package says of a bad argument, name or knob: a row for each, with the words. Losses and
functions of tensors have their rows in `edges/test_messages.py`."""

from functools import partial

import numpy as np
import pytest

import trlib
from tests.core.cli.test_settings import Outer
from tests.losses import named, refused
from trlib.algorithms import GRPO
from trlib.cli.settings import assignments
from trlib.evaluation import bootstrap, pass_at_k
from trlib.tasks import load_task

ASSIGNED = [
    ("size", "it: expected NAME=VALUE, got 'size'"),
    ("sise=3", "a setting of it: expected one of .* got 'sise'; did you mean 'size'"),
    ("size=3.5", "it: size: expected a whole number, got '3.5'"),
    ("delta=1,2,3", "it: delta: expected none or a number or 2 numbers"),
    ("quick=maybe", "it: quick: expected yes or no, got 'maybe'"),
    ("inner.level=word", "it: inner: level: expected 'token' or 'sequence', got 'word'"),
    ("size.x=3", "it: size is one value; expected size=VALUE, got size.x=3"),
]
SAID = [
    *(
        ("TypeError: right: expected whole numbers", pass_at_k, {"right": right, "samples": 4, "k": 1})
        for right in ([0.5],)
    ),
    *(
        ("values: expected ", bootstrap, {"values": values, "seed": 0})
        for values in (np.zeros((0, 1)), np.array([[np.nan]]))
    ),
    ("knob of task 'dial': .*, got 'movs'; did you mean 'moves'", load_task, {"name": "dial", "movs": 3}),
    ("TypeError: must_end: expected True or False", load_task, {"name": "sums", "must_end": 1}),
    ("numbers, terms: expected .* got 28,629,151", load_task, {"name": "aloud", "terms": 5}),
    (r"TypeError: .*'lr' is a setting of the run: trlib.train\(..., lr=...\), --lr", GRPO, {"lr": 1e-4}),
    (
        "TypeError: .*'eps_low' is a setting of the method",
        partial(trlib.train, None, None, None),
        {"steps": 1, "eps_low": 0.1},
    ),
    *((words, partial(assignments, Outer, [text]), {"what": "it"}) for text, words in ASSIGNED),
]  # fmt: skip


@pytest.mark.parametrize(("words", "call", "given"), SAID)
def test_what_is_said_of_a_bad_argument_of_the_package(words, call, given):
    refused(words, call, **given)


BAD_KNOBS = {
    "dial": {
        "moves": (0, (3, 1), (1, 2, 3)),
        "positions": (7, 202),
    },
    "spend": {"amount": (0,), "most": (10,)},
    "relay": {"horizon": (63,)},
    "sums": {"numbers": ((5, 2), -1), "operations": ("/",), "text": ("What?",)},
    "gsm8k": {"split": ("validation",)},
}
DIAL = load_task("dial")


# A function, arguments that it takes, values of another type and values out of bounds.
NAMED = [
    *((load_task, {"name": name}, {}, knobs) for name, knobs in BAD_KNOBS.items()),
    (pass_at_k, {"right": [1], "samples": 4, "k": 1}, {}, {"right": ([5], [-1]), "k": (5, 0, 1.0)}),
    (
        bootstrap,
        {"values": np.zeros((3, 1)), "seed": 0},
        {},
        {"resamples": (0, 10**12), "seed": (-1,), "level": (1.0,)},
    ),
    (DIAL.prompts, {"n": 2, "seed": 0}, {"seed": ("0",)}, {"n": (-1, 2.0)}),
]


@pytest.mark.parametrize(("call", "given", "types", "values"), NAMED)
def test_each_bad_value_is_named_with_what_came_to_the_package(call, given, types, values):
    named(call, given, types, **values)
