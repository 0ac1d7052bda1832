/* TROLL: the policy gradient of the projected distribution and the regression towards it, with the gradient through the
   whole distribution: trlib.algorithms.troll on plain numbers. */

import { capped } from "./own.js";
import { departure, outside, project } from "./projection.js";

/* An objective of one completion, { logp, old, tokens, advantage }, where logp and old are the tokens' whole
   distributions, arrays of log-probs. Gives { weight, kept, gradient }: gradient[t] is dL/dlogits of the token before
   aggregation; null: inside the region, where weight alone says it, -weight (1{y} - π̃).
   moved: the divergence of a token as somebody else has measured it; one well inside is not looked at. */
export const troll =
  ({ delta_kl: delta, alpha }) =>
  ({ logp, old, tokens, advantage, moved = (_t) => Infinity }) => {
    const found = tokens.map((y, t) => (moved(t) >= 0.9 * delta ? beyond(logp[t], old[t], delta) : null));
    const ratios = tokens.map((y, t) => (found[t] ? found[t].logp[y] : logp[t][y]) - old[t][y]);
    const push = ratios.map((l) => advantage * Math.exp(capped(l)));
    return {
      weight: tokens.map((y, t) => (found[t] ? weightOf(found[t], logp[t], y, push[t], alpha) : push[t])),
      kept: tokens.map((y, t) => !found[t] || found[t].t > 0),
      gradient: tokens.map((y, t) => found[t] && gradientOf(found[t], logp[t], y, push[t], alpha)),
    };
  };

function beyond(u, lq, delta) {
  const drift = departure(u, lq);
  return outside(drift.kl, u.length, delta) ? project(u, lq, delta, drift) : null;
}

/* KL(π̃ || π) */
function regression(logp, u) {
  let total = 0;
  for (let v = 0; v < u.length; v++) total += Math.exp(u[v]) * (u[v] - logp[v]);
  return total;
}

/* dL/dlogits: the push on log π(y), pulled back through the projection, and α π̃ (log π̃/π - KL(π̃ || π)). */
function gradientOf({ t, logp, centred, variance }, u, y, push, alpha) {
  const out = new Float64Array(u.length),
    mean = regression(logp, u);
  const across = (v) => -push * ((v === y ? 1 : 0) - Math.exp(logp[v]));
  let along = 0;
  for (let v = 0; v < u.length; v++) along += across(v) * centred[v];
  const lost = (t * along) / variance;
  for (let v = 0; v < u.length; v++) {
    out[v] = t * across(v) - lost * Math.exp(logp[v]) * centred[v];
    out[v] += alpha * Math.exp(u[v]) * (u[v] - logp[v] - mean);
  }
  return out;
}

/* -dL/dlog π̃(y) as the probability of y moves and all others keep their proportions. */
function weightOf({ t, logp, centred, variance }, u, y, push, alpha) {
  const others = Math.max(-Math.expm1(u[y]), 2 ** -52),
    p = Math.exp(logp[y]);
  const shrink = (t * (1 - p - (p * centred[y] ** 2) / variance)) / others;
  const pull = (Math.exp(u[y]) * (u[y] - logp[y] - regression(logp, u))) / others;
  return (shrink === 0 ? 0 : push * shrink) - alpha * pull;
}
