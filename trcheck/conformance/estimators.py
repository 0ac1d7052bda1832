"""What surrounds a loss, written a second time with its choices: estimators, advantages,
corrections."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from trcheck.conformance.bench import relative
from trcheck.conformance.definitions import CLAMP, Axis, Definition, Deviation
from trcheck.conformance.report import AGREES, DIFFERS, FAILS, Finding
from trcheck.conformance.search import AGREES as TOLERANCE
from trcheck.conformance.search import FLOAT32, SAME
from trcheck.conformance.vectors import Vectors, tensors

Numbers = dict[str, Tensor]
CORRECTED = ("two anchors", "an empty row")
"""The batches of the corrections."""


def estimator(
    vectors: Vectors,
    *,
    name: str,
    swapped: bool,
    clamp: float | None,
    most: float | None,
    weighed: bool,
    detached: bool,
) -> Numbers:
    """k1, k2 or k3 of every unmasked token and its gradient in logp."""

    def kl(logp: Tensor, old: Tensor) -> Tensor:
        d = old - logp
        ratio = (-d).exp() if weighed else 1.0
        if swapped:
            d = -d
        if clamp is not None:
            d = d.clamp(-clamp, clamp)
        value = {"k1": -d, "k2": d.square() / 2, "k3": d.exp() - d - 1}[name]
        value = ratio * (value if most is None else value.clamp(-most, most))
        return value.detach() if detached else value

    return estimator_of(vectors, kl)


def estimator_of(vectors: Vectors, kl: Callable[[Tensor, Tensor], Tensor]) -> Numbers:
    """What somebody's estimator of (logp, logp_old) gives on every unmasked token, with its
    gradient."""
    rows = vectors.rows
    logp = rows["logp"].clone().requires_grad_()
    value = kl(logp, rows["logp_old"])
    single = value.dtype == torch.float32
    value = value.where(rows["mask"], 0.0)
    gradient = torch.zeros_like(logp)
    if value.requires_grad:
        (gradient,) = torch.autograd.grad(value.sum(), logp)
    return {"values": value.detach(), "gradient": gradient.float() if single else gradient}


def advantage(
    vectors: Vectors,
    *,
    name: str,
    constant: float | str = 1e-6,
    spread: str = "group",
) -> Numbers:
    """One advantage per completion, against its group."""
    inputs = tensors(vectors.pieces["advantages"]["inputs"])
    rewards, lengths, group = inputs["rewards"], inputs["lengths"], inputs["group"]
    result = torch.zeros_like(rewards)
    for g in group.unique():
        mine = group == g
        r = rewards[mine]
        centred = r - (
            (lengths[mine] * r).sum() / lengths[mine].sum()
            if name == "length_weighted"
            else r.mean()
        )
        if name == "leave_one_out":
            centred = centred * len(r) / (len(r) - 1)
        elif name == "group_std" and not spread.startswith("batch"):
            centred = _over(centred, r.std(unbiased=spread == "group"), constant)
        result[mine] = centred
    if name == "group_std" and spread.startswith("batch"):
        of = rewards if spread == "batch" else result
        result = _over(result, of.std(), constant)
    return {"advantages": result}


def _over(values: Tensor, deviation: Tensor, constant: float | str) -> Tensor:
    return values / (
        deviation.clamp(min=1e-6) if isinstance(constant, str) else deviation + constant
    )


def gae(vectors: Vectors, *, whitened: bool, skipped: bool) -> Numbers:
    """Advantages and returns of unmasked tokens, 0 elsewhere."""
    document = vectors.pieces["gae"]["inputs"]
    inputs = tensors(document)
    gamma, lam, mask = document["gamma"], document["lam"], inputs["mask"]
    advantages, nothing = torch.zeros_like(inputs["values"]), torch.zeros(len(mask)).double()
    ahead, after = nothing, nothing
    for t in range(mask.shape[1] - 1, -1, -1):
        reward, value = inputs["rewards"][:, t], inputs["values"][:, t]
        step = reward + gamma * after - value + gamma * lam * ahead
        counts = mask[:, t] | (not skipped)
        ahead, after = step.where(counts, ahead), value.where(counts, after)
        advantages[:, t] = ahead
    returns, inside = advantages + inputs["values"], advantages[mask]
    if whitened:
        advantages = (advantages - inside.mean()) / (inside.var() + 1e-8).sqrt()
    return {"advantages": advantages.where(mask, 0.0), "returns": returns.where(mask, 0.0)}


def correction(
    vectors: Vectors, *, level: str, how: str, clamp: float | None, turned: bool
) -> Numbers:
    """The factor on the advantages of unmasked tokens, 0 elsewhere. how="window": IcePop's, from .5
    to 5, else 0."""
    low, high = (0.5, 5.0) if how == "window" else (0.0, 2.0)
    factors = {}
    for name in CORRECTED:
        batch = vectors.batches[name]
        mask = batch["mask"]
        d = (batch["logp_old"] - batch["logp_rollout"]).masked_fill(~mask, 0.0)
        d = -d if turned else d
        d = d.sum(-1, keepdim=True).expand_as(d) if level == "sequence" else d
        c = (d if clamp is None else d.clamp(-clamp, clamp)).exp()
        outside = (c > high) | (c < low)
        c = c.clamp(max=high) if how == "truncate" else c.masked_fill(outside, 0.0)
        factors[name] = c.where(mask, 0.0)
    return factors


def slip(words: str) -> Axis:
    """A choice that is a slip, or is not made."""
    return Axis("form", {False: "", True: words})


SWAPPED = slip("takes its arguments in the opposite order, for KL(old || current)")
BOUNDED = Axis(
    "cap",
    {
        None: "",
        10.0: "bounds the estimate at 10, so a token far off has no gradient",
        100.0: "bounds the estimate at 100, so a token far off has no gradient",
    },
)
WEIGHED = slip("multiplies the estimate by the ratio to the old policy, gradient and all")
DETACHED = slip("carries no gradient to the current log-probs")
TURNED = slip("takes the ratio upside down, μ/π_old")
CONSTANT = Axis(
    "epsilon",
    {
        1e-6: "",
        0.0: "adds nothing to the standard deviation",
        "floor": "adds nothing to the standard deviation, but takes 1e-6 where it is less",
        **{10.0**e: f"adds 1e{e} to the standard deviation" for e in (-4, -5, -8)},
    },
)
SPREAD = Axis(
    "form",
    {
        "group": "",
        "population": "takes the population's standard deviation (divisor G)",
        "batch": "divides by the standard deviation of the whole batch's rewards, not the group's",
        "batch, centred": "divides by the standard deviation of the whole batch's advantages, not "
        "of the group's rewards",
    },
)
WHITENED = slip("whitens the advantages over the mask (1e-8 added to the variance)")
SKIPPED = Axis("form", {True: "", False: "counts masked tokens as steps"})

ESTIMATOR = {
    "swapped": SWAPPED,
    "clamp": CLAMP,
    "most": BOUNDED,
    "weighed": WEIGHED,
    "detached": DETACHED,
}
CORRECTION = {"clamp": CLAMP, "turned": TURNED}
ADVANTAGE = {"constant": CONSTANT, "spread": SPREAD}

PIECES: dict[str, Definition] = {
    **{name: Definition(partial(estimator, name=name), ESTIMATOR) for name in ("k1", "k2", "k3")},
    **{
        name: Definition(partial(advantage, name=name), ADVANTAGE)
        for name in ("group_std", "group_mean", "leave_one_out", "length_weighted")
    },
    "gae": Definition(gae, {"whitened": WHITENED, "skipped": SKIPPED}),
    **{
        f"{level} {how}": Definition(partial(correction, level=level, how=how), CORRECTION)
        for level in ("token", "sequence")
        for how in ("truncate", "mask")
    },
    "token window": Definition(partial(correction, level="token", how="window"), CORRECTION),
}
"""Every piece by its name in the vectors."""


def compare(
    vectors: Vectors, subject: str, name: str, run: Callable[[Vectors], Numbers]
) -> Finding:
    """Run a library's function on a piece's inputs and say which definition it computes."""
    try:
        observed = run(vectors)
    except Exception as error:  # anything that the function does is a finding
        first = str(error).strip().split("\n")[0]
        return Finding(subject, name, FAILS, notes=(f"raises {type(error).__name__} ({first})",))
    piece = PIECES[name]
    single = all(values.dtype == torch.float32 for values in observed.values())
    same, agrees = (FLOAT32, FLOAT32) if single else (SAME, TOLERANCE)
    notes = ("computes in float32",) if single else ()
    apart = _error(observed, piece.compute(vectors, **piece.base))
    if apart <= same:
        return Finding(subject, name, AGREES, notes=notes)
    deviations = _explain(vectors, piece, observed, same)
    if not deviations and agrees > same:
        deviations = _explain(vectors, piece, observed, agrees)
    if not deviations:
        deviations = _another(vectors, name, observed, agrees)
    if apart <= agrees:
        words = " and ".join(d.words for d in deviations)
        remark = f"to the last digit it {words} (a relative {apart:.0e})"
        return Finding(subject, name, AGREES, notes=(remark,) if deviations else ())
    if not deviations:
        notes = ("none of the definitions that were tried explains it",)
    return Finding(subject, name, DIFFERS, deviations, notes)


def corrected(
    vectors: Vectors, subject: str, name: str, factor: Callable[[dict[str, Tensor]], Tensor]
) -> Finding:
    """A finding for a correction: what it multiplies the tokens of a batch by."""

    def run(vectors: Vectors) -> Numbers:
        factors = {}
        for name in CORRECTED:
            batch = vectors.batches[name]
            factors[name] = factor(batch).expand_as(batch["mask"]).where(batch["mask"], 0.0)
        return factors

    return compare(vectors, subject, name, run)


def _explain(
    vectors: Vectors, piece: Definition, observed: Numbers, tolerance: float
) -> tuple[Deviation, ...]:
    """The fewest other options that give these numbers."""
    for depth in range(1, len(piece.axes) + 1):
        for change in piece.changes(depth):
            if _error(observed, piece.compute(vectors, **piece.base | change)) <= tolerance:
                return piece.deviations(change)
    return ()


def _another(
    vectors: Vectors, name: str, observed: Numbers, tolerance: float
) -> tuple[Deviation, ...]:
    """The piece of another name that these numbers are."""
    for other, piece in PIECES.items():
        if other == name:
            continue
        expected = piece.compute(vectors, **piece.base)
        shapes = {key: values.shape for key, values in expected.items()}
        alike = shapes == {key: values.shape for key, values in observed.items()}
        if alike and _error(observed, expected) <= tolerance:
            return (Deviation("form", f"is {other}, not {name}"),)
    return ()


def _error(observed: Numbers, expected: Numbers) -> float:
    return max(float(_apart(observed[key], expected[key]).max()) for key in expected)


def _apart(observed: Tensor, expected: Tensor) -> Tensor:
    single = observed.dtype == torch.float32  # where cancellation leaves an absolute error too
    return relative(observed.double(), expected, expected.abs() + 0.01 if single else None)
