/* What the tests in Node share: where the sources are, numbers at random that are the same in every run, and whether
   two values are the same to nine digits. */

import { strict as assert } from "node:assert";

export const JS = new URL("../../../book/trbook/explorables/js/", import.meta.url);
export const ENGINE = new URL("../engine/js/", JS);

/* mulberry32, and what is drawn by it. */
export function numbers(word) {
  const random = () => {
    word = (word + 0x6d2b79f5) | 0;
    let t = Math.imul(word ^ (word >>> 15), 1 | word);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const uniform = (low, high) => low + (high - low) * random();
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const shares = (count) => {
    const some = Array.from({ length: count }, () => 1e-3 - Math.log(1 - random()));
    const total = some.reduce((sum, x) => sum + x, 0);
    return some.map((x) => x / total);
  };
  return { random, uniform, normal, shares, pick: (list) => list[Math.floor(random() * list.length)] };
}

/* As JSON has it: eleven digits, and what is not finite by its name. */
export const plain = (value) =>
  JSON.parse(
    JSON.stringify(value, (_, one) => {
      if (ArrayBuffer.isView(one)) return Array.from(one);
      if (typeof one !== "number") return one;
      return Number.isFinite(one) ? Number(one.toPrecision(11)) : String(one);
    }),
  );

/* The same names, words and flags, and numbers to nine digits, or fewer. */
export function close(found, wanted, of, off = 1e-9) {
  if (typeof wanted === "number" && typeof found === "number") {
    assert.ok(Math.abs(found - wanted) <= off / 10 + off * Math.abs(wanted), `${of}: ${found}, expected ${wanted}`);
  } else if (wanted !== null && typeof wanted === "object") {
    assert.deepEqual(Object.keys(found ?? {}), Object.keys(wanted), of);
    for (const key of Object.keys(wanted)) close(found[key], wanted[key], `${of}/${key}`, off);
  } else assert.equal(found, wanted, of);
}
