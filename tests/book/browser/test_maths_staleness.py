"""The staleness explorable counts as `trlib` counts, on the record that it shows and with windows
of every kind."""

import json
from itertools import product

import pytest
import torch

from tests.book.browser.double import double
from trbook.explorables.files import data_of
from trbook.explorables.recording import decode
from trlib.algorithms import pg_is_loss, ppo_loss

pytestmark = pytest.mark.test_all("one figure's own mathematics")

WINDOWS = [(0.2, 0.2), (0.0, 0.0), (0.01, 0.28), (1.0, 9.0), (0.5, 0.05)]
RUNS, UPDATES = ("none", "ppo"), (0, 1, 7, 32)
ASK = """(m, [data, windows]) => {
    const batch = m.unpack(JSON.parse(data));
    return ["none", "ppo"].flatMap(run => [0, 1, 7, 32].map(update => windows.map(([low, high]) => ({
        ...m.count(batch, run, update, low, high),
        bars: [1, -1].map(sign => m.histogram(batch, run, update, sign, low, high, Math.log(16), 44)),
    }))));
}"""


def test_counts_promise_and_distance_agree_with_trlib(sources):
    text = data_of("staleness") or ""
    data, found = json.loads(text), sources("staleness/maths.js", ASK, [text, WINDOWS])
    rewards, lengths = double(data["rewards"]), [len(row) for row in data["words"]]
    groups = rewards.view(-1, data["group"])
    advantages = (groups - groups.mean(1, keepdim=True)).flatten()
    advantages = advantages.repeat_interleave(torch.tensor(lengths))[None]
    given = {"advantages": advantages, "mask": torch.ones_like(advantages, dtype=torch.bool)}
    old = torch.full_like(advantages, -7.0)
    for (run, update), windows in zip(product(RUNS, UPDATES), found, strict=True):
        moved = decode(data["runs"][run]["moved"], sum(lengths))
        moved = torch.cat([torch.zeros_like(moved[:1]), moved])
        now, before = moved[update][None], moved[max(0, update - 1)][None]
        ratio = now.exp()
        surrogate = -(pg_is_loss(old + now, old, **given).per_token + advantages).sum()
        clipped = ~ppo_loss(old + before, old, **given).diagnostics["kept"]
        for (low, high), got in zip(WINDOWS, windows, strict=True):
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
                assert got[name] == int(flags.sum()), (name, run, update, low, high)
            assert got["inside"] + got["outsideKept"] + got["silenced"] == sum(lengths)
            assert got["tv"] == pytest.approx(float((ratio - 1).abs().mean() / 2), abs=1e-15)
            promised = float(rewards.mean() + surrogate / len(rewards))
            assert got["promised"] == pytest.approx(promised, rel=1e-9)
            assert got["earned"] == data["runs"][run]["earned"][update]
            for sign, bars in zip((1, -1), got["bars"], strict=True):
                silenced, kept = (sum(bar[name] for bar in bars) for name in ("silenced", "kept"))
                assert silenced == got["silencedUp" if sign > 0 else "silencedDown"]
                assert silenced + kept == int((sign * advantages > 0).sum())
