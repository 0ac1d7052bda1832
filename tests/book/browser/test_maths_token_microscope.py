"""What the microscope says of every token, against the losses of trlib: weight and verdict."""

import json

import pytest
import torch

from tests.book.browser.double import close, double
from trbook.explorables import TokenMicroscope
from trbook.explorables.files import data_of
from trbook.explorables.recording import decode
from trlib.algorithms import cispo_loss, dppo_loss, gspo_loss, ppo_loss

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
    for s, got in zip(
        states, sources("token_microscope/maths.js", JUDGED, [DATA, states]), strict=True
    ):
        moved = decode(data["runs"][s["run"]]["moved"], sum(lengths))
        new = (old + moved[s["update"] - 1]).clamp(max=0) if s["update"] else old
        own = rows(advantages.repeat_interleave(torch.tensor(lengths)), lengths)
        found = LOSSES[method](
            s, rows(new, lengths), rows(old, lengths), advantages=own, mask=mask
        ).diagnostics
        q, p, ratio, tv, weight, advantage = double(got["tokens"]).T
        for js, wanted in (
            (q, old.exp()),
            (p, new.exp()),
            (ratio, (new - old).exp()),
            (tv, (new - old).expm1().abs() * old.exp()),
            (weight, found["weight"][mask]),
            (advantage, own[mask]),
        ):
            close(js, wanted)
        pushed, kept = own[mask] != 0, found["kept"][mask]
        fates = got["fates"]
        assert [fate == "silenced" for fate in fates] == (pushed & ~kept).tolist()
        assert [fate == "none" for fate in fates] == (~pushed).tolist()
        counts = got["counts"]
        assert counts["up"]["silenced"] + counts["down"]["silenced"] == int((pushed & ~kept).sum())
        for side, sign in (("up", own[mask] > 0), ("down", own[mask] < 0)):
            rare = sign & (old.exp() < 0.01)
            assert counts["bins"][0][side]["all"] == int(rare.sum())
            assert (
                sum(each[side]["all"] for each in counts["bins"])
                == counts[side]["all"]
                == int(sign.sum())
            )
        if method == "cispo":
            assert "silenced" not in fates and ("scaled" in fates) == (s["update"] > 0)
