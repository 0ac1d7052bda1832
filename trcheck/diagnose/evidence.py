"""What a dump is judged by: sums over each completion, statistics of them, and their errors.

An error z of a token's logit changes its log-prob by about (1 - p) z, so the sum of |d| over the
sum of 1 - p is in nats of a logit, however many tokens are certain: what rounding is of one size
in, from model to model.

Every statistic is a function of sums over completions. Its error is the jackknife's: the statistic
without each completion in turn, because the tokens of one completion are alike. Weights let what
earlier batches showed count too, and be forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trcheck.diagnose import thresholds as C
from trcheck.diagnose.exact import biased
from trcheck.diagnose.rollouts import Rollouts
from trcheck.diagnose.sample import Sample

Sums = Mapping[str, np.ndarray]


def rarest(r: Rollouts, t: Mapping[str, float], n: float) -> dict[str, float]:
    """At the threshold a that shows most: the share of tokens with -log μ > a, the largest that draws
    from μ give, P(μ(y) < ε) <= ε V, and by how many errors of a draw there are more. Every draw has
    that bound, whatever was drawn before."""
    vocabulary = C.VOCABULARY if r.vocabulary is None else 2 * r.vocabulary

    def at(a: int) -> dict[str, float]:
        bound, low = vocabulary * math.exp(-a), float(t[f"low_{a}"]) / n
        z = n * (low - bound) / math.sqrt(max(n * bound, 1.0))
        return {"least": a, "bound": bound, "low": low, "low_bounds": low / bound, "low_z": z}

    rows = [at(a) for a in C.LEAST]
    return max(rows, key=lambda row: min(row["low_z"], row["low_bounds"] if row["low"] else 0))


def sums(r: Rollouts, s: Sample) -> dict[str, np.ndarray]:
    """Each feature's sum over every completion that has tokens, [C]."""
    first, last, place = s.first, s.ends, s.place
    x, y, d, moved = s.x, s.y, s.d, s.now - s.y
    free, size = s.free, np.abs(d)
    with np.errstate(over="ignore"):
        excess = np.expm1(d)
    made: dict[str, np.ndarray] = {"n": s.lengths.astype(float)}

    def add(**features: np.ndarray) -> None:
        made.update(
            {
                name: np.add.reduceat(values.astype(float), first)
                for name, values in features.items()
            }
        )

    add(u=free, x=x, y=y, d=d, xx=x * x, yy=y * y, xd=x * d, yd=y * d, dd=d * d)
    add(size=size, up=np.maximum(d, 0), excess=excess, moved=np.abs(moved))
    add(tail=size > C.TAIL, still=size < C.STILL * free, size_tail=np.where(size > C.TAIL, size, 0))
    add(**{f"low_{a}": x < -a for a in C.LEAST})
    for name, side in (("a", s.advantage <= 0), ("b", s.advantage >= 0)):
        add(**{f"n_{name}": side, f"excess_{name}": np.where(side, excess, 0)})
        add(**{f"excess2_{name}": np.where(side, excess * excess, 0)})
    with np.errstate(over="ignore"):
        outside = (np.abs(np.expm1(moved)) > C.WINDOW) & (s.advantage != 0)
    add(out_now=outside, back_now=outside & (moved * s.advantage < 0))
    # Among tokens of like probability, because a temperature moves the likely ones, which rewarded
    # completions hold more of; and a tail token must not decide which way the others went.
    learnt, odds = _odds(y), _odds(x)
    sure = x > C.SURE
    add(n_sure=sure, sure=sure & (np.abs(learnt - odds) > C.NO_SOFTMAX))
    odds = np.floor(odds)
    a = _among(s.advantage, odds)
    add(aa=s.advantage**2, spread=a * a, a_d=a * _among(np.clip(d, -1, 1), odds))
    add(a_now=a * _among(np.clip(moved, -1, 1), odds))
    again, within = _among(s.seen.astype(float), odds), _among(np.clip(d, -1, 1), odds)
    add(seen2=again * again, seen_d=again * within, within=within * within)
    open_ = free > C.UNSURE
    begins = place < C.EARLY
    add(push=s.advantage, pushed=np.abs(s.advantage))
    add(open=open_, rose=open_ & (d > 0))
    add(u_early=np.where(begins, free, 0), size_early=np.where(begins, size, 0))
    likely = x > C.LIKELY
    add(likely=np.where(likely, d, 0), size_likely=np.where(likely, size, 0))
    made |= {"u_last": free[last], "size_last": size[last]}
    # Where in a completion, from 1, its last tail token below stands; 0: it has none.
    made["place"] = np.maximum.reduceat(np.where(d < -C.TAIL, place + 1, 0), first)
    if r.version is not None:
        age = (r.version.max() - r.version)[s.owner[first]]
        made |= {"age": made["u"] * age, "age2": made["u"] * age**2, "size_age": made["size"] * age}
        made |= {f"{name}_young": np.where(age < 0.5, made[name], 0) for name in ("u", "size")}
    return made


def _odds(logp: np.ndarray) -> np.ndarray:
    """log p / (1 - p), within bounds."""
    with np.errstate(divide="ignore"):
        return np.clip(logp - np.log(-np.expm1(np.minimum(logp, 0))), -C.ODDS, C.ODDS)


def _among(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Less their mean where `like` is the same."""
    which = np.unique(like, return_inverse=True)[1]
    return values - (np.bincount(which, values) / np.bincount(which))[which]


def _over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, and 0 where b is all but 0."""
    tiny = np.abs(b) < 1e-12
    return np.where(tiny, 0.0, a / np.where(tiny, 1.0, b))


def _slope(
    n: np.ndarray, a: np.ndarray, b: np.ndarray, aa: np.ndarray, ab: np.ndarray
) -> np.ndarray:
    """Of b on a, by least squares."""
    return _over(ab - a * b / n, aa - a * a / n)


def _explained(t: Sums) -> np.ndarray:
    """The share of the variance of d that a line in x explains."""
    n = t["n"]
    xd = t["xd"] - t["x"] * t["d"] / n
    return _over(xd * xd, (t["xx"] - t["x"] ** 2 / n) * (t["dd"] - t["d"] ** 2 / n))


def _along(t: Sums, change: str) -> np.ndarray:
    """Slope of a change of log-prob, cut at a nat, on the advantage, among tokens of like
    probability. A step along the gradient of sum A log π raises that sum to first order, so
    learning has a slope above 0 and noise has none; 0 where all advantages are alike."""
    return np.where(t["spread"] < 1e-9 * t["aa"], 0.0, _over(t[f"a_{change}"], t["spread"]))


def _beside(t: Sums, part: str) -> np.ndarray:
    """How many times as far the columns are apart in a part of the tokens as in the others, in nats
    of a logit."""
    size, u = t[f"size_{part}"], t[f"u_{part}"]
    return _over(size * (t["u"] - u), (t["size"] - size) * u)


STATISTICS: dict[str, Callable[[Sums], np.ndarray]] = {
    "size": lambda t: _over(t["size"], t["u"]),
    "slope_x": lambda t: _slope(t["n"], t["x"], t["d"], t["xx"], t["xd"]),
    "slope_y": lambda t: _slope(t["n"], t["y"], t["d"], t["yy"], t["yd"]),
    "ratio": lambda t: t["excess"] / t["n"],
    "tail": lambda t: t["tail"] / t["n"],
    "against": lambda t: _over(t["back_now"], t["out_now"]),
    "along": lambda t: _along(t, "d"),
    "along_now": lambda t: _along(t, "now"),
    "last": lambda t: _beside(t, "last"),
    "early": lambda t: _beside(t, "early"),
    "rose": lambda t: _over(t["rose"], t["open"]),
    "push": lambda t: _over(t["push"], t["pushed"]),
    "seen": lambda t: _over(t["seen_d"], t["seen2"]),
    "likely": lambda t: _over(t["likely"], t["size_likely"]),
    "lag": lambda t: (
        _over(t["size"] - t["size_young"], t["u"] - t["u_young"])
        - _over(t["size_young"], t["u_young"])
    ),
    "aging": lambda t: _slope(t["u"], t["age"], t["size"], t["age2"], t["size_age"]),
}
"""Each with the formula of its value; the errors come from `jackknife`."""


def jackknife(table: Sums, weight: np.ndarray) -> dict[str, tuple[float, float]]:
    """Every statistic that the table has the sums for: its value, and its error by leaving out one
    completion after another."""
    total = {name: np.asarray(float(weight @ values)) for name, values in table.items()}
    without = {name: total[name] - weight * values for name, values in table.items()}
    count, made = len(weight), {}
    with np.errstate(over="ignore", invalid="ignore"):
        for name, statistic in STATISTICS.items():
            if name in ("aging", "lag") and "age" not in table:
                continue
            left = statistic(without)
            spread = float(np.square(left - left.mean()).sum()) * (count - 1) / count
            made[name] = (float(statistic(total)), math.sqrt(spread))
    return made


def numbers(r: Rollouts, s: Sample, table: Sums, weight: np.ndarray) -> dict[str, Any]:
    """What the rules compare and the sentences say: each statistic by its name,
    with `_error` and `_z`, the value in errors; and what they depend on."""
    t = {name: float(weight @ values) for name, values in table.items()}
    made: dict[str, Any] = {}
    for name, (value, error) in jackknife(table, weight).items():
        made |= {name: value, f"{name}_error": error, f"{name}_z": value / max(error, 1e-12)}

    def over(a: str, b: str) -> float:
        return float(_over(np.asarray(t[a]), np.asarray(t[b])))

    # Without `logp_old`, d may hold this batch's updates too.
    updated = r.logp_old is None
    for side in "ab":  # where updates move tokens the other way; too few, or no updates in d: all
        few = not updated or t[f"n_{side}"] < C.FEWEST_TOKENS
        n = t["n"] if few else t[f"n_{side}"]
        value = (t["excess"] if few else t[f"excess_{side}"]) / n
        square = t["excess2_a"] + t["excess2_b"] if few else t[f"excess2_{side}"]
        error = math.sqrt(square) / n
        made |= {f"ratio_{side}": value, f"ratio_{side}_z": value / max(error, 1e-12)}
        made |= {f"mean_{side}": 1 + value, f"mean_{side}_error": error}
    rising, deviation = over("up", "size"), t["size"] / t["n"]
    # Enough to say that updates are in d; and too much to say that none are.
    learning, doubt = made["along_z"] > C.Z, made["along_z"] > C.DOUBT
    # How many tail tokens stand at one place of their completions.
    same = np.bincount(table["place"].astype(int))[1:].max(initial=0)
    # How many completions hold a tail token, of as many as would if each token were as likely to
    # be one: another text has them in a few completions.
    tails, rows = table["tail"].sum(), table["n"] / table["n"].sum()
    spread = float((table["tail"] > 0).sum() / max((1 - (1 - rows) ** tails).sum(), 1e-12))
    made |= {
        "n": t["n"],
        "completions": r.count,
        "deviation": deviation,
        "engines": deviation / C.ENGINES["bf16"],
        "size_low": made["size"] - C.Z * made["size_error"],
        "early_low": made["early"] - C.Z * made["early_error"],
        "mean": 1 + made["ratio"],
        "rising": rising,
        "rising_percent": 100 * rising,
        "falling_percent": 100 * (1 - rising),
        "still": t["still"] / t["n"],
        "in_tail": over("size_tail", "size"),
        "moved": over("moved", "u"),
        "moved_share": over("moved", "size"),
        "n_sure": t["n_sure"],
        "sure": over("sure", "n_sure"),
        "n_out_now": t["out_now"],
        "against_percent": 100 * made["against"],
        "against_error_percent": 100 * made["against_error"],
        "against_low": made["against"] - 3 * made["against_error"],
        "learning": float(learning),
        "updated": float(doubt and updated),
        "seen_explained": t["seen_d"] ** 2 / max(t["seen2"] * t["within"], 1e-12),
        "explained": float(_explained({k: np.asarray(v) for k, v in t.items()})),
        "tail_count": int(table["tail"].sum()),
        "tail_same": int(same),
        "tail_spread": spread,
        "tail_placed": float(same / max(table["tail"].sum(), 1)),
        "last_deviation": t["size_last"] / float(weight.sum()),
        "one_pass": float(np.array_equal(s.now, s.y)),
        "holds": {True: 1.0, False: 0.0, None: 0.5}[r.sampling.holds],
        "tempered": float(r.sampling.temperature not in (None, 1)),
        "cut": float(r.sampling.top_p not in (None, 1)),
        "details": r.sampling.details,
        "biased": biased(r, s),
        **rarest(r, t, t["n"]),
        "span": 0.0,
    }
    if "age" in table:
        age = table["age"] / np.maximum(table["u"], 1e-12)
        young = over("size_young", "u_young")
        made |= {"span": float(age.max()), "youngest": young, "older": young + made["lag"]}
        made["growth"] = made["older"] / max(young, 1e-12)
    return made
