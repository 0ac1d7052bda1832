"""What the page of recorded runs and chapter 11b say in words is what their records say: sentences in
bold, and what they warn of."""

import json

import pytest

from book.build.paths import NOTEBOOKS, ROOT
from trlab import recorded
from trlab.outcomes import against, judged, runs_of
from trlab.statistics import interval
from trlab.sweep import load_sweep
from trlab.tuning import summary

USES = ("2", "4", "8", "16")


def prose():
    page = json.loads((NOTEBOOKS / "11_samplers.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in page["cells"] if cell["cell_type"] == "markdown"]
    return "\n".join([(ROOT / "book" / "recorded.md").read_text(encoding="utf-8"), *cells])


def said(sentence):
    """The sentence stands in bold above its figure."""
    assert f"**{sentence}**" in prose()


def verdicts(sweep, control, measure="sampled", **at):
    return {row.label: row.verdict for row in against(sweep, control, measure=measure, at=at)}


def test_a_small_rate_needs_no_region_and_a_large_one_does():
    said("At the best rate a run hardly needs a region; above it a region softens the fall.")
    alike = [
        f
        for f in judged("basin")
        if f.prediction.within is not None and f.prediction.at == {"lr": "1e-05"}
    ]
    assert [f.verdict for f in alike] == ["seen", "seen"] and alike[0].prediction.within == 0.02
    assert set(verdicts("basin", "pg_is", lr="0.0001").values()) == {"above"}


def test_a_narrower_clip_forgives_more():
    said("A tenth of PPO's window forgives more and learns more slowly.")
    found = verdicts("basin_narrow", "ppo", lr="0.0001")
    assert found["ppo-tenth"] == "above"
    assert len(runs_of("basin_narrow", "ppo-tenth", at={"lr": "0.0001"})) == 12


def test_every_use_costs():
    said("Use a batch even twice, and every method falls behind as many updates from fresh batches")
    for uses in USES:
        assert set(verdicts("reuse", "on-policy", uses=uses).values()) == {"below"}, uses


def test_few_completions_harm_and_age_hardly():
    said(
        "What breaks a run that uses its batches again is that they hold few "
        "completions for how far they go."
    )
    against_again = verdicts("refit", "pg_is-again", lr="0.0001")
    assert against_again["pg_is-parts"] == against_again["pg_is-new"] == "above"
    (age,) = [f for f in judged("refit") if f.prediction.text.startswith("age alone")]
    assert age.verdict == "seen" and age.prediction.within == 0.05
    (costs,) = [
        f for f in judged("refit") if f.prediction.text.startswith("at 3e-4 age costs something")
    ]
    assert costs.verdict == "seen"
    few = verdicts("refit_size", "again", lr="0.0001")
    assert few["again, 64"] == few["again, 256"] == few["parts"] == "above"
    large = runs_of("refit_size", "again, 256", at={"lr": "0.0001"})
    assert "the worst of those sixteen runs ends at 0.64." in prose()
    assert len(large) == 16 and f"{large.min():.2f}" == "0.64"


def test_minibatches_are_not_told_from_their_noise():
    said("Small batches are noisy before they are stale.")
    assert "Whether staleness adds to that is too close to call for every method." in prose()
    assert set(verdicts("minibatches", "on-policy", minibatches="8").values()) == {"undecided"}
    control = interval(runs_of("minibatches", "on-policy", at={"minibatches": "8"}))
    assert control.high - control.low > 0.1, "the control's own runs spread widely"


def within_two_hundredths_of_ppo():
    """The methods of which `best` predicted that they end within 0.02 of PPO at 16 uses, and of
    which that was seen."""
    alike = [
        f
        for f in judged("best")
        if f.prediction.within == 0.02 and f.prediction.at == {"uses": "16"}
    ]
    return [
        f.prediction.lower for f in alike if f.verdict == "seen" and f.prediction.higher == "ppo"
    ]


def test_at_its_best_rate_every_method_ends_alike():
    said("Tuned over learning rates, ten methods end alike.")
    assert "With sixteen epochs none lies more than 0.02 from PPO" in prose()
    assert "All but GSPO and TROLL [move the policy further]" in prose()
    assert {*within_two_hundredths_of_ppo(), "ppo"} == {
        variant.name for variant in load_sweep("best").variants
    }
    moved = verdicts("best", "ppo", "kl", uses="16")
    assert {label for label, verdict in moved.items() if verdict != "above"} == {"gspo", "troll"}


def test_the_rates_of_best_are_inside_what_was_tried():
    tried = recorded("basin_map")[0]
    chosen = summary(load_sweep("basin_map"), tried[tried["uses"] == "16"]).set_index("label")["lr"]
    assert chosen.pop("gspo") == "3e-05" and set(chosen) == {"1e-05"} and len(chosen) == 9
    assert not any(variant.edges for variant in load_sweep("best").variants)
    assert {*tried["lr"]} == {"3e-06", "1e-05", "3e-05", "0.0001", "0.0003", "0.001"}


def test_the_fastest_is_not_the_best():
    said(
        "GSPO starts slowest, every other method a little faster than PPO, and all end within "
        "0.02 of it."
    )
    soon = verdicts("best", "ppo", "take_off", uses="16")
    assert soon.pop("gspo") == "below" and set(soon.values()) == {"above"}
    assert len(within_two_hundredths_of_ppo()) == 9
    assert (
        verdicts("rare", "ppo", "take_off", parts="8 minibatches, 2 epochs")["dppo-tv"] == "above"
    )
    assert verdicts("rare", "ppo", "take_off", parts="whole, 8 uses")["dppo-tv"] == "undecided"


@pytest.mark.parametrize(
    ("sampler", "verdict"),
    [("int4", "below"), ("noise 1", "below"), ("noise .3", "undecided"), ("lag 8", "above")],
)
def test_where_to_draw_the_region(sampler, verdict):
    said(
        "With a very noisy sampler PPO ends higher if its region is drawn around the learner, "
        "with a late one if it is drawn around the sampler."
    )
    found = verdicts("noise", "ppo, learner", **{"sampler of": sampler})
    assert found["ppo, sampler"] == verdict


def test_signed_or_not():
    said(
        "Without the sign a batch moves the policy further; in accuracy the two are too close to "
        "call"
    )
    predicted = {
        (f.prediction.higher, f.prediction.lower, f.prediction.measure): f.verdict
        for f in judged("signed")
    }
    for kind in ("difference", "ratio"):
        assert predicted[f"{kind}, unsigned", f"{kind}, signed", "kl"] == "seen"
        for uses in ("4", "16"):
            assert (
                verdicts("signed", f"{kind}, signed", uses=uses)[f"{kind}, unsigned"] == "undecided"
            )
    _, history = recorded("signed")
    base = history[history["batch"] == 0]["reward"].mean()
    labels = set(history["label"])
    assert all(
        interval(runs_of("signed", label, at={"uses": "16"})).high < base for label in labels
    )
