/* A batch that cannot teach what it could: `trcheck.diagnose.groups` in JavaScript. */

import { letters, say } from "./format.js";
import { byCompletion } from "./effects.js";
import { largest, map, rint, total, where } from "./numbers.js";
import { cause, more } from "./causes.js";
import judgement from "../../../../../trcheck/diagnose/judgement.json" with { type: "json" };

const C = judgement.constants;

/* Wilson's, of a share, at z standard errors. */
export function interval(count, n, z) {
  const share = count / n,
    spread = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n)),
    middle = share + (z * z) / (2 * n),
    size = 1 + (z * z) / n;
  return [(middle - spread) / size, (middle + spread) / size];
}

export function deadGroups(r) {
  const most = new Float64Array(r.count),
    there = new Uint8Array(r.count);
  for (let i = 0; i < r.mask.length; i++) {
    if (!r.mask[i]) continue;
    there[r.completion[i]] = 1;
    most[r.completion[i]] = Math.max(most[r.completion[i]], Math.abs(r.advantage[i]));
  }
  if (!most.some((x) => x > 0)) return cause("dead-groups", "no_advantage");
  if (r.group === null) return [];
  const every = new Set(),
    alive = new Set();
  for (let c = 0; c < r.count; c++) {
    if (there[c]) every.add(r.group[c]);
    if (most[c] > 0) alive.add(r.group[c]);
  }
  const groups = every.size,
    dead = groups - alive.size;
  if (groups < C.LEAST_GROUPS || dead < C.DEAD * groups) return [];
  const [low, high] = interval(dead, groups, 2).map((x) => 100 * x),
    half = say(dead === C.DEAD * groups ? "cause.dead_half" : "cause.dead_more");
  return cause("dead-groups", "dead", { dead, groups, half, share: (100 * dead) / groups, low, high });
}

const lengthsOf = (r) => {
  const lengths = new Float64Array(r.count);
  for (let i = 0; i < r.mask.length; i++) if (r.mask[i]) lengths[r.completion[i]] += 1;
  return lengths;
};

/* How many completions end at the longest length, of how many, that length, and the token that the others end with. */
/** @returns {[number, number, number, string | null]} */
export function cutOf(r) {
  const lengths = lengthsOf(r),
    there = where(r.count, (c) => lengths[c] > 0),
    longest = largest(lengths),
    at = there.filter((c) => lengths[c] === longest);
  if (r.pieces !== null) {
    const ends = new Int32Array(r.count),
      counts = new Map();
    for (let i = 0; i < r.mask.length; i++) if (r.mask[i]) ends[r.completion[i]] = r.pieces[i];
    for (const c of there) counts.set(ends[c], (counts.get(ends[c]) ?? 0) + 1);
    const [name, n] = [...counts].sort((a, b) => b[1] - a[1] || (r.texts[a[0]] < r.texts[b[0]] ? -1 : 1))[0];
    // The end token stands at the end of most completions, and nowhere else.
    const everywhere = where(r.mask.length, (i) => r.mask[i] && r.pieces[i] === name).length;
    if (n >= Math.max(C.FEWEST_COMPLETIONS, 0.3 * there.length) && everywhere === n)
      return [at.filter((c) => ends[c] !== name).length, there.length, longest, r.texts[name]];
  }
  if (at.length > C.ONE_LENGTH * there.length) return [0, there.length, longest, null];
  return [longest >= C.SHORT ? at.length : 0, there.length, longest, null];
}

export function truncation([count, whole, longest, end]) {
  const least = end === null ? C.LONGEST : C.CUT; // without an end token, lengths may be a task's
  if (whole < C.FEWEST_COMPLETIONS || interval(count, whole, 2)[0] < least) return [];
  const values = { count, total: whole, share: (100 * count) / whole, longest };
  return end === null ? cause("truncation", "truncation", values) : cause("truncation", "cut", { ...values, end });
}

const rounded = (x) => rint(x * 1e6) / 1e6;

function sumsOf(r) {
  const { mean: means } = byCompletion(r),
    sums = new Float64Array(r.groupNames.length),
    sizes = new Float64Array(r.groupNames.length);
  for (let c = 0; c < r.count; c++) {
    sums[r.group[c]] += means[c];
    sizes[r.group[c]] += Math.abs(means[c]);
  }
  return {
    means,
    sizes,
    live: where(sizes.length, (g) => sizes[g] > 0).length,
    uneven: [...where(sums.length, (g) => Math.abs(sums[g]) > C.UNEVEN * sizes[g])],
  };
}

/* What advantages are relative to: "group", "critic", "batch" or "baseline"; null: nothing can be said. */
export function baselineOf(r) {
  if (r.group === null) return null;
  const { means, live, uneven, sizes } = sumsOf(r),
    lengths = lengthsOf(r),
    there = [...where(r.count, (c) => lengths[c] > 0)];
  if (uneven.length < Math.max(1, C.UNEVEN * live)) return live ? "group" : null;
  const places = where(r.mask.length, (i) => r.mask[i]),
    within = new Set();
  for (let k = 1; k < places.length; k++) {
    const [a, b] = [places[k - 1], places[k]];
    if (r.completion[a] === r.completion[b] && Math.abs(r.advantage[b] - r.advantage[a]) > 1e-6)
      within.add(r.completion[b]);
  }
  if (within.size > 0.1 * there.length) return "critic";
  if (Math.abs(total(means)) < 1e-3 * total(map(means, Math.abs))) return "batch";
  const values = new Set(there.map((c) => rounded(means[c])));
  let one = values.size <= 3,
    told = false;
  if (r.reward !== null) {
    const distinct = (key) => new Set(there.map(key)).size,
      reward = (c) => rounded(r.reward[c]),
      cells = distinct((c) => `${r.group[c]} ${reward(c)}`);
    one = distinct((c) => `${reward(c)} ${rounded(means[c])}`) === distinct(reward);
    told = cells < there.length && distinct((c) => `${r.group[c]} ${reward(c)} ${rounded(means[c])}`) === cells;
  }
  if (one) return "batch";
  const counts = new Map();
  for (const c of there) counts.set(r.group[c], (counts.get(r.group[c]) ?? 0) + 1);
  const odd = new Set(uneven),
    whole = where(sizes.length, (g) => sizes[g] > 0 && !odd.has(g)).length;
  told ||= values.size < 0.5 * there.length || new Set(counts.values()).size > 1;
  return told || whole >= 0.2 * live ? "group" : "baseline";
}

export function halfGroups(r) {
  if (baselineOf(r) !== "group") return [];
  const { live, uneven } = sumsOf(r);
  if (uneven.length < Math.max(1, C.UNEVEN * live)) return [];
  const names =
    uneven
      .slice(0, C.SHOWN)
      .map((g) => `“${short(r.groupNames[g])}”`)
      .join(", ") + more(uneven.length);
  return cause("half-groups", "half", { uneven: uneven.length, groups: live, names });
}

function short(name) {
  const line = letters(name.trim().split(/\s+/).join(" "));
  return line.length <= 60 ? line.join("") : `${line.slice(0, 60).join("")}…`;
}
