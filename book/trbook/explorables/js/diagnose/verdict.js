/* How the completions were drawn, and why the clip ratio is 0: `trcheck.diagnose.sampling` and `answer` in JavaScript. */

import { general, say } from "./format.js";
import { keptByPpo } from "./effects.js";
import { flagged, largest, map, pick, sorted } from "./numbers.js";
import shared from "./shared.json" with { type: "json" };

const { SAME } = shared.constants;

/* -- how the completions were drawn --------------------------------------------------------------------------------- */

const changed = (s) =>
  (s.temperature ?? 1) !== 1 || (s.top_p ?? 1) !== 1 ? true : s.temperature === null ? null : false;

export const holdsBy = (s) =>
  s.logprobs === "processed" || changed(s) === false ? true : s.logprobs === "raw" && changed(s) ? false : null;

export function details(s) {
  const known = [
    ["temperature", s.temperature],
    ["top-p", s.top_p],
  ].filter(([, value]) => value !== null);
  const parts = [known.map(([name, value]) => `${name} ${general(value)}`).join(", "), s.source].filter(Boolean);
  return parts.length ? ` (${parts.join("; ")})` : "";
}

/* -- why is my clip ratio 0? ---------------------------------------------------------------------------------------- */

/* here: the unmasked tokens' places; cut: PPO's flags, a token each of the file */
export function answer(r, limits, here, cut) {
  const anchor = r.logp_old === null ? "logp_rollout" : "logp_old",
    base = r[anchor];
  const logRatio = pick(r.logp, here).map((x, k) => x - base[here[k]]),
    advantage = pick(r.advantage, here);
  const silenced = flagged(cut, here),
    outside = new Uint8Array(here.length);
  for (let k = 0; k < here.length; k++) outside[k] = Number(isOutside(logRatio[k], limits));
  const sum = (flags) => flags.reduce((all, flag) => all + flag, 0);
  const window = `[${general(1 - limits.eps_low, 4)}, ${general(1 + limits.eps_high, 4)}]`;
  const f = {
    anchor,
    window,
    logRatio,
    advantage,
    silenced,
    outside,
    n: here.length,
    cut: sum(silenced),
    out: sum(outside),
  };
  const [code, verdict] = verdictOf(f);
  return {
    code,
    share: f.cut / f.n,
    verdict,
    reasons: [...about(f, code), ...anchors(r, limits, here, anchor), ...masked(r, limits, f, base)],
  };
}

function isOutside(logRatio, limits) {
  const ratio = Math.exp(logRatio);
  return ratio > 1 + limits.eps_high || ratio < 1 - limits.eps_low;
}

function verdictOf(f) {
  const policy = say(`policy.${f.anchor}`),
    most = largest(map(f.logRatio, Math.abs));
  if (f.cut) {
    return [
      "clips",
      say("answer.clips", {
        window: f.window,
        policy,
        count: f.cut,
        total: f.n,
        share: f.cut / f.n,
      }),
    ];
  }
  if (f.advantage.every((a) => a === 0)) return ["no advantage", say("answer.no_advantage")];
  if (most < SAME) {
    const exact = most === 0 ? say("answer.exact") : say("answer.rounding", { largest: most });
    return ["identical", say("answer.identical", { exact, policy })];
  }
  if (!f.out) {
    const low = Math.exp(-largest(map(f.logRatio, (x) => -x))),
      high = Math.exp(largest(f.logRatio));
    return ["inside", say("answer.inside", { window: f.window, low, high })];
  }
  let idle = 0;
  for (let k = 0; k < f.n; k++) if (f.outside[k] && f.advantage[k] === 0) idle++;
  const common = { tokens: f.out, lie: f.out === 1 ? "lies" : "lie", window: f.window };
  if (idle === f.out)
    return ["other side", say("answer.idle", { ...common, they: f.out === 1 ? "it has" : "they have" })];
  return ["other side", say("answer.back", { ...common, idle: idle ? say("answer.back_idle", { count: idle }) : "" })];
}

function about(f, code) {
  const reasons = [];
  if (code === "identical") reasons.push(say("answer.one_update"));
  let idle = 0,
    zero = 0;
  for (let k = 0; k < f.n; k++) {
    if (f.outside[k] && !f.silenced[k]) idle++;
    if (f.advantage[k] === 0) zero++;
  }
  if (code === "clips" && idle)
    reasons.push(say("answer.not_silenced", { count: idle, are: idle === 1 ? "is" : "are" }));
  if (code === "inside" || code === "clips") {
    const acting = sorted(map(f.logRatio, (x, k) => (f.advantage[k] > 0 ? x : f.advantage[k] < 0 ? -x : -Infinity)));
    const reach = acting[Math.floor((acting.length - 1) * 0.99)];
    if (Number.isFinite(reach) && reach > 0) {
      reasons.push(
        say("answer.hundredth", {
          window: f.window,
          low: Math.exp(-reach),
          high: Math.exp(reach),
        }),
      );
    }
  }
  if (zero && code !== "no advantage") {
    reasons.push(say("answer.zero", { count: zero, total: f.n, share: zero / f.n }));
  }
  return reasons;
}

function anchors(r, limits, here, column) {
  if (r.logp_old === null) return [say("answer.no_old")];
  let equal = true,
    cut = 0,
    most = 0;
  for (const i of here) {
    const gap = r.logp_old[i] - r.logp_rollout[i];
    if (gap !== 0) equal = false;
    most = Math.max(most, Math.abs(gap));
    if (!keptByPpo(Math.exp(r.logp[i] - r.logp_rollout[i]), r.advantage[i], limits)) cut++;
  }
  if (equal) return [say("answer.copied")];
  return [
    say("answer.anchor", {
      policy: say("policy.logp_rollout"),
      count: cut,
      share: cut / here.length,
      factor: Math.exp(most),
      column,
    }),
  ];
}

function masked(r, limits, f, base) {
  const all = r.mask.length,
    hidden = all - f.n;
  if (!hidden) return [];
  let outside = 0;
  for (let i = 0; i < all; i++) if (!r.mask[i] && isOutside(r.logp[i] - base[i], limits)) outside++;
  const out = outside ? say("answer.masked_out", { count: outside }) : "";
  const reasons = [say("answer.masked", { count: hidden, total: all, share: hidden / all, out })];
  if (f.cut) reasons.push(say("answer.average", { all: f.cut / all, counted: f.cut / f.n }));
  return reasons;
}
