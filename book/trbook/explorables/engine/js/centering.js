/* Score centering: the weighted policy gradient less what the sampler's whole distribution pushes on average:
   trlib.algorithms.centering on plain numbers. The objective is of whole distributions, as TROLL's is. */

import { MOST } from "./own.js";

/* The weight ω of log-probs log p and log q, and the mass q ω, which overflows nowhere. */
function rule({ weight, cap, floor, delta_tv: delta }) {
  if (weight === "none") return { kept: () => true, omega: () => 1, mass: (_p, q) => Math.exp(q) };
  const most = weight === "truncated" || weight === "window" ? Math.log(cap) : MOST;
  const rules = {
    window: (p, q) => Math.exp(p - q) >= floor && Math.exp(p - q) <= cap,
    mask: (p, q) => Math.abs(Math.exp(p) - Math.exp(q)) <= delta,
  };
  const kept = rules[weight] ?? (() => true);
  return {
    kept,
    omega: (p, q) => (kept(p, q) ? Math.exp(Math.min(most, p - q)) : 0),
    mass: (p, q) => (kept(p, q) ? Math.exp(Math.min(p, q + most)) : 0),
  };
}

/* dL/dlogits = -A ω_y (1{y} - p) + A (c - p Σ c)  with  c = q ω;  weight = A (ω_y - (c_y - p_y Σ c) / (1 - p_y)) */
export const centered = (settings) => {
  const { kept, omega, mass } = rule(settings);
  return ({ logp, old, tokens, advantage }) => {
    const rows = tokens.map((y, t) => {
      const c = Array.from(logp[t], (p, v) => mass(p, old[t][v])),
        total = c.reduce((sum, x) => sum + x, 0);
      return { y, c, total, omega: omega(logp[t][y], old[t][y]) };
    });
    return {
      weight: rows.map(({ y, c, total, omega }, t) => {
        const others = Math.max(-Math.expm1(logp[t][y]), Number.EPSILON);
        return advantage * (omega - (c[y] - Math.exp(logp[t][y]) * total) / others);
      }),
      kept: rows.map(({ y }, t) => kept(logp[t][y], old[t][y])),
      gradient: rows.map(({ y, c, total, omega }, t) =>
        Float64Array.from(c, (x, v) => {
          const p = Math.exp(logp[t][v]);
          return advantage * (x - p * total - omega * ((v === y ? 1 : 0) - p));
        }),
      ),
    };
  };
};
