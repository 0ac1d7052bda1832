"""The rule by which settings are chosen: on tables whose answer is known, and on the record that
ships."""

from dataclasses import replace

import pandas as pd
import pytest

from tests.losses import refused
from trlab import Axis, Budget, Sweep, Variant, recorded
from trlab.record import RecordError
from trlab.sweep import load_sweep
from trlab.tuning import choose, chosen


def table(**scores):
    """Two seeds of every (lr, accuracy, divergence): the mean is as given."""
    seeds = {100: 0.1, 101: -0.1}
    return pd.DataFrame(
        [
            {
                "label": label,
                "lr": lr,
                "seed": seed,
                "status": "done",
                "sampled": accuracy + side,
                "kl": kl,
            }
            for label, found in scores.items()
            for lr, accuracy, kl in found
            for seed, side in seeds.items()
        ]
    )


def test_the_best_wins_and_of_equals_the_one_that_moved_least():
    runs = table(
        ppo=[("1", 0.5, 0.1), ("2", 0.805, 0.3), ("3", 0.80, 0.2), ("4", 0.79, 0.01)],
        troll=[("1", 0.9, 0.5), ("2", 0.85, 0.1)],
    )
    ppo, troll = choose(runs, ["lr"])
    assert (ppo.label, ppo.at, ppo.tried) == (
        "ppo",
        {"lr": "3"},
        4,
    )  # 4 is more than .01 below the best
    assert (
        ppo.score == pytest.approx(0.80)
        and ppo.best == pytest.approx(0.805)
        and ppo.kl == pytest.approx(0.2)
    )
    assert troll.at == {"lr": "1"}


def test_a_choice_at_the_first_or_last_point_that_was_tried_is_an_edge():
    runs = table(
        inside=[("1e-05", 0.5, 1), ("0.0001", 0.9, 1), ("0.001", 0.5, 1)],
        alone=[("0.0001", 0.9, 1)],
    )
    corner = table(
        first=[("1e-05", 0.9, 1), ("0.0001", 0.8, 1)], last=[("1e-05", 0.5, 1), ("0.0001", 0.9, 1)]
    )
    assert [one.edges for one in choose(pd.concat([runs, corner]), ["lr"])] == [
        (),
        (),
        ("lr",),
        ("lr",),
    ]
    words = table(ppo=[("few", 0.9, 1), ("many", 0.5, 1)])
    assert choose(words, ["lr"])[0].edges == (), "words have no first and last"


def test_a_configuration_with_a_failed_run_cannot_win():
    runs = table(ppo=[("1", 0.5, 0.1), ("2", 0.9, 0.3)])
    runs.loc[2, "status"] = "failed"
    assert choose(runs, ["lr"])[0].at == {"lr": "1"}
    runs["status"] = "failed"
    refused("runs: expected a configuration of 'ppo' without failed runs", choose, runs, ["lr"])
    refused(r"runs: expected seeds \[100, 101\] of 'ppo'", choose, runs.drop(index=0), ["lr"])


def test_the_shipped_choice_follows_from_the_record_and_every_method_had_as_many_tries():
    grid, tuned = load_sweep("grid"), load_sweep("tuned")
    assert not {*grid.seeds} & {*tuned.seeds} and tuple(tuned.tuned_on) == tuple(grid.seeds)
    assert [v.name for v in tuned.variants] == [v.name for v in grid.variants]
    for label, own in recorded("grid")[0].groupby("label"):
        means = own.groupby(["lr", "threshold"])[["sampled", "kl"]].mean()
        assert len(means) == 15 and len(own) == 45, label
        near = means[means["sampled"] >= means["sampled"].max() - 0.01]
        lr, _ = near["kl"].idxmin()
        variant = next(v for v in tuned.variants if v.name == label)
        assert variant.train["lr"] == float(lr)


def test_without_the_tuning_runs_there_is_nothing_to_choose(tmp_path, monkeypatch):
    monkeypatch.setattr("trlab.record.RECORDS", tmp_path)
    asked = Sweep(
        text="",
        variants=[Variant("ppo")],
        budget=Budget(steps=1),
        axes=[Axis("lr", (1e-4, 3e-4))],
        name="tries",
    )
    with pytest.raises(
        RecordError,
        match=r"expected the tuning runs of 'tries' in .* got none; `trlib sweep tries`",
    ):
        chosen(asked)
    with pytest.raises(RecordError, match="expected the tuning runs of 'grid'"):
        load_sweep("tuned")


def test_the_rule_reads_the_seeds_that_are_asked_for_and_no_others():
    tried, asked = load_sweep("real_map"), load_sweep("real")
    rates = {
        seeds: [one.train["lr"] for one in chosen(replace(tried, seeds=seeds)) if one.name == "ppo"]
        for seeds in (tuple(tried.seeds), tuple(asked.tuned_on))
    }
    runs, _ = recorded("real_map")
    for seeds, (rate,) in rates.items():
        own = (
            runs[(runs["label"] == "ppo") & runs["seed"].isin(seeds)]
            .groupby("lr")[["sampled", "kl"]]
            .mean()
        )
        near = own[own["sampled"] >= own["sampled"].max() - 0.01]
        assert rate == float(near["kl"].idxmin())
    assert [*rates.values()] == [[3e-4], [1e-4]], (
        "the third seed of the map came after the runs with fresh seeds"
    )
    with pytest.raises(
        RecordError, match=r"expected tuning runs of 'real_map' with seeds \[9\] in "
    ):
        chosen(replace(tried, seeds=(1700, 9)))


def test_what_was_chosen_holds_a_variant_s_own_arguments():
    """Muon's learning rates are multiples of AdamW's: the chosen one is its own, and it keeps none
    to choose from."""
    grid = load_sweep("gallery_grid")
    muon, ppo = (next(one for one in chosen(grid) if one.name == name) for name in ("muon", "ppo"))
    rates = next(one for one in grid.variants if one.name == "muon").instead["lr"]
    assert muon.train["optimizer"] == "muon" and {"lr": muon.train["lr"]} in rates.values()
    plain = [float(rate) for rate in rates]
    assert muon.train["lr"] not in plain and ppo.train["lr"] in plain
    assert not muon.instead
