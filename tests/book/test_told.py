"""What pages tell of the records in words of their own: `told.yml` names the sentences and what in a
record decides them. Numbers between comments of a page's source are `test_quoted`'s."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from book.build import records
from book.build.paths import ROOT
from book.build.quoted import parse, shown
from trlab import recorded
from trlab.measures import derive
from trlab.outcomes import against, judged, runs_of
from trlab.record import all_recorded
from trlab.statistics import interval, iqm
from trlab.sweep import load_sweep
from trlab.tuning import choose, summary

pytestmark = pytest.mark.long
TOLD = yaml.safe_load(Path(__file__).with_name("told.yml").read_text(encoding="utf-8"))


def prose(page):
    """A page's text; of a notebook, of its cells of text."""
    if page == "trlab/records":
        return "\n".join(path.read_text(encoding="utf-8") for _, path in records.pages())
    if page.startswith("book/"):
        return (ROOT / f"{page}.md").read_text(encoding="utf-8")
    cells = json.loads((ROOT / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def says(page, sentence):
    """Whether it stands on the page; `...` is any part of a line."""
    pattern = re.escape(sentence).replace(re.escape("..."), ".*")
    assert re.search(pattern, prose(page)), f"{page}: {sentence}"


@pytest.mark.parametrize("page", TOLD["numbers"])
def test_the_numbers_of_a_sentence_are_the_record_s(page):
    for sentence in TOLD["numbers"][page]:
        says(page, re.sub(r"\{(.+?)\}", lambda quote: shown(quote[1]), sentence))


@pytest.mark.parametrize("page", TOLD["verdicts"])
def test_a_sentence_is_what_the_verdicts_say(page):
    for sentence, wanted in TOLD["verdicts"][page].items():
        says(page, sentence)
        named = {parse(text).label for text in wanted if not text.startswith("predicted ")}
        for text, verdict in wanted.items():
            assert verdicts(text, named) == {verdict}, text


def verdicts(text, named):
    """Of the predictions that begin so, or of a comparison, by the rule of their day; `*`: of all
    labels but the named."""
    if text.startswith("predicted "):
        sweep, _, begins = text.removeprefix("predicted ").partition(": ")
        findings = judged(sweep)
        return {one.verdict for one in findings if one.prediction.text.startswith(begins)}
    asked = parse(text)
    only = () if asked.label == "*" else (asked.label,)
    rows = against(
        asked.sweep, asked.other.label, measure=asked.measure, at=dict(asked.at), only=only
    )
    shown = (row.verdict for row in rows if only or row.label not in named)
    return {verdict.partition(", today")[0] for verdict in shown}


def test_when_runs_of_chapter_2_are_where():
    """By the batch, of mean rewards; per cents as the page writes them."""
    history = recorded("refit")[1].query("lr == '0.0001'")
    reward = history.groupby(["label", "batch"])["reward"].mean()
    often, once = reward["pg_is-again"], reward["pg_is-new"]
    says("notebooks/02_why_trust_regions", f"stands at {100 * often[1]:.0f} %")
    assert once[2] < 0.4, "the other one has hardly begun"
    assert 0.25 < often[23] < 1 / 3, "right less than a third of the time, about where it began"
    reuse = recorded("reuse")[1].query("label == 'pg_is'")
    reward = reuse.assign(uses=reuse["uses"].astype(int)).groupby(["uses", "batch"])["reward"]
    there = {often: int((reward.mean()[often].round(2) >= 0.85).idxmax()) for often in (1, 2, 4, 8)}
    assert there == {1: 8, 2: 4, 4: 2, 8: 1}, "at 85 % after four batches, eight, ..."


def test_what_the_clip_does_to_a_run_and_what_trpo_costs():
    split = [
        iqm(runs_of("refit", label, at={"lr": "0.0001"})) for label in ("ppo-parts", "pg_is-parts")
    ]
    assert abs(split[0] - split[1]) < 0.01, "chapter 4: on 256 prompts it does nothing"
    cost = recorded("natural")[0].groupby("label")["cpu_seconds"].mean()
    assert round(cost["trpo"] / cost["grpo"]) == 7, "chapter 3: seven times as much time"
    assert 2.5 < cost["trpo"] / cost["trpo, gradient"] < 3.5, "a third of the time"
    collapsed = derive(*recorded("real_clip_or_mask")).groupby("label")["collapsed"].sum()
    assert collapsed.to_dict() == {"ppo": 0, "dppo-tv": 1}, "chapter 7: one of three"


def test_which_method_falls_first_in_chapter_11():
    says("book/purpose", "with adapters of SmolLM2 it fell first")
    ends = recorded("real_map")[0].groupby(["label", "lr"])["sampled"].mean().unstack()
    assert (ends.max(axis=1) - ends["0.0003"]).idxmax() == "troll, top 64"
    assert ends["0.0003"].idxmin() == "troll, top 64"


def test_what_becomes_of_the_clip_ratio_in_chapter_5():
    history = recorded("shootout")[1].query("label == 'ppo' and updates == '32'")
    kept, kl = (
        history.pivot(index="batch", columns="seed", values=name).median(axis=1)
        for name in ("kept", "kl")
    )
    silent = 100 * (1 - kept)
    says("notebooks/05_grpo", f"In the first batch {silent.iloc[0]:.0f} % of the words")
    says("notebooks/05_grpo", f"About {silent.iloc[-1]:.0f} %, by the median")
    assert silent.iloc[2] > 5 > silent.iloc[3:].max(), "only the first three batches"
    says("notebooks/05_grpo", f"{kl.iloc[-1]:.2f} nats per token, after {kl.iloc[0]:.2f}")
    record = json.loads((ROOT / "book/gpu_execution.json").read_text(encoding="utf-8"))
    figure = record["chapters"]["05_grpo"]["figures"]["grpo-smollm2"]
    ends = re.findall(r"from [\d.]+ to ([\d.]+)[; ]", figure.partition("The band")[0])
    says("notebooks/05_grpo", f"end at {ends[0]}, {ends[1]} and {ends[2]}.")


def test_the_worst_of_many_and_the_spread_of_a_control():
    large = runs_of("refit_size", "again, 256", at={"lr": "0.0001"})
    says("trlab/records", f"the worst of those sixteen runs ends at {large.min():.2f}.")
    assert len(large) == 16
    control = interval(runs_of("minibatches", "on-policy", at={"minibatches": "8"}))
    assert control.high - control.low > 0.1, "small batches are noisy before they are stale"
    runs = recorded("signed")[0]
    base = runs["start"].mean()
    ends = [interval(runs_of("signed", label, at={"uses": "16"})) for label in set(runs.label)]
    assert all(end.high < base for end in ends), "signed or not, used 16 times it loses"


def test_the_rates_of_best_are_inside_what_was_tried():
    tried = recorded("basin_map")[0]
    chosen = summary(load_sweep("basin_map"), tried[tried["uses"] == "16"]).set_index("label")["lr"]
    assert chosen.pop("gspo") == "3e-05" and set(chosen) == {"1e-05"} and len(chosen) == 9
    assert not any(variant.edges for variant in load_sweep("best").variants)
    assert {*tried["lr"]} == {"3e-06", "1e-05", "3e-05", "0.0001", "0.0003", "0.001"}


def test_luck_is_weakly_tied_to_the_end_and_scales_with_the_distance():
    arms = {}
    for sweep in ("distance", "distance_between"):
        arms |= dict([*derive(*recorded(sweep)).groupby("label")])
    ties = [arm["luck"].corr(arm["sampled"], method="spearman") for arm in arms.values()]
    far, luck = (
        {label: np.log(iqm(arm[measure])) for label, arm in arms.items()}
        for measure in ("kl_aside", "luck")
    )
    plain = [f"pg_is-again, {nats}" for nats in (0.02, 0.05, 0.1, 0.2)]
    line = [far[label] for label in plain], [luck[label] for label in plain]
    more = [
        np.exp(luck[troll] - np.interp(far[troll], *line))
        for troll in ("troll-again, 0.02", "troll-again, 0.05")
    ]
    says("book/report", f"it fits {min(more):.1f} to {max(more):.1f} times as much luck")
    for page in ("book/report", "book/purpose"):
        says(page, f"a mean rank correlation of −{-sum(ties) / len(ties):.2f}.")
    dealt = derive(*recorded("dealt_again")).groupby("label")["luck"].agg(iqm)
    assert -0.005 < dealt["permuted"] < 0 < 0.01 < dealt["16"]


def test_every_tuned_choice_lies_at_an_edge_of_the_grid():
    grid = recorded("grid")[0]
    choices = choose(grid, ["lr", "threshold"])
    assert len(choices) == 10 and {choice.tried for choice in choices} == {15}
    assert {choice.at["lr"] for choice in choices} == {"0.0001"}
    assert {choice.at["threshold"] for choice in choices} == {"0.1", "10"}
    says("book/wrong", "Every choice lay at an edge of the grid")
    hot = grid.query("lr == '0.001'").groupby(["label", "threshold"])["sampled"].mean()
    assert hot.max() < 0.26, "below where training began"


def tolerance(runs):
    """The first round's number: where a line in log₂ of the updates falls five points below one
    update."""
    ends = runs.groupby("updates")["sampled"].agg(iqm)
    heights, places = [ends["32"], ends["8"], ends["1"]], np.log2([32, 8, 1])
    return float(2 ** np.interp(ends["1"] - 0.05, heights, places))


def test_the_numbers_of_what_we_got_wrong():
    cool, hot = (recorded(sweep)[0].query("label == 'ppo'") for sweep in ("shootout", "heatmap"))
    says("book/wrong", f"PPO's was {tolerance(cool):.1f} updates at a learning rate of 1e-4")
    assert 1 < tolerance(hot[hot["lr"] == "0.0003"]) < 8, "where nothing had been measured"
    most = max(len(load_sweep(name).predictions) for name in all_recorded())
    says("book/wrong", f"one sweep asks {most} questions")
    rng, hits, draws = np.random.default_rng(0), 0, 600
    for _ in range(draws):
        e = interval(rng.normal(size=8), resamples=600)
        hits += e.low <= 0 <= e.high
    told = re.search(r"it covers about (\d+) %", prose("book/wrong"))
    assert abs(hits / draws - int(told[1]) / 100) < 0.02, hits / draws
