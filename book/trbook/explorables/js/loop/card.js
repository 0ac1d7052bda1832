/* What the chosen box does with the group: two sentences, in and out, and the four completions. All four cards stand
   in one place, so that nothing below moves when another box is chosen. */

import { h, number, say, table } from "../parts/common.js";
import { BOXES, chance, ratio, signed, told } from "./words.js";

const push = (value, most) =>
  h("span", {
    class: "push",
    "data-way": value > 0 ? "up" : value < 0 ? "down" : "none",
    style: `--far: ${Math.min(1, Math.abs(value) / most).toFixed(3)}`,
    "aria-hidden": "true",
  });
const COLUMNS = {
  rollout: [
    ["tokens", (row) => String(row.tokens)],
    ["probability", (row) => chance(row.before)],
  ],
  advantage: [
    ["reward", (row) => String(row.reward)],
    ["A", (row) => [push(row.advantage, 1), signed(row.advantage)]],
  ],
  objective: [
    ["A", (row) => signed(row.advantage)],
    ["tokens", (row) => String(row.tokens)],
    ["w of each token", (row) => [push(row.weight, 1), signed(row.weight)]],
  ],
  update: [
    ["before → after", (row) => `${chance(row.before)} → ${chance(row.after)}`],
    ["r", (row) => [push(Math.log(ratio(row)), 1), number(ratio(row))]],
  ],
};

export function cards() {
  const made = BOXES.map((box) => {
    const text = h("p"),
      into = h("dd"),
      out = h("dd");
    const completions = table({
      caption: h("caption", { class: "spoken", text: `The four completions at ${box}` }),
      heads: ["completion", ...COLUMNS[box].map(([title]) => title)],
    });
    const el = h(
      "div",
      { class: "card", "data-card": box, role: "group", "aria-label": box },
      text,
      h(
        "dl",
        { class: "flow" },
        h("div", {}, h("dt", { text: "in" }), into),
        h("div", {}, h("dt", { text: "out" }), out),
      ),
      completions,
    );
    const show = (group, lr) => {
      const words = told(box, group, lr);
      say(text, words.text);
      say(into, words.into);
      say(out, words.out);
      completions.tBodies[0].replaceChildren(
        ...group.rows.map((row) =>
          h(
            "tr",
            { "data-right": row.reward === 1 },
            h("th", { scope: "row" }, h("code", { text: row.text })),
            ...COLUMNS[box].map(([title, cell]) => h("td", { "data-title": title }, ...[cell(row)].flat())),
          ),
        ),
      );
    };
    return { box, el, show };
  });
  return {
    el: h("div", { class: "cards" }, ...made.map(({ el }) => el)),
    show: (chosen, group, lr) =>
      made.forEach((card) => {
        card.show(group, lr);
        card.el.toggleAttribute("data-chosen", card.box === chosen);
      }),
  };
}
