"""Which log-probs a dump holds, who says so, and what follows for the findings."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from trlab.cli import diagnose as command
from trlab.diagnose import diagnose, dump, page, read, scale
from trlab.diagnose.sampling import GROSS, KINDS, Alignment, Sampling, Unbiased, meaning
from trlib.cli import main

PLAIN = {
    "logp": torch.tensor([[-0.5, -1.0]]),
    "logp_rollout": torch.tensor([[-1.0, -0.5]]),
    "advantage": torch.ones(1),
    "mask": torch.ones(1, 2),
}


@pytest.mark.parametrize(
    ("known", "holds", "words"),
    [
        ({}, None, "say --logprobs raw or --logprobs processed, and --temperature"),
        ({"logprobs": "raw"}, None, "say --temperature. The findings below take it for that"),
        ({"temperature": 0.7}, None, "say --logprobs raw or --logprobs processed"),
        ({"temperature": 1.0}, True, "They are the same, raw or processed (temperature 1)"),
        ({"logprobs": "raw", "temperature": 1.0, "top_p": 1.0}, True, "They are the same, raw or processed"),
        ({"logprobs": "processed"}, True, "They are processed: logp_rollout is the log-prob of the distribution"),
        ({"logprobs": "processed", "temperature": 0.7}, True, "They are processed (temperature 0.7)"),
        ({"logprobs": "raw", "temperature": 0.7}, False, "They are raw, and the sampler changed the distribution"),
        ({"logprobs": "raw", "temperature": 1.0, "top_p": 0.9}, False, "(temperature 1, top-p 0.9)"),
        ({"logprobs": "raw", "top_p": 0.9, "source": "as you say"}, False, "(top-p 0.9; as you say)"),
    ],
)
def test_what_is_known_decides_what_holds(known, holds, words):
    for old in (True, False):
        found = meaning(Sampling(**known), Unbiased(1.0, 0.01, 1.0, 0.01, old))
        assert found.holds is holds and words in found.verdict
    said = " ".join(found.reasons)
    if holds is False:
        assert "does not hold: π/μ, the mismatch, the effective sample size" in said
        assert "none of the findings is free of it" in said and "cannot be recovered" in said
        assert "the clip ratio around logp_old" in " ".join(
            meaning(Sampling(**known), Unbiased(1.0, 0.01, 1.0, 0.01, True)).reasons
        )
    assert ("the mean of a ratio to μ lies below 1" in said) is False
    assert ("score at the sampler's temperature" in said) == (known.get("logprobs") == "processed")


def test_the_command_asks_and_takes_the_answer(tmp_path, capsys):
    path = str(dump(tmp_path / "rollouts.parquet", **PLAIN))
    assert main(["diagnose", path]) == 0
    text = capsys.readouterr().out
    assert "Which log-probs are these?\nIt is not known whether logp_rollout is the log-prob of" in text
    assert "say --logprobs raw or --logprobs processed" in (tmp_path / "rollouts.html").read_text(encoding="utf-8")

    assert main(["diagnose", path, "--logprobs", "raw", "--temperature", ".7", "--top-p", ".9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sampling"] == {"logprobs": "raw", "temperature": 0.7, "top_p": 0.9, "source": "as you say"}
    assert found["meaning"]["holds"] is False
    html = (tmp_path / "rollouts.html").read_text(encoding="utf-8")
    warning = "They are raw, and the sampler changed the distribution (temperature 0.7, top-p 0.9; as you say)"
    assert f'<p class="warning">{warning}' in html
    assert main(["diagnose", path, "--logprobs", "cooked"]) == 2
    assert command.KINDS == KINDS


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


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A learner's own tokens, drawn at temperature 0.7 or from the likeliest 80 %: raw and processed log-probs."""
    g, place = torch.Generator().manual_seed(0), tmp_path_factory.mktemp("drawn")
    logits = 2 * torch.randn(60, 40, 12, generator=g, dtype=torch.float64)
    hot, found = logits / 0.7, {}
    ranked = logits.softmax(-1).sort(-1, descending=True)
    beyond = (ranked.values.cumsum(-1) - ranked.values >= 0.8).gather(-1, ranked.indices.argsort(-1))
    cut = logits.masked_fill(beyond, -torch.inf)

    def chosen(scores: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        return scores.log_softmax(-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)

    for name, sampler, recorded, learner in (
        ("raw", hot, logits, hot),
        ("processed", hot, hot, hot),
        ("both raw", hot, logits, logits),
        ("top-p", cut, cut, logits),
    ):
        tokens = torch.multinomial(sampler.softmax(-1).flatten(0, 1), 1, generator=g).view(60, 40)
        old = chosen(learner + 0.02 * torch.randn(logits.shape, generator=g, dtype=torch.float64), tokens)
        found[name] = dump(
            place / f"{name}.parquet",
            logp=old,
            logp_old=old,
            logp_rollout=chosen(recorded, tokens),
            advantage=torch.ones(60),
            mask=torch.ones(60, 40),
        )
    return found


def test_the_numbers_may_speak_against_what_is_said(drawn):
    against = "The numbers speak against them"
    wrong = diagnose(read(drawn["raw"], logprobs="processed", temperature=0.7))
    assert wrong.meaning.holds is False and wrong.unbiased.deviates and against in page(wrong)
    assert "The findings hold" not in page(wrong)
    right = diagnose(read(drawn["processed"], logprobs="processed", temperature=0.7))
    assert right.meaning.holds and not right.unbiased.deviates and against not in page(right)
    assert "it must be 1, and it is" in page(right)
    # Both raw: the ratio is 1 on average, and still not to the distribution that sampled.
    alike = diagnose(read(drawn["both raw"], logprobs="raw", temperature=0.7))
    assert alike.meaning.holds is False and not alike.unbiased.deviates and "it must be 1, and it is" not in page(alike)
    assert "agree, on log-probs that are not those of the distribution that sampled" in page(alike)


def test_under_top_p_a_mean_below_1_is_no_fault(drawn):
    said = diagnose(read(drawn["top-p"], logprobs="processed", temperature=1.0, top_p=0.8))
    assert said.unbiased.mean < 0.95 and said.unbiased.deviates
    assert "says nothing against the log-probs" in page(said) and "speak against them" not in page(said)
    assert "lies below 1 by as much" in " ".join(said.meaning.reasons)
    unsaid = diagnose(read(drawn["top-p"], logprobs="processed", temperature=1.0))
    assert "speak against them" in page(unsaid)


@pytest.mark.parametrize("with_old", [True, False])
def test_log_probs_shifted_by_one_token_are_found_out(tmp_path, with_old):
    g = torch.Generator().manual_seed(1)
    mu = torch.log_softmax(3 * torch.randn(40, 30, 50, generator=g, dtype=torch.float64), -1)
    tokens = torch.distributions.Categorical(logits=mu).sample()
    logp = mu.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    columns = {"logp": logp, "advantage": torch.ones(40), "mask": torch.ones(40, 30)}
    if with_old:
        columns["logp_old"] = logp
    for name, recorded, holds in (("right", logp, True), ("shifted", logp.roll(1, dims=-1), False)):
        path = dump(tmp_path / f"{name}.parquet", logp_rollout=recorded, **columns)
        found = diagnose(read(path, logprobs="processed", temperature=1.0))
        assert found.meaning.holds is holds, found.unbiased
        assert ("The findings hold." in page(found)) is holds
        assert any("shifted by one token" in reason for reason in found.meaning.reasons) is not holds


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
    for name, mean, largest in (("as it is", "2", "4"), ("at most 2 (TIS)", "1.37", "2"), ("0 above 2", "0.375", "1")):
        assert f'<th scope="row">{name}</th><td>{mean}</td><td>{largest}</td>' in html
    assert "its log stays calm however large the mismatch is" in html
    # Without logp_old it is the whole ratio that is bounded.
    del table["logp_old"]
    found = diagnose(read(dump(tmp_path / "rollouts.parquet", **{**table, "logp": rollout + ratio.log()})))
    assert found.logged[0].largest == pytest.approx(4.0)


@pytest.mark.parametrize("by", [1, -1])
def test_a_shift_is_found_where_no_mean_shows_it(tmp_path, capsys, by):
    """The book's example of a real run, without `logp_old`, as prime-rl writes it: only neighbours tell."""
    import pandas as pd

    from tools.paths import ROOT

    table = pd.read_parquet(ROOT / "book" / "_static" / "diagnose" / "rollouts.parquet").drop(columns="logp_old")
    path = str(tmp_path / "rollouts.parquet")
    table.to_parquet(path)
    known = {"logprobs": "processed", "temperature": 1.0}
    right = diagnose(read(path, **known))
    assert right.meaning.holds and right.alignment.shift == 0 and right.alignment.same > 0.7
    table["logp_rollout"] = [np.roll(row, by) for row in table["logp_rollout"]]
    table.to_parquet(path)
    wrong = diagnose(read(path, **known))
    assert wrong.meaning.holds is False and wrong.alignment.shift == -by, wrong.alignment
    # One verdict: the same sentence first in the terminal, in JSON and on the page.
    assert main(["diagnose", path, "--logprobs", "processed", "--temperature", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == wrong.meaning.headline
    assert main(["diagnose", path, "--logprobs", "processed", "--temperature", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["meaning"]["holds"] is False and found["meaning"]["headline"] == wrong.meaning.headline
    html = (tmp_path / "rollouts.html").read_text(encoding="utf-8")
    assert f'data-verdict data-holds="false"><span aria-hidden="true">✗</span> {wrong.meaning.headline}</p>' in html
    assert html.index("data-verdict") < html.index("<main>")


def test_a_gross_mismatch_is_found_without_any_correlation():
    few = Unbiased(1.0, 0.5, 1.0, 0.5, True)
    known = Sampling(logprobs="processed", temperature=1.0)
    none = Alignment(4, None, None, None)
    assert meaning(known, few, none, 1.4).holds is True
    wrong = meaning(known, few, none, 2.0)
    assert wrong.holds is False and "differ by 2 nats per token" in wrong.headline
    assert Alignment(100, 0.1, 0.3, 0.9).shift == 1 and Alignment(100, 0.9, 0.3, 0.1).shift == -1
    for aligned in (Alignment(100, 0.5, 0.6, 0.55), Alignment(10, 0.1, 0.3, 0.9), Alignment(100, 0.4, 0.0, 0.1)):
        assert aligned.shift == 0


def test_the_scale_is_recorded_in_order_and_no_rounding_is_gross():
    rows = scale.recorded()
    by = {row.key: row for row in rows}
    assert list(by) == [row.key for row in sorted(rows, key=lambda row: row.deviation)]
    assert set(by) == {"bf16", "int8", "fp8", "int4", "dropout", "temperature", "shift"}
    assert max(by[key].deviation for key in by if key != "shift") < GROSS < by["shift"].deviation
    assert by["temperature"].deviation > 5 * by["bf16"].deviation, "as the book's page says"
