/* What a dump is judged by: `trcheck.diagnose.evidence` in JavaScript, formula by formula. */

import { largest, map, where } from "./numbers.js";
import { details, holdsBy } from "./verdict.js";
import judgement from "../../../../../trcheck/diagnose/judgement.json" with { type: "json" };

const C = judgement.constants;
const BOTH = { a: (advantage) => advantage <= 0, b: (advantage) => advantage >= 0 };

/* How unlikely a token must be that hardly any draw is, as -log μ, and the share of the draws that may. */
function leastOf(r) {
  const vocabulary = r.vocabulary === null ? C.VOCABULARY : 2 * r.vocabulary;
  const chosen = C.LEAST.find((a) => vocabulary * Math.exp(-a) < C.RARE) ?? C.LEAST.at(-1);
  return [chosen, vocabulary * Math.exp(-chosen)];
}

/* Each feature's sum over every completion that has tokens. */
function sumsOf(r, s) {
  const last = where(s.owner.length, (k) => s.owner[k] !== s.owner[k + 1]),
    rows = last.length,
    made = {},
    [low] = leastOf(r);
  const add = (name, value) => {
    const sums = new Float64Array(rows);
    for (let c = 0, k = 0; c < rows; c++) {
      let sum = 0;
      for (; k <= last[c]; k++) sum += Number(value(k));
      sums[c] = sum;
    }
    made[name] = sums;
  };
  const { x, y, d, now, advantage } = s,
    free = map(x, (value, k) => -Math.expm1(Math.min((value + y[k]) / 2, 0))),
    excess = map(d, Math.expm1);
  add("n", () => 1);
  add("u", (k) => free[k]);
  add("x", (k) => x[k]);
  add("y", (k) => y[k]);
  add("d", (k) => d[k]);
  add("xx", (k) => x[k] * x[k]);
  add("yy", (k) => y[k] * y[k]);
  add("xd", (k) => x[k] * d[k]);
  add("yd", (k) => y[k] * d[k]);
  add("dd", (k) => d[k] * d[k]);
  add("size", (k) => Math.abs(d[k]));
  add("up", (k) => Math.max(d[k], 0));
  add("excess", (k) => excess[k]);
  add("moved", (k) => Math.abs(now[k] - y[k]));
  add("tail", (k) => Math.abs(d[k]) > C.TAIL);
  add("still", (k) => Math.abs(d[k]) < C.STILL * free[k]);
  add("low", (k) => x[k] < -low);
  for (const [name, side] of Object.entries(BOTH)) {
    add(`n_${name}`, (k) => side(advantage[k]));
    add(`excess_${name}`, (k) => (side(advantage[k]) ? excess[k] : 0));
    add(`excess2_${name}`, (k) => (side(advantage[k]) ? excess[k] * excess[k] : 0));
  }
  const outside = (k) => advantage[k] !== 0 && Math.abs(Math.expm1(now[k] - y[k])) > C.WINDOW;
  add("out_now", outside);
  add("back_now", (k) => outside(k) && (now[k] - y[k]) * advantage[k] < 0);
  // Among tokens of like probability, because a temperature moves the likely ones, which rewarded completions hold
  // more of; and a tail token must not decide which way the others went.
  const odds = map(x, (value) =>
    Math.min(Math.max(Math.floor(value - Math.log(-Math.expm1(Math.min(value, 0)))), -C.ODDS), C.ODDS),
  );
  const cut = (values) => map(values, (value) => Math.min(Math.max(value, -1), 1)),
    a = among(advantage, odds),
    went = among(cut(d), odds),
    wentNow = among(cut(map(now, (value, k) => value - y[k])), odds);
  add("aa", (k) => advantage[k] * advantage[k]);
  add("spread", (k) => a[k] * a[k]);
  add("a_d", (k) => a[k] * went[k]);
  add("a_now", (k) => a[k] * wentNow[k]);
  add("likely", (k) => (x[k] > C.LIKELY ? d[k] : 0));
  add("size_likely", (k) => (x[k] > C.LIKELY ? Math.abs(d[k]) : 0));
  add("n_sure", (k) => x[k] > C.SURE);
  add("size_sure", (k) => (x[k] > C.SURE ? Math.abs(d[k]) : 0));
  made.u_last = map(last, (k) => free[k]);
  made.size_last = map(last, (k) => Math.abs(d[k]));
  // Where in a completion, from 1, its last tail token below stands; 0: it has none.
  made.place = new Float64Array(rows);
  for (let c = 0, k = 0, first = 0; c < rows; c++, first = k)
    for (; k <= last[c]; k++) if (d[k] < -C.TAIL) made.place[c] = k - first + 1;
  if (r.version !== null) {
    const newest = largest(r.version),
      age = map(last, (k) => newest - r.version[s.owner[k]]);
    made.age = map(age, (a, c) => made.u[c] * a);
    made.age2 = map(age, (a, c) => made.u[c] * a ** 2);
    made.size_age = map(age, (a, c) => made.size[c] * a);
  }
  return made;
}

/* Less their mean where `like` is the same. */
function among(values, like) {
  const sums = new Map();
  for (let k = 0; k < values.length; k++) {
    const [sum, n] = sums.get(like[k]) ?? [0, 0];
    sums.set(like[k], [sum + values[k], n + 1]);
  }
  return map(values, (value, k) => value - sums.get(like[k])[0] / sums.get(like[k])[1]);
}

const over = (a, b) => (Math.abs(b) < 1e-12 ? 0 : a / b);
const slope = (n, a, b, aa, ab) => over(ab - (a * b) / n, aa - (a * a) / n);

function explained(t) {
  const xd = t.xd - (t.x * t.d) / t.n;
  return over(xd * xd, (t.xx - t.x ** 2 / t.n) * (t.dd - t.d ** 2 / t.n));
}

/* Slope of a change of log-prob on the advantage among tokens of like probability; 0 where all advantages are alike. */
const alongOf = (t, change) => (t.spread < 1e-9 * t.aa ? 0 : over(t[`a_${change}`], t.spread));

const STATISTICS = {
  size: (t) => over(t.size, t.u),
  slope_x: (t) => slope(t.n, t.x, t.d, t.xx, t.xd),
  slope_y: (t) => slope(t.n, t.y, t.d, t.yy, t.yd),
  ratio: (t) => t.excess / t.n,
  tail: (t) => t.tail / t.n,
  low: (t) => t.low / t.n,
  against: (t) => over(t.back_now, t.out_now),
  along: (t) => alongOf(t, "d"),
  along_now: (t) => alongOf(t, "now"),
  last: (t) => over(t.size_last * (t.u - t.u_last), (t.size - t.size_last) * t.u_last),
  likely: (t) => over(t.likely, t.size_likely),
  aging: (t) => slope(t.u, t.age, t.size, t.age2, t.size_age),
};

const plain = (values) => values.reduce((sum, value) => sum + value, 0);

/* Every statistic with its value, and its error by leaving out one completion after another. */
function jackknife(table, total) {
  const names = Object.keys(table),
    rows = table.n.length,
    chosen = Object.entries(STATISTICS).filter(([name]) => name !== "aging" || table.age),
    left = chosen.map(() => new Float64Array(rows)),
    without = {};
  for (let c = 0; c < rows; c++) {
    for (const name of names) without[name] = total[name] - table[name][c];
    chosen.forEach(([, statistic], i) => {
      left[i][c] = statistic(without);
    });
  }
  return Object.fromEntries(
    chosen.map(([name, statistic], i) => {
      const middle = plain(left[i]) / rows,
        spread = (plain(left[i].map((value) => (value - middle) ** 2)) * (rows - 1)) / rows;
      return [name, [statistic(total), Math.sqrt(spread)]];
    }),
  );
}

/* What the rules compare and the sentences say. */
export function numbersOf(r, s) {
  const table = sumsOf(r, s),
    t = Object.fromEntries(Object.entries(table).map(([name, values]) => [name, plain(values)])),
    made = {};
  for (const [name, [value, error]] of Object.entries(jackknife(table, t)))
    Object.assign(made, { [name]: value, [`${name}_error`]: error, [`${name}_z`]: value / Math.max(error, 1e-12) });
  const updated = r.logp_old === null;
  for (const side of Object.keys(BOTH)) {
    const few = !updated || t[`n_${side}`] < C.FEWEST_TOKENS,
      n = few ? t.n : t[`n_${side}`],
      value = (few ? t.excess : t[`excess_${side}`]) / n,
      error = Math.sqrt(few ? t.excess2_a + t.excess2_b : t[`excess2_${side}`]) / n;
    made[`ratio_${side}`] = value;
    made[`ratio_${side}_z`] = value / Math.max(error, 1e-12);
  }
  const rest = t.n - t.n_sure,
    restSize = t.size - t.size_sure,
    rising = over(t.up, t.size),
    deviation = t.size / t.n,
    [least, bound] = leastOf(r),
    // Enough to say that updates are in d; and too much to say that none are.
    learning = made.along_z > C.Z,
    doubt = made.along_z > C.DOUBT,
    // How many tail tokens stand at one place of their completions.
    placed = new Map();
  for (const place of table.place) if (place) placed.set(place, (placed.get(place) ?? 0) + 1);
  const same = Math.max(0, ...placed.values()),
    // Completions that hold a token which hardly any draw gives, and the most that draws give.
    holding = table.low.filter((low) => low > 0).length,
    drawn = t.n * bound;
  const gap = (key) => Math.abs(Math.log(Math.max(deviation, 1e-300) / C.ENGINES[key]));
  Object.assign(made, {
    n: t.n,
    completions: r.count,
    deviation,
    engines: deviation / C.ENGINES.bf16,
    like: Object.keys(C.ENGINES).reduce((best, key) => (gap(key) < gap(best) ? key : best)),
    size_low: made.size - C.Z * made.size_error,
    slope: Math.max(made.slope_x, made.slope_y),
    mean: 1 + made.ratio,
    rising,
    rising_percent: 100 * rising,
    falling_percent: 100 * (1 - rising),
    still: t.still / t.n,
    moved: over(t.moved, t.u),
    moved_share: over(t.moved, t.size),
    n_sure: t.n_sure,
    n_rest: rest,
    sure: restSize > 0 ? (over(t.size_sure, t.n_sure) * rest) / restSize : 0,
    n_out_now: t.out_now,
    against_percent: 100 * made.against,
    against_error_percent: 100 * made.against_error,
    against_low: made.against - 3 * made.against_error,
    learning: Number(learning),
    updated: Number(doubt && updated),
    explained: explained(t),
    tail_count: t.tail,
    tail_same: same,
    tail_placed: same / Math.max(t.tail, 1),
    last_deviation: t.size_last / table.n.length,
    one_pass: Number(s.now.every((now, k) => now === s.y[k])),
    holds: { true: 1, false: 0, null: 0.5 }[String(holdsBy(r.sampling))],
    tempered: Number((r.sampling.temperature ?? 1) !== 1),
    cut: Number((r.sampling.top_p ?? 1) !== 1),
    details: details(r.sampling),
    bound,
    least,
    low_bounds: made.low / bound,
    low_z: (holding - drawn) / Math.sqrt(Math.max(drawn, 1)),
    span: 0,
  });
  if (table.age) {
    const given = table.age.map((a, c) => (table.u[c] > 1e-12 ? a / table.u[c] : Infinity)),
      young = -largest(map(given, (a) => -a)),
      age = given.map((a) => (Number.isFinite(a) ? a : young)),
      old = largest(age);
    const ends = [young, old].map((at) => {
      let size = 0,
        free = 0;
      for (let c = 0; c < age.length; c++) {
        if (!(Math.abs(age[c] - at) < 1e-6)) continue;
        size += table.size[c];
        free += table.u[c];
      }
      return size / Math.max(free, 1e-12);
    });
    made.span = old - young;
    [made.youngest, made.oldest] = ends;
    made.growth = ends[1] / Math.max(ends[0], 1e-12);
  }
  return made;
}

/* Whether each of [name, sign, number] is true; a name without a value is not. */
export const holds = (conditions, values) =>
  conditions.every(([name, sign, number]) => {
    const value = values[name];
    if (value === undefined || value === null) return false;
    return sign === "<" ? value < number : sign === ">" ? value > number : value === number;
  });
