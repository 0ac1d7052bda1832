/* What a batch shows of a lane: the metrics of trlib's history that the page draws, by the same names. Exact
   divergences are taken on a probe: some completions, spread evenly over the prompts. */

import { passes, write } from "./packing.js";

const mean = (values) => (values.length ? values.reduce((total, x) => total + x, 0) / values.length : NaN);

/* Numbers of `count` of `total` completions, spread evenly. */
export function probe(total, count) {
  const some = Math.min(total, count);
  return Array.from({ length: some }, (_, i) => Math.floor((i * total) / some));
}

const QUANTILES = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1];

/* An update in a few numbers: which of how many, tokens, kept, norm, the quantiles of its tokens' ratios, and the KL
   that they tell of: the mean of r - 1 - log r, in nats per token, before the update's step. */
export function brief({ tokens, kept, norm, ratios }, number, of) {
  const sorted = Float64Array.from(ratios).sort(),
    last = sorted.length - 1;
  return {
    number,
    of,
    tokens,
    kept,
    norm,
    kl: mean(ratios.map((r) => r - 1 - Math.log(r))),
    ratio: last < 0 ? [] : QUANTILES.map((share) => sorted[Math.round(share * last)]),
  };
}

/* The share of the completions that begin with each word; what begins with none is left out. */
export function openers(completions) {
  const shares = {};
  for (const { words } of completions)
    if (words.length) shares[words[0]] = (shares[words[0]] ?? 0) + 1 / completions.length;
  return shares;
}

/* A row of the history: reward, length, kept, grad_norm, ratio_max, kl, kl_back, tv, tv_max, entropy; where the lane has
   a reference, the policy with the weights `first`, also right, kl_ref and kl_ref_seq. */
export function measure(engine, { completions, ids, looked, updates, settings }, first) {
  const known = (name) => updates.map((one) => one[name]).filter((x) => !Number.isNaN(x));
  const some = looked.map((row) => completions[row]);
  const largest = updates.flatMap(({ ratios }) => ratios).reduce((most, r) => Math.max(most, r), 1);
  return {
    reward: mean(completions.map(({ verdict }) => verdict.reward)),
    length: mean(completions.map(({ tokens }) => tokens.length)),
    kept: mean(known("kept")),
    grad_norm: mean(known("norm")),
    ratio_max: largest,
    ...divergences(engine, ids, some),
    ...(settings.beta === null
      ? {}
      : {
          right: mean(completions.map(({ verdict }) => Number(verdict.right ?? verdict.reward > 0))),
          ...away(engine, first, ids, some),
        }),
  };
}

/* Log-probs and whole distributions of completions, { logp, full } each, under other weights than the engine's, which
   are back afterwards. */
export function scored(engine, weights, ids, completions) {
  const own = engine.read(),
    found = [];
  engine.write(weights);
  for (const pass of passes(engine, ids, completions)) {
    const first = write(engine, ids, pass);
    engine.forward(pass.rows, pass.outputs);
    for (const [i, { tokens }] of pass.of.entries())
      found.push({
        logp: Array.from(engine.chosen.subarray(first[i], first[i] + tokens.length)),
        full: tokens.map((_, t) => engine.distribution(first[i] + t).slice()),
      });
  }
  engine.write(own);
  return found;
}

/* KL(π || reference) per token and per completion, exact over the vocabulary. */
function away(engine, weights, ids, completions) {
  const first = scored(engine, weights, ids, completions);
  /** @type {any} */ const { kl_back: kl } = divergences(
    engine,
    ids,
    completions.map((one, i) => ({ ...one, full: first[i].full })),
  );
  return { kl_ref: kl, kl_ref_seq: kl * mean(completions.map(({ tokens }) => tokens.length)) };
}

/* Divergences of a pass's tokens, as it is read, from the distributions that sampled them. */
export function compare(engine, pass, first) {
  for (const [i, { full }] of pass.of.entries())
    for (const [t, row] of full.entries()) engine.others.set(row, (first[i] + t) * engine.columns);
  engine.wasm.compare(pass.outputs);
}

/* Between the distributions that sampled and the policy as it is now, per token of the probe. */
function divergences(engine, ids, completions) {
  const found = { kl: [], kl_back: [], tv: [], entropy: [] };
  for (const pass of passes(engine, ids, completions)) {
    const first = write(engine, ids, pass);
    engine.forward(pass.rows, pass.outputs);
    compare(engine, pass, first);
    found.kl.push(...engine.kl_forth.subarray(0, pass.outputs));
    for (const name of ["kl_back", "tv", "entropy"]) found[name].push(...engine[name].subarray(0, pass.outputs));
  }
  return {
    ...Object.fromEntries(Object.entries(found).map(([name, values]) => [name, mean(values)])),
    tv_max: found.tv.reduce((most, x) => Math.max(most, x), 0),
  };
}
