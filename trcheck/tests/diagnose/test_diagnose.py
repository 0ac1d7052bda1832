"""The diagnosis: numbers against numbers worked by hand, both layouts alike, the answer in words,
bad files."""

import dataclasses
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
import torch

from tests.typed import typed
from trcheck.diagnose import Limits, diagnose, dump, figures, page, read
from trcheck.diagnose import effects as methods
from trcheck.diagnose.effects import effects

NAN = math.nan
# Three completions; probability of each token under μ (q) and π (p).
Q = [[0.5, 0.01, 0.9], [0.9, 0.4, 0.5], [0.2]]
P = [[0.7, 0.02, 0.7], [0.74, 0.2, 0.5], [0.6]]
ADVANTAGE = [[1.0, 1.0, 1.0], [-1.0, -1.0, NAN], [0.0]]
MASK = [[True, True, True], [True, True, False], [True]]
TEXT = [["a", "b", "a"], ["c", "a", "[PAD]"], ["d"]]
QUANTILES = (0, 0.01, 0.05, 0.5, 0.95, 0.99, 1)
RATIOS = [1.4, 2.0, 7 / 9, 0.74 / 0.9, 0.5, 3.0]


def logs(rows):
    return [[math.log(x) for x in row] for row in rows]


def frame(**columns):
    """The small table, with columns replaced, added or (None) left out."""
    base = {
        "logp": logs(P),
        "logp_rollout": logs(Q),
        "advantage": ADVANTAGE,
        "mask": MASK,
        "text": TEXT,
    }
    return pd.DataFrame({k: v for k, v in {**base, **columns}.items() if v is not None})


@pytest.fixture
def written(tmp_path):
    """A maker of parquet files."""

    def write(table, name="rollouts.parquet"):
        table.to_parquet(tmp_path / name)
        return str(tmp_path / name)

    return write


def masked(flags, rollouts):
    """Where a flag is set, counted over the unmasked tokens."""
    return np.flatnonzero(flags[rollouts.mask]).tolist()


def kl2(a, b):
    return a * math.log(a / b) + (1 - a) * math.log((1 - a) / (1 - b))


def test_every_number_of_the_small_table(written):
    rollouts = read(written(frame()))
    found = diagnose(rollouts)
    assert (found.completions, found.positions, found.tokens) == (3, 7, 6)
    assert found.anchor == "logp_rollout"

    (whole,) = found.spreads
    np.testing.assert_allclose(
        whole.quantiles, np.exp(np.quantile(np.log(RATIOS), QUANTILES)), rtol=1e-9
    )
    assert whole.mean == pytest.approx(sum(RATIOS) / 6, rel=1e-12)
    assert whole.outside == 5 / 6 and whole.one == 0
    assert whole.kl == pytest.approx(sum(r - 1 - math.log(r) for r in RATIOS) / 6, rel=1e-12)
    assert whole.tv == pytest.approx(sum(abs(r - 1) for r in RATIOS) / 12, rel=1e-12)

    kish = sum(RATIOS) ** 2 / sum(r * r for r in RATIOS) / 6
    assert found.effective == pytest.approx(kish, rel=1e-12)
    assert (
        found.judgement.verdict == "unclear"
        and "there are 3 completions" in found.judgement.headline
    )

    by = {e.key: e for e in found.effects}
    assert {k: e.silenced for k, e in by.items()} == {
        "ppo": 3,
        "tis": 0,
        "dppo_tv": 3,
        "dppo_kl": 3,
    }
    assert by["ppo"].share == 0.5 and by["ppo"].positive == 2 / 3 and by["ppo"].negative == 0.5
    assert (
        by["ppo"].advantage == 3 / 5 and found.answer.share == 0.5 and found.answer.code == "clips"
    )


def test_who_silences_which_token(written, monkeypatch):
    rollouts = read(written(frame()))
    by = {e.key: e for e in effects(rollouts, Limits(cap=1.5))}
    assert masked(by["ppo"].silenced, rollouts) == [0, 1, 4]
    assert masked(by["dppo_tv"].silenced, rollouts) == [
        0,
        3,
        4,
    ]  # |p - q| = .2, .01, .2, .16, .2, .4
    divergences = [
        kl2(q, p)
        for q, p in [(0.5, 0.7), (0.01, 0.02), (0.9, 0.7), (0.9, 0.74), (0.4, 0.2), (0.2, 0.6)]
    ]
    outward = [True, True, False, True, True, False]
    for delta in (0.002, 0.05, 0.09):
        kl = next(e for e in effects(rollouts, Limits(delta_kl=delta)) if e.key == "dppo_kl")
        wanted = [
            i
            for i, (d, out) in enumerate(zip(divergences, outward, strict=True))
            if d > delta and out
        ]
        assert masked(kl.silenced, rollouts) == wanted
    # Without logp_old the ratio itself is cut at the cap: of the ratios above 1.5 one has an
    # advantage.
    assert (
        masked(by["tis"].reweighed, rollouts) == [1] and masked(by["tis"].silenced, rollouts) == []
    )
    assert not by["ppo"].reweighed.any()  # what PPO keeps it pushes by A π/μ, where μ is its anchor
    # However many tokens are computed at once.
    monkeypatch.setattr(methods, "CHUNK", 4)
    for whole, part in zip(by.values(), effects(rollouts, Limits(cap=1.5)), strict=True):
        np.testing.assert_equal(vars(part), vars(whole))


def test_both_layouts_say_the_same_and_rows_may_come_in_any_order(written):
    lists = frame(
        prompt=["x", "x", "y"],
        reward=[1.0, 0.0, 0.5],
        logp_old=logs(Q),
        tokens=[[1, 2, 1], [3, 1, 0], [4]],
    )
    flat = lists.explode(
        ["logp", "logp_rollout", "logp_old", "advantage", "mask", "text", "tokens"]
    )
    flat = flat.infer_objects().rename_axis("completion").reset_index()
    shuffled = flat.assign(position=range(len(flat))).sample(frac=1, random_state=3)
    shuffled = pd.concat(
        [shuffled[shuffled.completion == c] for c in (0, 1, 2)]
    )  # a completion is its first row's
    found = diagnose(read(written(lists)))
    for table in (flat, shuffled.sort_values("completion", kind="stable")):
        other = diagnose(read(written(table, "rollouts.parquet")))
        assert other.layout == "token" and found.layout == "completion"
        assert dataclasses.replace(other, layout="completion") == found


def test_columns_may_have_other_names_types_and_shapes(written):
    table = frame(advantage=[1.0, -1.0, 0.0], mask=[[1, 1, 1], [1, 1, 0], [1]]).rename(
        columns={"logp": "log_probs"}
    )
    table["logp_rollout"] = [np.array(row, dtype=np.float32) for row in table["logp_rollout"]]
    found = diagnose(read(written(table.assign(spare=1)), columns={"logp": "log_probs"}))
    assert found.effects[0].silenced == 3 and found.unread == ("spare",)
    whole = read(
        written(frame(text=["a b a", "c a", "d"], tokens=[[3, 4, 3], [5, 3, -100], [6]])),
        tokenizer="dial",
    )
    from transformers import AutoTokenizer

    from trlib.model.loading import EMBEDDED

    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED / "dial")
    assert whole.unread == ("text",)
    assert whole.pieces.tolist() == [
        *(tokenizer.decode([i]) for i in (3, 4, 3, 5, 3)),
        "#-100",
        tokenizer.decode([6]),
    ]
    assert read(written(frame(text=None))).pieces is None


def test_the_old_policy_separates_staleness_from_mismatch(written):
    old = [[0.5, 0.02, 0.9], [0.9, 0.2, 0.5], [0.6]]  # half of the way was the sampler's
    rollouts = read(written(frame(logp_old=logs(old))))
    found = diagnose(rollouts)
    whole, staleness, mismatch = found.spreads
    assert (whole.key, staleness.key, mismatch.key) == ("whole", "staleness", "mismatch")
    assert (
        staleness.quantiles[-1] == pytest.approx(1.4)
        and staleness.one == 0.5
        and staleness.kl is None
    )
    assert mismatch.quantiles[-1] == pytest.approx(3) and mismatch.one == 0.5
    by = {e.key: e for e in effects(rollouts, Limits(cap=1.5))}
    assert masked(by["ppo"].silenced, rollouts) == [0]
    # PPO knows nothing of the mismatch; corrected, only what the cap cuts is off, and A = 0 has no
    # weight to be off.
    assert masked(by["ppo"].reweighed, rollouts) == [1, 4] and masked(
        by["tis"].reweighed, rollouts
    ) == [1]
    assert "would clip 3 tokens, 50 %" in " ".join(found.answer.reasons)


def one(p, q, advantage, **more):
    return pd.DataFrame(
        {
            "logp": logs([p]),
            "logp_rollout": logs([q]),
            "advantage": [advantage],
            "mask": [[True] * len(p)],
            **more,
        }
    )


HALF = [0.5, 0.5]
ANSWERS = {
    "identical": one(HALF, HALF, [1.0, -1.0]),
    "identical within rounding": one([0.500001, 0.5], HALF, [1.0, -1.0]),
    "inside": one([0.55, 0.45], HALF, [1.0, 1.0]),
    "other side": one([0.9, 0.3], HALF, [-1.0, 1.0]),
    "other side without an advantage": one([0.9, 0.5], HALF, [0.0, 1.0]),
    "no advantage": one([0.9, 0.3], HALF, [0.0, 0.0]),
    "clips": one([0.9, 0.3], HALF, [1.0, 1.0]),
}
"""Dumps of two tokens, by why PPO's clip ratio is what it is."""


def test_why_the_clip_ratio_is_0(written):
    answers = {case: diagnose(read(written(table))).answer for case, table in ANSWERS.items()}
    for case, answer in answers.items():
        assert case.startswith(answer.code) and (answer.share > 0) == (case == "clips"), case
        reasons = " ".join(answer.reasons)
        assert "no logp_old" in reasons and ("not clipped" in reasons) == (case == "clips"), case
    assert len({answer.verdict for answer in answers.values()}) == len(ANSWERS)


LINKS = re.compile(
    r"<(?:link|iframe|img|object|embed|base)\b|<[^>]*\s(?:src|href|srcset|action|data|poster)="
)
"""Everything in a page that a browser would fetch."""


def test_the_page_asks_for_nothing_and_escapes_what_came_from_the_file(written):
    html = page(diagnose(read(written(frame(), 'a"<b>.parquet'))))
    assert LINKS.findall(html) == [] and "<script" not in html
    assert "url(" not in html and "@import" not in html and "Content-Security-Policy" in html
    assert "a&quot;&lt;b&gt;.parquet" in html and "<b>" not in html
    assert len(html) < 20_000
    far = {"logp": [[-1e4, -1e-9]], "logp_rollout": [[-1e-9, -1e4]]}
    far |= {"advantage": [[1.0, 1.0]], "mask": [[True, True]]}
    found = diagnose(read(written(pd.DataFrame(far))))
    assert found.effective == pytest.approx(0.5)
    assert "nan" not in figures.ratios(found)


# -- the command line and what it refuses
# ----------------------------------------------------------------------------


def test_the_command_writes_a_page_and_says_what_it_found(written, capsys, tmp_path):
    path = written(frame())
    assert typed(f"diagnose {path}") == 2
    text = capsys.readouterr().out
    assert "clips 3 of 6 tokens, 50 %" in text and "DPPO, binary TV" in text and "report: " in text
    assert (tmp_path / "rollouts.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")

    out = tmp_path / "other.html"
    assert typed(f"diagnose {path} --html {out} --eps-high 1.5 --delta-tv 0.5 --json") == 2
    found = json.loads(capsys.readouterr().out)
    assert found["page"] == str(out) and out.exists()
    assert [e["silenced"] for e in found["effects"][:3]] == [1, 0, 0] and found["limits"][
        "eps_high"
    ] == 1.5
    assert found["answer"]["code"] == "clips"

    assert typed(f"diagnose {path} --html {out}") == 2  # a page of its own is replaced


def line(**columns):
    """A line of JSON: a healthy completion of two tokens, with columns replaced, added or (None)
    left out."""
    whole = {
        "logp": [-1.0, -2.0],
        "logp_rollout": [-1.0, -2.0],
        "advantage": 1.0,
        "mask": [True, True],
        **columns,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not None}) + "\n"


BAD = {
    "text": ("hello", "got 5 bytes"),
    "line": (line() + '{"logp": [\n', "line 2: expected JSON"),
    "ragged csv": ("logp,mask\n-1,1\n-1\n", "line 3: expected 2 values.*, got 1"),
    "no column": (line(mask=None), "'mask': not in"),
    "no completion": (line(logp=-1.0, logp_rollout=-1.0, mask=True), "'completion': not in"),
    "unequal lists": (line() + line(mask=[True]), "'mask': .* 2 values in row 1, .* got 1"),
    "no list": (line() + line(logp_rollout=None), "'logp_rollout': .* got none in row 1"),
    "all masked": (line(mask=[False, False]), "'mask': .* got False for all 2"),
    "a mask of numbers": (line(mask=[1, 2]), "got 2 at row 0, position 1"),
    "a mask with holes": (line(mask=[True, None]), "got nan at row 0, position 1"),
    "texts for numbers": (line(logp=["a", "b"]), "'logp': .* got"),
    "a group missing": (line(group="x") + line(), "'group': .* got none for completion 1"),
    "a near miss": (line(mask=None, masks=[True, True]), "--column mask=masks"),
}
"""Dumps that are refused, and words of the error."""


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_is_one_line_and_status_2(text, words, capsys, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    assert typed(f"diagnose {path}") == 2
    captured = capsys.readouterr()
    assert captured.out == "" and re.fullmatch("trlib: error: .*\n", captured.err)
    assert re.search(words, captured.err), captured.err
    assert not (tmp_path / "bad.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("nowhere.parquet", "'nowhere.parquet'"),
        ("good.parquet --temperature 0", "temperature: .* got 0"),
        ("good.parquet --column logp=logq", "'logq': not in"),
        ("good.parquet --eps-low 2", "eps_low: .* got 2"),
        ("ids.parquet --tokenizer ./none", "tokenizer: .* got './none'"),
    ],
)
def test_what_cannot_be_read_is_named(arguments, words, written, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(frame(), "good.parquet")
    written(frame(text=None, tokens=[[1, 2, 3], [1, 2, 3], [1]]), "ids.parquet")
    assert typed(f"diagnose {arguments}") == 2
    captured = capsys.readouterr()
    assert re.search(words, captured.err) and captured.err.count("\n") == 1
    assert captured.out == "" and not (tmp_path / "good.html").exists()


def test_a_dump_of_bfloat16_is_read_as_it_was(tmp_path):
    good = {
        "logp": torch.zeros(2, 3),
        "logp_rollout": torch.zeros(2, 3),
        "advantage": torch.ones(2),
        "mask": torch.ones(2, 3),
    }
    half = {**good, "logp": torch.full((2, 3), -1.5, dtype=torch.bfloat16)}
    assert read(dump(tmp_path / "x.parquet", **half)).logp.tolist() == [-1.5] * 6
