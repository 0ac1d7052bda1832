/* The engine's formulas against the golden rows of trlib (tests/vectors.json): the weight of a token is -dL/dlog p, and
   what a mask keeps. A loss of the sampled token is asked token by token, one of a whole completion by completion, where
   the completion has one advantage. Besides, what no row has: weights by whole distributions and the gallery's, against
   stored values (tests/book/node/engine.json, `node engine.test.mjs --write`); until these were stored, tests compared them with
   trlib's losses and autograd. */

import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ADVANTAGES, overlongPenalty } from "../../../book/trbook/explorables/engine/js/advantages.js";
import { factors } from "../../../book/trbook/explorables/engine/js/aggregation.js";
import { METHODS, method } from "../../../book/trbook/explorables/engine/js/methods.js";
import { charged } from "../../../book/trbook/explorables/engine/js/objectives.js";
import { solveDual } from "../../../book/trbook/explorables/js/maths/dual.js";
import { truncated, weight as weightOf } from "../../../book/trbook/explorables/js/trsft/maths.js";
import { close, numbers, plain } from "./sources.mjs";

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
const STORED = new URL("engine.json", import.meta.url);
const { batches, rows } = read("../../vectors.json");
const BY_COMPLETION = ["gspo", "gmpo", "quatro"];
const at = (list, places) => places.map((t) => list[t]);

/* Completions of a batch as the engine has them, each with the places of its tokens. */
function* asked(name, { mask, logp, logp_old, logp_rollout, advantages, tokens }) {
  const before = ["dppo", "quatro"].includes(name) ? logp_rollout : logp_old;
  for (const [b, on] of mask.entries()) {
    const places = on.flatMap((kept, t) => (kept ? [t] : []));
    const parts = BY_COMPLETION.includes(name) ? [places] : places.map((t) => [t]);
    for (const part of parts) {
      const all = new Set(at(advantages[b], part));
      if (all.size > 1 && name !== "quatro") continue;
      const [one] = all;
      const given = { logp: at(logp[b], part), old: at(before[b], part), advantage: one };
      yield { b, part, given: tokens ? { ...given, tokens: at(tokens[b], part) } : given };
    }
  }
}

/* QUATRO's completions know their prompt's dual. */
function dualOf(b, { rewards, group }, settings) {
  const own = group.flatMap((g, i) => (g === group[b] ? [i] : []));
  const { multiplier, target } = solveDual(at(rewards, own), settings);
  return { multiplier, target: target[own.indexOf(b)] };
}

const counts = {};
for (const { loss, settings, batch, extra, gradient, kept } of rows) {
  const name = loss?.replace(/_loss$/, "");
  if (!(name in METHODS) || extra || !["token", undefined].includes(settings.level)) continue;
  const dual = { delta_kl: 0.1, lambda_min: 0.01, direction: "backward", ...settings };
  const own = Object.fromEntries(
    Object.entries(settings).filter(([key]) => !["level", "form", "direction"].includes(key)),
  );
  if (!Object.entries(own).every(([key, value]) => key in METHODS[name].defaults && typeof value === "number"))
    continue;
  if (name === "quatro" && settings.form && (settings.form !== "ratio" || settings.direction !== "backward")) continue;
  const { objective } = method(name, own);
  test(`${loss} ${JSON.stringify(settings)}, ${batch}`, () => {
    for (const { b, part, given } of asked(name, batches[batch])) {
      const shared = name === "quatro" ? dualOf(b, batches[batch], dual) : {};
      const found = objective({ ...given, ...shared });
      if (given.tokens) {
        assert.deepEqual(found.kept, at(kept[b], part));
        const slopes = found.gradient[0] ?? inside(found.weight[0], given);
        close(plain(slopes), plain(through(gradient[b][part[0]], given.logp[0])), "logits");
      } else {
        const wanted = at(gradient[b], part).map((slope) => -slope);
        found.weight.forEach((w, i) =>
          assert.ok(Math.abs(w - wanted[i]) <= 1e-8 + 1e-9 * Math.abs(w), `${w}, expected ${wanted[i]}`),
        );
        // A line keeps what has a weight, and every token without an advantage.
        const told = found.kept.filter((_, i) => given.advantage !== 0 && Math.abs(wanted[i]) > 0);
        assert.ok(told.every(Boolean) && at(kept[b], part).every((on, i) => on || found.weight[i] === 0));
      }
      counts[name] = (counts[name] ?? 0) + 1;
    }
  });
}
/* dL/dlogits of a token inside its region, and from dL/dlog p of a whole distribution. */
const inside = (w, { logp, tokens }) => logp[0].map((p, v) => -w * ((v === tokens[0] ? 1 : 0) - Math.exp(p)));
const through = (slopes, logp) => {
  const total = slopes.reduce((sum, x) => sum + x, 0);
  return slopes.map((x, v) => x - Math.exp(logp[v]) * total);
};
test("every loss that has rows was asked", () => {
  const losses = "reinforce pg_is ppo gspo cispo sapo gmpo pspo dppo quatro troll".split(" ");
  assert.deepEqual(Object.keys(counts).sort(), losses.sort());
});

test("a setting that counts tokens makes their share of the whole", () => {
  const { mask } = batches.mixed,
    lengths = mask.map((row) => row.filter(Boolean).length);
  for (const { settings, gradient } of rows.filter(
    ({ call, settings }) => call === "aggregation.aggregate" && !settings.count,
  )) {
    const found = factors(settings.how, lengths, settings.horizon);
    close(
      found.map((factor, b) => mask[b].map((on) => (on ? factor : 0))),
      gradient,
      settings.how,
    );
  }
  close(factors("token-mean", [0, 3, 1], 9), [1 / 4, 1 / 4, 1 / 4], "a completion that is masked");
  close(factors("seq-mean-token-mean", [0, 3, 1], 9), [1 / 2, 1 / 6, 1 / 2], "a completion that is masked");
});

test("advantages", () => {
  const { rewards, group, lengths } = batches.rows;
  const named = { "group-std": [0, {}], "group-mean": [0, { scale: null }] };
  const wanted = (call, settings = {}) =>
    rows.find((row) => row.call === call && JSON.stringify(row.settings) === JSON.stringify(settings)).value[0];
  const values = {
    ...Object.fromEntries(
      Object.entries(named).map(([name, [, settings]]) => [name, wanted("advantages.group_relative", settings)]),
    ),
    "leave-one-out": wanted("advantages.leave_one_out"),
    "length-weighted": wanted("advantages.length_weighted"),
  };
  for (const [name, all] of Object.entries(values))
    for (const g of new Set(group)) {
      const own = group.flatMap((other, i) => (other === g ? [i] : []));
      close(ADVANTAGES[name](at(rewards, own), at(lengths, own)), at(all, own), `${name}, ${g}`);
    }
  for (const [name, make] of Object.entries(ADVANTAGES)) {
    const equal = make([0.1, 0.1, 0.1], [0, 0, 0]);
    if (!["reward", "plus-minus"].includes(name)) assert.deepEqual(equal, [0, 0, 0], name);
  }
  assert.deepEqual(ADVANTAGES["right-only"]([1, 0, 0, 1]), [0.5, 0, 0, 0.5]);
  assert.deepEqual(ADVANTAGES["wrong-only"]([1, 0, 0, 1]), [0, -0.5, -0.5, 0]);
  assert.deepEqual(ADVANTAGES.reward([1, 0.5]), [1, 0.5]);
  assert.deepEqual(ADVANTAGES["mixed-reward"]([1, 0]), [1, 0]);
  assert.deepEqual(ADVANTAGES["plus-minus"]([1, 0, 0.5]), [1, -1, 0]);
  close(
    [0, 1, 12.8, 14.4, 16].map((n) => overlongPenalty(n, 16, 0.2)),
    [0, 0, 0, 0.5, 1],
    "DAPO's soft limit",
  );
  assert.deepEqual([overlongPenalty(16, 16, 0), overlongPenalty(4, 16, 1)], [0, 0.25]);
});

test("TrSFT's weight and its end are trlib's", () => {
  for (const { settings, batch, gradient } of rows.filter(({ loss }) => loss === "trsft_loss")) {
    const { logp, mask: on } = batches[batch];
    const wanted = logp.map((row, b) =>
      row.map((p, t) => (on[b][t] ? -weightOf.trsft(Math.exp(p), settings.alpha ?? 0.1) : 0)),
    );
    close(wanted, gradient, batch);
  }
  for (const { settings, value } of rows.filter(({ call }) => call === "algorithms.trapo.truncated_expert"))
    batches.expert.expert.forEach((e, i) => close(truncated(e, settings.alpha ?? 0.1), value[0][i], `expert ${i}`));
});

test("R2VPO's price rises with what has moved more than δ, and never below 0", () => {
  close(charged(0.5, [0, Math.log(1.2), Math.log(0.9)], { delta: 0.01, dual_lr: 3 }), 0.5 + 3 * (0.05 / 3 - 0.01), "λ");
  assert.deepEqual([charged(0.1, [0], { delta: 1, dual_lr: 3 }), charged(0.1, [], { delta: 1, dual_lr: 3 })], [0, 0.1]);
});

test("a method or a setting that is not there is named, with those that are", () => {
  assert.throws(() => method("grop"), /^RangeError: method: expected one of reinforce.* got grop$/);
  assert.throws(() => method("ppo", { eps: 1 }), /eps_low, eps_high, got eps$/);
  assert.throws(() => method("ppo", { advantage: "std" }), /^RangeError: advantage: got std$/);
});

/* Whole distributions, near the old one and far from it. */
const { normal, pick } = numbers(7);
const logSoftmax = (z) => {
  const total = Math.log(z.reduce((sum, x) => sum + Math.exp(x), 0));
  return z.map((x) => x - total);
};
const completions = [0, 0.05, 0.3, 1, 2, 6].map((size, i) => {
  const old = [0, 1, 2].map(() => logSoftmax(Array.from({ length: 8 }, () => 2 * normal())));
  const logp = old.map((row) => logSoftmax(row.map((x) => x + size * normal())));
  return { old, logp, tokens: old.map(() => pick([0, 1, 2, 3, 4, 5, 6, 7])), advantage: [1, -1, 0.5, -2, 0, 1.5][i] };
});
const asks = [{}, { delta_kl: 0.01, alpha: 0.5 }, { delta_kl: 0 }].map((settings) => ["troll", settings]);
for (const weight of ["none", "ratio", "truncated", "window", "mask"])
  asks.push(["centered", { weight, cap: 1.3, floor: 0.7, delta_tv: 0.05 }]);
const singles = completions.map(({ old, logp, tokens, advantage }) => {
  const chosen = (rows) => rows.map((row, t) => row[tokens[t]]);
  return { old: chosen(old), logp: chosen(logp), advantage };
});
for (const name of ["bapo", "minpro", "cpgd", "r2vpo", "trefree"]) asks.push([name, {}]);
asks.push(["bapo", { count: "gradient", low: 0.55, low_most: 0.9, high: 1.1, high_most: 3, target: 0.8 }]);
asks.push(["bapo", { count: "gradient", target: 3, dual_clip: null }], ["minpro", { eps_low: 1, eps_high: 1.5 }]);
asks.push(
  ["cpgd", { alpha: 0.3, eps: 0.15 }],
  ["r2vpo", { lam: 0.7 }],
  ["trefree", { delta: 0.15 }],
  ["trefree", { delta: 1.5 }],
);
const made = plain(
  asks.map(([name, settings]) => {
    const { objective, survey, kind } = method(name, settings),
      given = kind.whole ? completions : singles,
      shared = survey?.(given);
    return { name, settings, found: given.map((one) => objective({ ...one, ...shared })) };
  }),
);
if (process.argv.includes("--write")) writeFileSync(STORED, `${JSON.stringify(made)}\n`);
else test("what no row has", () => close(made, read("engine.json"), "stored"));
