"""Which log-probs a dump holds and who says so."""

import pytest
import torch

from trcheck.diagnose import dump, read
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
    sampling = read(path, temperature=0.5, logprobs="processed").sampling
    assert sampling == Sampling(
        logprobs="processed", temperature=0.5, top_p=0.9, source="as you say"
    )
    assert read(dump(path, **PLAIN)).sampling == Sampling()


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
