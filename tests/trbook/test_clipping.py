"""What chapter 6 says of the records `rare`, `noise` and `mismatch`, as the records have it."""

from __future__ import annotations

import pytest

from trlab.outcomes import ABOVE, BELOW, UNDECIDED, against

MINI, WHOLE = {"parts": "8 minibatches, 2 epochs"}, {"parts": "whole, 8 uses"}
BITS, LOUD, LATE = {"sampler of": "int4"}, {"sampler of": "noise 1"}, {"sampler of": "lag 8"}
AROUND = {"sampler": "int4", "anchor": "rollout"}


@pytest.mark.parametrize(
    ("sweep", "control", "measure", "at", "arm", "verdict"),
    [
        ("rare", "ppo", "take_off", MINI, "dppo-tv", ABOVE),
        ("rare", "ppo", "take_off", MINI, "pg_is", ABOVE),
        ("rare", "ppo", "take_off", MINI, "clip-higher", UNDECIDED),
        ("rare", "ppo", "sampled", MINI, "dppo-tv", UNDECIDED),
        ("rare", "ppo", "sampled", MINI, "pg_is", UNDECIDED),
        ("rare", "ppo", "take_off", WHOLE, "dppo-tv", UNDECIDED),
        ("rare", "ppo", "sampled", WHOLE, "pg_is", BELOW),
        ("noise", "ppo, learner", "sampled", BITS, "ppo, sampler", BELOW),
        ("noise", "ppo, learner", "sampled", LOUD, "ppo, sampler", BELOW),
        ("noise", "dppo, learner", "sampled", BITS, "dppo, sampler", BELOW),
        ("noise", "ppo, learner", "sampled", LATE, "ppo, sampler", ABOVE),
        ("noise", "dppo, learner", "sampled", LATE, "dppo, sampler", UNDECIDED),
        ("noise", "ppo, learner", "sampled", BITS, "ppo + mask", UNDECIDED),
        ("noise", "ppo, learner", "sampled", BITS, "ppo + TIS", UNDECIDED),
        ("mismatch", "ppo", "sampled", AROUND, "ppo+tis", BELOW),
        ("mismatch", "ppo", "sampled", AROUND, "pg_is", ABOVE),
        ("mismatch", "ppo", "sampled", AROUND, "dppo-tv", ABOVE),
        ("mismatch", "ppo", "sampled", AROUND, "troll", BELOW),
    ],
)
def test_a_sentence_about_a_record_is_its_verdict(
    sweep: str, control: str, measure: str, at: dict, arm: str, verdict: str
) -> None:
    assert [
        (row.label, row.verdict)
        for row in against(sweep, control, measure=measure, at=at, only=[arm])
    ] == [(arm, verdict)]


def test_without_a_region_a_four_bit_sampler_harms_least() -> None:
    rows = against("mismatch", "ppo", at=AROUND)
    assert max(rows, key=lambda row: row.value.value).label == "pg_is"
    assert {row.label for row in sorted(rows, key=lambda row: row.value.value)[:2]} == {
        "troll",
        "quatro",
    }
