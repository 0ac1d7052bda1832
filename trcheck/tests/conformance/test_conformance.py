"""The runner: what agrees is said to agree, and every seeded deviation is found and named."""

import math
import sys
import textwrap
from functools import partial

import pytest
import torch

from trcheck.conformance import calls, functions, vectors
from trcheck.conformance.reference import exact_ratios
from trcheck.conformance.report import judge
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms import ppo_loss
from trlib.errors import TrlibError

V = vectors.load()


def clip(logp, logp_old, advantages, mask, *, high=1.2, add=0.0):
    """GRPO's everyday loss, as people write it; and with a bug."""
    ratio = (logp - logp_old).exp()
    loss = -torch.min(ratio * advantages, ratio.clamp(0.8, high) * advantages)
    return ((loss + add * (logp - logp_old)) * mask).sum() / mask.sum().clamp(min=1)


def finding_of(function, loss, **options):
    (finding,) = functions.hold(V, function, loss=loss, **options)
    return finding


def test_two_slips_of_different_kinds_are_both_named():
    finding = finding_of(
        lambda logp, logp_old, advantages, mask: clip(
            logp, logp_old, -advantages, torch.ones_like(mask)
        ),
        "ppo",
    )
    assert {d.point for d in finding.deviations} == {"aggregation", "advantage"}


def dppo_by_ratio(logp, logp_old, advantages, mask):
    """DPPO whose mask looks at |ratio - 1|."""
    r = (logp - logp_old).clamp(max=20).exp().detach()
    bad = ((r - 1).abs() > 0.2) & torch.where(advantages > 0, r > 1, r < 1)
    return -(r * logp * advantages).masked_fill(bad, 0)


def dppo_as_a_ratio(logp, logp_old, advantages, mask, *, penalty=0.0, most=20.0):
    """DPPO as SkyRL and prime-rl write it: -(r A), masked; prime-rl adds a penalty on the squared
    log-ratio."""
    d = logp - logp_old
    bad = ((logp.exp() - logp_old.exp()).abs() > 0.15).detach() & torch.where(
        advantages > 0, d > 0, d < 0
    )
    return -(d.clamp(max=most).exp() * advantages).masked_fill(bad, 0) + penalty * d.square()


@pytest.mark.parametrize("most", [20.0, math.inf], ids=["ratios below e^20", "any ratio"])
def test_a_loss_with_the_reference_s_gradient_and_another_value_trains_alike(most):
    finding = finding_of(partial(dppo_as_a_ratio, most=most), "dppo_tv")
    assert finding.status == "same gradient, other value"
    form = "writes -r A for -sg[r] A log π: another value, the same gradient where nothing bounds r"
    assert [d.words for d in finding.deviations] == [
        *["does not clamp the log-ratio"] * (most > 20),
        form,
    ]
    assert finding.notes[0] == "the gradient differs at ratios of e^10 and beyond only"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (partial(dppo_as_a_ratio, penalty=1e-3), {"writes -r A for -sg", "adds 0.002 times k2"}),
        (dppo_by_ratio, {"against |ratio - 1|", "takes 0.2 for its threshold"}),
    ],
    ids=["prime-rl", "a ratio within .2"],
)
def test_two_deviations_are_both_named(function, words):
    finding = finding_of(function, "dppo_tv")
    assert finding.status == "differs" and len(finding.deviations) == 2, finding.words
    assert all(word in finding.words for word in words), finding.words


@pytest.mark.test_all("searches all definitions twice")
def test_what_nothing_explains_is_said():
    finding = finding_of(
        lambda logp, logp_old, advantages, mask: ((logp - logp_old) ** 3 * advantages * mask).sum(),
        "ppo",
    )
    assert finding.status == "differs" and finding.deviations == ()
    assert (
        "agrees in none of 11 batches; none of " in finding.words and "definitions" in finding.words
    )
    partly = finding_of(
        lambda logp, logp_old, advantages, mask: clip(
            logp.clamp(max=-1e-8), logp_old.clamp(min=-9.0), advantages, mask
        ),
        "ppo",
    )
    assert "of 11 batches, not in rare tokens, extreme ratios" in partly.words


def test_float32_is_compared_as_such():
    finding = finding_of(
        lambda logp, logp_old, advantages, mask: clip(
            logp.float(), logp_old.float(), advantages.float(), mask
        ),
        "ppo",
    )
    assert (finding.status, finding.notes) == ("agrees", ("computes in float32",))


def boom(*_, **__):
    raise RuntimeError("boom\nand a long story")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (boom, "raises RuntimeError (boom) in 'on-policy' and in 10 more"),
        (
            lambda logp, **_: 1.0,
            "returns float; expected a tensor, or a tuple that begins with one in 'on-policy'",
        ),
        (lambda logp, **_: torch.tensor(3), "returns torch.int64; expected a floating type"),
        (lambda logp, **_: logp.detach().sum(), "carries no gradient to the current log-probs"),
        (lambda logp, **_: logp.sum(-1), "returns shape [4]; expected a scalar or [B, T] = [4, 6]"),
        (lambda logp, **_: (logp * math.nan).sum(), "returns NaN"),
        (lambda logp, **_: (logp - logp.detach()).sqrt().sum(), "has a gradient of inf"),
    ],
)
def test_a_function_that_fails_is_reported(function, words):
    finding = finding_of(function, "ppo")
    assert finding.status == "fails" and words in finding.words and "\n" not in finding.words


def test_a_function_that_fails_here_and_there_is_explained_elsewhere():
    def fragile(logp, logp_old, advantages, mask):
        if (logp - logp_old).abs().max() > 20:
            raise OverflowError("too far")
        return -clip(logp, logp_old, advantages, mask)

    finding = finding_of(fragile, "ppo")
    assert finding.status == "fails" and [d.point for d in finding.deviations] == ["sign"]
    assert "raises OverflowError (too far) in 'extreme ratios'" in finding.words


def test_a_batch_with_nothing_unmasked_is_a_note():
    def bare(logp, logp_old, advantages, mask):
        return clip(logp, logp_old, advantages, mask) * mask.sum().clamp(min=1) / mask.sum()

    finding = finding_of(bare, "ppo")
    assert (finding.status, finding.words) == ("agrees", "returns NaN where nothing is unmasked")


def exact_ppo_loss(*logps, **given):
    """Ours without its cap on the ratio."""
    with exact_ratios():
        return ppo_loss(*logps, **given)


def test_a_plain_function_is_called_by_name_by_place_and_with_settings():
    def by_place(a, b, c, d):
        return clip(a, b, c, d)

    def with_settings(logp, logp_old, *, advantages, mask, eps_low, eps_high=9.0):
        return exact_ppo_loss(
            logp, logp_old, advantages=advantages, mask=mask, eps_low=eps_low, eps_high=eps_high
        )

    assert finding_of(by_place, "ppo").status == finding_of(with_settings, "ppo").status == "agrees"
    assert finding_of(with_settings, "ppo", given={"eps_high": 0.3}).deviations[0].point == "window"


def verls(
    old_log_prob, log_prob, advantages, response_mask, loss_agg_mode, config, rollout_is_weights
):
    """PPO with verl's signature, the threshold where verl has it; aggregates as it is asked or
    not."""
    found = exact_ppo_loss(
        log_prob,
        old_log_prob,
        advantages=advantages,
        mask=response_mask,
        eps_low=config.clip_ratio_low,
        eps_high=config["clip_ratio_high"] if isinstance(config, dict) else config.clip_ratio_high,
    )
    return aggregate(found.per_token, response_mask, loss_agg_mode, horizon=8), {
        "metric": config.get("clip_ratio_c")
    }


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_verls_signature(how):
    settings = V.losses["ppo_clip_higher"]["settings"]
    observed = calls.observe(V, calls.verl(verls, settings=settings, how=how))
    assert judge(V, "verls", "ppo_clip_higher", observed, how).words == ""
    deaf = calls.verl(
        lambda *a, **k: verls(**{**k, "loss_agg_mode": "token-mean"}), settings=settings, how=how
    )
    found = judge(V, "verls", "ppo_clip_higher", calls.observe(V, deaf), how)
    assert [d.point for d in found.deviations] == ([] if how == "token-mean" else ["aggregation"])


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module into the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        return name

    yield write
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


def test_an_address_is_found_from_the_working_folder(module):
    name = module(
        "found_here", "class Losses:\n    @staticmethod\n    def clip(logp, mask): return -logp"
    )
    assert functions.resolve(f"{name}:Losses.clip")(2.0, None) == -2.0


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        (
            "breaks_on_import:f",
            TrlibError,
            "importing 'breaks_on_import' fails: ZeroDivisionError: division by zero",
        ),
        (
            "needs_another:f",
            TrlibError,
            "importing 'needs_another' fails: No module named 'not_there_at_all'",
        ),
    ],
)
def test_bad_addresses_are_named(module, address, error, words):
    module("breaks_on_import", "1 / 0")
    module("needs_another", "import not_there_at_all")
    with pytest.raises(error, match=words):
        functions.resolve(address)


def test_a_function_that_writes_into_its_batch_spoils_nothing():
    def careless(logp, logp_old, advantages, mask):
        advantages *= mask
        return clip(logp, logp_old, advantages, mask)

    before = {key: value.clone() for key, value in V.batches["near"].items()}
    finding = finding_of(careless, "ppo")
    assert finding.status == "differs" and [d.point for d in finding.deviations] == ["input"]
    assert "writes into its inputs (advantages)" in finding.words
    assert all(torch.equal(before[key], value) for key, value in V.batches["near"].items())
