"""The benchmarks run, and count what they say they count."""

import pytest

import trlib
from benchmarks.loop import sides
from benchmarks.record import compared


def test_our_side_times_whole_batches_and_learns_on_them():
    found = sides.measure("trlib", "one", batches=3, seed=0, warm=1, more={"probe": 4})
    assert found["completions_per_s"] * found["seconds_a_batch"] == pytest.approx(256)
    assert found["tokens_per_s"] == pytest.approx(
        found["completions_per_s"] * found["tokens_a_completion"]
    )
    # The rewards that the clock saw are those of the history.
    history = trlib.train(
        trlib.load_policy("dial"),
        trlib.load_task("dial"),
        trlib.algorithms.GRPO(),
        steps=3,
        progress=False,
        probe=4,
    ).history
    assert found["reward_last_10"] == pytest.approx(history["reward"].mean(), abs=1e-6)


@pytest.mark.nightly("imports TRL and trains with it")
def test_trl_gets_the_same_prompts_verifier_and_clock(monkeypatch):
    task, clock = trlib.load_task("dial", moves=2), sides.Clock()
    seen = []
    real = type(task).verify
    monkeypatch.setattr(
        type(task),
        "verify",
        lambda self, prompt, text, *, ended: (
            seen.append(prompt),
            real(self, prompt, text, ended=ended),
        )[1],
    )
    sides.trl(trlib.load_policy("dial"), task, "one", 2, 5, clock)
    expected = [
        p
        for k in range(2)
        for p in task.prompts(16, seed=sides.derive(5, "train", k))
        for _ in range(16)
    ]
    assert seen == expected
    assert len(clock.wall) == 2 and all(256 <= tokens <= 256 * 16 for tokens in clock.tokens)
    assert 0.1 < clock.reward[0] < 0.9


def test_the_summary_is_medians_and_their_ratio():
    found = compared({"trlib": [30.0, 50.0, 20.0], "trl": [10.0, 20.0, 4.0]})
    assert (found["trlib"], found["trl"], found["ratio"]) == (30.0, 10.0, 3.0)
    assert (found["lowest_pair"], found["highest_pair"]) == (2.5, 5.0)
