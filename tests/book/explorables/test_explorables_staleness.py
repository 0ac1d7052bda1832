"""The batches that `staleness`, `token_microscope` and `two_losses` show: made by their command, told to their
precision; and what the first says of its own."""

import json

import pytest
import torch
from torch.nn.functional import logsigmoid

from trbook.explorables import rare_batch, two_losses
from trbook.explorables.files import data_of
from trbook.explorables.recording import LARGEST, decode, encode, record


@pytest.mark.parametrize(
    ("name", "make", "column", "off"),
    [
        ("staleness", record, "earned", 0.05),
        ("token_microscope", rare_batch.record, "careful", 0.01),
    ],
)
def test_the_first_updates_come_out_as_stored(name, make, column, off):
    made, stored = make(updates=2), json.loads(data_of(name) or "{}")
    for key in {"words", "prompts", "rewards", "lr", "largest", "group", "careful"} & {*stored}:
        assert made[key] == stored[key], key
    # As log-probs, so a probability to half a percent of itself: where it is near 1 its logit is
    # mostly rounding.
    now, then = (logsigmoid(torch.tensor(one.get("old", [])) / 1000) for one in (made, stored))
    torch.testing.assert_close(now, then, rtol=0, atol=0.005)
    for run, found in made["runs"].items():
        # Another processor rounds otherwise: one step of the bytes, and a few completions.
        tokens = sum(len(row) for row in stored["words"])
        now, then = (decode(one["runs"][run]["moved"], tokens)[:2] for one in (made, stored))
        torch.testing.assert_close(now, then, rtol=0.05, atol=0.02)
        assert found[column] == pytest.approx(stored["runs"][run][column][:3], abs=off)


def test_a_byte_tells_a_log_ratio_finest_near_0():
    moved = torch.cat(
        [torch.linspace(-LARGEST, LARGEST, 1001, dtype=torch.float64), torch.tensor([9.0, -9.0])]
    )
    back = decode(encode(moved), len(moved))[0]
    error = (back - moved.clamp(-LARGEST, LARGEST)).abs()
    assert float(error.max()) < 0.05 and float(error[moved.abs() < 0.25].max()) < 0.01
    assert back[-2:].tolist() == [LARGEST, -LARGEST] and decode(encode(torch.zeros(3)), 3)[
        0
    ].tolist() == [0, 0, 0]


def test_the_token_of_two_losses_comes_out_as_stored():
    made, stored = two_losses.record(seeds=0), json.loads(data_of("two_losses") or "{}")
    assert [made["word"], made["advantage"]] == [stored["word"], stored["advantage"]]
    assert [made["q"], made["p"]] == pytest.approx([stored["q"], stored["p"]], abs=0.005)
