/* js/maths computes what trlib computed for the same vectors (tests/book/maths.json, made by tests/book/test_maths.py). */

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pushLimit, pushed, reach } from "../../../book/trbook/explorables/js/baseline_radius/maths.js";
import { binaryKl, binaryTv, kl, tv } from "../../../book/trbook/explorables/js/maths/divergences.js";
import { distance } from "../../../book/trbook/explorables/js/maths/distances.js";
import { solveDual } from "../../../book/trbook/explorables/js/maths/dual.js";
import { logSoftmax } from "../../../book/trbook/explorables/js/maths/plain.js";
import {
  dppoKlEdge,
  dppoKlKept,
  dppoTvEdge,
  dppoTvKept,
  ppoEdge,
  ppoKept,
} from "../../../book/trbook/explorables/js/maths/regions.js";

const given = JSON.parse(readFileSync(new URL("../maths.json", import.meta.url), "utf8"));
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
  const { logits, logp, kl: wanted, tv: apart } = given.distributions;
  const [a, b] = logp;
  logits.forEach((both, i) => both.forEach((z, side) => same("log-softmax", logp[side][i], logSoftmax(z))));
  same("kl", wanted, a, (row, i) => kl(row, b[i]));
  same("tv", apart, a, (row, i) => tv(row, b[i]));
  const shares = logp.map((rows) => rows.map((row) => row.map(Math.exp)));
  same("kl_new_old", wanted, shares[0], (row, i) => distance.kl_new_old(row, shares[1][i]));
  same("kl_old_new", wanted, shares[0], (row, i) => distance.kl_old_new(shares[1][i], row));
  same("tv of shares", apart, shares[0], (row, i) => distance.tv(row, shares[1][i]));
});

for (const { rewards, settings, multiplier, target, floored } of given.duals) {
  test(`QUATRO's dual, ${settings.direction}, ${settings.delta_kl} nats`, () => {
    const found = rewards.map((group) => solveDual(group, settings));
    same("multiplier", multiplier, found, (one) => one.multiplier);
    found.forEach((one, i) => same(`target ${i}`, target[i], one.target));
    assert.deepEqual(
      found.map((one) => one.floored),
      floored,
    );
  });
}

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
