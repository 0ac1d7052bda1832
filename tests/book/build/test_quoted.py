"""Numbers of records inside sentences: what they are, what is refused, and what is called
undecided."""

import pytest

from book.build.quoted import Quote, number, parse, shown, written
from trlab import recorded
from trlab.comparison import asked
from trlab.measures import derive
from trlab.statistics import difference
from trlab.sweep import load_sweep
from trlab.verdicts import decide, holm, predicted
from trlib.evaluation import Estimate

DECIDES = pytest.mark.test_all("decides every comparison of large recorded sweeps")


def runs_of(sweep, label, **at):
    runs, history = recorded(sweep)
    runs = derive(runs, history)
    for axis, point in at.items():
        runs = runs[runs[axis].astype(str) == point]
    return runs[runs["label"] == label], history


def test_a_quote_is_read_word_by_word():
    assert parse("stale ppo") == Quote("stale", "ppo")
    assert parse('trapo sft+rl over trapo greedy "moves=1 to 12" .3') == Quote(
        "trapo", "sft+rl", "trapo", "greedy", (("moves", "1 to 12"),), 3
    )
    assert parse('noise "ppo, learner" ess "sampler of=int4"') == Quote(
        "noise", "ppo, learner", "", "ess", (("sampler of", "int4"),)
    )
    assert parse("stale ppo over troll kl").other == Quote("stale", "troll", "", "kl")
    assert parse('weights "β = 0.1" kl lr=1e-4') == Quote(
        "weights", "β = 0.1", "", "kl", (("lr", "1e-4"),)
    )


def test_runs_above_a_number_are_counted():
    runs, _ = runs_of("reuse", "pg_is")
    count = f"{(runs['sampled'] > 0.35).sum()} of {len(runs)}"
    assert shown("reuse pg_is above:0.35") == count


@DECIDES
def test_a_comparison_is_undecided_unless_it_is_decided_among_all_that_is_asked():
    far, near = "best quatro over ppo uses=16 .3", "best gspo over ppo uses=16 .3"
    sides = [runs_of("best", label, uses="16")[0]["sampled"] for label in ("quatro", "ppo")]
    assert shown(far) == written(difference(*sides), "sampled", sign=True, digits=3)
    assert "; not significant" in shown(near)
    questions = asked(load_sweep("best"))
    every = decide("best", *questions)
    corrected = zip(every, holm([one.p for one in every]), strict=True)
    assert all(one.corrected == p for one, p in corrected if one.comparison.within is None)
    assert {one.family for one in every} == {len(questions)} == {predicted("best")[0].family}


def test_numbers_are_written_as_a_page_writes_them():
    assert written(Estimate(-0.051, -0.1, -0.004), "sampled", sign=True) == "−0.05 [−0.10, 0.00]"
    assert written(Estimate(0.0123, 0.01, 0.02), "kl") == "0.012 [0.010, 0.020]"
    assert written(Estimate(3.61, 0.4, 15.0), "kl") == "3.6 [0.4, 15.0]"
    assert number(1502.3, "kl") == "1502"
    assert number(1e-13, "kl") == "0" and written(Estimate(0, 0, 0), "kl") == "0 [0, 0]"
    assert number(7.104, "distinct") == "7.1" and number(0.5, "unheard of") == "0.50"
