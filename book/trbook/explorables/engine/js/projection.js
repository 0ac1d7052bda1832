/* The KL projection of a token's distribution into the trust region: trlib.algorithms.projection for one token, in
   double precision. Log-probs are finite, as the engine's are.

   π = argmin_p KL(p || π̃) subject to KL(p || q) <= δ lies on log π_t = (1 - t) log q + t log π̃ - log Z; the search for t
   is Newton's on logarithms, and where that fails the two tangents of log Z. */

const EPS = 2 ** -52,
  PASSES = 60;

/* What KL counts as inside the radius, what is aimed at, and what is close enough. */
function windowOf(outcomes, delta) {
  const spread = (1 + Math.log(outcomes)) / delta;
  const margin = EPS * (4 + spread / 8),
    width = Math.max(EPS * (4 + spread), 1e-10);
  return {
    edge: delta * (1 - Math.min(margin, 0.5)),
    target: delta * (1 - Math.min(margin + width / 3, 0.6)),
    enough: delta * (1 - Math.min(margin + width, 0.75)),
  };
}

/* KL(π̃ || q) and the variance of log π̃ - log q under π̃. */
export function departure(u, lq) {
  let kl = 0,
    second = 0;
  for (let v = 0; v < u.length; v++) {
    const d = u[v] - lq[v],
      weighted = Math.exp(u[v]) * d;
    kl += weighted;
    second += weighted * d;
  }
  return { kl, variance: second - kl * kl };
}

export const outside = (kl, outcomes, delta) =>
  delta === 0 ? kl !== 0 : delta < Infinity && kl > windowOf(outcomes, delta).edge;

/* log π_t into `out`; gives log Z. */
function point(u, lq, t, out) {
  let top = -Infinity,
    total = 0;
  for (let v = 0; v < u.length; v++) {
    out[v] = lq[v] + t * (u[v] - lq[v]);
    if (out[v] > top) top = out[v];
  }
  for (let v = 0; v < u.length; v++) total += Math.exp(out[v] - top);
  const whole = top + Math.log(total);
  for (let v = 0; v < u.length; v++) out[v] -= whole;
  return whole;
}

/* KL(π_t || q), its variance, and the slope of log Z in t. */
export function look(u, lq, t, scratch) {
  const psi = point(u, lq, t, scratch),
    { kl, variance } = departure(scratch, lq);
  return { t, kl, variance, slope: (kl + psi) / t };
}

/* A safe next t: where the tangents of the bracket's ends meet, or the middle (of log t) when that is to be avoided. */
function between(lower, upper, halve) {
  const middle = lower.t > 0 ? Math.sqrt(lower.t * upper.t) : upper.t / 16;
  const meet = (upper.kl - lower.kl) / (upper.slope - lower.slope);
  return !halve && meet > lower.t && meet < upper.t ? meet : middle;
}

/* The t of the point just inside the radius. */
function root(u, lq, { kl, variance }, delta, scratch) {
  const { edge, target, enough } = windowOf(u.length, delta);
  let lower = { t: 0, kl: 0, slope: -Infinity },
    upper = { t: 1, kl, slope: kl };
  let last = Math.log(target / kl);
  let t = Math.min(1, Math.max(Math.exp((last * kl) / variance), Math.exp(last / 2) / 2));
  last = Math.abs(last);
  for (let pass = 0; pass < PASSES; pass++) {
    const probe = look(u, lq, t, scratch),
      inside = probe.kl <= edge;
    if (inside) lower = probe;
    else upper = probe;
    if ((inside && probe.kl >= enough) || lower.t >= (1 - 2 * EPS) * upper.t) break;
    const error = Math.log(target / probe.kl),
      newton = t * Math.exp((error * probe.kl) / probe.variance);
    const trusted = newton > lower.t && newton < upper.t && Math.abs(error) < last;
    last = Math.abs(error);
    t = trusted ? newton : between(lower, upper, pass % 3 === 2);
  }
  return lower.t;
}

/* The projection of a distribution outside the region: { t, logp, centred, variance }, with centred = d - KL and its
   variance under π, d = log π - log q; at t = 0 and t = 1 the variance is infinite, because η does not move there. */
export function project(u, lq, delta, drift = departure(u, lq)) {
  const logp = new Float64Array(u.length),
    centred = new Float64Array(u.length);
  const t = delta === 0 ? 0 : root(u, lq, drift, delta, logp);
  if (t === 0) {
    logp.set(lq);
    return { t, logp, centred, variance: Infinity };
  }
  point(u, lq, t, logp);
  let kl = 0,
    variance = 0;
  for (let v = 0; v < u.length; v++) kl += Math.exp(logp[v]) * (logp[v] - lq[v]);
  for (let v = 0; v < u.length; v++) {
    centred[v] = logp[v] - lq[v] - kl;
    variance += Math.exp(logp[v]) * centred[v] ** 2;
  }
  return {
    t,
    logp,
    centred,
    variance: t < 1 ? Math.max(variance, Number.MIN_VALUE) : Infinity,
  };
}
