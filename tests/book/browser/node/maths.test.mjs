/* js/maths computes what trlib computed for the same vectors (tests/book/maths.json, made by tests/book/test_maths.py). */

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pushLimit, pushed, reach } from "../../../../book/trbook/explorables/js/baseline_radius/maths.js";
import { binaryKl, binaryTv, kl, tv } from "../../../../book/trbook/explorables/js/maths/divergences.js";
import { distance } from "../../../../book/trbook/explorables/js/maths/distances.js";
import { solveDual } from "../../../../book/trbook/explorables/js/maths/dual.js";
import { logSoftmax } from "../../../../book/trbook/explorables/js/maths/plain.js";
import {
  dppoKlEdge,
  dppoKlKept,
  dppoTvEdge,
  dppoTvKept,
  ppoEdge,
  ppoKept,
} from "../../../../book/trbook/explorables/js/maths/regions.js";

const given = JSON.parse(readFileSync(new URL("../../maths.json", import.meta.url), "utf8"));
const { low, high, delta_tv: deltaTv, delta_kl: deltaKl } = given.settings;

/* To nine digits of the larger, and to 1e-12. */
function same(found, wanted, of) {
  assert.equal(found.length, wanted.length, of);
  found.forEach((value, i) => {
    const off = Math.abs(value - wanted[i]);
    assert.ok(off <= 1e-12 + 1e-9 * Math.abs(wanted[i]), `${of}[${i}]: ${value}, expected ${wanted[i]}`);
  });
}

test("a token against all others", () => {
  const logs = given.pairs.map((pair) => pair.map(Math.log));
  same(
    logs.map(([q, p]) => binaryTv(q, p)),
    given.binary.tv,
    "tv",
  );
  same(
    logs.map(([q, p]) => binaryKl(q, p)),
    given.binary.kl,
    "kl",
  );
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
    same(
      old.map((q) => ppoEdge(q, sign, low, high)),
      edges.ppo,
      "ppo",
    );
    same(
      old.map((q) => dppoTvEdge(q, sign, deltaTv)),
      edges.dppo_tv,
      "dppo_tv",
    );
    same(
      old.filter((q) => q > 1e-200).map((q) => dppoKlEdge(q, sign, deltaKl)),
      edges.dppo_kl,
      "dppo_kl",
    );
  });
}

test("an advantage of 0 has nothing to silence", () => {
  for (const ratio of [0, 0.5, 1, 7]) assert.equal(ppoKept(ratio, 0, low, high), true);
});

test("whole distributions, as log-probs and as shares", () => {
  const { logits, logp, kl: wanted, tv: apart } = given.distributions;
  const [a, b] = logp;
  logits.forEach((both, i) => both.forEach((z, side) => same(logSoftmax(z), logp[side][i], "log-softmax")));
  same(
    a.map((row, i) => kl(row, b[i])),
    wanted,
    "kl",
  );
  same(
    a.map((row, i) => tv(row, b[i])),
    apart,
    "tv",
  );
  const shares = logp.map((rows) => rows.map((row) => row.map(Math.exp)));
  same(
    shares[0].map((row, i) => distance.kl_new_old(row, shares[1][i])),
    wanted,
    "kl_new_old",
  );
  same(
    shares[0].map((row, i) => distance.kl_old_new(shares[1][i], row)),
    wanted,
    "kl_old_new",
  );
  same(
    shares[0].map((row, i) => distance.tv(row, shares[1][i])),
    apart,
    "tv of shares",
  );
});

for (const { rewards, settings, multiplier, target, floored } of given.duals) {
  test(`QUATRO's dual, ${settings.direction}, ${settings.delta_kl} nats`, () => {
    const found = rewards.map((group) => solveDual(group, settings));
    same(
      found.map((one) => one.multiplier),
      multiplier,
      "multiplier",
    );
    found.forEach((one, i) => same(one.target, target[i], `target ${i}`));
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
    same(pushed(mu, rewards, baseline, steps), logp, of);
    if (limit) same(found, limit, `${of}, limit`);
    else assert.equal(found, null, of);
    const end = reach(mu[1] + mu[3], baseline);
    if (far === null) assert.equal(end, Infinity, of);
    else same([end], [far], `${of}, KL`);
  }
});
