"""What is said of the batch that `token_microscope` shows; `test_staleness` makes it again."""

import json

import pytest
import torch

from trbook.explorables.files import data_of
from trbook.explorables.recording import decode

STORED = json.loads(data_of("token_microscope") or "{}")
WORDS = [word for row in STORED["words"] for word in row]
STARTS = torch.tensor([0, *(len(row) for row in STORED["words"])]).cumsum(0)
REWARDS = torch.tensor(STORED["rewards"], dtype=torch.float64)
ADVANTAGES = (REWARDS.view(-1, 16) - REWARDS.view(-1, 16).mean(1, keepdim=True)).flatten()
OWN = ADVANTAGES.repeat_interleave(STARTS.diff())
Q = torch.sigmoid(torch.tensor(STORED["old"], dtype=torch.float64) / 1000)


def ratios(run, update):
    return decode(STORED["runs"][run]["moved"], len(WORDS))[update - 1].exp()


def clipped(run, update):
    r = ratios(run, update)
    return (OWN > 0) & (r > 1.2) | (OWN < 0) & (r < 0.8)


def openers(careful):
    right = [
        i
        for i, row in enumerate(STORED["words"])
        if REWARDS[i] and (row[0] in STORED["careful"]) == careful
    ]
    return STARTS[right]


def test_the_clip_silences_precisely_the_careful_openers():
    careful, others = openers(True), openers(False)
    assert (len(careful), len(others)) == (15, 16)
    assert Q[careful].max() < 0.014 and Q[others].max() > 0.2
    now = clipped("ppo", 1)
    assert now[careful].all() and not now[others].any() and int(now.sum()) == 19
    assert float((Q * (ratios("ppo", 1) - 1)).abs().max()) < 0.15, "DPPO silences none"
    assert (
        1.3 < float(ratios("ppo", 1)[0]) < 1.6 and float(Q[0] * (ratios("ppo", 1)[0] - 1)) < 0.01
    ), "half, 0.1 %"


def test_one_batch_teaches_more_care_behind_dppo_s_mask():
    ppo, dppo = (STORED["runs"][name]["careful"] for name in ("ppo", "dppo"))
    assert ppo[0] == dppo[0] == pytest.approx(0.05, abs=0.005)
    assert 0.17 < ppo[-1] < 0.25 and dppo[-1] > 0.85
    sixth, seventh = (float(ratios("dppo", update)[0]) for update in (6, 7))
    assert 11.5 < sixth < 12.5 and Q[0] * (sixth - 1) < 0.15 < Q[0] * (seventh - 1), (
        "its price, then silence"
    )
    careful, gained = openers(True), Q * (ratios("dppo", 16) - 1)
    assert int((gained[careful] > 0.15).sum()) == 5 and clipped("dppo", 16)[careful].all(), (
        "the prediction's answer"
    )


def test_a_likely_token_falls_inside_the_window():
    token = 978
    r = float(ratios("fast", 6)[token])
    assert (
        (WORDS[token], float(OWN[token])) == ("2", -0.125)
        and 0.8 <= r < 0.83
        and not clipped("fast", 6)[token]
    )
    assert Q[token] > 0.95 and 0.15 < Q[token] * (1 - r) < 0.2, "nearly a fifth"
