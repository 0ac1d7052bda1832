"""What the microscope says of every token, against the losses of trlib: weight and verdict."""

import json

import pytest
import torch

from tests.book.browser.double import close, double
from trbook.explorables import TokenMicroscope
from trbook.explorables.files import data_of
from trbook.explorables.recording import decode
from trlib.algorithms import cispo_loss, dppo_loss, gspo_loss, ppo_loss

pytestmark = pytest.mark.test_all("one figure's own mathematics")

DATA = data_of("token_microscope") or "{}"
JUDGED = """(m, [data, states]) => {
    const batch = m.unpack(JSON.parse(data));
    return states.map(s => {
        const all = m.judge(batch, s);
        return { tokens: all.map(one => [one.q, one.p, one.ratio, one.tv, one.weight, one.advantage]),
                 fates: all.map(({ fate }) => fate), counts: m.count(batch, all) };
    });
}"""
LOSSES = {
    "ppo": lambda s, *a, **k: ppo_loss(*a, **k, eps_low=s["eps_low"], eps_high=s["eps_high"]),
    "cispo": lambda s, *a, **k: cispo_loss(*a, **k, eps_low=s["eps_low"], eps_high=s["eps_high"]),
    "gspo": lambda s, *a, **k: gspo_loss(*a, **k, eps_low=s["eps_seq"], eps_high=s["eps_seq"]),
    "dppo_tv": lambda s, *a, **k: dppo_loss(*a, **k, delta_tv=s["delta_tv"]),
    "dppo_kl": lambda s, *a, **k: dppo_loss(*a, **k, delta_kl=s["delta_kl"]),
}


def rows(values, lengths):
    """[N] by token -> [B, T], padded with 0."""
    return torch.nn.utils.rnn.pad_sequence(list(values.split(lengths)), batch_first=True)


@pytest.mark.parametrize("method", LOSSES)
def test_weights_and_verdicts_are_those_of_the_losses(sources, method):
    usual = TokenMicroscope(method=method, eps_high=0.28, delta_tv=0.05).settings()
    usual = {key: value for key, value in usual.items() if not key.startswith("_")}
    states = [
        {**usual, "run": run, "update": update}
        for run, update in (("ppo", 0), ("ppo", 1), ("dppo", 9), ("fast", 16))
    ]
    data = json.loads(DATA)
    lengths = [len(row) for row in data["words"]]
    old = torch.nn.functional.logsigmoid(double(data["old"]) / 1000)
    rewards = double(data["rewards"]).view(-1, data["group"])
    advantages = (rewards - rewards.mean(1, keepdim=True)).flatten()
    mask = rows(torch.ones(sum(lengths)), lengths).bool()
    found = sources("token_microscope/maths.js", JUDGED, [DATA, states])
    for s, got in zip(states, found, strict=True):
        moved = decode(data["runs"][s["run"]]["moved"], sum(lengths))
        new = (old + moved[s["update"] - 1]).clamp(max=0) if s["update"] else old
        own = rows(advantages.repeat_interleave(torch.tensor(lengths)), lengths)
        given = {"advantages": own, "mask": mask}
        told = LOSSES[method](s, rows(new, lengths), rows(old, lengths), **given).diagnostics
        own, q, p, ratio = own[mask], old.exp(), new.exp(), (new - old).exp()
        tv = (new - old).expm1().abs() * q
        wanted = torch.stack([q, p, ratio, tv, told["weight"][mask], own], 1)
        close(got["tokens"], wanted)
        silenced = (own != 0) & ~told["kept"][mask]
        assert [fate == "silenced" for fate in got["fates"]] == silenced.tolist()
        assert [fate == "none" for fate in got["fates"]] == (own == 0).tolist()
        for side, sign in (("up", own > 0), ("down", own < 0)):
            counts, bins = got["counts"][side], got["counts"]["bins"]
            assert counts["silenced"] == int((silenced & sign).sum())
            assert bins[0][side]["all"] == int((sign & (q < 0.01)).sum())
            assert sum(each[side]["all"] for each in bins) == counts["all"] == int(sign.sum())
        if method == "cispo":
            scaled = "scaled" in got["fates"]
            assert "silenced" not in got["fates"] and scaled == (s["update"] > 0)
