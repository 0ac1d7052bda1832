/* What is wrong with a dump, by name: `trlab.diagnose.causes` in JavaScript, statistic by statistic. */

import { letters, say } from "./format.js";
import { byCompletion } from "./effects.js";
import { largest, map, mean, pick, quantiles, sorted, total, where } from "./numbers.js";
import { align, correlation, shiftOf } from "./alignment.js";
import { details, holdsBy } from "./verdict.js";
import { Refused } from "./columns.js";
import shared from "./shared.json" with { type: "json" };

const {
  NAMES,
  FEWEST_TOKENS,
  FEWEST_COMPLETIONS,
  ERRORS,
  ABOVE,
  OVERFLOW,
  UNITS,
  RELATIVE,
  UNRELATED,
  FAR,
  LEAST_FAR,
  ONE_SIDED,
  BOUND,
  ALL,
  EXPLAINED,
  SLOPE,
  NOISE,
  MUCH,
  SHAPED,
  AGAINST,
  HALF,
  WINDOW,
  LEAST_MOVED,
  DEAD,
  LONGEST,
  UNEVEN,
  SHOWN,
  ENGINES,
} = shared.constants;

const cause = (name, key, values = {}) => [
  { name, evidence: say(`cause.${key}`, values), advice: say(`advice.${key}`) },
];
const deviation = (d) => mean(map(d, Math.abs));
const least = (values) => -largest(map(values, (x) => -x));
const count = (values, test) => {
  let n = 0;
  for (let i = 0; i < values.length; i++) if (test(values[i], i)) n++;
  return n;
};
const isAbsent = (value) => value === null || value === 1;

/* The unmasked tokens: owner, x = log μ, y = the learner's before its updates, now = after them, and d = y - x. */
export function sample(r) {
  const here = where(r.mask.length, (i) => r.mask[i]);
  return of(
    { owner: r.completion, x: r.logp_rollout, y: r.logp_old ?? r.logp, now: r.logp, advantage: r.advantage },
    here,
  );
}

function of(s, index) {
  const owner = new Int32Array(index.length),
    made = { owner };
  for (let k = 0; k < index.length; k++) owner[k] = s.owner[index[k]];
  for (const name of ["x", "y", "now", "advantage"]) made[name] = pick(s[name], index);
  made.d = map(made.y, (y, k) => y - made.x[k]);
  return made;
}

const keep = (s, test) => of(s, where(s.x.length, test));

/* The verdict, and the rollouts in nats, without tokens that are no numbers. */
export function judge(rollouts) {
  let causes = [],
    reason = null;
  let r = nats(finite(rollouts, causes), causes),
    s = sample(r);
  causes.push(...overflow(s));
  const all = s.d;
  s = keep(s, (k) => Math.abs(all[k]) <= OVERFLOW);
  const owners = new Set(s.owner).size,
    tokens = s.x.length;
  if (owners < FEWEST_COMPLETIONS || tokens < FEWEST_TOKENS)
    reason = say("unclear.few", { completions: owners, tokens });
  else if (least(s.x) === largest(s.x) || least(s.y) === largest(s.y)) reason = say("unclear.constant");
  else {
    const [padded, fill] = padding(s);
    s = keep(s, (k) => !padded[k]);
    causes.push(...fill, ...ofLogProbs(r, s), ...deadGroups(r), ...truncation(r, fill.length > 0), ...halfGroups(r));
    if (!causes.length) reason = unexplained(s);
  }
  causes = NAMES.flatMap((name) => causes.filter((each) => each.name === name).slice(0, 1));
  const unseen = unseenOf(r),
    made = (verdict, headline) => [{ verdict, headline, causes, unseen }, r];
  if (causes.length)
    return made("found", say("headline.found", { causes: causes.map((each) => each.name).join(", ") }));
  return reason
    ? made("unclear", say("headline.unclear", { reason }))
    : made("healthy", say("headline.healthy", { completions: r.count }));
}

function ofLogProbs(r, s) {
  const shifted = shift(r);
  if (shifted.length) return shifted;
  const units = unit(s),
    found = units.length ? units : clipped(s);
  if (found.length) return found;
  const [causes, wrong] = pairing(r, s),
    rest = keep(s, (k) => !wrong[k]);
  if (!rest.x.length) return causes;
  for (const test of [support, temperature, staleness, dropout, noise, precision]) {
    const more = test(r, rest);
    if (more.length) return [...causes, ...more];
  }
  return causes;
}

/* -- values that are no log-probs ----------------------------------------------------------------------------------- */

const columnsOf = (r) => ["logp", "logp_rollout", "logp_old"].filter((name) => r[name] !== null);

function finite(r, causes) {
  const bad = new Uint8Array(r.mask.length),
    told = [];
  for (const column of [...columnsOf(r), "advantage"]) {
    let n = 0;
    for (let i = 0; i < bad.length; i++) if (r.mask[i] && !Number.isFinite(r[column][i])) n += bad[i] = 1;
    if (n) told.push([column, count(r[column], (x, i) => r.mask[i] && !Number.isFinite(x))]);
  }
  let owners = [...new Set(where(bad.length, (i) => bad[i]).map((i) => r.completion[i]))];
  if (r.reward !== null) {
    const counted = new Set(where(bad.length, (i) => r.mask[i]).map((i) => r.completion[i]));
    const odd = [...counted].filter((c) => !Number.isFinite(r.reward[c]));
    if (odd.length) {
      told.push(["reward", odd.length]);
      owners = [...new Set([...owners, ...odd])].sort((a, b) => a - b);
      r = { ...r, reward: null };
    }
  }
  if (!told.length) return r;
  const columns = told.map(([column, n]) => say("cause.non_finite_column", { column, count: n })).join(", ");
  causes.push(...cause("non-finite", "non_finite", { columns, completions: listed(owners) }));
  return masked(r, bad);
}

function masked(r, bad) {
  const mask = r.mask.map((flag, i) => flag & Number(!bad[i]));
  if (!mask.includes(1)) throw new Refused("columns: expected a token whose values are all log-probs, got none");
  return { ...r, mask };
}

function overflow(s) {
  const n = count(s.d, (d) => Math.abs(d) > OVERFLOW);
  return n ? cause("non-finite", "overflow", { count: n, largest: largest(map(s.d, Math.abs)) }) : [];
}

function nats(r, causes) {
  const bad = new Uint8Array(r.mask.length);
  for (const column of columnsOf(r)) {
    const values = r[column],
      inside = pick(
        values,
        where(values.length, (i) => r.mask[i]),
      ),
      above = count(inside, (x) => x > ABOVE);
    if (!above) continue;
    const low = least(inside),
      high = largest(inside);
    if (low >= 0 && high <= 1 + ABOVE) {
      causes.push(...cause("unit", "probabilities", { column }));
      r = { ...r, [column]: map(values, (x) => Math.log(Math.max(x, 1e-30))) };
    } else if (low >= 0) {
      causes.push(...cause("unit", "losses", { column }));
      r = { ...r, [column]: map(values, (x) => -x) };
    } else if (above / inside.length < 0.5 && high < 2) r = { ...r, [column]: map(values, (x) => Math.min(x, 0)) };
    else {
      causes.push(...cause("unit", "above", { column, count: above, largest: high }));
      for (let i = 0; i < bad.length; i++) if (r.mask[i] && values[i] > ABOVE) bad[i] = 1;
    }
  }
  return masked(r, bad);
}

/* -- columns that do not belong together ---------------------------------------------------------------------------- */

function padding(s) {
  const n = s.x.length,
    padded = new Uint8Array(n),
    rows = [];
  for (let i = 0, first = 0; i < n; i++) {
    if (i + 1 < n && s.owner[i + 1] === s.owner[i]) continue;
    rows.push([first, i]);
    first = i + 1;
  }
  const longest = rows.reduce((most, [first, last]) => Math.max(most, last - first), 0) + 1;
  for (const values of [s.x, s.y]) {
    const counts = new Map();
    for (const [, last] of rows) counts.set(values[last], (counts.get(values[last]) ?? 0) + 1);
    const constant = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0][0];
    const runs = rows.map(([first, last]) => {
      let run = 0;
      while (last - run >= first && values[last - run] === constant) run++;
      return run;
    });
    const full = rows.map(([first, last], i) => runs[i] >= 2 && last - first + 1 === longest),
      sum = total(runs);
    const filled = count(full, Boolean),
      others = count(runs, (run) => run >= 2) - filled;
    const inside = (count(values, (x) => x === constant) - sum) / Math.max(n - sum, 1);
    if (filled >= Math.max(3, 0.1 * rows.length) && others <= 0.1 * filled && inside ** 2 * rows.length * 5 < filled) {
      rows.forEach(([, last], i) => {
        if (full[i]) padded.fill(1, last - runs[i] + 1, last + 1);
      });
    }
  }
  const tokens = total(padded);
  if (!tokens) return [padded, []];
  const completions = new Set(s.owner.filter((_, k) => padded[k])).size;
  return [padded, cause("padding", "padding", { tokens, completions })];
}

function shift(r) {
  const a = align(r),
    side = shiftOf(a);
  if (!side) return [];
  const where_ = say(side < 0 ? "cause.before" : "cause.after");
  return cause("shift", "shift", {
    where: where_,
    best: side < 0 ? a.before : a.after,
    same: a.same,
  });
}

function unit(s) {
  const both = map(s.x, (x, k) => x + s.y[k]);
  const parts = [where(both.length, (k) => both[k] < -1), where(both.length, (k) => both[k] >= -1 && both[k] < -0.04)];
  if (Math.min(...parts.map((part) => part.length)) < 10) return [];
  const found = parts.map((part) => {
    const below = total(pick(s.x, part));
    return below ? total(pick(s.y, part)) / below : 0;
  });
  for (const [name, inNats] of Object.entries(UNITS)) {
    for (const [column, factor] of /** @type {[string, number][]} */ ([
      ["logp_rollout", inNats],
      ["logp", 1 / inNats],
    ])) {
      if (found.every((ratio) => Math.abs(ratio / factor - 1) < RELATIVE))
        return cause("unit", "unit", { column, unit: name, low: found[0], high: found[1] });
    }
  }
  return [];
}

function clipped(s) {
  for (const [column, values, others] of [
    ["logp_rollout", s.x, s.y],
    ["logp", s.y, s.x],
  ]) {
    const low = least(values),
      at = where(values.length, (k) => values[k] === low),
      near = count(values, (x) => x <= low + 1);
    if (at.length >= Math.max(5, 0.3 * near) && new Set(pick(others, at)).size > 0.5 * at.length && low < -0.5) {
      return cause("unit", "clipped", { column, count: at.length, least: low });
    }
  }
  return [];
}

/* Per completion of all: unmasked tokens here, and the sum of |d|. */
function sizes(r, s) {
  const counts = new Float64Array(r.count),
    sums = new Float64Array(r.count);
  for (let k = 0; k < s.x.length; k++) {
    counts[s.owner[k]] += 1;
    sums[s.owner[k]] += Math.abs(s.d[k]);
  }
  return { counts, sums };
}

function pairing(r, s) {
  const n = s.x.length,
    [far, compared] = farOf(r, s),
    isFar = new Set(far),
    wrong = Uint8Array.from(s.owner, (c) => Number(isFar.has(c)));
  const right = (values) => values.filter((_, k) => !wrong[k]),
    same = correlation(right(s.x), right(s.y)),
    error = ERRORS / Math.sqrt(Math.max(n - 3, 1));
  if (same !== null && Math.tanh(Math.atanh(Math.min(same, 0.999)) + error) < UNRELATED)
    return [cause("pairing", "unrelated", { same }), wrong.fill(1)];
  if (!far.length) return [[], wrong];
  const values = { count: far.length, total: compared, completions: listed([...far]) };
  const size = { far: deviation(s.d.filter((_, k) => wrong[k])), rest: deviation(right(s.d)) };
  return [cause("pairing", "pairing", { ...values, ...size }), wrong];
}

/* The outliers among the completions by mean |d|, and how many completions were compared. */
/** @returns {[Int32Array, number]} */
function farOf(r, s) {
  const { counts, sums } = sizes(r, s),
    there = where(r.count, (c) => counts[c] >= 4);
  if (there.length < FEWEST_COMPLETIONS) return [there.subarray(0, 0), there.length];
  const each = new Float64Array(there.length);
  for (let i = 0; i < there.length; i++) each[i] = sums[there[i]] / counts[there[i]];
  const [low, middle] = quantiles(sorted(map(each, (x) => Math.log(Math.max(x, 1e-6)))), [0.05, 0.25]);
  const limit = Math.max(LEAST_FAR, Math.exp(middle + Math.max(Math.log(5), FAR * (middle - low))));
  return [there.filter((_, i) => each[i] > limit), there.length];
}

const more = (n) => (n > SHOWN ? say("cause.more", { count: n - SHOWN }) : "");
const listed = (numbers) => numbers.slice(0, SHOWN).join(", ") + more(numbers.length);

/* -- distributions that differ -------------------------------------------------------------------------------------- */

export function meanRatio(d) {
  const ratio = map(d, Math.exp);
  return { value: mean(ratio), error: Math.sqrt(total(map(ratio, (x) => (x - 1) ** 2))) / ratio.length };
}

function off(s) {
  for (const sign of [-1, 1]) {
    let half = s.d.filter((_, k) => s.advantage[k] * sign <= 0);
    if (half.length < FEWEST_TOKENS) half = s.d;
    const m = meanRatio(half);
    if (sign * (m.value - 1) > Math.max(ERRORS * m.error, 0.005)) return sign;
  }
  return 0;
}

function support(r, s) {
  if (holdsBy(r.sampling) === false && isAbsent(r.sampling.temperature))
    return cause("support", "support_said", { details: details(r.sampling) });
  const up = total(map(s.d, (d) => Math.max(d, 0))),
    down = total(map(s.d, (d) => Math.max(-d, 0))),
    side = off(s);
  const [rarer, other] = side < 0 ? [up, down] : [down, up];
  if (
    !side ||
    rarer > ONE_SIDED * other ||
    !(rarer < ALL * other || count(s.d, (d) => Math.abs(d) > BOUND) / s.d.length <= 0.01)
  )
    return [];
  if (side < 0 && !isAbsent(r.sampling.top_p)) return [];
  const m = meanRatio(s.d),
    share = count(s.d, (d) => d * side > 0) / s.d.length;
  return cause("support", side < 0 ? "support" : "support_raw", {
    share: 100 * share,
    mean: m,
  });
}

function temperature(r, s) {
  if (holdsBy(r.sampling) === false) return cause("temperature", "temperature_said", { details: details(r.sampling) });
  const [slope, explained] = slopeOf(s.d, s.x),
    [other, also] = slopeOf(s.d, s.y),
    n = new Set(s.owner).size;
  if (slope * other <= 0 || Math.min(explained, also) < EXPLAINED || Math.abs(slope) < SLOPE) return [];
  if ((explained / (1 - Math.min(explained, 0.999))) * n < ERRORS) return [];
  const m = meanRatio(s.d),
    right = Math.abs(m.value - 1) <= Math.max(ERRORS * m.error, 0.02);
  return cause("temperature", right ? "temperature_learner" : "temperature_sampler", {
    slope,
    explained: 100 * explained,
    factor: 1 + slope,
    mean: m,
  });
}

function slopeOf(d, x) {
  const a = mean(x),
    b = mean(d),
    xx = total(map(x, (v) => (v - a) ** 2)),
    dd = total(map(d, (v) => (v - b) ** 2));
  const xd = total(map(x, (v, k) => (v - a) * (d[k] - b)));
  return xx > 0 && dd > 0 ? [xd / xx, (xd * xd) / (xx * dd)] : [0, 0];
}

function staleness(r, s) {
  if (r.version === null) return [];
  const { counts, sums } = sizes(r, s),
    there = where(r.count, (c) => counts[c] > 0),
    each = new Float64Array(there.length);
  for (let i = 0; i < there.length; i++) each[i] = sums[there[i]] / counts[there[i]];
  const last = largest(r.version),
    age = map(pick(r.version, there), (v) => last - v),
    old = largest(age),
    young = least(age);
  const at = (wanted) => mean(each.filter((_, i) => age[i] === wanted)),
    [slope, explained] = slopeOf(each, age);
  if (slope <= 0 || explained * age.length < ERRORS ** 2 || at(old) < NOISE) return [];
  return cause("staleness", "staleness", {
    newest: at(young),
    oldest: at(old),
    age: old - young,
  });
}

function against(moved, advantage) {
  let n = 0,
    back = 0;
  for (let k = 0; k < moved.length; k++) {
    if (advantage[k] === 0 || !(Math.abs(Math.expm1(moved[k])) > WINDOW)) continue;
    n++;
    if (moved[k] * advantage[k] < 0) back++;
  }
  return [n, n ? back / n : 0.5];
}

function dropout(r, s) {
  const [n, share] = against(
    map(s.now, (now, k) => now - s.y[k]),
    s.advantage,
  );
  if (n < Math.max(LEAST_MOVED, 0.02 * s.x.length) || share - 3 * Math.sqrt(0.25 / n) < AGAINST) return [];
  return cause("dropout", "dropout", { count: n, share: 100 * share });
}

function noise(r, s) {
  const certain = (k) => s.x[k] > -0.02,
    n = count(s.x, (_, k) => certain(k));
  if (deviation(s.d) < NOISE / 2 || n < LEAST_MOVED || s.x.length - n < LEAST_MOVED) return [];
  const sure = deviation(s.d.filter((_, k) => certain(k))),
    rest = deviation(s.d.filter((_, k) => !certain(k)));
  return sure < SHAPED * rest ? [] : cause("noise", "noise", { sure, rest });
}

function precision(r, s) {
  const size = deviation(s.d),
    [n, share] = against(s.d, s.advantage);
  if (size < NOISE || (n >= LEAST_MOVED && share + 3 * Math.sqrt(0.25 / n) < HALF)) return [];
  const gap = ([, known]) => Math.abs(Math.log(size / known)),
    like = Object.entries(ENGINES).reduce((best, each) => (gap(each) < gap(best) ? each : best))[0];
  const found = cause("precision", "precision", { deviation: size, like });
  if (size >= MUCH && s.now.every((now, k) => now === s.y[k]))
    found.push(...cause("dropout", "dropout_alone", { deviation: size }));
  return found;
}

function unexplained(s) {
  if (!off(s)) return null;
  return say("unclear.mean", { mean: meanRatio(s.d) });
}

/* -- the batch ------------------------------------------------------------------------------------------------------ */

function lower(share, n, z) {
  const spread = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return (share + (z * z) / (2 * n) - spread) / (1 + (z * z) / n);
}

function deadGroups(r) {
  const most = new Float64Array(r.count),
    there = new Uint8Array(r.count);
  for (let i = 0; i < r.mask.length; i++) {
    if (!r.mask[i]) continue;
    there[r.completion[i]] = 1;
    most[r.completion[i]] = Math.max(most[r.completion[i]], Math.abs(r.advantage[i]));
  }
  if (r.group === null) return most.some((x) => x > 0) ? [] : cause("dead-groups", "no_advantage");
  const groups = new Set(),
    alive = new Set();
  for (let c = 0; c < r.count; c++) {
    if (there[c]) groups.add(r.group[c]);
    if (most[c] > 0) alive.add(r.group[c]);
  }
  const dead = groups.size - alive.size,
    share = dead / groups.size;
  if (share < 1 && (groups.size < 4 || lower(share, groups.size, 3) < DEAD)) return [];
  return cause("dead-groups", "dead", { dead, groups: groups.size, share: 100 * share });
}

function truncation(r, padded) {
  const all = new Float64Array(r.count);
  for (let i = 0; i < r.mask.length; i++) if (r.mask[i]) all[r.completion[i]] += 1;
  const lengths = all.filter((n) => n > 0),
    longest = largest(lengths),
    n = count(lengths, (x) => x === longest),
    whole = lengths.length;
  if (padded || longest < 16 || whole < FEWEST_COMPLETIONS || lower(n / whole, whole, 2) < LONGEST) return [];
  return cause("truncation", "truncation", {
    count: n,
    total: whole,
    share: (100 * n) / whole,
    longest,
  });
}

function halfGroups(r) {
  if (r.group === null) return [];
  const { mean: means } = byCompletion(r),
    sums = new Float64Array(r.groupNames.length),
    sized = new Float64Array(r.groupNames.length);
  for (let c = 0; c < r.count; c++) {
    sums[r.group[c]] += means[c];
    sized[r.group[c]] += Math.abs(means[c]);
  }
  const live = count(sized, (x) => x > 0),
    uneven = [...where(sums.length, (g) => Math.abs(sums[g]) > UNEVEN * sized[g])];
  const whole = Math.abs(total(means)) < 1e-3 * total(map(means, Math.abs));
  if (uneven.length < Math.max(1, UNEVEN * live) || whole) return [];
  const names =
    uneven
      .slice(0, SHOWN)
      .map((g) => `“${short(r.groupNames[g])}”`)
      .join(", ") + more(uneven.length);
  return cause("half-groups", "half", { uneven: uneven.length, groups: live, names });
}

function short(name) {
  const line = letters(name.trim().split(/\s+/).join(" "));
  return line.length <= 60 ? line.join("") : `${line.slice(0, 60).join("")}…`;
}

function unseenOf(r) {
  const learner = r.logp_old ?? r.logp;
  const missing = [
    ["logp_old", r.logp_old === null],
    ["group", r.group === null],
    ["version", r.version === null],
    ["copied", learner.every((y, i) => !r.mask[i] || y === r.logp_rollout[i])],
    ["sampling", holdsBy(r.sampling) === null],
  ];
  return missing.filter(([, is]) => is).map(([name]) => say(`unseen.${name}`));
}
