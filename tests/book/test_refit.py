"""The numbers that chapters 2 to 5 have typed are those of the records."""

import json
import re

import pytest

from book.build.paths import NOTEBOOKS, ROOT
from trlab import recorded
from trlab.outcomes import runs_of
from trlab.statistics import iqm


def prose(name):
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    return "\n".join(
        "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"
    )


@pytest.mark.parametrize(
    "sweep, chapter, sentence, numbers",
    [
        (
            "refit",
            "02_why_trust_regions",
            "The reused runs end at an accuracy of {}, the split ones at {}, and the fresh ones at "
            "{} too.",
            [(label, "0.0001") for label in ("pg_is-again", "pg_is-parts", "pg_is-new")],
        ),
        (
            "age",
            "02_why_trust_regions",
            "At the old rate answers that are 64 updates old end at {}, and fresh ones at {}.",
            [("age 64", "0.0001"), ("age 0", "0.0001")],
        ),
        (
            "age",
            "02_why_trust_regions",
            "At three times that rate they end at {}, and fresh ones still at {}.",
            [("age 64", "0.0003"), ("age 0", "0.0003")],
        ),
        (
            "age",
            "02_why_trust_regions",
            "at three times the rate, at {} in the middle",
            [("age 16", "0.0003")],
        ),
        (
            "refit_size",
            "02_why_trust_regions",
            "Near the split ones: {}, where those end at {}. With 64 prompts, used sixteen times "
            "as well, runs end at {}, and with 16 at {}.",
            [(label, "0.0001") for label in ("again, 256", "parts", "again, 64", "again")],
        ),
        (
            "refit_size",
            "02_why_trust_regions",
            "| 256 | 3e-4 | 0.32 | {} |",
            [("again, 256", "0.0003")],
        ),
        (
            "refit",
            "04_ppo",
            "the unclipped runs end at {} and those with the clip at {}.",
            [("pg_is-again", "0.0001"), ("ppo-again", "0.0001")],
        ),
        (
            "basin",
            "04_ppo",
            "The unclipped runs end at an accuracy of {}, where they began, and those with the clip "
            "at {}.",
            [("pg_is", "0.0001"), ("ppo", "0.0001")],
        ),
        (
            "basin_narrow",
            "04_ppo",
            "A window a tenth as wide would end at {}.",
            [("ppo-tenth", "0.0001")],
        ),
    ],
)
def test_a_typed_number_is_the_record_s(sweep, chapter, sentence, numbers):
    values = [f"{iqm(runs_of(sweep, label, at={'lr': lr})):.2f}" for label, lr in numbers]
    assert sentence.format(*values) in prose(chapter)


def test_the_opening_of_chapter_2_is_the_record_s():
    history = recorded("refit")[1]
    history = history[history["lr"].astype(str) == "0.0001"]
    reward = history.groupby(["label", "batch"])["reward"].mean()
    often, once = reward["pg_is-again"], reward["pg_is-new"]
    first = int((once >= often[1]).idxmax())
    assert f"stands at {often[1]:.0%}".replace("%", " %") in prose("02_why_trust_regions")
    assert first == 15 and "the other one needs fifteen batches" in prose("02_why_trust_regions")
    assert often[23] < 1 / 3
    assert "it is right less than a third of the time, about where it began" in prose(
        "02_why_trust_regions"
    )


def test_what_chapter_2_says_of_fewer_updates_is_the_record_s():
    ends = {
        often: iqm(runs_of("reuse", "pg_is", at={"uses": str(often)})) for often in (1, 2, 4, 8)
    }
    said = prose("02_why_trust_regions")
    assert f"one update on each batch ends at an accuracy of {ends[1]:.2f}." in said
    assert (
        f"Two updates on each batch end at {ends[2]:.2f}, four at {ends[4]:.2f}, and eight at "
        f"{ends[8]:.2f}." in said
    )
    history = recorded("reuse")[1]
    history = history[history["label"] == "pg_is"].assign(uses=history["uses"].astype(int))
    reward = history.groupby(["uses", "batch"])["reward"].mean()
    there = {often: int((reward[often].round(2) >= 0.85).idxmax()) for often in ends}
    assert there == {1: 8, 2: 4, 4: 2, 8: 1}
    assert "a run is at 85 % after four batches, for which one update needs eight" in said


def test_the_table_of_chapter_2_is_the_record_s():
    for prompts, label, lr, shown in (
        (16, "again", "0.0001", "1e-4"),
        (64, "again, 64", "0.0001", "1e-4"),
        (256, "again, 256", "0.0001", "1e-4"),
        (256, "again, 256", "0.0003", "3e-4"),
    ):
        moved, end = (
            iqm(runs_of("refit_size", label, measure, at={"lr": lr}))
            for measure in ("kl", "sampled")
        )
        row = f"| {prompts} | {shown} | {moved:.2g} | {end:.2f} |"
        assert row in prose("02_why_trust_regions"), row


def test_what_the_clip_does_in_chapter_4_is_the_record_s():
    split = [
        iqm(runs_of("refit", label, at={"lr": "0.0001"})) for label in ("ppo-parts", "pg_is-parts")
    ]
    assert abs(split[0] - split[1]) < 0.01 and "On 256 prompts" in prose("04_ppo")
    with_it, penalty = (
        iqm(runs_of("critic", label, at={"updates": "32"})) for label in ("ppo", "ppo_penalty")
    )
    assert (
        f"eight runs with the clip end at {with_it:.2f}, and eight with the penalty at {penalty:.2f}"
        in prose("04_ppo")
    )


def test_what_chapter_3_says_of_its_runs_is_the_record_s():
    full, one, larger = (
        iqm(runs_of("natural", label)) for label in ("trpo", "trpo, gradient", "trpo, 4 x batch")
    )
    said = prose("03_trpo")
    assert f"the runs end at {one:.2f}, where TRPO's end at {full:.2f}" in said
    assert f"1,024 completions instead of 256, and it ends at {larger:.2f}." in said
    cost = recorded("natural")[0].groupby("label")["cpu_seconds"].mean()
    assert round(cost["trpo"] / cost["grpo"]) == 7 and "seven times as much processor time" in said
    assert 2.5 < cost["trpo"] / cost["trpo, gradient"] < 3.5 and "a third of the time" in said


def test_what_becomes_of_the_clip_ratio_in_chapter_5_is_the_record_s():
    history = recorded("shootout")[1].query("label == 'ppo' and updates == '32'")
    silent, kl = (
        history.pivot(index="batch", columns="seed", values=name).median(axis=1)
        for name in ("kept", "kl")
    )
    silent = 1 - silent
    said = prose("05_grpo")
    assert f"In the first batch {silent.iloc[0]:.0%} of the words".replace("%", " %") in said
    assert f"About {silent.iloc[-1]:.0%}, by the median".replace("%", " %") in said
    assert silent.iloc[2] > 0.05 > silent.iloc[3:].max(), "only the first three batches"
    assert f"{kl.iloc[-1]:.2f} nats per token, after {kl.iloc[0]:.2f}" in said


def test_what_chapter_5_says_of_its_runs_on_a_gpu_is_the_record_s():
    """Longer runs, which `make gpu` makes: the figure's own words are kept."""
    record = json.loads((ROOT / "book/gpu_execution.json").read_text(encoding="utf-8"))
    figure = record["chapters"]["05_grpo"]["figures"]["grpo-smollm2"]
    ends = re.findall(r"from [\d.]+ to ([\d.]+)[; ]", figure.partition("The band")[0])
    assert f"end at {ends[0]}, {ends[1]} and {ends[2]}." in prose("05_grpo")
