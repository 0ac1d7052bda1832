"""What the package says of a bad argument, name or knob: a row for each, with the words. Losses and
functions of tensors have their rows in `edges/test_messages.py`."""

import re
from functools import partial

import numpy as np
import pytest

import trlib
from tests.core.cli.test_settings import Outer
from tests.losses import named, refused
from trlab.pretraining.teaching import DialTeacher
from trlab.pretraining.tokenizer import word_tokenizer
from trlib.aggregation import aggregate
from trlib.algorithms import GRPO, cispo_loss, dppo_loss, pg_is_loss, ppo_loss
from trlib.cli.settings import assignments
from trlib.corrections import truncated_importance
from trlib.evaluation import bootstrap, pass_at_k
from trlib.tasks import Prompt, load_task, tales
from trlib.tasks.answers import judge

TALE = partial(load_task("tales").verify, completion="", ended=True)
THEIRS = [
    (ppo_loss, "epsilon", "'epsilon' of TRL is 'eps_low' and 'eps_high' here"),
    (cispo_loss, "clip_ratio_low", "'clip_ratio_low' of verl is 'eps_low' here"),
    (ppo_loss, "clip", "'clip' of other code is 'eps_low' and 'eps_high' here"),
    (pg_is_loss, "old_log_prob", "'old_log_prob' of verl is 'logp_old' here"),
    (ppo_loss, "completion_mask", "'completion_mask' of TRL is 'mask' here"),
    (dppo_loss, "delta", "did you mean 'delta_tv'?"),
    (aggregate, "loss_agg_mode", "'loss_agg_mode' of verl is 'how' here"),
    (truncated_importance, "mode", "'mode' of other code is 'how' here"),
    (GRPO, "clip", "'clip' of other code is 'eps_low' and 'eps_high' here"),
]
ASSIGNED = [
    ("size", "it: expected NAME=VALUE, got 'size'"),
    ("=3", "it: expected NAME=VALUE, got '=3'"),
    ("sise=3", "a setting of it: expected one of .* got 'sise'; did you mean 'size'"),
    ("shared=3", "a setting of it: expected one of"),
    ("size=3.5", "it: size: expected a whole number, got '3.5'"),
    ("size=none", "it: size: expected a whole number, got 'none'"),
    (
        "delta=much",
        "it: delta: expected none or a number or 2 numbers with a comma between, got 'much'",
    ),
    ("delta=1,2,3", "it: delta: expected none or a number or 2 numbers"),
    ("quick=maybe", "it: quick: expected yes or no, got 'maybe'"),
    ("inner=3", "it: inner: expected none or on, got '3'"),
    (
        "inner.cup=3",
        "a setting of it: inner: expected one of cap, level, got 'cup'; did you mean 'cap'",
    ),
    ("inner.level=word", "it: inner: level: expected 'token' or 'sequence', got 'word'"),
    ("size.x=3", "it: size is one value; expected size=VALUE, got size.x=3"),
]
SAID = [
    *(
        ("TypeError: right: expected whole numbers", pass_at_k, {"right": right, "samples": 4, "k": 1})
        for right in ([0.5], [[1]])
    ),
    *(
        ("values: expected ", bootstrap, {"values": values, "seed": 0})
        for values in (np.zeros((0, 1)), np.zeros(1), np.array([[np.nan]]))
    ),
    ("TypeError: values: expected numbers", bootstrap, {"values": [["a"]], "seed": 0}),
    ("knob of task 'dial': .*, got 'movs'; did you mean 'moves'", load_task, {"name": "dial", "movs": 3}),
    ("TypeError: must_end: expected True or False", load_task, {"name": "sums", "must_end": 1}),
    ("numbers, terms: expected .* got 28,629,151", load_task, {"name": "aloud", "terms": 5}),
    ("TypeError: path: expected text, got int", load_task, {"name": "gsm8k", "path": 3}),
    (r"prompt: expected a number as its answer, got 'so'", partial(judge, "18", "so"), {"ended": True}),
    *(
        ("words: expected", word_tokenizer, {"words": words, "context": 8})
        for words in (["a", "a"], ["a b"], [""], ["<end>"])
    ),
    *(
        ("prompt: expected an animal and a wish", TALE, {"prompt": Prompt(text, tales.ANSWER)})
        for text in (
            "a tale of a hare :",
            "a tale of an hare and a star :",
            "a tale of a dog and a star :",
        )
    ),
    *(
        (f"TypeError: .* is called '{theirs}'.*{re.escape(words)}", loss, {theirs: 0.2})
        for loss, theirs, words in THEIRS
    ),
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
        "careful": (1.5,),
        "max_tokens": (8,),
    },
    "spend": {"amount": (0,), "most": (10,), "max_tokens": (10,)},
    "relay": {"horizon": (63,), "turns": (1.5,)},
    "tales": {"labels": (1,), "good": (1.5,), "reward": ("me",)},
    "sums": {"numbers": ((5, 2), -1), "operations": ("/",), "text": ("What?",)},
    "aloud": {"terms": (1,)},
    "gsm8k": {"split": ("validation",)},
}
DIAL = load_task("dial")


def corpus(**how):
    return next(DialTeacher(DIAL).corpus(**how))


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
    (DIAL.demonstrations, {"prompts": [], "seed": 0}, {"seed": (1.0,)}, {}),
    (corpus, {"seed": 0}, {}, {"careful": (2.0,)}),
]


@pytest.mark.parametrize(("call", "given", "types", "values"), NAMED)
def test_each_bad_value_is_named_with_what_came_to_the_package(call, given, types, values):
    named(call, given, types, **values)
