"""Anybody's function, named by its address, held against the losses."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from trlab.conformance import calls, libraries
from trlab.conformance.bench import Observed
from trlab.conformance.families import FAMILIES
from trlab.conformance.pieces import Numbers, compare, estimator_of
from trlab.conformance.report import AGREES, DIFFERS, FAILS, Finding, judge
from trlab.conformance.search import EXHAUSTIVE, search
from trlab.conformance.trl_stand_in import trl
from trlab.conformance.vectors import Vectors, tensors
from trlib.aggregation import AGGREGATIONS
from trlib.errors import TrlibError, unknown

SIGNATURES: tuple[str, ...] = ("plain", "verl", "trl")
TRL_TYPES = {
    "token-mean": "bnpo",
    "seq-mean-token-mean": "grpo",
    "seq-mean-token-sum": "luspo",
    "seq-mean-token-sum-norm": "dr_grpo",
}
"""TRL's loss_type for an aggregation, where the loss has no type of its own."""
HORIZONS = ("horizon", "max_tokens", "max_completion_length", "generate_max_len")
"""What a plain function may call the divisor of a sum over a row."""
ESTIMATORS = ("k1", "k2", "k3")
ADVANTAGES = ("group_std", "group_mean", "leave_one_out", "length_weighted")
KINDS = {"loss": (), "kl": ESTIMATORS, "advantage": (*ADVANTAGES, "gae")}
"""What a function may compute, and the pieces that are tried where none is named."""
PIECES = (*ESTIMATORS, *ADVANTAGES, "gae")
"""What surrounds a loss and can be named in its place: KL estimators, called with (logp, logp_old),
and advantages, called with (rewards, group) or (rewards, lengths, group), of GAE with (rewards,
values, mask) and gamma, lam."""


def resolve(address: str) -> Callable[..., Any]:
    """The function (or, for TRL, the trainer class) at `package.module:name`, found from the
    working folder too.

    Raises:
        ValueError: no such address; says what is missing and what is near.
        TypeError: what stands there cannot be called.
        TrlibError: the module fails while it is imported.
    """
    module_name, colon, path = address.partition(":")
    if not colon or not module_name or not path:
        raise ValueError(f"function: expected package.module:name, got {address!r}")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        value: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (
            module_name == error.name or module_name.startswith(f"{error.name}.")
        ):
            raise ValueError(
                f"function: no module named {error.name!r} (searched the working folder and the "
                "installed packages)"
            ) from error
        raise TrlibError(f"function: importing {module_name!r} fails: {error}") from error
    except Exception as error:  # an import can fail in any way
        raise TrlibError(
            f"function: importing {module_name!r} fails: {type(error).__name__}: {error}"
        ) from error
    for part in path.split("."):
        if not hasattr(value, part):
            near = difflib.get_close_matches(part, dir(value), n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"function: {module_name!r} has no {part!r}{hint}")
        value = getattr(value, part)
    if not callable(value):
        raise TypeError(
            f"function: expected something that can be called at {address!r}, got "
            f"{type(value).__name__}"
        )
    return value


def hold(
    vectors: Vectors,
    function: str | Callable[..., Any],
    *,
    signature: str = "plain",
    loss: str | None = None,
    how: str | None = None,
    anchor: str | None = None,
    given: Mapping[str, Any] | None = None,
    kind: str | None = None,
) -> Iterator[Finding]:
    """Hold one function against one loss, or find the loss that it is.

    Args:
        vectors: the golden vectors.
        function: itself, or its address package.module:name.
        signature: one of SIGNATURES.
        loss: a name of the vectors' losses, or of PIECES; None: every loss is tried, and the
            nearest reported.
        how: the aggregation to ask for; None: the loss's own.
        anchor: which policy's log-probs stand where the function has one place for them; None: of a
            plain function the loss's own, else "recomputed".
        given: settings to pass to a plain function.
        kind: one of KINDS; None: what `loss` is, else a loss.

    Raises:
        ValueError, TypeError, TrlibError: as `resolve`; TRL's signature without TRL; an unknown
            signature, loss, aggregation or anchor; settings for a function that does not take them.
    """
    for name, value, known in (
        ("signature", signature, SIGNATURES),
        ("anchor", anchor or calls.ANCHORS[0], calls.ANCHORS),
        ("aggregation", how or AGGREGATIONS[0], AGGREGATIONS),
        ("kind", kind or "loss", tuple(KINDS)),
        ("loss", loss or "ppo", (*vectors.losses, *PIECES)),
    ):
        if value not in known:
            raise unknown(name, value, known)
    pieces = KINDS[kind or "loss"]
    if (
        kind is not None
        and loss is not None
        and (loss in PIECES, loss in pieces) != (bool(pieces), bool(pieces))
    ):
        expected = ", ".join(pieces) if pieces else "the name of a loss"
        raise ValueError(f"loss: expected {expected} beside --kind {kind}, got {loss!r}")
    if given and signature != "plain":
        raise ValueError(
            "set: expected --signature plain, whose functions take settings as arguments, got "
            f"{signature}"
        )
    if (loss in PIECES or pieces) and signature != "plain":
        raise ValueError(
            f"loss: expected --signature plain beside {loss or kind!r}, which is not a loss, got "
            f"{signature}"
        )
    if signature == "trl":
        libraries.installed("trl")
    if isinstance(function, str):
        title, function = function.partition(":")[2], resolve(function)
    elif callable(function):
        title = getattr(function, "__qualname__", type(function).__name__)
    else:
        raise TypeError(
            f"function: expected a function or its address, got {type(function).__name__}"
        )
    if signature == "trl" and isinstance(function, type) and not hasattr(function, "_compute_loss"):
        raise TypeError(f"function: expected a trainer class with _compute_loss, got {title!r}")
    if loss in PIECES:
        yield compare(vectors, title, loss, partial(_piece, function, loss, dict(given or {})))
    elif pieces:
        yield _nearest_piece(vectors, function, title, pieces, dict(given or {}))
    elif loss is None:
        yield _nearest(vectors, function, title, signature, how, anchor, given)
    else:
        how = how or vectors.losses[loss]["aggregation"]
        where, note = _place(function, signature, loss, anchor)
        observed = calls.observe(
            vectors, _subject(vectors, function, signature, loss, how, where, given)
        )
        yield judge(vectors, title, loss, observed, how, extra=note)


def _nearest_piece(
    vectors: Vectors,
    function: Callable[..., Any],
    title: str,
    names: tuple[str, ...],
    given: dict[str, Any],
) -> Finding:
    """The piece that the function is, or becomes with the fewest changes."""
    findings = [
        compare(vectors, title, name, partial(_piece, function, name, given)) for name in names
    ]
    explained = [
        f for f in findings if f.status == AGREES or (f.status == DIFFERS and f.deviations)
    ]
    if explained:
        return min(explained, key=lambda f: (f.status != AGREES, len(f.deviations)))
    return next((f for f in findings if f.status == DIFFERS), findings[0])


def _piece(
    function: Callable[..., Any], name: str, given: dict[str, Any], vectors: Vectors
) -> Numbers:
    """What a KL estimator or an advantage gives: called by the names of its parameters where it has
    ours, else in their order."""
    if name in ESTIMATORS:
        return estimator_of(
            vectors, lambda logp, old: _called(function, {"logp": logp, "logp_old": old}, given)
        )
    document = vectors.pieces["gae" if name == "gae" else "advantages"]["inputs"]
    inputs = tensors(document)
    if name == "gae":
        advantages, returns = _called(
            function, inputs, {"gamma": document["gamma"], "lam": document["lam"], **given}
        )
        mask = inputs["mask"]
        return {"advantages": advantages.where(mask, 0.0), "returns": returns.where(mask, 0.0)}
    if name != "length_weighted":
        del inputs["lengths"]
    ordered: dict[str, Any] = {
        key: inputs[key] for key in ("rewards", "lengths", "group") if key in inputs
    }
    return {"advantages": _called(function, ordered, given)}


def _called(
    function: Callable[..., Any], inputs: Mapping[str, Any], given: Mapping[str, Any]
) -> Any:
    parameters = inspect.signature(function).parameters
    if all(name in parameters for name in inputs):
        return function(**inputs, **given)
    return function(*inputs.values(), **given)


def _place(
    function: Callable[..., Any], signature: str, loss: str, anchor: str | None
) -> tuple[str, str]:
    """Which log-probs stand in the one place for them, and what to say of it: of a loss around the
    sampler, its."""
    sampler = "logp_rollout" in (
        FAMILIES[loss].base.get("anchor"),
        *FAMILIES[loss].base.get("anchors", ())[:1],
    )
    if anchor is not None or signature != "plain" or not sampler:
        return anchor or "recomputed", ""
    if "logp_rollout" in inspect.signature(function).parameters:
        return "recomputed", ""
    return (
        "rollout",
        "its one place for old log-probs was given the sampler's, around which this loss is drawn",
    )


def _subject(
    vectors: Vectors,
    function: Callable[..., Any],
    signature: str,
    loss: str,
    how: str,
    anchor: str,
    given: Mapping[str, Any] | None,
) -> calls.Subject:
    settings = vectors.losses[loss]["settings"]
    if signature == "plain":
        settings = settings | dict.fromkeys(HORIZONS, vectors.document["horizon"])
        return calls.plain(function, settings=settings, loss=loss, given=given, anchor=anchor)
    if signature == "verl":
        return calls.verl(function, settings=settings, how=how, anchor=anchor)
    family = next((name for name in ("cispo", "sapo") if loss.startswith(name)), TRL_TYPES[how])
    # A trainer whose loss_type only aggregates.
    if family not in getattr(function, "loss_types", (family,)):
        family = TRL_TYPES[how]
    return trl(
        function,
        settings=settings,
        loss_type=family,
        horizon=vectors.document["horizon"],
        level="sequence" if loss.startswith("gspo") else "token",
        anchor=anchor,
    )


def _nearest(
    vectors: Vectors,
    function: Callable[..., Any],
    title: str,
    signature: str,
    how: str | None,
    anchor: str | None,
    given: Mapping[str, Any] | None,
) -> Finding:
    """The loss that the function is, or becomes with the fewest changes."""
    seen: dict[str, tuple[Observed, str]] = {}
    for loss, entry in vectors.losses.items():
        aggregation = how or entry["aggregation"]
        where = _place(function, signature, loss, anchor)[0]
        subject = _subject(vectors, function, signature, loss, aggregation, where, given)
        seen[loss] = calls.observe(vectors, subject), aggregation
    usable = {loss: both for loss, both in seen.items() if both[0].values}
    if not usable:
        loss, (observed, aggregation) = next(iter(seen.items()))
        finding = judge(vectors, title, loss, observed, aggregation)
        return Finding(title, "any loss", FAILS, notes=finding.notes)
    at_once = {
        loss: search(vectors, loss, observed, aggregation, deepest=0)
        for loss, (observed, aggregation) in usable.items()
    }
    nearest = (
        next((loss for loss, result in at_once.items() if result.agrees), None)
        or next((loss for loss, result in at_once.items() if not result.steered), None)
        or _shortest(vectors, usable)
    )
    if nearest is None:
        return Finding(
            title,
            "any loss",
            DIFFERS,
            notes=(
                "no loss of the vectors, and none with two choices changed, "
                "gives its numbers; name the one it should be: --loss",
            ),
        )
    return judge(
        vectors,
        title,
        nearest,
        *usable[nearest],
        extra=_place(function, signature, nearest, anchor)[1],
    )


def _shortest(vectors: Vectors, usable: Mapping[str, tuple[Observed, str]]) -> str | None:
    """The loss that one changed choice, else two, turn into the function: the fewest that change
    what is trained."""
    for deepest in range(1, EXHAUSTIVE + 1):
        changes = {}
        for loss, (observed, asked) in usable.items():
            match = search(vectors, loss, observed, asked, deepest=deepest).match
            if match is not None and not match.gradient_only:
                changes[loss] = sum(not d.same_gradient for d in match.deviations)
        if changes:
            return min(changes, key=changes.__getitem__)
    return None
