/* The findings about a dump, with the names of `trlib diagnose --json`: `trcheck.diagnose.report` in JavaScript.

   rollouts: { source, layout, count, completion, logp, logp_rollout, logp_old, advantage, mask, pieces, texts, prompts,
   group, groupNames, reward, unread, sampling }; arrays are flat, a token each, in the order of completions; `pieces`
   are places in `texts`. */

import { byCodePoint, say } from "./format.js";
import { byCompletion, effects } from "./effects.js";
import {
  flagged,
  largest,
  linspace,
  map,
  mean,
  median,
  pick,
  quantiles,
  rint,
  sorted,
  total,
  where,
} from "./numbers.js";
import { binaryTv } from "../maths/divergences.js";
import { align } from "./alignment.js";
import { judge, meanRatio } from "./causes.js";
import { answer } from "./verdict.js";
import shared from "./shared.json" with { type: "json" };

const { QUANTILES, CLASSES, BINS, POINTS, TOP, ROWS, EACH, BEFORE, AFTER } = shared.constants;

export function diagnose(rollouts, limits = shared.limits) {
  const [judgement, r] = judge(rollouts),
    n = r.mask.length,
    here = where(n, (i) => r.mask[i]);
  const old = r.logp_old !== null,
    anchor = old ? "logp_old" : "logp_rollout";
  const every = effects(r, limits),
    by = Object.fromEntries(every.map((e) => [e.key, e]));
  const q = map(pick(r.logp_rollout, here), (x) => Math.exp(Math.min(x, 0))),
    p = map(pick(r.logp, here), (x) => Math.exp(Math.min(x, 0)));
  const whole = logRatio(r.logp, r.logp_rollout, here),
    learner = r.logp_old ?? r.logp;
  const mismatch = old ? logRatio(learner, r.logp_rollout, here) : whole;
  const flags = (effect) => flagged(effect.silenced, here);
  return {
    ...judgement,
    source: r.source,
    layout: r.layout,
    completions: r.count,
    positions: n,
    tokens: here.length,
    prompts: r.group === null ? null : new Set(r.group).size,
    anchor,
    duals: dualsOf(r, judgement.causes),
    limits,
    sampling: r.sampling,
    answer: answer(r, limits, here, by.ppo.silenced),
    spreads: spreads(r, limits, here, whole, mismatch),
    histogram: histogram(old ? logRatio(r.logp, r.logp_old, here) : whole, flags(by.ppo), limits),
    unbiased: meanRatio(mismatch),
    alignment: align(r),
    scale: scaleOf(mismatch, old),
    logged: logged(mismatch, limits),
    effective: effective(r, here, whole),
    effects: every.map((e) => count(e, r, here)),
    agreement: agreement(q, flags(by.ppo), flags(by.dppo_tv)),
    classes: classes(r, here, mismatch, every),
    words: words(r, here, every),
    examples: examples(r, by),
    points: points(q, p, flags(by.ppo), flags(by.dppo_tv)),
    recognised: r.recognised,
    unread: r.unread,
  };
}

const logRatio = (above, below, here) => {
  const out = new Float64Array(here.length);
  for (let k = 0; k < here.length; k++) out[k] = above[here[k]] - below[here[k]];
  return out;
};

/* -- groups --------------------------------------------------------------------------------------------------------- */

function dualsOf(r, causes) {
  const what = say(r.reward === null ? "duals.advantage" : "duals.reward");
  if (r.group === null) return say("duals.whole", { what });
  return say("duals.prompts", {
    what,
    warning: causes.some((cause) => cause.name === "half-groups") ? say("duals.warning") : "",
  });
}

/* -- do the log-probs belong together? ------------------------------------------------------------------------------- */

function scaleOf(mismatch, old) {
  const column = old ? "logp_old" : "logp",
    rows = shared.scale.rows,
    size = mean(map(mismatch, Math.abs));
  const ratio = map(mismatch, Math.exp);
  const below = rows.findLast((row) => row.deviation <= size),
    above = rows.find((row) => row.deviation > size);
  const values = { column, deviation: size, model: shared.scale.model };
  for (const [name, row] of /** @type {[string, any][]} */ ([
    ["below", below],
    ["above", above],
  ])) {
    if (row) Object.assign(values, { [name]: say(`scale.${row.key}`), [`${name}_value`]: row.deviation });
  }
  const kind = size === 0 ? "none" : !below ? "below" : !above ? "beyond" : "between";
  return {
    deviation: size,
    kl: mean(map(mismatch, (x) => Math.expm1(x) - x)),
    outside: where(ratio.length, (k) => ratio[k] < 0.8 || ratio[k] > 1.2).length / ratio.length,
    largest: largest(ratio),
    below: below?.key ?? null,
    above: above?.key ?? null,
    text: say(`scale.${kind}`, values),
  };
}

/* -- ratios --------------------------------------------------------------------------------------------------------- */

function spreads(r, limits, here, whole, mismatch) {
  const pairs = [["whole", whole, true]];
  if (r.logp_old !== null)
    pairs.push(["staleness", logRatio(r.logp, r.logp_old, here), false], ["mismatch", mismatch, true]);
  return pairs.map(([key, values, sampled]) => {
    const ratio = map(values, Math.exp),
      n = ratio.length;
    return {
      key,
      quantiles: quantiles(sorted(values), QUANTILES).map(Math.exp),
      mean: mean(ratio),
      outside: where(n, (k) => ratio[k] < 1 - limits.eps_low || ratio[k] > 1 + limits.eps_high).length / n,
      one: where(n, (k) => values[k] === 0).length / n,
      kl: sampled ? mean(map(values, (x) => Math.expm1(x) - x)) : null,
      tv: sampled ? mean(map(ratio, (x) => Math.abs(x - 1))) / 2 : null,
    };
  });
}

function histogram(values, cut, limits) {
  const bits = map(values, (x) => x / Math.LN2);
  const wanted = Math.max(quantiles(sorted(map(bits, Math.abs)), [0.99])[0], 1.5 * Math.log2(1 + limits.eps_high));
  const reach = [0.5, 1, 2, 4, 8, 12].find((x) => x >= wanted) ?? 16,
    edges = linspace(-reach, reach, BINS + 1);
  const kept = new Array(BINS).fill(0),
    silenced = new Array(BINS).fill(0);
  for (let k = 0; k < bits.length; k++) {
    const x = Math.min(Math.max(bits[k], -reach), reach);
    let low = 0,
      high = BINS;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (x >= edges[middle]) low = middle;
      else high = middle;
    }
    (cut[k] ? silenced : kept)[low] += 1;
  }
  return { reach, kept, silenced };
}

function logged(mismatch, limits) {
  const ratio = map(mismatch, Math.exp);
  const kinds = [
    ["as it is", ratio],
    ["truncate", map(ratio, (x) => Math.min(x, limits.cap))],
    ["mask", map(ratio, (x) => (x > limits.cap ? 0 : x))],
  ];
  return kinds.map(([how, values]) => ({ how, mean: mean(values), largest: largest(values) }));
}

function effective(r, here, values) {
  const { counted, whole } = byCompletion(r),
    most = largest(values);
  const weight = sorted(map(values, (x) => Math.exp(x - most))),
    heavy = Math.max(1, Math.ceil(TOP * weight.length));
  return {
    tokens: kish(values),
    completions: kish(whole.filter((_, c) => counted[c] > 0)),
    top: total(weight.subarray(weight.length - heavy)) / total(weight),
  };
}

function kish(values) {
  const most = largest(values),
    weight = map(values, (x) => Math.exp(x - most));
  return total(weight) ** 2 / total(map(weight, (x) => x * x)) / weight.length;
}

/* -- methods -------------------------------------------------------------------------------------------------------- */

function count(effect, r, here) {
  let silenced = 0,
    reweighed = 0,
    turned = 0,
    up = 0,
    upCut = 0,
    down = 0,
    downCut = 0,
    size = 0,
    sizeCut = 0;
  for (const i of here) {
    const a = r.advantage[i],
      cut = effect.silenced[i];
    silenced += cut;
    reweighed += effect.reweighed[i];
    turned += effect.turned[i];
    size += Math.abs(a);
    if (cut) sizeCut += Math.abs(a);
    if (a > 0) [up, upCut] = [up + 1, upCut + cut];
    if (a < 0) [down, downCut] = [down + 1, downCut + cut];
  }
  return {
    key: effect.key,
    name: effect.name,
    anchor: effect.anchor,
    silenced,
    share: silenced / here.length,
    positive: up ? upCut / up : null,
    negative: down ? downCut / down : null,
    advantage: size ? sizeCut / size : null,
    reweighed,
    turned,
  };
}

function agreement(q, ppo, dppo) {
  const sides = [(k) => ppo[k] && dppo[k], (k) => ppo[k] && !dppo[k], (k) => dppo[k] && !ppo[k]].map((test) =>
    where(q.length, test),
  );
  const [both, one, other] = sides.map((index) => index.length);
  return {
    both,
    ppo: one,
    dppo: other,
    probability: sides.map((index) => (index.length ? median(pick(q, index)) : null)),
  };
}

function classes(r, here, mismatch, every) {
  const members = CLASSES.slice(1).map(() => []);
  for (let k = 0; k < here.length; k++) {
    const probability = Math.exp(r.logp_rollout[here[k]]);
    let which = CLASSES.length - 2;
    while (which > 0 && probability < CLASSES[which]) which--;
    members[which].push(k);
  }
  return members.flatMap((index, which) => {
    if (!index.length) return [];
    const moved = map(index, (k) => binaryTv(Math.min(r.logp_rollout[here[k]], 0), Math.min(r.logp[here[k]], 0)));
    return [
      {
        low: CLASSES[which],
        high: CLASSES[which + 1],
        count: index.length,
        ratio: quantiles(sorted(pick(mismatch, index)), [0.01, 0.5, 0.99]).map(Math.exp),
        tv: quantiles(moved.sort(), [0.99])[0],
        silenced: Object.fromEntries(every.map((e) => [e.key, index.reduce((sum, k) => sum + e.silenced[here[k]], 0)])),
      },
    ];
  });
}

function points(q, p, ppo, dppo) {
  const some = (index, most) =>
    index.length <= most ? Array.from(index) : Array.from(linspace(0, index.length - 1, most), (x) => index[rint(x)]);
  const kept = where(q.length, (k) => !(ppo[k] || dppo[k])),
    cut = where(q.length, (k) => ppo[k] || dppo[k]);
  return [...some(kept, POINTS / 2), ...some(cut, POINTS / 2)].map((k) => ({
    before: q[k],
    after: p[k],
    ppo: !!ppo[k],
    dppo: !!dppo[k],
  }));
}

/* -- tokens --------------------------------------------------------------------------------------------------------- */

function words(r, here, every) {
  if (r.pieces === null) return null;
  const by = Object.fromEntries(every.map((e) => [e.key, e])),
    kinds = r.texts.length;
  const counts = new Int32Array(kinds),
    cut = new Int32Array(kinds);
  for (const i of here) {
    counts[r.pieces[i]] += 1;
    if (by.ppo.silenced[i] || by.dppo_tv.silenced[i] || by.dppo_kl.silenced[i]) cut[r.pieces[i]] += 1;
  }
  const order = Array.from(where(kinds, (w) => cut[w]))
    .sort((a, b) => cut[b] - cut[a] || counts[a] - counts[b] || byCodePoint(r.texts[a], r.texts[b]))
    .slice(0, ROWS);
  const members = new Map(order.map((word) => [word, []]));
  for (const i of here) members.get(r.pieces[i])?.push(i);
  return order.map((word) => {
    const index = members.get(word),
      ratios = logRatio(r.logp, r.logp_rollout, index);
    return {
      text: r.texts[word],
      count: index.length,
      silenced: Object.fromEntries(every.map((e) => [e.key, index.reduce((sum, i) => sum + e.silenced[i], 0)])),
      turned: index.reduce((sum, i) => sum + by.quatro.turned[i], 0),
      probability: median(map(pick(r.logp_rollout, index), Math.exp)),
      ratio: [Math.exp(-largest(ratios.map((x) => -x))), Math.exp(largest(ratios))],
    };
  });
}

const markOf = (r, by, i) =>
  !r.mask[i]
    ? "masked"
    : by.ppo.silenced[i]
      ? by.dppo_tv.silenced[i]
        ? "both"
        : "ppo"
      : by.dppo_tv.silenced[i]
        ? "dppo"
        : "";

function examples(r, by) {
  if (r.pieces === null) return [];
  const moved = (i) => Math.abs(Math.exp(r.logp[i]) - Math.exp(r.logp_rollout[i])),
    far = (i) => Math.abs(r.logp[i] - r.logp_rollout[i]);
  const prompt = (c) => (r.group === null ? c : r.group[c]),
    made = [];
  for (const [kind, size] of /** @type {[string, (i: number) => number][]} */ ([
    ["ppo", far],
    ["dppo", moved],
    ["both", moved],
    ["turned", far],
  ])) {
    const index = where(r.mask.length, (i) =>
      kind === "turned" ? markOf(r, by, i) === "" && by.quatro.turned[i] : markOf(r, by, i) === kind,
    );
    for (let k = 0; k < EACH; k++) {
      const shown = new Set(made.map((e) => e.completion)),
        prompts = new Set([...shown].map(prompt));
      let best = -1,
        fresh = -1; // the furthest of another completion; the furthest of another prompt, if there is one
      for (const i of index) {
        const c = r.completion[i];
        if (shown.has(c)) continue;
        if (best < 0 || size(i) > size(best)) best = i;
        if (!prompts.has(prompt(c)) && (fresh < 0 || size(i) > size(fresh))) fresh = i;
      }
      const chosen = fresh < 0 ? best : fresh;
      if (chosen >= 0) made.push(example(r, by, chosen, kind));
    }
  }
  return made;
}

function example(r, by, i, kind) {
  const owner = r.completion[i];
  let first = i,
    last = i;
  while (first > 0 && r.completion[first - 1] === owner) first--;
  for (let j = i; j < r.mask.length && r.completion[j] === owner; j++) if (r.mask[j]) last = j;
  const low = Math.max(first, i - BEFORE),
    high = Math.min(last + 1, i + AFTER + 1),
    context = [];
  for (let j = low; j < high; j++) context.push({ text: r.texts[r.pieces[j]], mark: markOf(r, by, j), own: j === i });
  return {
    kind,
    completion: owner,
    position: i - first,
    prompt: r.prompts === null ? null : r.prompts[owner],
    context,
    cut: [low > first, high < last + 1],
    before: Math.exp(r.logp_rollout[i]),
    after: Math.exp(r.logp[i]),
    advantage: r.advantage[i],
    turned: !!by.quatro.turned[i],
  };
}
