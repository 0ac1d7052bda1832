/* Methods can be told apart without seeing colours, and their hues can be read on both pages. */

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { LOOKS } from "../../../../book/trbook/explorables/js/parts/looks.js";

const table = JSON.parse(
  readFileSync(new URL("../../../../trlab/drawing/looks.json", import.meta.url), "utf8"),
);
const [light, dark] = [0, 1].map((theme) =>
  Object.fromEntries(
    Object.entries(table.hues).map(([name, both]) => [
      name,
      rgb(both[theme].slice(1)),
    ]),
  ),
);

function rgb(hex) {
  return [0, 2, 4].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
}
const brightness = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
const contrast = (a, b) => {
  const [high, low] = [brightness(a), brightness(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

test("two methods differ in dash or mark, whatever their hues", () => {
  const seen = new Map();
  for (const [name, look] of Object.entries(LOOKS)) {
    const [, dash, mark] = look;
    const other = seen.get(`${dash}|${mark}`);
    assert.ok(
      !other || LOOKS[other] === look,
      `${name} looks like ${other} to who sees no colours`,
    );
    seen.set(`${dash}|${mark}`, name);
  }
});

test("every hue has a contrast of 4.5 on its page", () => {
  for (const [hues, page] of [
    [light, "ffffff"],
    [dark, "14181d"],
  ])
    for (const [hue] of Object.values(LOOKS))
      assert.ok(contrast(hues[hue], rgb(page)) >= 4.5, `${hue} on #${page}`);
});
