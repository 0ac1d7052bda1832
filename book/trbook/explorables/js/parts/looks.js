/* How a method looks, wherever it is drawn: its hue, its dash, its mark. The table is the figures' own, so that one method
   looks the same in a figure and in an explorable. */

import methods from "../../engine/js/known.json" with { type: "json" };
import table from "../../../../../trlab/drawing/looks.json" with { type: "json" };

/** @type {Record<string, string[]>} */
export const LOOKS = { ...table.looks };
for (const [other, key] of Object.entries(table.also)) LOOKS[other] = table.looks[key];
const drawn = { ...LOOKS, ...table.distances, ...table.arms };
/* Of a method, of a distance or of an arm that is neither. */
export const hueOf = (key) => `var(--${drawn[key][0]})`;
export const dashOf = (key) => drawn[key][1];
/* Everything that is drawn in a look of its own, { name, hue, dash }, to tick. */
export const ticksOf = (looks) => Object.entries(looks).map(([key, { name, hue, dash }]) => [key, name, hue, dash]);
/* A method's one name, in figures and on controls. */
export const called = (key) => table.names[key] ?? methods[key]?.title;
/* What the book compares again and again, each by one name and in one look. */
/** @type {Record<string, { name: string, hue: string, dash: string }>} */
export const IDEAS = Object.fromEntries(
  Object.entries(table.ideas).map(([key, [name, method]]) => [key, { name, hue: hueOf(method), dash: dashOf(method) }]),
);
/* Every hue as a property of the frame, light and dark; paper is light. */
const hues = (theme) =>
  Object.entries(table.hues)
    .map(([name, both]) => `--${name}: ${both[theme]};`)
    .join(" ");
export const HUES = `.trx { ${hues(0)} } @media not print { .trx[data-dark] { ${hues(1)} } }`;
