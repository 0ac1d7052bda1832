/* One token's distribution π̃, its projection π onto the KL ball around the old one q, and what the update does to each
   logit: the engine's projection and objectives on a whole vocabulary, or on k tokens of it. Held to trlib. */

import { byLine } from "../../engine/js/lines.js";
import { departure, outside, project } from "../../engine/js/projection.js";
import { troll } from "../../engine/js/troll.js";
import { logSoftmax, sum } from "../maths/plain.js";

/* log π̃ where every logit of the old distribution has moved by shift[v]. */
export const moved = (lq, shift) => logSoftmax(lq.map((x, v) => x + shift[v]));

/* How far token v's logit has to have moved for its probability to be p, the others' as they are. */
export function shiftFor(lq, shift, v, p) {
  const others = Math.log(sum(lq.map((x, w) => (w === v ? 0 : Math.exp(x + shift[w])))));
  return Math.log(p) - Math.log1p(-p) + others - lq[v];
}

/* The sampled token and the most likely others, k in all, in the order of the vocabulary: trlib's `sparsify`. */
export function supported(lq, token, k) {
  const rank = lq.map((_, v) => v).sort((a, b) => Number(b === token) - Number(a === token) || lq[b] - lq[a]);
  return rank.slice(0, k).sort((a, b) => a - b);
}

/* What the method sees: all tokens, the kept ones and one bucket for the rest, or the kept ones' shares alone. */
function seen(logp, kept, support) {
  const own = kept.map((v) => logp[v]),
    mass = sum(own.map(Math.exp));
  if (support === "drop") return own.map((x) => x - Math.log(mass));
  return kept.length < logp.length ? [...own, Math.log(Math.max(1 - mass, 1e-12))] : own;
}

/* KL(p || q) of log-probs, as anybody would evaluate it. */
export const divergence = (u, lq) => departure(u, lq).kl;

/* The moves of the logits: `reach` times as far out on one and the same geodesic. */
export const moves = (s) => s.shift.map((x) => s.reach * x);

/* s: { old, shift, reach, token, advantage, delta, alpha, eps, support, k }. Gives log-probs of q and π̃, the probabilities of
   π over all tokens, KLs in nats, η and t, and by name the gradient on every logit, -dL/dlogit. */
export function solve(s) {
  const lq = s.old.map(Math.log),
    u = moved(lq, moves(s));
  const kept = s.support === "all" ? lq.map((_, v) => v) : supported(lq, s.token, s.k);
  const near = seen(lq, kept, s.support),
    now = seen(u, kept, s.support),
    y = kept.indexOf(s.token);
  const drift = departure(now, near),
    out = outside(drift.kl, now.length, s.delta);
  const t = out ? project(now, near, s.delta, drift).t : 1;
  const target = out ? project(now, near, s.delta, drift).logp : Float64Array.from(now);

  const tail = lq.map((_, v) => v).filter((v) => !kept.includes(v)),
    tailMass = sum(tail.map((v) => Math.exp(u[v])));
  const rest = s.support === "rest" && tail.length ? (values) => values[kept.length] / tailMass : () => 0;
  const everywhere = (values) =>
    lq.map((_, v) => (kept.includes(v) ? values[kept.indexOf(v)] : rest(values) * Math.exp(u[v])));
  const objective = (advantage, alpha) => {
    const { weight, gradient } = troll({ delta_kl: s.delta, alpha })({
      logp: [now],
      old: [near],
      tokens: [y],
      advantage,
    });
    return gradient[0]
      ? Array.from(gradient[0], (x) => -x)
      : now.map((x, v) => weight[0] * ((v === y ? 1 : 0) - Math.exp(x)));
  };
  const single = (weight) => u.map((x, v) => weight * ((v === s.token ? 1 : 0) - Math.exp(x)));
  const ratio = objective(s.advantage, 0),
    pull = objective(0, s.alpha);
  const slope = (push) => -sum(push.map((x, v) => x * (now[v] - near[v])));
  const clip = byLine("ppo")({ eps_low: s.eps, eps_high: s.eps })({
    logp: [u[s.token]],
    old: [lq[s.token]],
    advantage: s.advantage,
  }).weight[0];

  const shares = Array.from(target, Math.exp);
  const projected =
    s.support === "drop"
      ? lq.map((_, v) => (kept.includes(v) ? shares[kept.indexOf(v)] * (1 - tailMass) : Math.exp(u[v])))
      : everywhere(shares);
  return {
    lq,
    u,
    kept,
    out,
    t,
    eta: (1 - t) / t,
    projected,
    near,
    now,
    kl: {
      network: drift.kl,
      projected: divergence(target, near),
      whole: divergence(u, lq),
    },
    ratio: {
      network: Math.exp(now[y] - near[y]),
      projected: Math.exp(target[y] - near[y]),
      whole: Math.exp(u[s.token] - lq[s.token]),
    },
    push: {
      before: single(s.advantage * Math.exp(u[s.token] - lq[s.token])),
      clip: single(clip),
      ratio: everywhere(ratio),
      pull: everywhere(pull),
      all: everywhere(ratio.map((x, v) => x + pull[v])),
    },
    slope: { ratio: slope(ratio), pull: slope(pull) },
  };
}
