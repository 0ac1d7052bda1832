"""The task `relay`: its verifier by hand, its corpus, and the shipped base model at every
horizon."""

from tests.losses import refused
from trlib.tasks import Prompt, load_task
from trlib.tasks.expert import demonstrations
from trlib.tasks.relay import ANSWER, Relay

SEVEN = Prompt("7 :", ANSWER, 4)


def verdict(completion, horizon=8, ended=False):
    return load_task("relay", horizon=horizon).verify(SEVEN, completion, ended=ended)


def test_a_completion_is_right_if_every_place_is():
    assert verdict("+3 10 -2 8 sq 4 flip 15").reason == "right"
    assert verdict("half 3 x7 1 pair 0 -1 19").reward == 1
    assert verdict("+3 10 -2 8 sq 5 flip 14").detail == "leg 3: sq leads from 8 to 4, not 5"
    assert verdict("+3 10 -2 8 sq 5 flip 14").reason == "bad arithmetic"
    assert (
        verdict("+3 10 8 -2 sq 5 flip 14").detail == "leg 2: expected a move and a place, got 8 -2"
    )
    assert (
        verdict("+3 10 -2 8").reason == "no end"
        and verdict("+3 10 -2 8").detail == "expected 8 tokens, got 4"
    )
    assert verdict("+3 10 -2 8", ended=True).reason == "bad format"
    assert verdict("+3 10 -2 8 sq 4 flip 15 +1 16").reason == "no end"
    assert verdict("").reward == 0 and verdict("+3", ended=True).reason == "bad format"


def test_there_is_no_expert():
    refused(
        "DemonstrationError: .*task 'relay', prompt '7 :': expected an expert's completion",
        demonstrations,
        Relay(),
        [SEVEN],
        seed=0,
        encode=lambda texts: [],
        end_id=1,
        max_tokens=64,
    )
