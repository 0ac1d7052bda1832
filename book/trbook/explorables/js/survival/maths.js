/* What a stale batch of long completions is worth to each correction, exactly: trbook.horizon, in closed sums. */

import { sum } from "../maths/plain.js";

export const TURN = 0.25,
  RIGHT = 0.99,
  FREE = 0.1,
  STEP = [0.1, 0.1, 0.05];
const CAP = 2,
  LOW = 0.5,
  HIGH = 5,
  EPS = 0.2,
  GSPO_LOW = 3e-4,
  GSPO_HIGH = 4e-4,
  SPREAD = 9,
  STATE = 12;
export const METHODS = ["none", "clip", "tis", "icepop", "prefix", "sequence", "sequence_tis", "sequence_mask", "gspo"];

const moved = (p, by) => 1 / (1 + ((1 - p) / p) * Math.exp(-by));
const square = (x) => x * x;
const valueOf = (turn, right, safe, legs) => turn * safe + (1 - turn) * right ** legs;

/* The small relay between μ and π: its three probabilities under π, both values, the gradient at π, Σ χ². */
export function chain({ horizon, versions, noise, safe }) {
  const legs = horizon / 2,
    rounding = noise * Math.sqrt(2 / (FREE * (1 - FREE)));
  const learner = [
    moved(TURN, STEP[0] * versions),
    moved(RIGHT, STEP[1] * versions),
    moved(FREE, Math.hypot(STEP[2] * versions, rounding)),
  ];
  const [p, s, q] = learner,
    right = s ** legs,
    chi = (old, now) => square(now - old) / (old * (1 - old));
  return {
    horizon,
    legs,
    safe,
    learner,
    value: [valueOf(TURN, RIGHT, safe, legs), valueOf(p, s, safe, legs)],
    gradient: [p * (1 - p) * (safe - right), (1 - p) * legs * right * (1 - s), 0],
    spread:
      chi(TURN, p) + (((1 - TURN) * (1 - RIGHT ** legs)) / (1 - RIGHT)) * chi(RIGHT, s) + (legs - 1) * chi(FREE, q),
  };
}

/* A turn, a first wrong place at each leg, no wrong place: { share, A, rights, wrong }. */
/** @param {any} task @param {number[]} sampler */
function outcomes({ legs, safe }, [turn, right]) {
  const base = valueOf(turn, right, safe, legs);
  /** @type {any[]} */ const found = [{ share: turn, A: safe - base, rights: 0, wrong: 0, turned: true }];
  for (let leg = 0, there = 1 - turn; leg < legs; leg++, there *= right)
    found.push({ share: there * (1 - right), A: -base, rights: leg, wrong: 1 });
  found.push({ share: (1 - turn) * right ** legs, A: 1 - base, rights: legs, wrong: 0 });
  return found;
}

function tokenWeight(method, ratio, sign) {
  if (method === "none") return 1;
  if (method === "tis") return Math.min(ratio, CAP);
  if (method === "icepop") return ratio >= LOW && ratio <= HIGH ? ratio : 0;
  return (sign > 0 && ratio > 1 + EPS) || (sign < 0 && ratio < 1 - EPS) ? 0 : ratio;
}

/** @param {any} c @param {string} method @param {number[]} sampler */
function ofTokens(c, method, sampler = [TURN, RIGHT, FREE]) {
  const [turn, right, free] = sampler,
    [p, s, q] = c.learner,
    n = c.legs - 1,
    mean = [0, 0, 0];
  let length = 0;
  for (const { share, A, rights, wrong, turned } of outcomes(c, sampler)) {
    const of = (now, old) => tokenWeight(method, now / old, Math.sign(A));
    const first = turned ? of(p, turn) * (1 - p) : of(1 - p, 1 - turn) * -p;
    const places = rights * of(s, right) * (1 - s) - wrong * of(1 - s, 1 - right) * s;
    const chosen = of(q, free) * (1 - q),
      other = -of(1 - q, 1 - free) * q,
      middle = n * (free * chosen + (1 - free) * other);
    [first, places, middle].forEach((part, i) => {
      mean[i] += share * A * part;
    });
    length +=
      share *
      A *
      A *
      (first * first + places * places + middle * middle + n * free * (1 - free) * square(chosen - other));
  }
  return { mean, variance: length - sum(mean.map(square)) };
}

/* Sums over the counts of free choices, from the first count up to each: [chance, chance f, chance f²] times e^(k m), for
   f = count - n q and m the free choices' log-ratio. */
function counted({ legs, learner }, k) {
  const q = learner[2],
    n = legs - 1,
    odds = square(q) / FREE / (square(q) / FREE + square(1 - q) / (1 - FREE)),
    high = Math.max(odds, FREE);
  const around = (at) => SPREAD * Math.sqrt(n * at * (1 - at)) + 20,
    from = Math.max(0, Math.floor(n * FREE - around(FREE))),
    to = Math.min(n, Math.ceil(n * high + around(high)));
  const up = Math.log(q / FREE),
    down = Math.log((1 - q) / (1 - FREE)),
    sums = [[0, 0, 0]];
  let ways = 0;
  for (let i = 1; i <= from; i++) ways += Math.log((n - from + i) / i);
  for (let count = from; count <= to; count++) {
    const m = count * up + (n - count) * down,
      f = count - n * q,
      chance = Math.exp(ways + count * Math.log(FREE) + (n - count) * Math.log(1 - FREE) + k * m),
      last = sums[sums.length - 1];
    sums.push([last[0] + chance, last[1] + chance * f, last[2] + chance * f * f]);
    ways += Math.log((n - count) / (count + 1));
  }
  return { sums, first: from * up + (n - from) * down, slope: up - down };
}

function ofSequences(c, method) {
  const [p, s] = c.learner,
    gspo = method === "gspo",
    power = gspo ? 1 / c.horizon : 1;
  const one = counted(c, power),
    two = counted(c, 2 * power),
    flat = method === "sequence_tis" ? counted(c, 0) : null,
    last = one.sums.length - 1,
    mean = [0, 0, 0];
  /* How many of the counts have a log-ratio of at most `limit`. */
  const within = (limit) =>
    one.slope > 0
      ? Math.max(0, Math.min(last, Math.floor((limit - one.first) / one.slope) + 1))
      : one.first <= limit
        ? last
        : 0;
  let length = 0;
  for (const { share, A, rights, wrong, turned } of outcomes(c, [TURN, RIGHT])) {
    const known = turned
      ? Math.log(p / TURN)
      : Math.log((1 - p) / (1 - TURN)) + rights * Math.log(s / RIGHT) + wrong * Math.log((1 - s) / (1 - RIGHT));
    const scale = Math.exp(power * known);
    let from = 0,
      to = last;
    if (gspo && A > 0) to = within(c.horizon * Math.log1p(GSPO_HIGH) - known);
    else if (gspo && A < 0) from = within(c.horizon * Math.log1p(-GSPO_LOW) - known);
    else if (method !== "sequence" && !gspo) to = within(Math.log(CAP) - known);
    const part = ({ sums }, i) => sums[to][i] - sums[from][i];
    const rest = (i) => (flat ? flat.sums[last][i] - flat.sums[to][i] : 0);
    const weight = scale * part(one, 0) + CAP * rest(0),
      lean = scale * part(one, 1) + CAP * rest(1);
    const large = scale * scale * part(two, 0) + CAP * CAP * rest(0),
      wide = scale * scale * part(two, 2) + CAP * CAP * rest(2);
    const first = turned ? 1 - p : -p,
      places = rights * (1 - s) - wrong * s;
    mean[0] += share * A * first * weight;
    mean[1] += share * A * places * weight;
    mean[2] += share * A * lean;
    length += share * A * A * ((first * first + places * places) * large + wide);
  }
  return { mean, variance: length - sum(mean.map(square)) };
}

/* Moments of a state: [chance, E P, E P², and by logit E S, E P S, E S²], P the product of the ratios so far, S = Σ P ∇log π.
   Adds to `into` what `moments` become by a choice of that chance, whose score is at one logit. */
function pour(into, moments, chance, ratio, logit, score) {
  const [there, product, squared] = moments;
  into[0] += chance * there;
  into[1] += chance * ratio * product;
  into[2] += chance * ratio * ratio * squared;
  for (let i = 3; i < STATE; i += 3) {
    const s = moments[i],
      ps = moments[i + 1],
      ss = moments[i + 2],
      add = i === 3 + 3 * logit ? ratio * score : 0;
    into[i] += chance * (s + add * product);
    into[i + 1] += chance * ratio * (ps + add * squared);
    into[i + 2] += chance * (ss + 2 * add * ps + add * add * squared);
  }
}

function ofPrefixes(c) {
  const [p, s, q] = c.learner,
    none = () => new Float64Array(STATE),
    start = none().fill(1, 0, 3);
  let [turned, jumped, wrong] = [none(), none(), none()],
    spare = none();
  pour(turned, start, TURN, p / TURN, 0, 1 - p);
  pour(jumped, start, 1 - TURN, (1 - p) / (1 - TURN), 0, -p);
  /* The moments after a free choice; the array that held them before is used again. */
  const free = (moments) => {
    const after = spare.fill(0);
    pour(after, moments, FREE, q / FREE, 2, 1 - q);
    pour(after, moments, 1 - FREE, (1 - q) / (1 - FREE), 2, -q);
    spare = moments;
    return after;
  };
  for (let leg = 0; leg < c.legs; leg++) {
    if (leg) [turned, jumped, wrong] = [free(turned), free(jumped), free(wrong)];
    pour(wrong, jumped, 1 - RIGHT, (1 - s) / (1 - RIGHT), 1, -s);
    const before = jumped;
    pour((jumped = spare.fill(0)), before, RIGHT, s / RIGHT, 1, 1 - s);
    spare = before;
  }
  const mean = [0, 0, 0],
    base = c.value[0];
  let length = 0;
  for (const [moments, A] of /** @type {[Float64Array, number][]} */ ([
    [turned, c.safe - base],
    [jumped, 1 - base],
    [wrong, -base],
  ])) {
    for (let i = 0; i < 3; i++) {
      mean[i] += A * moments[3 + 3 * i];
      length += A * A * moments[5 + 3 * i];
    }
  }
  return { mean, variance: length - sum(mean.map(square)) };
}

export function estimate(c, method) {
  if (method === "prefix") return ofPrefixes(c);
  return ["none", "clip", "tis", "icepop"].includes(method) ? ofTokens(c, method) : ofSequences(c, method);
}

/* { survives, worth, cosine² with endless data, variance } of a batch of so many completions, by method. */
export const judge = (c, methods, completions) => judging(c, methods)(completions);

/* The same for batches of many sizes: what a completion gives does not depend on how many there are. */
export function judging(c, methods) {
  const target = sum(c.gradient.map(square)),
    noise = ofTokens(c, "none", c.learner).variance,
    estimates = methods.map((method) => [method, estimate(c, method)]);
  return (completions) =>
    Object.fromEntries(
      estimates.map(([method, { mean, variance }]) => {
        const along = sum(mean.map((value, i) => value * c.gradient[i])),
          size = sum(mean.map(square));
        const length = target * (size + variance / completions),
          kept = length ? (Math.sign(along) * along * along) / length : 0;
        return [
          method,
          {
            survives: kept,
            worth: Math.max(0, ((noise / target) * kept) / (1 - kept)),
            aim: size ? (Math.sign(along) * along * along) / (target * size) : 0,
            variance,
          },
        ];
      }),
    );
}
