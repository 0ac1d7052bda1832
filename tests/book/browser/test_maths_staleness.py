"""The staleness explorable counts as `trlib` counts, on the record that it shows and with windows
of every kind."""

import json

import pytest
import torch

from tests.book.browser.double import double
from trbook.explorables.files import data_of
from trbook.explorables.recording import decode
from trlib.algorithms import pg_is_loss, ppo_loss

WINDOWS = [(0.2, 0.2), (0.0, 0.0), (0.01, 0.28), (1.0, 9.0), (0.5, 0.05)]
ASK = """(m, [data, windows]) => {
    const batch = m.unpack(JSON.parse(data));
    return ["none", "ppo"].map(run => [0, 1, 7, 32].map(update => windows.map(([low, high]) => ({
        ...m.count(batch, run, update, low, high),
        bars: [1, -1].map(sign => m.histogram(batch, run, update, sign, low, high, Math.log(16), 44)),
    }))));
}"""


@pytest.fixture(scope="module")
def counted(sources):
    return sources("staleness/maths.js", ASK, [data_of("staleness"), WINDOWS])


def test_counts_promise_and_distance_agree_with_trlib(counted):
    data = json.loads(data_of("staleness") or "")
    rewards = double(data["rewards"])
    groups = rewards.view(-1, data["group"])
    lengths = [len(row) for row in data["words"]]
    advantages = (
        (groups - groups.mean(1, keepdim=True))
        .flatten()
        .repeat_interleave(torch.tensor(lengths))[None]
    )
    mask = torch.ones_like(advantages, dtype=torch.bool)
    for run, updates in zip(("none", "ppo"), counted, strict=True):
        moved = decode(data["runs"][run]["moved"], sum(lengths))
        moved = torch.cat([torch.zeros_like(moved[:1]), moved])
        for update, windows in zip((0, 1, 7, 32), updates, strict=True):
            now, before = moved[update][None], moved[max(0, update - 1)][None]
            old, ratio = torch.full_like(now, -7.0), now.exp()
            given = {"advantages": advantages, "mask": mask}
            surrogate = -(pg_is_loss(old + now, old, **given).per_token + advantages).sum()
            clipped = ~ppo_loss(old + before, old, **given).diagnostics["kept"]
            for (low, high), found in zip(WINDOWS, windows, strict=True):
                loss = ppo_loss(old + now, old, **given, eps_low=low, eps_high=high)
                lost = ~loss.diagnostics["kept"]
                counts = {
                    "silencedUp": lost & (advantages > 0),
                    "silencedDown": lost & (advantages < 0),
                    "silenced": lost,
                    "clipped": clipped,
                    "beyond": clipped & (advantages.sign() * (now - before) > 0),
                    "inside": (ratio >= 1 - low) & (ratio <= 1 + high),
                }
                for name, flags in counts.items():
                    assert found[name] == int(flags.sum()), (name, run, update, low, high)
                assert found["inside"] + found["outsideKept"] + found["silenced"] == sum(lengths)
                assert found["tv"] == pytest.approx(float((ratio - 1).abs().mean() / 2), abs=1e-15)
                promised = float(rewards.mean() + surrogate / len(rewards))
                assert found["promised"] == pytest.approx(promised, rel=1e-9)
                assert found["earned"] == data["runs"][run]["earned"][update]
                for sign, bars in zip((1, -1), found["bars"], strict=True):
                    silenced, kept = (
                        sum(bar[name] for bar in bars) for name in ("silenced", "kept")
                    )
                    assert silenced == found["silencedUp" if sign > 0 else "silencedDown"]
                    assert silenced + kept == int((sign * advantages > 0).sum())
