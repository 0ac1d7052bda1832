/* js/maths computes what trlib computes: the golden rows (tests/vectors.json), and for regions and pushes what
   tests/book/explorables/test_maths.py hands over (MATHS: a file). */

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pushLimit, pushed, reach } from "../../../book/trbook/explorables/js/baseline_radius/maths.js";
import { binaryKl, binaryTv, kl, tv } from "../../../book/trbook/explorables/js/maths/divergences.js";
import { distance } from "../../../book/trbook/explorables/js/maths/distances.js";
import { GROUP, solve as prices } from "../../../book/trbook/explorables/js/query_dual/maths.js";
import { solveDual } from "../../../book/trbook/explorables/js/maths/dual.js";
import { average, logSoftmax } from "../../../book/trbook/explorables/js/maths/plain.js";
import {
  dppoKlEdge,
  dppoKlKept,
  dppoTvEdge,
  dppoTvKept,
  ppoEdge,
  ppoKept,
} from "../../../book/trbook/explorables/js/maths/regions.js";

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
const given = JSON.parse(readFileSync(process.env.MATHS, "utf8"));
const { batches, rows } = read("../../vectors.json");
const { low, high, delta_tv: deltaTv, delta_kl: deltaKl } = given.settings;

/* What is made of each of a list, to nine digits of the larger, and to 1e-12. */
function same(of, wanted, list, made = (one) => one) {
  assert.equal(list.length, wanted.length, of);
  list.map(made).forEach((value, i) => {
    const off = Math.abs(value - wanted[i]);
    assert.ok(off <= 1e-12 + 1e-9 * Math.abs(wanted[i]), `${of}[${i}]: ${value}, expected ${wanted[i]}`);
  });
}

test("a token against all others", () => {
  const logs = given.pairs.map((pair) => pair.map(Math.log));
  same("tv", given.binary.tv, logs, ([q, p]) => binaryTv(q, p));
  same("kl", given.binary.kl, logs, ([q, p]) => binaryKl(q, p));
});

for (const { sign, kept, edges } of given.regions) {
  test(`what a region keeps, A ${sign}`, () => {
    const found = {
      ppo: given.pairs.map(([q, p]) => ppoKept(p / q, sign, low, high)),
      dppo_tv: given.pairs.map(([q, p]) => dppoTvKept(q, p, sign, deltaTv)),
      dppo_kl: given.pairs.map(([q, p]) => dppoKlKept(q, p, sign, deltaKl)),
    };
    assert.deepEqual(found, kept);
  });
  test(`where a region ends, A ${sign}`, () => {
    const old = given.pairs.map(([q]) => q);
    same("ppo", edges.ppo, old, (q) => ppoEdge(q, sign, low, high));
    same("dppo_tv", edges.dppo_tv, old, (q) => dppoTvEdge(q, sign, deltaTv));
    same(
      "dppo_kl",
      edges.dppo_kl,
      old.filter((q) => q > 1e-200),
      (q) => dppoKlEdge(q, sign, deltaKl),
    );
  });
}

test("an advantage of 0 has nothing to silence", () => {
  for (const ratio of [0, 0.5, 1, 7]) assert.equal(ppoKept(ratio, 0, low, high), true);
});

test("whole distributions, as log-probs and as shares", () => {
  const a = batches.whole.log_a.flat(),
    b = batches.whole.log_b.flat(),
    wanted = rows.find(({ call }) => call === "divergences.kl").value[0].flat(),
    apart = rows.find(({ call }) => call === "divergences.tv").value[0].flat();
  a.forEach((row) => same("log-softmax", row, logSoftmax(row.map((x) => x + 3))));
  same("kl", wanted, a, (row, i) => kl(row, b[i]));
  same("tv", apart, a, (row, i) => tv(row, b[i]));
  const [p, q] = [a, b].map((all) => all.map((row) => row.map(Math.exp)));
  same("kl_new_old", wanted, p, (row, i) => distance.kl_new_old(row, q[i]));
  same("kl_old_new", wanted, p, (row, i) => distance.kl_old_new(q[i], row));
  same("tv of shares", apart, p, (row, i) => distance.tv(row, q[i]));
});

for (const { settings, value } of rows.filter(({ call }) => call === "algorithms.dual.solve_dual")) {
  test(`QUATRO's dual, ${JSON.stringify(settings)}`, () => {
    const asked = { lambda_min: 0.01, direction: "backward", ...settings },
      [multiplier, , target, floored] = value,
      found = batches.groups.rewards.map((group) => solveDual(group, asked));
    same("multiplier", multiplier, found, (one) => one.multiplier);
    found.forEach((one, i) => same(`target ${i}`, target[i], one.target));
    assert.deepEqual(
      found.map((one) => one.floored),
      floored,
    );
  });
}

test("QUATRO's dual spends its radius, and its targets are those of its multiplier", () => {
  const groups = [1, 4, 7].map((right) => Array.from({ length: 8 }, (_, i) => Number(i < right)));
  groups.push([-1.3, 2.2, 0.4, 0.9, -2.7, 1.1, 2.9, -0.2], [0.2, 0.21, 0.9]);
  for (const direction of ["backward", "forward"])
    for (const delta_kl of [1e-4, 0.1, 0.7, 2.5])
      for (const group of groups) {
        const of = `${direction}, ${delta_kl} nats, ${group}`,
          { multiplier, target, floored } = solveDual(group, { delta_kl, lambda_min: 0.01, direction });
        const ratios = target.map(Math.exp),
          back = direction === "backward",
          spent = back ? average(target.map((x, i) => ratios[i] * x)) : -average(target);
        if (floored) assert.ok(multiplier === 0.01 && spent < delta_kl, of);
        else same(of, [delta_kl], [spent]);
        same(of, [1], [average(ratios)]);
        const slope = back ? target : ratios.map((r) => -1 / r);
        same(
          of,
          group.map((r) => (r - group[0]) / multiplier),
          slope.map((x) => x - slope[0]),
        );
      }
});

test("a prompt's right price is QUATRO's multiplier", () => {
  for (const [k, delta] of [
    [2, 0.1],
    [14, 0.1],
    [8, 0.02],
    [1, 2],
  ]) {
    const rewards = Array.from({ length: GROUP }, (_, i) => Number(i < k)),
      { multiplier } = solveDual(rewards, { delta_kl: delta, lambda_min: 1e-3, direction: "backward" });
    same(`${k} right, ${delta} nats`, [multiplier], [prices(k, { price: 1, delta }).fair]);
  }
  assert.equal(prices(15, { price: 1, delta: 0.1 }).fair, null);
});

test("a push with a baseline, after some steps and in the end", () => {
  const rewards = [0, 1, 0, 1, 0, 0];
  for (const { mu, baseline, steps, logp, limit, kl: far } of given.pushes) {
    const of = `V ${baseline}, ${steps} steps`,
      found = pushLimit(mu, rewards, baseline);
    same(of, logp, pushed(mu, rewards, baseline, steps));
    if (limit) same(`${of}, limit`, limit, found);
    else assert.equal(found, null, of);
    const end = reach(mu[1] + mu[3], baseline);
    if (far === null) assert.equal(end, Infinity, of);
    else same(`${of}, KL`, [far], [end]);
  }
});
