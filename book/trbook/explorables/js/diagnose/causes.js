/* What is wrong with a dump, by name: `trcheck.diagnose.causes` in JavaScript, statistic by statistic. */

import { say } from "./format.js";
import { largest, map, mean, pick, quantiles, rint, sorted, total, where } from "./numbers.js";
import { align, correlation, shiftOf } from "./alignment.js";
import { holdsBy } from "./verdict.js";
import { Refused } from "./columns.js";
import { baselineOf, cutOf, deadGroups, halfGroups, interval, truncation } from "./groups.js";
import { holds, numbersOf } from "./evidence.js";
import judgement from "../../../../../trcheck/diagnose/judgement.json" with { type: "json" };

const C = judgement.constants;

export const cause = (name, key, values = {}) => [
  { name, evidence: say(`cause.${key}`, values), advice: say(`advice.${key}`) },
];
const deviation = (d) => mean(map(d, Math.abs));
const least = (values) => -largest(map(values, (x) => -x));
const count = (values, test) => {
  let n = 0;
  for (let i = 0; i < values.length; i++) if (test(values[i], i)) n++;
  return n;
};
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
    reason = null,
    unusual = [],
    values = {};
  let r = nats(finite(rollouts, causes), causes),
    s = sample(r);
  causes.push(...overflow(filled(s)[1].length ? keep(s, (k) => s.x[k] !== 0) : s));
  const all = s.d;
  s = keep(s, (k) => Math.abs(all[k]) <= C.OVERFLOW);
  const owners = new Set(s.owner).size,
    tokens = s.x.length;
  if (owners < C.FEWEST_COMPLETIONS || tokens < C.FEWEST_TOKENS)
    reason = say("unclear.few", { completions: owners, tokens });
  else if (least(s.x) === largest(s.x) || least(s.y) === largest(s.y)) reason = say("unclear.constant");
  else {
    const [padded, fill] = padding(s);
    causes.push(...fill);
    const kept = keep(s, (k) => !padded[k]);
    values = ofLogProbs(r, kept, causes);
    causes.push(...deadGroups(r));
    if (!fill.length) causes.push(...truncation(cutOf(r)));
    causes.push(...halfGroups(r));
    unusual = unusualOf(values, r);
  }
  causes = judgement.names.flatMap((name) => causes.filter((each) => each.name === name).slice(0, 1));
  const unseen = unseenOf(r),
    made = (verdict, headline, seen = []) => [{ verdict, headline, causes, unseen, seen }, r];
  if (causes.length)
    return made("found", say("headline.found", { causes: causes.map((each) => each.name).join(", ") }));
  if (reason) return made("unclear", say("headline.unclear", { reason }));
  if (unusual.length) return made("unusual", say("headline.unusual", { what: unusual.join("; ") }));
  return made("healthy", say("headline.healthy", { completions: r.count }), seenOf(values));
}

/* What is wrong between the two columns, added to the causes; the numbers that the rules were asked with. */
function ofLogProbs(r, s, causes) {
  const [ends, ended] = end(s);
  causes.push(...ended);
  s = keep(s, (k) => !ends[k]);
  for (const test of [() => shift(r), () => unit(s), () => clipped(s)]) {
    const found = test();
    causes.push(...found);
    if (found.length) return {};
  }
  const [odd, fill] = filled(s);
  causes.push(...fill);
  s = keep(s, (k) => !odd[k]);
  const [found, wrong] = pairing(r, s),
    far = keep(s, (k) => wrong[k]);
  if (found.length) s = keep(s, (k) => !wrong[k]);
  if (!s.x.length) {
    causes.push(...found);
    return {};
  }
  const values = numbersOf(r, s);
  Object.assign(values, unexplained(far, values.updated === 1));
  if (holds(judgement.pairing, values)) causes.push(...found);
  const rule = judgement.rules.find((each) => holds(each.when, values));
  if (rule) {
    for (const each of [rule, ...(rule.also ?? []).filter((also) => holds(also.when, values))])
      causes.push(...cause(each.name, each.key, values));
  }
  return values;
}

/* How many completions lie far from the others, and how many of them updates do not explain. */
function unexplained(far, learned) {
  const along = new Map();
  far.owner.forEach((c, k) => along.set(c, (along.get(c) ?? 0) + far.advantage[k] * far.d[k]));
  const alone = learned ? [...along.values()].filter((sum) => sum <= 0).length : along.size;
  return { far: along.size, far_alone: alone };
}

/* What is certain and has no name, and which missing column would give it one. */
function unusualOf(values, r) {
  const absent = ["logp_old", "version"].filter((name) => r[name] === null && !(name === "logp_old" && values.updated)),
    tell = absent.length ? say("unusual.tell", { columns: absent.join(" and ") }) : "";
  const keys = judgement.unusual.filter((rule) => holds(rule.when, values)).map((rule) => rule.key);
  if (keys.length && values.updated) keys.push("updated");
  const sloped = keys.includes("slope") || keys.includes("rise"); // which say the size too
  const told = new Set(keys.filter((key) => !sloped || key !== "size"));
  return [...told].map((key) => say(`unusual.${key}`, { ...values, tell }));
}

/* What would have been found: the rules' limits, or what the errors allow where that is more. */
function seenOf(values) {
  const z = C.Z,
    limits = C.SEEN,
    slope = Math.max(limits.slope, z * Math.max(values.slope_x_error, values.slope_y_error));
  const told = [
    say("seen.temperature", { temperature: Math.max(1 - slope / limits.per_temperature, 0) }),
    say("seen.pairing", {
      completions: values.completions,
      few: Math.max(limits.alone, Math.floor(limits.tail * values.n) + 1),
    }),
    say("seen.size", { size: Math.max(limits.size, z * values.size_error), here: values.size }),
  ];
  if (!values.one_pass) told.push(say("seen.dropout", { moved: values.n_out_now }));
  if (values.span >= 2) told.push(say("seen.aging", { aging: Math.max(z * values.aging_error, limits.aging) }));
  return told;
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
  const n = count(s.d, (d) => Math.abs(d) > C.OVERFLOW);
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
      above = count(inside, (x) => x > C.ABOVE);
    if (!above) continue;
    const low = least(inside),
      high = largest(inside);
    if (low >= 0 && high <= 1 + C.ABOVE) {
      causes.push(...cause("unit", "probabilities", { column }));
      r = { ...r, [column]: map(values, (x) => Math.log(Math.max(x, 1e-30))) };
    } else if (low >= 0) {
      causes.push(...cause("unit", "losses", { column }));
      r = { ...r, [column]: map(values, (x) => -x) };
    } else if (above / inside.length < 0.5 && high < 2) r = { ...r, [column]: map(values, (x) => Math.min(x, 0)) };
    else {
      causes.push(...cause("unit", "above", { column, count: above, largest: high }));
      for (let i = 0; i < bad.length; i++) if (r.mask[i] && values[i] > C.ABOVE) bad[i] = 1;
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
    let stretch = 1;
    if (constant > C.CERTAIN) {
      let middle = 0,
        begins = 0;
      rows.forEach(([first, last], i) => {
        for (let k = first; k <= last - runs[i]; k++) {
          if (values[k] !== constant) continue;
          middle++;
          if (k === first || values[k - 1] !== constant) begins++;
        }
      });
      stretch = C.STRETCHES * Math.max(middle / Math.max(begins, 1), 1);
    }
    if (
      filled >= Math.max(3, 0.1 * rows.length) &&
      others <= 0.1 * filled &&
      inside ** 2 * rows.length * 5 < filled &&
      total(runs.filter((_, i) => full[i])) / filled >= stretch
    ) {
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

const lastOf = (s) => where(s.owner.length, (k) => s.owner[k] !== s.owner[k + 1]);
const unsureOf = (s) => map(s.x, (x, k) => -Math.expm1(Math.min((x + s.y[k]) / 2, 0)));

/* The last tokens, where many of them are one number in one column and the other column tells them apart. */
function end(s) {
  const last = lastOf(s),
    marked = new Uint8Array(s.x.length),
    isLast = new Uint8Array(s.x.length);
  for (const k of last) isLast[k] = 1;
  const rest = keep(s, (k) => !isLast[k]),
    size = total(map(rest.d, Math.abs)) / Math.max(total(unsureOf(rest)), 1e-12),
    free = unsureOf(s);
  for (const [column, values, others] of [
    ["logp_rollout", s.x, s.y],
    ["logp", s.y, s.x],
  ]) {
    const counts = new Map();
    for (const k of last) counts.set(values[k], (counts.get(values[k]) ?? 0) + 1);
    const [value, n] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0],
      at = last.filter((k) => values[k] === value),
      inside = count(values, (x) => x === value) - n,
      gaps = map(at, (k) => Math.abs(values[k] - others[k])),
      far = mean(gaps),
      here = total(gaps) / Math.max(total(pick(free, at)), 1e-12);
    if (
      n >= Math.max(3, (value ? 0.1 : 0.6) * last.length) &&
      value === rint(value) &&
      inside <= 0.05 * Math.max(rest.x.length, 1) &&
      (value !== 0 || new Set(pick(others, at)).size > 0.5 * n) &&
      far > 0.01 &&
      here > 5 * size &&
      rest.x.length
    ) {
      for (const k of at) marked[k] = 1;
      return [marked, cause("end", "end", { count: n, column, value, far, rest: deviation(rest.d) })];
    }
  }
  return [marked, []];
}

/* Tokens that the sampler is certain of, to the last bit, and the learner is not. */
function filled(s) {
  const odd = Uint8Array.from(s.x, (x, k) =>
      Number(x === 0 && s.y[k] < -3 && Math.abs(s.now[k] - s.y[k]) < -0.5 * s.y[k]),
    ),
    n = total(odd),
    completions = new Set(s.owner.filter((_, k) => odd[k])).size;
  if (n < Math.max(5, 0.002 * s.x.length) || completions < 3) return [odd.fill(0), []];
  const filling = Uint8Array.from(s.x, (x, k) => Number(x === 0 && s.y[k] < -0.05));
  return [filling, cause("foreign-tokens", "filled", { count: n, completions, value: 0 })];
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
  for (const [name, inNats] of Object.entries(C.UNITS)) {
    for (const [column, factor] of /** @type {[string, number][]} */ ([
      ["logp_rollout", inNats],
      ["logp", 1 / inNats],
    ])) {
      if (found.every((ratio) => Math.abs(ratio / factor - 1) < C.RELATIVE))
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

function pairing(r, s) {
  const n = s.x.length,
    [far, compared, whole] = farOf(r, s),
    isFar = new Set(far),
    wrong = Uint8Array.from(s.owner, (c) => Number(isFar.has(c)));
  const right = (values) => values.filter((_, k) => !wrong[k]),
    same = correlation(right(s.x), right(s.y)),
    error = C.ERRORS / Math.sqrt(Math.max(n - 3, 1)),
    // Else the learner is noisy.
    alike = total(map(s.now, (now, k) => Math.abs(now - s.y[k]))) <= 0.5 * total(map(s.d, Math.abs));
  if (alike && same !== null && Math.tanh(Math.atanh(Math.min(same, 0.999)) + error) < C.UNRELATED)
    return [cause("pairing", "unrelated", { same }), wrong.fill(1)];
  if (!whole) return [[], wrong];
  const values = { count: far.length, total: compared, completions: listed([...far]) };
  const size = { far: deviation(s.d.filter((_, k) => wrong[k])), rest: deviation(right(s.d)) };
  return [cause("pairing", "pairing", { ...values, ...size }), wrong];
}

/* The outliers among the completions by their difference in nats of a logit, how many were compared, and whether the
   outliers differ throughout. */
/** @returns {[Int32Array, number, boolean]} */
function farOf(r, s) {
  const counts = new Float64Array(r.count),
    size = new Float64Array(r.count),
    free = new Float64Array(r.count),
    open = new Float64Array(r.count),
    apart = new Float64Array(r.count),
    moved = new Float64Array(r.count),
    unsure = unsureOf(s),
    isApart = (k) => unsure[k] > C.UNSURE && Math.abs(s.d[k]) > C.APART * unsure[k];
  for (let k = 0; k < s.x.length; k++) {
    counts[s.owner[k]] += 1;
    size[s.owner[k]] += Math.abs(s.d[k]);
    free[s.owner[k]] += unsure[k];
    moved[s.owner[k]] += Math.abs(s.now[k] - s.y[k]);
    if (!(unsure[k] > C.UNSURE)) continue;
    open[s.owner[k]] += 1;
    if (isApart(k)) apart[s.owner[k]] += 1;
  }
  const there = where(r.count, (c) => counts[c] >= 4);
  if (there.length < C.FEWEST_COMPLETIONS) return [there.subarray(0, 0), there.length, false];
  const each = map(there, (c) => size[c] / (free[c] + C.UNSURE));
  const [low, middle] = quantiles(sorted(map(each, (x) => Math.log(Math.max(x, 1e-6)))), [0.05, 0.25]);
  const spread = Math.min(Math.max(Math.log(5), C.FAR * (middle - low)), Math.log(C.FARTHEST)),
    // Beyond the others, and beyond what two passes of the learner differ by.
    passes = (C.FAR_PASSES * total(moved)) / Math.max(total(free), 1e-12),
    limit = Math.max(C.FAR_LOGITS, passes, Math.exp(middle + spread));
  // Another text differs at most tokens, an edited logit at one; and in two passes alike.
  const whole = (c) => apart[c] >= 2 && apart[c] >= 0.5 * open[c] && moved[c] <= 0.5 * size[c];
  const far = there.filter((c, i) => each[i] > limit && size[c] > C.LEAST_FAR * counts[c] && whole(c));
  // Another text has moved the tokens before the last one that it moved; an edit has not.
  const last = new Int32Array(r.count).fill(-1),
    isFar = new Set(far);
  for (let k = 0; k < s.x.length; k++) if (isApart(k)) last[s.owner[k]] = k;
  const before = where(s.x.length, (k) => unsure[k] > C.UNSURE && isFar.has(s.owner[k]) && k < last[s.owner[k]]),
    moves = count(before, isApart);
  return [far, there.length, before.length > 0 && interval(moves, before.length, 1)[0] > C.WHOLE];
}

export const more = (n) => (n > C.SHOWN ? say("cause.more", { count: n - C.SHOWN }) : "");
const listed = (numbers) => numbers.slice(0, C.SHOWN).join(", ") + more(numbers.length);

export function meanRatio(d) {
  const ratio = map(d, Math.exp);
  return { value: mean(ratio), error: Math.sqrt(total(map(ratio, (x) => (x - 1) ** 2))) / ratio.length };
}

function unseenOf(r) {
  const learner = r.logp_old ?? r.logp,
    known = baselineOf(r);
  const missing = [
    ["logp_old", r.logp_old === null],
    ["group", r.group === null],
    ["version", r.version === null],
    ["tokens", r.pieces === null],
    ["copied", learner.every((y, i) => !r.mask[i] || y === r.logp_rollout[i])],
    ["sampling", holdsBy(r.sampling) === null],
    [known, known !== null && known !== "group"],
  ];
  return missing.filter(([, is]) => is).map(([name]) => say(`unseen.${name}`));
}
