"""Faults and healthy dumps of an exam that somebody else set, on several seeds: what the rules called
by a wrong name, accused or missed."""

import numpy as np
import pytest

from trcheck.benchmark import routed
from trcheck.benchmark.faults import flat, judged

pytestmark = pytest.mark.test_all("four dumps for each question")
SEEDS = range(4)


def names(columns):
    return [cause.name for cause in judged(columns).causes]


# -- a mixture of experts
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("router", [0.01, 0.02, 0.04])
def test_another_expert_is_no_edit_of_the_logits(router):
    """Both leave a few far ratios among tokens that hardly differ: amber, and both are said."""
    shares = []
    for seed in SEEDS:
        columns, share = routed.flat(seed, router=router)
        found = judged(columns)
        assert (found.verdict, found.causes) == ("unusual", ())
        assert "another expert for the same token" in found.headline
        shares.append(share)
    assert 0.005 < np.mean(shares) < 0.05


def test_a_mixture_of_experts_that_replays_its_routes_is_healthy():
    for seed in SEEDS:
        columns, share = routed.flat(seed, router=0.04, replay=True)
        assert judged(columns).verdict == "healthy" and share > 0.02


def test_a_bias_on_words_is_an_edit_in_a_mixture_of_experts_too():
    """Because the same words are lifted wherever they stand."""
    edit, found = np.where(np.arange(600) % 60 == 3, 4.0, 0.0), []
    for seed in SEEDS:
        found.append(names(routed.flat(seed, edit=edit)[0]))
    assert found.count(["edited-logits"]) >= 3 and found.count([]) <= 1


# -- updates
# --------------------------------------------------------------------------------------------------


def updated(seed, size, kind="softmax"):
    """A healthy dump after several updates: along the advantages, or, where `size` is below 0,
    against them; far in some completions and little in others."""
    columns, g = flat(seed, 96, "bf16", True, kind), np.random.default_rng(seed)
    free = -np.expm1(columns["logp_old"])
    each = size * np.exp(0.8 * g.standard_normal(96))[columns["completion"]]
    along = each * columns["advantage"] * (0.3 + g.random(len(free)))
    moved = free * (along + 0.15 * abs(size) * g.standard_normal(len(free)))
    return columns | {"logp": np.minimum(columns["logp_old"] + moved, 0)}


@pytest.mark.parametrize("kind", ["softmax", "relay"])
def test_without_logp_old_many_updates_are_no_other_prompt(kind):
    """Five groups in twelve teach nothing, and did not move; a completion may go the other way,
    because the policy is one and the completions are many."""
    for seed in SEEDS:
        columns = flat(seed, 96, "bf16", True, kind)
        columns["reward"] = np.where(columns["group"] < 5, 1.0, columns["reward"])
        columns["advantage"] = np.where(columns["group"] < 5, 0.0, columns["advantage"])
        g, free = np.random.default_rng(seed), -np.expm1(columns["logp_old"])
        way = np.where(g.random(96) < 0.1, -1, 1)[columns["completion"]]
        along = way * np.sign(columns["advantage"]) * (0.6 + g.random(len(free)))
        columns["logp"] = np.minimum(columns["logp_old"] + 1.5 * free * along, 0)
        del columns["logp_old"]
        found = judged(columns)
        assert "pairing" not in [cause.name for cause in found.causes]
        assert "give logp_old" in found.headline and "since sampling" in found.headline


def test_a_loss_with_the_wrong_sign_is_named_and_the_right_one_is_healthy():
    for seed in SEEDS:
        assert names(updated(seed, -1.5)) == ["sign"]
        assert names(updated(seed, 1.5)) == []
        (cause,) = judged(updated(seed, -1.5)).causes
        assert "moved against its advantages" in cause.evidence and "minus" in cause.advice


def test_logp_old_of_another_batch_is_pairing_where_the_other_columns_agree():
    for seed in SEEDS:
        columns = flat(seed, 96, "bf16")
        other = flat(seed + 50, 96, "bf16")["logp_old"]
        (cause,) = judged(columns | {"logp_old": np.resize(other, len(columns["logp"]))}).causes
        assert (
            cause.name == "pairing" and "logp_old has hardly anything in common" in cause.evidence
        )
        assert judged(columns).causes == ()


# -- two temperatures
# --------------------------------------------------------------------------------------------------


def joined(one, other, share):
    """The first groups of a dump and the others of another, which has the same groups."""
    groups = share * 12
    first, rest = one["group"] < groups, other["group"] >= groups
    return {name: np.concatenate([one[name][first], other[name][rest]]) for name in one}


@pytest.mark.parametrize("share", [0.25, 0.5])
@pytest.mark.parametrize("temperature", [0.6, 0.7, 1.3])
def test_a_temperature_of_some_completions_is_named_and_they_are_listed(temperature, share):
    for seed in SEEDS:
        odd, right = flat(seed, 96, f"temperature {temperature}"), flat(seed, 96, "bf16")
        (cause,) = judged(joined(odd, right, share)).causes
        assert cause.name == "temperature" and "They are 0, 1, 2, " in cause.evidence
        assert cause.evidence.startswith(f"In {int(96 * share)} of 96 completions")


def test_halves_of_other_precision_or_age_are_no_two_temperatures():
    for seed in SEEDS:
        for kind in ("int8", "stale 6", "updated"):
            assert judged(joined(flat(seed, 96, kind), flat(seed, 96, "bf16"), 0.5)).causes == ()


# -- the order of what is said
# --------------------------------------------------------------------------------------------------


def test_a_prompts_rare_token_is_no_floor_of_the_log_probs():
    """A counted prompt whose rarest token is the same number in every completion of its group."""
    for seed in SEEDS:
        columns = flat(seed, 96, "prompt counted")
        place = np.flatnonzero(np.diff(columns["completion"], prepend=-1))
        at = place[columns["group"][place] == 3]
        for name in ("logp", "logp_old"):
            columns[name][at] = -96.12 + 1e-5 * np.arange(len(at))
        columns["logp_rollout"][at] = -96.12
        assert "unit" not in names(columns) and "foreign-tokens" in names(columns)
