"""Which log-probs a dump holds and who says so; what a trainer may log; the scale of mismatches."""

import pytest
import torch

from trcheck.diagnose import diagnose, dump, page, read, scale
from trcheck.diagnose.sampling import Sampling

PLAIN = {
    "logp": torch.tensor([[-0.5, -1.0]]),
    "logp_rollout": torch.tensor([[-1.0, -0.5]]),
    "advantage": torch.ones(1),
    "mask": torch.ones(1, 2),
}


def test_a_dump_says_what_its_writer_knew_and_the_caller_may_say_more(tmp_path):
    path = dump(tmp_path / "rollouts.parquet", **PLAIN, logprobs="raw", top_p=0.9)
    assert read(path).sampling == Sampling(logprobs="raw", top_p=0.9, source="as the file says")
    told = read(path, temperature=0.5, logprobs="processed").sampling
    assert told == Sampling(logprobs="processed", temperature=0.5, top_p=0.9, source="as you say")
    assert read(dump(path, **PLAIN)).sampling == Sampling()
    for wrong, words in (
        ({"logprobs": "cooked"}, "logprobs: expected one of 'raw', 'processed', got 'cooked'"),
        ({"temperature": 0.0}, "temperature: expected a number above 0"),
        ({"top_p": 2.0}, "top_p: expected a number above 0 and at most 1"),
    ):
        with pytest.raises(ValueError, match=words):
            dump(path, **PLAIN, **wrong)
        with pytest.raises(ValueError, match=words):
            read(path, **wrong)


def test_the_ratio_before_and_after_it_is_bounded(tmp_path):
    ratio = torch.tensor([[1.0, 0.5, 4.0, 2.5]])
    rollout = torch.full((1, 4), -3.0)
    table = {
        "logp": rollout,
        "logp_rollout": rollout,
        "logp_old": rollout + ratio.log(),
        "advantage": torch.ones(1),
        "mask": torch.ones(1, 4),
    }
    found = diagnose(read(dump(tmp_path / "rollouts.parquet", **table)))
    values = {row.how: (row.mean, row.largest) for row in found.logged}
    assert values == {
        "as it is": pytest.approx((2.0, 4.0)),
        "truncate": pytest.approx((5.5 / 4, 2.0)),
        "mask": pytest.approx((1.5 / 4, 1.0)),
    }
    html = page(found)
    for name, mean, largest in (
        ("as it is", "2", "4"),
        ("at most 2 (TIS)", "1.37", "2"),
        ("0 above 2", "0.375", "1"),
    ):
        assert f'<th scope="row">{name}</th><td>{mean}</td><td>{largest}</td>' in html
    assert "its log stays calm however large the mismatch is" in html
    # Without logp_old it is the whole ratio that is bounded.
    del table["logp_old"]
    found = diagnose(
        read(dump(tmp_path / "rollouts.parquet", **{**table, "logp": rollout + ratio.log()}))
    )
    assert found.logged[0].largest == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("known", "holds"),
    [
        ({}, None),
        ({"logprobs": "raw"}, None),
        ({"temperature": 0.7}, None),
        ({"temperature": 1.0}, True),
        ({"logprobs": "raw", "temperature": 1.0, "top_p": 1.0}, True),
        ({"logprobs": "processed", "temperature": 0.7}, True),
        ({"logprobs": "raw", "temperature": 0.7}, False),
        ({"logprobs": "raw", "top_p": 0.9}, False),
    ],
)
def test_what_is_known_decides_whose_log_probs_they_are(known, holds):
    assert Sampling(**known).holds is holds


def test_the_scale_is_recorded_in_order():
    rows = scale.recorded()
    assert [row.key for row in rows] == [
        row.key for row in sorted(rows, key=lambda row: row.deviation)
    ]
    assert {row.key for row in rows} == {
        "bf16",
        "int8",
        "fp8",
        "int4",
        "dropout",
        "temperature",
        "shift",
    }
