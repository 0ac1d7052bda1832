"""What is wrong with a dump, by name.

Significance comes first, size second: `trcheck.diagnose.rules` ask of every statistic how many
of its errors it lies from what a healthy dump has, and then whether it is larger than healthy
engines make it. What is certain and has no name, or is too small to matter yet, is *unusual*. So is
what updates since sampling make too, where nothing in the dump excludes them.
`python -m trcheck.benchmark.heldout` measures how often each fault is named and a healthy dump
accused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trcheck.diagnose import exact
from trcheck.diagnose import thresholds as C
from trcheck.diagnose.evidence import Sums, numbers, sums
from trcheck.diagnose.groups import (
    advantages_of,
    baseline,
    critic,
    cut,
    dead,
    dead_groups,
    half_groups,
    truncation,
)
from trcheck.diagnose.log_probs import (
    clipped,
    early,
    end,
    filled,
    finite,
    late,
    nats,
    overflow,
    padding,
    pairing,
    shift,
    unit,
)
from trcheck.diagnose.messages import say
from trcheck.diagnose.refits import again, frozen, refits
from trcheck.diagnose.rollouts import Rollouts
from trcheck.diagnose.rules import NAMES, RULES, UNUSUAL, Values, line, steady, turned
from trcheck.diagnose.sample import Cause, Sample, cause, listed, sample


@dataclass(frozen=True)
class Measured:
    """How far learner and sampler are apart."""

    size: float
    """Mean |log ratio| over mean 1 - p: nats of a logit."""
    error: float
    deviation: float
    """Mean |log ratio|, nats per token."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on a dump."""

    verdict: str
    """"healthy", "found", "unusual" or "unclear"."""
    headline: str
    """One sentence: the same at the top of the terminal, of the JSON and of the page."""
    causes: tuple[Cause, ...]
    unseen: tuple[str, ...]
    """What no test could look at, and which column would let it."""
    seen: tuple[str, ...] = ()
    """The least of each fault that so many completions would have shown."""
    measured: Measured | None = None
    """The mismatch, for the next dump's `against`; None: it was not measured."""


@dataclass
class Memory:
    """What earlier batches of a run showed, forgotten slowly."""

    keep: float = 0.96
    """The weight of a batch, when the next one comes."""
    least: float = 0.05
    """A batch that weighs less is dropped."""
    batches: list[tuple[float, Sums]] = field(default_factory=list)
    """Each batch's weight and the sums of its completions, the oldest first."""
    counts: np.ndarray = field(default_factory=lambda: np.zeros(4))

    def joined(self, table: Sums) -> tuple[Sums, np.ndarray]:
        """The sums with those of earlier batches, where each of them has the column, and each
        completion's weight."""
        faded = [(self.keep * weight, batch) for weight, batch in self.batches]
        self.batches = [*(one for one in faded if one[0] >= self.least), (1.0, table)]
        weights, tables = zip(*self.batches, strict=True)
        names = [name for name in table if all(name in batch for batch in tables)]
        return (
            {name: np.concatenate([batch[name] for batch in tables]) for name in names},
            np.repeat(weights, [len(batch["n"]) for batch in tables]),
        )

    def counted(self, now: np.ndarray) -> np.ndarray:
        self.counts = self.keep * self.counts + now
        return self.counts


def judge(
    r: Rollouts, memory: Memory | None = None, against: Measured | None = None
) -> tuple[Judgement, Rollouts]:
    """The verdict, and the rollouts as a diagnosis can use them: in nats, without tokens that are
    no numbers.

    Args:
        memory: of the run that the batch belongs to; None: the dump stands alone.
        against: of the run's last healthy dump: a mismatch that has doubled since is a cause.

    Raises:
        ValueError: no token is left.
    """
    memory = Memory() if memory is None else memory
    causes: list[Cause] = []
    unusual: list[str] = []
    values: dict[str, Any] = {}
    r = nats(finite(r, causes), causes)
    s = sample(r)
    size = float(np.abs(s.d).mean())
    causes += overflow(s.of(s.x != 0) if filled(s)[1] else s)
    s = s.of(np.abs(s.d) <= C.OVERFLOW)
    owners, tokens = len(np.unique(s.owner)), len(s.x)
    wrong, odd, one = exact.advantages(r, advantages_of(r))
    reason = None
    if owners < C.FEWEST_COMPLETIONS or tokens < C.FEWEST_TOKENS:
        reason = say("unclear.few", completions=owners, tokens=tokens)
    elif s.x.min() == s.x.max() or s.y.min() == s.y.max():
        reason = say("unclear.constant")
    else:
        padded, fill = padding(r, s)
        causes += fill
        values = _of_log_probs(r, s.of(~padded), memory, causes, against)
        # Where the mask is wrong, its last token is no end.
        ends = not fill and "shift" not in {cause.name for cause in causes}
        counts = memory.counted(np.array([*dead(r), *(cut(r)[:2] if ends else (0, 0))]))
        causes += dead_groups(r, (counts[0], counts[1]))
        if ends:
            causes += truncation((counts[2], counts[3], *cut(r)[2:]))
        causes += half_groups(r) + (exact.prompt_counted(r) or exact.repeated_string(r))
        unusual = _unusual(values, r)
        if not critic(r):
            causes += wrong
            unusual += odd
    causes.sort(key=lambda cause: NAMES.index(cause.name))
    unique = tuple({cause.name: cause for cause in reversed(causes)}.values())[::-1]
    unseen = _unseen(r, one)
    measured = None
    if values:
        measured = Measured(values["size"], values["size_error"], values["deviation"])
    size_message = say("headline.size", deviation=size, engines=size / C.ENGINES["bf16"])
    if unique:
        headline = (
            say("headline.found", causes=", ".join(cause.name for cause in unique)) + size_message
        )
        if unusual and not {cause.name for cause in unique} - set(C.OF_THE_BATCH):
            what, names = "; ".join(unusual), ", ".join(cause.name for cause in unique)
            if values.get("size_low", 0) > C.HEALTHY:  # the larger finding first
                headline = say("headline.first", what=what, causes=names) + size_message
            else:
                headline += say("headline.beside", what=what)
        return Judgement("found", headline, unique, unseen, (), measured), r
    if reason:
        return Judgement("unclear", say("headline.unclear", reason=reason), (), unseen), r
    if unusual:
        headline = say("headline.unusual", what="; ".join(unusual)) + size_message
        return Judgement("unusual", headline, (), unseen, (), measured), r
    headline = say("headline.healthy", completions=r.count) + size_message
    return Judgement("healthy", headline, (), unseen, _seen(values), measured), r


def _of_log_probs(
    r: Rollouts, s: Sample, memory: Memory, causes: list[Cause], against: Measured | None
) -> dict[str, Any]:
    """What is wrong between the learner's and the sampler's log-probs, added to the causes: what
    makes a column no log-probs of its tokens, and then the first rule that holds. Returns the
    numbers that the rules were asked with; none, where no rule was."""
    ends, found = late(r, s)
    causes += found
    s = s.of(~ends)
    ends, found = end(s)
    causes += found
    s = s.of(~ends)
    found = (
        exact.copied(r)
        or exact.other_old(s)
        or exact.top_ones(s)
        or shift(r)
        or unit(s)
        or clipped(s)
    )
    causes += found
    if found:
        return {}
    odd, found = filled(s)
    causes += found
    s = s.of(~odd)
    mixed = some_temperature(r, s)
    found, wrong = ([], np.zeros(len(s.x), dtype=bool)) if mixed else pairing(r, s)
    # Without `logp_old` updates may be in d, and they move many completions.
    many = len(np.unique(s.owner[wrong])) > C.FEW * len(np.unique(s.owner))
    if r.logp_old is None and many and not wrong.all():
        found = []
    elif not found and not mixed:
        wrong, found = exact.middle(r, s)
        causes += found
    far, s = s.of(wrong), s.of(~wrong) if found else s
    if not len(s.x):
        causes += found
        return {}
    table, weight = memory.joined(sums(r, s))
    values = numbers(r, s, table, weight)
    values |= _unexplained(far, learned=values["updated"] == 1)
    # Where all differ more than a healthy engine's, some differ most.
    alike = values["size_low"] < C.HEALTHY
    alone = values["far_alone"] > C.FEW * values["far"]
    values["paired"] = float(bool(found) and alone and alike)
    values |= (
        refits(r, s)
        | _jump(values, against)
        | {"early_same": early(s), "again": again(s), "echo": exact.echo(s)}
        | {"worded": exact.worded(r, s)}
    )
    still = frozen(r)
    causes += still
    # Weights that stay behind may look like an edit or a temperature.
    rule = (
        None if still or mixed else next((one for one in RULES if one.holds(Values(values))), None)
    )
    if rule is not None:
        causes += cause(rule.name, rule.key, **values)
    causes += mixed
    if turned(Values(values)) and r.logp_old is not None:
        causes += cause("sign", "sign", **values)
    # Noise that no softmax makes is far from everything.
    if values["paired"] and (rule is None or rule.name not in ("noise", "support")):
        causes += found
    return values


def some_temperature(r: Rollouts, s: Sample) -> list[Cause]:
    """A part of the completions was sampled at another temperature than the learner scores at; the
    others agree."""
    owners, which = np.unique(s.owner, return_inverse=True)
    each = np.bincount(which, np.abs(s.d)) / np.maximum(np.bincount(which, s.free), C.UNSURE)
    size = np.sort(each)
    least = max(C.FEWEST_COMPLETIONS, int(C.PART * len(size)))
    if len(size) < 3 * least:
        return []
    # Where the sizes are apart most, in their logarithm.
    gaps = np.diff(np.log(np.maximum(size, 1e-4)))[least - 1 : len(size) - least]
    if gaps.max() < math.log(
        C.GAP
    ):  # one temperature moves completions more or less, without a gap
        return []
    cut = size[least + int(gaps.argmax())]
    far = np.isin(s.owner, owners[each >= cut])
    here, rest = s.of(far), s.of(~far)
    table = sums(r, here)
    values = numbers(r, here, table, np.ones(len(table["n"])))
    v = Values(values)
    if not (line(v, 0.4) and v.ratio_z < 4 and steady(v)):
        return []
    if rest.size > C.QUIET * v.size or v.size_low < C.LEAST_MOVED:
        return []
    listed_ = listed(np.unique(here.owner))
    facts = {"some": len(np.unique(here.owner)), "rest": rest.size, "listed": listed_}
    return cause("temperature", "temperature_some", **values | facts)


def _jump(values: dict[str, Any], against: Measured | None) -> dict[str, Any]:
    """How much larger the mismatch is than it was."""
    if against is None:
        return {}
    more = values["size"] - against.size
    return {
        "was": against.deviation,
        "was_size": against.size,
        "more": more,
        "jump": values["size"] / max(against.size, 1e-12),
        "jump_z": more / max(float(np.hypot(values["size_error"], against.error)), 1e-12),
    }


def _unexplained(far: Sample, learned: bool) -> dict[str, Any]:
    """How many completions lie far from the others, and how many of them the updates that the
    others show do not explain: those that did not go along their advantage."""
    owners, which = np.unique(far.owner, return_inverse=True)
    along = np.bincount(which, weights=far.advantage * far.d, minlength=len(owners))
    return {"far": len(owners), "far_alone": int((along <= 0).sum()) if learned else len(owners)}


def _unusual(values: dict[str, Any], r: Rollouts) -> list[str]:
    """What is certain and has no name, and which missing column would give it one."""
    absent = [name for name in ("logp_old", "version") if getattr(r, name) is None]
    if values.get("updated"):
        absent.remove("logp_old")  # which `unusual.updated` asks for
    tell = "".join(say(f"unusual.tell_{name}") for name in absent)
    found = [key for key, test in UNUSUAL.items() if test(Values(values))]
    if found[1:] and found[0] in C.SAY_SIZE:
        found = [key for key in found if key not in C.SIZES]
    if "tail" in found and values["in_tail"] > 0.5:  # the larger finding first
        found = ["tail", *(key for key in found if key != "tail")]
    drift = values.get("push_z", 0) < -C.Z
    values = values | {"drift": say("unusual.drift", **values) if drift else ""}
    if found and values["updated"]:
        found.append("updated")
    values |= {"updates": say("unusual.or_updates") if r.logp_old is None else ""}
    return [say(f"unusual.{key}", tell=tell, **values) for key in dict.fromkeys(found)]


def _seen(values: dict[str, Any]) -> tuple[str, ...]:
    """What would have been found: the rules' limits, or what the errors allow where that is
    more."""
    z, least = C.Z, C.SEEN
    slope = max(least["slope"], z * max(values["slope_x_error"], values["slope_y_error"]))
    few = max(least["alone"], int(least["tail"] * values["n"]) + 1)
    messages = [
        say("seen.temperature", temperature=max(1 - slope / least["per_temperature"], 0.0)),
        say("seen.pairing", completions=values["completions"], few=few),
        say("seen.size", size=max(least["size"], z * values["size_error"]), here=values["size"]),
    ]
    if not values["one_pass"]:
        messages.append(say("seen.dropout", moved=int(values["n_out_now"])))
    if values["span"] >= 2:
        messages.append(say("seen.aging", aging=max(z * values["aging_error"], least["aging"])))
    return tuple(messages)


def _unseen(r: Rollouts, one: bool) -> tuple[str, ...]:
    """What a missing column hides, and what advantages are relative to where it is no group; `one`:
    one baseline fits them all."""
    missing = [
        ("logp_old", r.logp_old is None),
        ("group", r.group is None),
        ("reward", r.reward is None),
        ("version", r.version is None),
        ("tokens", r.pieces is None),
        ("copied", np.array_equal(r.learner[r.mask], r.logp_rollout[r.mask])),
        ("sampling", r.sampling.holds is None),
    ]
    known = baseline(r, one)
    if known not in (None, "group"):
        missing.append((known or "", True))
    return tuple(say(f"unseen.{name}") for name, is_missing in missing if is_missing)
