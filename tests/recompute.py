"""Golden rows once more, in NumPy and SciPy: from the papers' formulas, with nothing of `trlib`.

Where a method is a line, the line is the formula: it is read here as NumPy, and a row's gradient, its value and what
it keeps come from it (`of_line`). Elsewhere a function takes a row's first argument x, which may be complex, and the
batch b. Its derivative is the imaginary part after a step of 1e-30 i, so what has no gradient (sg) is computed from
the real part. `test_vectors.py` compares every row that `vectors.json` says is confirmed by it."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np
from scipy.optimize import brentq, linprog
from scipy.special import expit, logsumexp

Row = dict[str, Any]
Batch = dict[str, Any]
STEP = 1e-30


def size(x):
    """|x|, whose derivative is the sign."""
    return np.sign(np.real(x)) * x


def least(x, y):
    return np.where(np.real(x) <= np.real(y), x, y)


def per_row(x, mask):
    return (x * mask).sum(-1, keepdims=True)


def mean_of_row(x, mask):
    return per_row(x, mask) / np.maximum(mask.sum(-1, keepdims=True), 1)


def moving(log_size, x):
    """e^sg[log_size], with the derivative of a token's own ratio."""
    return np.exp(log_size) * np.exp(x - x.real)


def log_ratio(x, b, to="logp_old"):
    return x.real - b[to]


def within(log_r):
    """A log-ratio on its way into an exponential."""
    return np.clip(log_r, -20, 20)


def ratio(x, b, to="logp_old"):
    return moving(within(log_ratio(x, b, to)), x)


def clipped(r, A, low, high, dual=None):
    """PPO's surrogate and which tokens it keeps; low and high are the bounds of r."""
    now = r.real
    value = -least(r * A, np.clip(now, low, high) * A)
    value = np.where((now >= low) & (now <= high), -r * A, value)
    out = ((A > 0) & (now > high)) | ((A < 0) & (now < low))
    if dual is not None:
        capped = (A < 0) & (now > dual)
        value, out = np.where(capped, -dual * A, value), out | capped
    return value, ~out


def weighted(x, weight):
    return -np.real(weight) * x


def gspo_loss(x, b, eps_low=3e-4, eps_high=4e-4):
    whole = np.minimum(mean_of_row(log_ratio(x, b), b["mask"]), 10)
    return clipped(moving(whole, x), b["advantages"], 1 - eps_low, 1 + eps_high)


def gmpo_loss(x, b, eps_log=0.4):
    A, mask, log_r = b["advantages"], b["mask"], x - b["logp_old"]
    out = ((A > 0) & (log_r.real > eps_log)) | ((A < 0) & (log_r.real < -eps_log))
    token = np.where(out, np.clip(log_r.real, -eps_log, eps_log), log_r) * (A != 0)
    mean = mean_of_row(token, mask)
    return -A * np.exp(within(mean.real)) * np.exp(mean - mean.real), ~out


def bernoulli_tv(log_a, log_b):
    return size(np.exp(log_a) - np.exp(log_b))


def bernoulli_kl(log_a, log_b):
    a, c = np.exp(log_a), np.exp(log_b)
    return a * (log_a - log_b) + (1 - a) * (np.log1p(-a) - np.log1p(-c))


def dual_of(R, delta_kl=0.1, lambda_min=1e-2, direction="backward"):
    """lambda, offset, target of one group by a bracketed root, and whether lambda is at its floor."""
    R = np.asarray(R, float)
    n, spread = len(R), np.ptp(R)
    if spread == 0:
        return 0.0, R[0], np.zeros(n), False
    if direction == "backward":

        def tilt(lam):
            return R / lam - logsumexp(R / lam) + math.log(n)

        def excess(lam):
            return (np.exp(tilt(lam)) * tilt(lam)).mean() - delta_kl

        floored = excess(lambda_min) <= 0
        lam = lambda_min if floored else brentq(excess, lambda_min, 1e6 * spread, xtol=1e-15)
        return lam, lam * (logsumexp(R / lam) - math.log(n)), tilt(lam), floored

    def solution(log_gap):
        distance = math.exp(log_gap) + (R.max() - R)
        lam = 1 / np.mean(1 / distance)
        return lam, math.exp(log_gap) + R.max(), np.log(lam / distance)

    log_gap = brentq(lambda g: -solution(g)[2].mean() - delta_kl, -200, 30, xtol=1e-14)
    return *solution(log_gap), False


def solve_dual(x, b, **settings):
    found = [dual_of(R, **settings) for R in x.real]
    return [np.array(part, float) for part in zip(*found, strict=True)]


def quatro_loss(x, b, delta_kl=0.1, lambda_min=1e-2, form="ratio", direction="backward"):
    mask, log_r = b["mask"], log_ratio(x, b, "logp_rollout")
    whole, lam, target = per_row(log_r, mask), np.zeros((len(log_r), 1)), np.zeros((len(log_r), 1))
    present = mask.any(-1)
    for g in set(b["group"][present]):
        mine = present & (b["group"] == g)
        lam[mine], _, aim, _ = dual_of(b["rewards"][mine], delta_kl, lambda_min, direction)
        target[mine] = aim[:, None]
    if (form, direction) == ("exact", "forward"):
        weight = lam * (1 - np.exp(np.minimum(whole - target, 20)))
    else:
        h = {"ratio": log_r, "exact": whole, "regression": 0 * log_r}[form]
        weight = np.exp(within(h)) * lam * (target - whole)
    return weighted(x, weight), lam > 0


def trsft_loss(x, b, alpha=0.1):
    return -np.exp(x) / np.maximum(np.exp(x.real), alpha), True


def factor(now, q, weight="none", cap=2.0, floor=0.5, delta_tv=0.15):
    """What a ratio to the sampler makes of a weight, and whether anything is left of it."""
    r = np.exp(np.minimum(now - q, 20))
    kept = {
        "window": (r >= floor) & (r <= cap),
        "mask": np.abs(np.exp(now) - np.exp(q)) <= delta_tv,
    }.get(weight, np.ones_like(r, bool))
    return {"none": np.ones_like(r), "truncated": np.minimum(r, cap)}.get(weight, r) * kept, kept


def geodesic(log_p, log_q, delta):
    """The projection of one distribution: log pi and eta."""

    def kl_to_old(log_pi):
        return (np.exp(log_pi) * (log_pi - log_q)).sum()

    def at(t):  # t = 1 / (1 + eta)
        mixed = t * log_p + (1 - t) * log_q
        return mixed - logsumexp(mixed)

    if delta == 0:
        return log_q, math.inf
    if kl_to_old(log_p) <= delta:
        return log_p, 0.0
    t = brentq(lambda t: kl_to_old(at(t)) - delta, 0, 1, xtol=1e-16, rtol=1e-15)
    return at(t), 1 / t - 1


def project(x, b, delta_kl):
    rows = [geodesic(p, q, delta_kl) for p, q in zip(flat(x), flat(b["logp_old"]), strict=True)]
    pi, eta = zip(*rows, strict=True)
    return [np.reshape(pi, x.shape), np.reshape(eta, x.shape[:-1])]


def flat(x):
    return x.reshape(-1, x.shape[-1])


def troll_loss(x, b, delta_kl=0.05, alpha=1.0, level="token", at=None):
    """x is real here; at: where what has no gradient is computed."""
    at = x if at is None else at
    (pi, eta), (still, _) = project(x, b, delta_kl), project(at, b, delta_kl)
    token = b["tokens"][..., None]
    now, fixed, old = (np.take_along_axis(y, token, -1)[..., 0] for y in (pi, still, b["logp_old"]))
    by = np.minimum(fixed - old, 20)
    if level == "sequence":
        by = np.minimum(mean_of_row(fixed - old, b["mask"]), 10)
    pull = (np.exp(x) * (x - still)).sum(-1)
    value = -b["advantages"] * np.exp(by + now - fixed) + alpha * pull
    return value, np.isfinite(eta)


def truncated_importance(x, b, cap=2.0, level="token", how="truncate", floor=None):
    mask, log_r = b["mask"], x.real - b["logp_rollout"]
    log_r = {
        "token": log_r,
        "sequence": per_row(log_r, mask),
        "geometric": mean_of_row(log_r, mask),
    }[level]
    c = np.exp(np.minimum(log_r + 0 * mask, 700))
    floor = 0.0 if floor is None else floor
    inside = (c >= floor) & (c <= cap)
    c = np.clip(c, floor, cap) if how == "truncate" else np.where(inside, c, 0)
    return np.where(mask, inside * 1.0 if how == "reject" else c, 1.0)


def opsm_mask(x, b, delta):
    far = mean_of_row(-log_ratio(x, b, "logp_rollout"), b["mask"]) > delta
    return b["mask"] & ~((b["advantages"] < 0) & far)


def top_entropy_mask(x, b, share=0.2):
    return b["mask"] & (x.real >= np.quantile(x.real[b["mask"]], 1 - share))


def m2po_mask(x, b, budget=0.04):
    log_r, mask = log_ratio(x, b), b["mask"].copy()
    while True:
        left = mask & (b["advantages"] * log_r > 0)
        if not left.any() or (log_r[left] ** 2).mean() <= budget:
            return mask
        mask.flat[np.argmax(np.where(left, log_r**2, -1))] = False


def ln_trm_mask(x, b, delta_mean=0.06, delta=0.1):
    mask = b["mask"]
    after = mask.sum(-1, keepdims=True) - mask.cumsum(-1)
    weight = np.minimum(np.sqrt(delta * after / 2), 1) * mask
    spent = per_row(weight * np.abs(np.exp(log_ratio(x, b, "logp_rollout")) - 1), mask)
    return mask & (spent / per_row(weight, mask) <= delta_mean)


def aggregate(x, b, how, horizon=None, count=None):
    mask = b["mask"]
    sums, lengths = (x * mask).sum(-1), mask.sum(-1)
    rows = {"seq-mean-token-mean": lengths, "seq-mean-token-sum-norm": horizon or x.shape[1]}
    total = (sums / rows.get(how, 1)).sum()
    own = lengths.sum() if how == "token-mean" else (lengths > 0).sum()
    return total / (own if count is None else count)


def by_group(x, b, advantage):
    found = np.zeros_like(x)
    for g in set(b["group"]):
        mine = b["group"] == g
        found[mine] = advantage(x[mine], mine)
    return found


def group_relative(x, b, scale="std"):
    def of(R, _):
        centred = R - R.mean()
        std = np.sqrt((centred**2).sum() / max(len(R) - 1, 1))
        flat = scale is None or std.real == 0
        return centred if flat else centred / (std + 1e-6)

    return by_group(x, b, of)


def equal_rewards(x, b):
    return by_group(x.real, b, lambda R, _: np.ptp(R) == 0) > 0


def leave_one_out(x, b):
    return by_group(x, b, lambda R, _: R - (R.sum() - R) / (len(R) - 1))


def length_weighted(x, b):
    def of(R, mine):
        length = b["lengths"][mine]
        return R - (length * R).sum() / length.sum()

    return by_group(x, b, of)


def gae(x, b, gamma, lam):
    """x: values or rewards, whichever comes first in the function's arguments."""
    mask, R, V = b["mask"], x, b["values"]
    A = np.zeros_like(x)
    for i, row in enumerate(mask):
        places = np.flatnonzero(row)
        for j, t in enumerate(places):
            for k in range(j, len(places)):
                following = V[i, places[k + 1]] if k + 1 < len(places) else 0
                delta = R[i, places[k]] + gamma * following - V[i, places[k]]
                A[i, t] += (gamma * lam) ** (k - j) * delta
    return [A, (A + V) * mask]


def kl(x, b):
    return (np.exp(x) * (x - b["log_b"])).sum(-1)


def tv(x, b):
    return size(np.exp(x) - np.exp(b["log_b"])).sum(-1) / 2


def token_kl(x, b):
    return (np.exp(x) * (x - b["log_b"])).sum(-1) * b["mask"]


def with_rest(x, b):
    other = np.take_along_axis(b["log_b"], b["ids"], -1)
    rests = (np.log(1 - np.exp(y).sum(-1, keepdims=True)) for y in (x, other))
    return [np.concatenate([y, rest], -1) for y, rest in zip((x, other), rests, strict=True)]


def topk_kl(x, b):
    log_a, log_b = with_rest(x, b)
    return (np.exp(log_a) * (log_a - log_b)).sum(-1)


def topk_tv(x, b):
    log_a, log_b = with_rest(x, b)
    return size(np.exp(log_a) - np.exp(log_b)).sum(-1) / 2


def binary_kl(x, b):
    return bernoulli_kl(x, b["log_b"])


def binary_tv(x, b):
    return bernoulli_tv(x, b["log_b"])


def k1(x, b):
    return x - b["log_b"]


def k2(x, b):
    return (x - b["log_b"]) ** 2 / 2


def k3(x, b):
    return np.exp(b["log_b"] - x) - 1 - (b["log_b"] - x)


def value_loss(x, b, clip=0.2):
    V, old, R = x, b["values_old"], b["returns"]
    loss = (V - R) ** 2
    if clip is not None:
        far = np.abs(V.real - old) > clip
        near = np.where(far, old + np.clip(V.real - old, -clip, clip), V)
        loss = -least(-loss, -((near - R) ** 2))
    return loss / 2 * b["mask"]


def levels_of(q):
    return (np.arange(q.shape[-1]) + 0.5) / q.shape[-1]


def quantile_loss(x, b):
    u, tau = b["target"][..., None] - x, levels_of(x)
    return ((tau - (1 - np.sign(u.real)) / 2) * u).mean(-1)


def dvpo_value(x, b, alpha=0.25, c_low=0.3, c_up=1.2, worst=False):
    q = np.take_along_axis(x, np.argsort(x.real, -1), -1)
    if worst:
        return q[..., 0]
    n, tau = q.shape[-1], levels_of(q)
    median = (q[..., (n - 1) // 2] + q[..., n // 2])[..., None] / 2
    return (
        median + np.where(tau < alpha, c_low, np.where(tau > 1 - alpha, c_up, 1)) * (q - median)
    ).mean(-1)


def truncated_expert(x, b, alpha=0.1):
    """The best of the candidates that keep the k most likely tokens, by the objective itself."""

    def gain(e, p):
        log_p = np.log(np.maximum(p, 1e-300))
        return (e * np.where(p >= alpha, log_p, p / alpha - 1 + math.log(alpha))).sum()

    def best(e):
        found, order = [], np.argsort(-e, kind="stable")
        for k in range(1, len(e) + 1):
            p = np.zeros_like(e)
            p[order[:k]] = e[order[:k]] / e[order[:k]].sum()
            found.append(p)
            if k < len(e) and e[order[k]] > 0:
                p = np.zeros_like(e)
                p[order[:k]] = alpha * e[order[:k]] / e[order[k]]
                p[order[k]] = 1 - p.sum()
                found += [p] if p[order[k]] >= 0 else []
        return max(found, key=lambda p: gain(e, p))

    return np.array([best(e) for e in flat(x)]).reshape(x.shape)


def newton_schulz(x, b, steps=5):
    G = x.T if len(x) > x.shape[1] else x
    G = G / (np.sqrt((G**2).sum()) + 1e-7)  # the authors' 1e-7
    for _ in range(steps):
        odd = G @ G.T @ G
        G = 3.4445 * G - 4.7750 * odd + 2.0315 * (G @ G.T @ odd)
    return G.T if len(x) > x.shape[1] else G


def lmo(x, b, norm, steps=None):
    if norm == "sign":
        return np.sign(x.real) + 0 * x
    if norm == "frobenius":
        return x / np.sqrt((x**2).sum())
    if steps:
        return newton_schulz(x, b, steps)
    u, s, v = np.linalg.svd(x, full_matrices=False)
    return u @ np.diag(s > 1e-12 * s[0]) @ v


def auon(x, b, gamma=1.5, steps=0):
    x = newton_schulz(x, b, steps) if steps else x
    unit = x / (np.sqrt((x**2).sum()) + 1e-7)
    return x / (np.sqrt((np.cosh(gamma * unit) ** 2).mean()) + 1e-8)


def affine_scaling(x, b, kind):
    room = [x - b["low"], b["high"] - x]
    signed = np.where(b["g"] < 0, room[1], np.where(b["g"] > 0, room[0], least(*room)))
    soft = least(room[0] + np.maximum(0, -b["g"]), room[1] + np.maximum(0, b["g"]))
    signed, soft, near = (np.where(np.isinf(d), 1, d) for d in (signed, soft, least(*room)))
    return {
        "coleman-li": signed,
        "kanzow-klug": soft,
        "mix": (signed + soft) / 2,
        "naive": near,
        "none": np.ones_like(x),
    }[kind]


def matrl_step(x, b, t, respond=True):
    U1, U2, p, q = x, b["U2"], b["p"], b["q"]

    def tilt(policy, payoff):
        moved = policy * np.exp(t * payoff)
        return moved / moved.sum()

    P, Q = (p, tilt(p, U1 @ q)), (q, tilt(q, p @ U2))
    both = [(i, j) for i in (1, 0) for j in (1, 0)]

    def stable(i, j):
        mine = (P[i] @ U1 @ Q[j]).real >= (P[1 - i] @ U1 @ Q[j]).real
        return mine and (P[i] @ U2 @ Q[j]).real >= (P[i] @ U2 @ Q[1 - j]).real

    i, j = next(cell for cell in both if stable(*cell))
    return [tilt(p, U1 @ Q[j]), tilt(q, P[i] @ U2)] if respond else [P[i], Q[j]]


def heat_network(x, b, steps):
    out = [x]
    for _ in range(steps):
        rows = [np.convolve(u, b["taps"][::-1], "same") for u in np.atleast_2d(out[-1])]
        out.append(np.reshape(rows, x.shape))
    return np.stack(out[1:])


def graph_attention(x, b):
    q, k, v = (x @ b[name] for name in ("wq", "wk", "wv"))
    score = np.exp(q @ k.T / math.sqrt(q.shape[-1])) * b["adjacent"]
    return score / score.sum(-1, keepdims=True) @ v


def wpo_update(x, b, delta):
    """The transport plan of a linear programme."""
    pi, A, D = x.real, b["A"], b["D"]
    n = len(pi)
    rows = np.kron(np.eye(n), np.ones(n))
    found = linprog(-np.tile(A, n), [D.ravel()], [delta], rows, pi)
    return found.x.reshape(n, n).sum(0)


def spo_update(x, b, lam, beta=1.0):
    plan = np.exp(lam / beta * (b["A"] - beta * b["D"]))
    return x.real @ (plan / plan.sum(1, keepdims=True))


# The gallery.


def cpgd_loss(x, b, eps=0.2, alpha=0.01, cap=0.2):
    value, kept = clipped(x - b["logp_old"], b["advantages"], math.log(1 - eps), math.log(1 + eps))
    return value + alpha * np.minimum(np.exp(log_ratio(x, b)) - 1, cap) * x, kept


def bapo_loss(
    x, b, dual_clip=3.0, low=0.6, low_most=0.8, high=1.2, high_most=2.0, step=0.05, target=1.0
):
    A, r = b["advantages"] * b["mask"], ratio(x, b)
    now, edges = r.real, [low, high]
    while True:
        up = (np.minimum(now, edges[1]) * A)[A > 0].sum()
        down = -(np.maximum(now, edges[0]) * A)[A < 0].sum()
        if up >= target * down or (edges[0] >= low_most and edges[1] >= high_most):
            return clipped(r, A, *edges, dual_clip)
        if edges[0] < low_most:
            edges[0] = min(edges[0] + step, low_most)
        else:
            edges[1] = min(edges[1] + step, high_most)


def ctpo_loss(x, b, low=0.025, high=0.05, cap=0.05, power=0.5):
    A, mask = b["advantages"], b["mask"]
    so_far = (log_ratio(x, b) * mask).cumsum(-1)
    t = np.maximum(mask.cumsum(-1), 1) ** power
    above = np.where(A < 0, cap, high) * t
    out = ((A != 0) & (so_far > above)) | ((A < 0) & (so_far < -low * t))
    edge = np.exp(np.clip(so_far, -low * t, above))
    return np.where(out, -A * edge, -moving(within(so_far), x) * A), ~out


def a3po_loss(x, b, eps_low=0.2, eps_high=0.2, cap=5.0, age=0):
    mu = b["logp_rollout"]
    prox = mu + age / (np.asarray(age) + 1.0) * (x.real - mu)
    c = np.exp(prox - mu)
    c = np.where(c > cap, 0, c)
    r = moving(x.real - prox, x)
    value, kept = clipped(r, b["advantages"] * c, 1 - eps_low, 1 + eps_high)
    return value, kept & (c > 0)


def kl_cov_loss(x, b, share=2e-4, beta=1.0):
    A, mask, now = b["advantages"], b["mask"], x.real
    found = (now - now[mask].mean()) * (A - A[mask].mean())
    chosen = np.zeros_like(mask)
    order = sorted(np.argwhere(mask).tolist(), key=lambda at: -found[tuple(at)])
    for at in order[: max(int(share * mask.sum()), 1)]:
        chosen[tuple(at)] = True
    return -ratio(x, b) * A + beta * chosen * size(x - b["logp_old"]), True


def completions(x, b, to="logp_old"):
    mask = b["mask"]
    A = mean_of_row(b["advantages"], mask)[:, 0]
    return A, ((x - b[to]) * mask).sum(-1), mask.sum(-1)


def opmd_loss(x, b, tau=0.01):
    A, log_r, T = completions(x, b)
    return tau / 2 * (A / tau - log_r) ** 2 / T, True


def oapl_loss(x, b, beta2=1e-3):
    A, log_r, _ = completions(x, b, "logp_rollout")
    return (beta2 * log_r - A) ** 2, True


def tpo_loss(x, b, eta=1.0):
    loss, prompts = 0, set(b["group"])
    for g in prompts:
        mine = b["group"] == g
        now, old, R = (
            (x * b["mask"]).sum(-1)[mine],
            (b["logp_old"] * b["mask"]).sum(-1)[mine],
            b["rewards"][mine],
        )
        q = np.exp(old + (R - R.mean()) / R.std() / eta)
        loss = loss - (q / q.sum() * (now - np.log(np.exp(now).sum()))).sum()
    return loss / len(prompts), True


def lco_loss(x, b, beta=1.0, kind="kld"):
    A = np.zeros_like(b["logp_old"])
    np.put_along_axis(A, b["tokens"][..., None], b["advantages"][..., None], -1)
    target = b["logp_old"] + A / beta
    target = target - logsumexp(target, axis=-1, keepdims=True)
    d = x - target
    if kind == "kld":
        to_all = np.log(np.exp(x).sum(-1))  # 0, and x as logits
        return (np.exp(target) * (target - x)).sum(-1) + to_all, True
    d = d - d.mean(-1, keepdims=True)
    return {"mse": d**2 / 2, "lch": np.log(np.cosh(d))}[kind].sum(-1), True


def rover_loss(x, b, rho=1.0):
    change, mask = x - b["logp_old"], b["mask"]
    own = np.take_along_axis(change, b["tokens"][..., None], -1)[..., 0]
    following = np.zeros(mask.shape)
    following[:, :-1] = change.real.mean(-1)[:, 1:] * mask[:, 1:]
    return (rho * own - (b["advantages"] + rho * following)) ** 2, True


# Methods of the gallery and of the main line whose objective is no function of its own.


def pairs_of(b, better):
    n, group = range(len(b["group"])), b["group"]
    return [(i, j) for i in n for j in n if group[i] == group[j] and better(i, j)]


def preferred(b):
    return pairs_of(b, lambda i, j: b["rewards"][i] > b["rewards"][j])


def softplus(x):
    return np.log1p(np.exp(x))


def dpo(x, b, beta=0.1):
    total = ((x - b["logp_anchor"]) * b["mask"]).sum(-1)
    return np.mean([softplus(-beta * (total[i] - total[j])) for i, j in preferred(b)]), True


def trpa(x, b, beta=0.1, anisotropy=2.5, kl=1e-3):
    mask = b["mask"]
    mean = mean_of_row(x - b["logp_anchor"], mask)[:, 0]
    back = -(x - b["logp_old"])
    k3 = np.where(mask, np.exp(back) - 1 - back, 0).sum() / mask.sum()
    weights = np.where(b["rewards"] > 0, anisotropy, 1)
    judged = [softplus(-beta * weights[i] * (mean[i] - mean[j])) for i, j in preferred(b)]
    return np.mean(judged) + kl * k3, True


def adpo(x, b, beta=0.5, tau=0.8):
    total, credit = ((x - b["logp_old"]) * b["mask"]).sum(-1) / tau, b["advantages"][:, 0] / beta
    loss, groups = 0, set(b["group"])
    for g in groups:
        mine = b["group"] == g
        q = np.exp(credit[mine]) / np.exp(credit[mine]).sum()
        loss = loss - (q * (total[mine] - np.log(np.exp(total[mine]).sum()))).sum()
    return loss / len(groups), True


def rebel(x, b, eta=1.0):
    credit, total, _ = completions(x, b)
    rest = total - eta * credit
    return np.mean([(rest[i] - rest[j]) ** 2 for i, j in pairs_of(b, lambda i, j: i < j)]), True


def counterpol(x, b, k=0.01, form="summary"):
    r, A, pivot = ratio(x, b), b["advantages"], b["logp_anchor"]
    if form == "summary":
        return -r * (A - k * (x.real - pivot)), True
    return -r * A + k * np.exp(pivot - b["logp_old"]) * (pivot - x), True


def turn_ppo(x, b, length=None, eps_low=0.2, eps_high=0.2):
    log_r, mean = log_ratio(x, b), np.zeros(x.shape)
    for i, row in enumerate(b["mask"]):
        places = np.flatnonzero(row)
        cuts = np.flatnonzero(np.diff(places) > 1) + 1 if length is None else None
        for turn in np.split(places, range(length, len(places), length) if length else cuts):
            mean[i, turn] = log_r[i, turn].mean() if len(turn) else 0
    return clipped(moving(np.minimum(mean, 10), x), b["advantages"], 1 - eps_low, 1 + eps_high)


def own(x, b):
    return np.take_along_axis(x, b["tokens"][..., None], -1)[..., 0]


def surrogate(x, b):
    return -np.exp(own(x, b) - own(b["logp_old"], b)) * b["advantages"]


def kl_from_old(x, b):
    return (np.exp(b["logp_old"]) * (b["logp_old"] - x)).sum(-1)


def ppo_penalty(x, b, beta=1.0):
    return surrogate(x, b) + beta * kl_from_old(x, b), True


def fixpo(x, b, eps_kl=0.2, margin=2.0, statistic="max"):
    """In a run's first update, where the coefficient has moved from 1 by a hundredth."""
    far = getattr(kl_from_old(x.real, b)[b["mask"]], statistic)()
    beta = 1 + math.copysign(0.01, margin * far - eps_kl)
    return surrogate(x, b) + beta * kl_from_old(x, b), True


def mdpo(x, b, t=2.0):
    return surrogate(x, b) + (np.exp(x) * (x - b["logp_old"])).sum(-1) / t, True


def klpo(x, b, beta=0.1, center=True, **rule):
    q, A = b["logp_old"], b["advantages"]
    h = A - beta * (own(x, b) - own(q, b)).real
    omega, kept = factor(x.real, q, **rule)
    middle = (np.exp(q) * omega * x).sum(-1) if center else 0
    at = {"tokens": b["tokens"]}
    return -h * (own(omega, at) * own(x, b) - middle), own(kept, at)


def centered(x, b, **settings):
    return klpo(x, b, beta=0, **settings)


def capo(x, b, hidden, lr, tau_f=1e-4, tau_h=1e-2, fisher="true"):
    """With the matrices written out, token by token."""
    value = surrogate(x, b)
    kept = np.zeros(value.shape, bool)
    for at in np.ndindex(value.shape):
        p, w, h = np.exp(x[at].real), -value[at].real, hidden[at]
        v = np.eye(len(p))[b["tokens"][at]] - p
        u = lr * w * np.outer(v, h) @ h
        true = np.diag(p) - np.outer(p, p)
        m_f = u @ (true if fisher == "true" else np.outer(v, v)) @ u / 2
        m_h = w * (v @ u) + w * ((v @ u) ** 2 - u @ true @ u) / 2
        kept[at] = m_f < tau_f and abs(m_h) < tau_h
    return np.where(kept, value, 0), kept


# Losses that a line says.


class Arrays(ast.NodeTransformer):
    """`and` and `or` of a line, for arrays."""

    def visit_BoolOp(self, node):
        self.generic_visit(node)
        name = "every" if isinstance(node.op, ast.And) else "some"
        return ast.Call(ast.Name(name, ast.Load()), node.values, [])


def weight(line, x, b, A, to):
    """What a line says of every token of x [..., B, T]: w, with the advantages A, around the policy `to`."""
    mask, log_r = b["mask"], log_ratio(x, b, to)
    # A mask may be drawn around another policy than the one that sampled; the ratio is to the sampler.
    log_own = log_ratio(x, b, "logp_rollout") if to == "logp_anchor" else log_r

    def smallest(y):
        before = np.minimum.accumulate(np.where(mask, y, np.inf), -1)[..., :-1]
        return np.pad(before, [(0, 0)] * (before.ndim - 1) + [(1, 0)], constant_values=np.inf)

    known = {
        name: getattr(np, name) for name in ("abs", "sign", "exp", "sqrt", "log", "where", "clip")
    }
    known |= {
        "A": A, "p": np.exp(x), "q": np.exp(b[to]), "l": log_r, "r": np.exp(np.minimum(log_own, 20)),
        "s": np.exp(np.minimum(mean_of_row(log_r, mask), 10)), "n": mask.sum(-1, keepdims=True),
        "t": mask.cumsum(-1) - 1, "min": np.minimum, "max": np.maximum, "sigmoid": expit,
        "every": lambda *of: np.logical_and.reduce(np.broadcast_arrays(*of)),
        "some": lambda *of: np.logical_or.reduce(np.broadcast_arrays(*of)), "smallest": smallest,
    }  # fmt: skip
    tree = Arrays().visit(ast.parse(line.replace("^", "**"), mode="eval"))
    return eval(compile(ast.fix_missing_locations(tree), line, "eval"), known) * mask


STARTS = {
    "sapo_loss": lambda A, q, tau_pos=1.0, tau_neg=1.05: -2 * A / np.where(A > 0, tau_pos, tau_neg),
    "dro_loss": lambda A, q, **_: -A * q,
}
"""A loss at ratio 1, where it is not -A."""
STEPS = 20_000


def of_line(line, row, x, b, name, to):
    """A loss whose weight w is a line: value, gradient and what is kept.

    The value is -w log π, where w has no gradient, or -w; else it has moved from ratio 1 by what w adds up to on the
    way, in steps."""
    A, mask, settings = b["advantages"], b["mask"], row["settings"]
    w = weight(line, x, b, A, to)
    base = weight(line, x, b, 0 * A, to)
    if "<" not in line and ">=" not in line:  # no region
        kept = True
    else:  # without an advantage a token is kept by a region with a sign, but DPPO's takes it for A < 0
        up, down = (weight(line, x, b, a + 0 * x, to) != base for a in (1.0, -1.0))
        signed = (up != down).any() and name != "dppo_loss"
        kept = np.where(A != 0, w != base, signed | down)
    for value in (-w * x, -w):
        if np.allclose(value[mask], np.array(row["per_token"])[mask], 1e-6, 1e-6):
            break
    else:
        far, q = within(log_ratio(x, b, to)), np.where(mask, b[to], 0)
        way = b[to] + far * (np.arange(STEPS) + 0.5)[:, None, None] / STEPS
        moved = far * weight(line, way, b, A, to).mean(0)
        value = STARTS.get(name, lambda A, q, **_: -A)(A, q, **settings) - moved
    return {"per_token": np.where(mask, value, 0), "gradient": -w, "kept": mask & kept}


def dppo_loss(x, b, measured, delta_tv=None, delta_kl=None):
    """Where the distance is given, which no line knows."""
    A, now, q = b["advantages"], x.real, b["logp_rollout"]
    low, high = np.broadcast_to(delta_tv if delta_kl is None else delta_kl, 2)
    out = np.where(A > 0, (measured > high) & (now > q), (measured > low) & (now < q))
    return weighted(x, np.where(out, 0, A * np.exp(within(now - q)))), ~out


# Updates of a softmax classifier by supervision: x is its weights, whose last row is the bias.


def classified(W, examples):
    logits = examples @ W[:-1] + W[-1]
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def of_the_expert(values, b):
    return values[b["forced"]].mean(0)


def likelihood(W, b):
    now = classified(W, b["examples"])
    return of_the_expert(-now[np.arange(len(now)), b["kinds"]], b)


def slope_of_likelihood(W, b):
    examples = np.column_stack([b["examples"], np.ones(len(b["examples"]))])[b["forced"]]
    wrong = np.exp(classified(W, b["examples"])) - np.eye(W.shape[1])[b["kinds"]]
    return examples.T @ wrong[b["forced"]] / len(examples)


def one_way(log_a, log_b, b):
    return of_the_expert((np.exp(log_a) * (log_a - log_b)).sum(-1), b)


def both_ways(log_a, log_b, b):
    return of_the_expert(((np.exp(log_a) - np.exp(log_b)) * (log_a - log_b)).sum(-1), b)


def smart(W, b, mu=1.0, smooth=1.0, average=0.99, eps=0.01):
    """What it descends on, and the average of the weights afterwards."""
    x, start = b["examples"], b["start"]
    now, still = classified(W, x), classified(W.real, x)
    near = classified(W.real, x + eps / 10 * np.sin(np.arange(x.size)).reshape(x.shape))
    change, p = near - still, np.exp(near)
    slope = p * (change - (p * change).sum(-1, keepdims=True)) + p - np.exp(still)
    slope = slope @ W[:-1].real.T * b["forced"][:, None]
    worst = eps * slope / np.maximum(np.abs(slope).max(-1, keepdims=True), 1e-30)
    loss = likelihood(W, b) + mu * both_ways(classified(start, x), now, b)
    loss = loss + smooth * both_ways(classified(W, x + worst), now, b)
    return [loss, average * start + (1 - average) * W.real]


def sam(W, b, rho=0.05, measured=False, form="sam"):
    """What it descends on, uphill from the weights, and how far up that is."""
    if measured:
        then, now = (classified(w.real, b["examples"]) for w in (b["start"], W))
        rho = rho * (both_ways if form == "sam" else one_way)(then, now, b)
    stretch = W.real if form == "asam" else np.ones(W.shape)
    slope = stretch * slope_of_likelihood(W.real, b)
    return [likelihood(W + rho * stretch * slope / np.sqrt((slope**2).sum()), b), rho]


def tram(W, b, rho=1.0, **settings):
    return sam(W, b, rho, True, **settings)


OF_DISTRIBUTIONS = {
    *("kl", "token_kl", "tv", "project", "troll_loss", "lco_loss", "rover_loss"),
    *("ppo_penalty", "fixpo", "mdpo", "klpo", "centered", "capo"),
}
"""A gradient in log-probs of a whole distribution means something along the simplex alone."""
BY_DIFFERENCES = {"project", "troll_loss", "truncated_expert", "lmo"}
"""No step of 1e-30 i goes through a root search, a choice or a singular value decomposition."""


def along_the_simplex(slope, log_p):
    return slope - np.exp(log_p) * slope.sum(-1, keepdims=True)


def numbers(row: Row, given: Batch, first: str, second: str, line: str | None) -> dict[str, Any]:
    """A row's numbers: per_token and kept of a loss, else value; gradient where the row has one.

    Args: given: the row's batch; first, second: the function's first arguments; line: the weight, where a line
    says it."""
    name = row.get("method") or (row.get("loss") or row["call"]).rpartition(".")[2]
    b = {key: np.array(value) for key, value in given.items()}
    settings = row["settings"] | {key: b[key] for key in row.get("extra", ())}
    x = b[first].astype(float)
    if line is not None:
        to = "logp_anchor" if "logp_anchor" in settings else second
        return of_line(line, row, x, b, name, to)
    function = globals()[name]

    def parts(x, **more):
        found = function(x, b, **settings, **more)
        value, kept = found if "per_token" in row else (found, None)
        if "per_token" in row and np.shape(value) == b["mask"].shape:
            value = np.where(b["mask"], value, 0)
        return value if isinstance(value, list) else [value], kept

    def moved(at, by):
        there = x + 0 * by
        there[at] += by
        return parts(there, **({"at": x} if name == "troll_loss" else {}))[0][0].sum()

    value, kept = parts(x)
    found = {"value": value} if kept is None else {"per_token": value[0]}
    if "kept" in row:
        found["kept"] = b["mask"] & kept
    if "gradient" in row:
        slope = np.zeros_like(x)
        for at in np.ndindex(x.shape):
            if name in BY_DIFFERENCES and row["settings"].get("norm", "spectral") == "spectral":
                slope[at] = (moved(at, 1e-6) - moved(at, -1e-6)) / 2e-6
            else:
                slope[at] = moved(at, STEP * 1j).imag / STEP
        found["gradient"] = slope
    return found
