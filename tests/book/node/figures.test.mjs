/* What the figures compute, against stored values (tests/book/node/figures.json). Until these were stored, tests compared the
   same modules with trlib's losses, autograd and scipy's linear programs, to nine digits; the objectives that they stand
   on are held to trlib's rows (engine.test.mjs). `node figures.test.mjs --write` stores them anew. */

import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { JS, close, numbers, plain } from "./sources.mjs";

const STORED = new URL("figures.json", import.meta.url);
const { uniform, normal, pick, shares } = numbers(5);
const data = (name) => JSON.parse(readFileSync(new URL(`../built/${name}.data.json`, JS), "utf8"));
const of = (name) => import(new URL(`${name}/maths.js`, JS));
const times = (count, make) => Array.from({ length: count }, (_, i) => make(i));
const named = (keys, make) => Object.fromEntries(keys.map((key) => [key, make(key)]));

async function clip() {
  const { judge } = await import(new URL("clip/lines.js", JS));
  const names = "reinforce plain ppo dual penalty gspo cispo sapo gmpo pspo dppo_tv dppo_kl quatro".split(" ");
  const settings = { eps_low: 0.23, eps_high: 0.31, dual_clip: 3, beta: 0.7, tau_pos: 1, tau_neg: 1.3, eps_log: 0.4 };
  Object.assign(settings, { eps_seq: 0.07, alpha: 0.15, delta_tv: 0.12, delta_kl: 0.05, multiplier: 0.6 });
  const points = [
    [1, 0.3],
    [100, 1e-5],
    [0.81, 0.99],
    [1.2, 0.5],
    [0, 0.4],
    [4, 0.25],
    [3.5, 0.1],
    [0.76, 0.6],
    [1.32, 0.3],
  ];
  while (points.length < 25) {
    const q = 1 / (1 + Math.exp(-uniform(-12, 5))),
      r = Math.exp(normal() * pick([0.2, 1, 2.5]));
    if (r * q < 0.999) points.push([r, q]);
  }
  const of_ = (name, sign) => points.map(([r, old_p]) => judge(name, { ...settings, sign, old_p })(r));
  return named(names, (name) => [of_(name, 1), of_(name, -1)]);
}

async function projection() {
  const { shiftFor, solve } = await of("projection");
  const set = times(6, (v) => shiftFor(shares(8).map(Math.log), times(8, normal), v, uniform(0.01, 0.99)));
  const of_ = (support) =>
    times(10, (i) => {
      const old = shares(8),
        shift = times(8, () => 0.9 * normal());
      const own = { k: 2 + (i % 6), token: (3 * i) % 8, advantage: [-2, -0.5, 0, 1][i % 4], alpha: [0, 0.3, 1][i % 3] };
      return solve({ support, old, shift, reach: 1, eps: 0.2, delta: [0.001, 0.02, 0.05, 0.3, 0][i % 5], ...own });
    });
  return { set, ...named(["all", "rest", "drop"], of_) };
}

const OLD = [
  [0.5, 0.3, 0.2],
  [1 / 3, 1 / 3, 1 / 3],
  [0.98, 0.019, 0.001],
  [0.0001, 0.4, 0.5999],
  [0.2, 0.78, 0.02],
];
const REGIONS = "kl_old_new kl_new_old chi2 fisher tv ratio wasserstein".split(" ");

async function simplex() {
  const m = await of("simplex"),
    { distance } = await import(new URL("maths/distances.js", JS));
  const some = (edge) => [edge.length, edge.filter((_, i) => i % Math.ceil(edge.length / 8) === 0)];
  const edges = (key) =>
    OLD.flatMap((q) => [0.001, 0.4, 2].map((delta) => [...some(m.region(key, q, delta)), m.holdsAll(key, q, delta)]));
  const pairs = times(8, (i) => [shares(3 + (i % 4)), shares(3 + (i % 4))]);
  const far = named(Object.keys(distance), (key) => pairs.map(([p, q]) => distance[key](p, q)));
  const reach = OLD.map((q) => m.reach(m.region("tv", q, 0.05), 1));
  return { edges: named(REGIONS, edges), far, bases: OLD.map(m.basis), reach };
}

async function staleness() {
  const m = await of("staleness"),
    batch = m.unpack(data("staleness"));
  const windows = [
    [0.2, 0.2],
    [0, 0],
    [0.01, 0.28],
    [1, 9],
    [0.5, 0.05],
  ];
  const seen = (run, update, [low, high]) => ({
    ...m.count(batch, run, update, low, high),
    bars: [1, -1].map((sign) => m.histogram(batch, run, update, sign, low, high, Math.log(16), 12)),
  });
  return ["none", "ppo"].flatMap((run) =>
    [0, 1, 32].map((update) => windows.map((window) => seen(run, update, window))),
  );
}

async function token_microscope() {
  const m = await of("token_microscope"),
    batch = m.unpack(data("token_microscope"));
  const settings = { eps_low: 0.2, eps_high: 0.28, eps_seq: 0.0004, delta_tv: 0.05, delta_kl: 0.05 };
  const seen = (method, run, update) => {
    const all = m.judge(batch, { ...settings, method, run, update });
    return { counts: m.count(batch, all), tokens: all.filter((_, i) => i % 97 === 0) };
  };
  return named(Object.keys(m.OBJECTIVES), (method) => [
    seen(method, "ppo", 0),
    seen(method, "ppo", 1),
    seen(method, "fast", 16),
  ]);
}

async function trsft() {
  const m = await of("trsft");
  const experts = [
    [0.02, 0.1, 0.4, 0.1, 0.02, 0.02, 0.06, 0.2, 0.06, 0.02],
    [0.001, 0.001, 0.3, 0.002, 0.001, 0.001, 0.002, 0.69, 0.001, 0.001],
  ];
  const walks = [
    [0.1, 4, 7],
    [1, 8.5, 40],
    [0.01, 0, 120],
    [0.3, 2, 0],
  ].map(([alpha, start, steps]) => ({ alpha, start, steps }));
  const cases = ["any", "hump"].flatMap((student) =>
    experts.flatMap((expert) => walks.map((walk) => ({ student, expert, ...walk }))),
  );
  const ways = named(["sft", "trsft", "reverse"], (way) => cases.map((one) => m.learned(way, one)));
  return { ...ways, ends: experts.flatMap((expert) => [0.01, 0.1, 0.3, 1].map((alpha) => m.truncated(expert, alpha))) };
}

const FIGURES = { clip, projection, simplex, staleness, token_microscope, trsft };
const found = {};
for (const [name, compute] of Object.entries(FIGURES)) found[name] = plain(await compute());

if (process.argv.includes("--write")) writeFileSync(STORED, `${JSON.stringify(found)}\n`);
else {
  const stored = JSON.parse(readFileSync(STORED, "utf8"));
  for (const name of Object.keys(FIGURES)) test(name, () => close(found[name], stored[name], name));
  test("nothing else is stored", () => assert.deepEqual(Object.keys(stored), Object.keys(FIGURES)));
}
