/* The distances side by side to choose from, and on demand what every optimum costs in every distance. */

import { choice, drawer, h, radius, say, table } from "../parts/common.js";
import { KEYS, LOOKS, MEASURES, amount, ballsOf } from "./looks.js";

const COLUMNS = Object.keys(MEASURES);

export function gallery({ set }) {
  const home = h("div"),
    costs = everyCost();
  let offered = [],
    balls = null;
  const el = h("div", { class: "wide" }, home, drawer("tabled", "Every optimum, in every distance", costs.el));
  return {
    el,
    update(s, reading) {
      const now = ballsOf(s);
      if (now.join() !== offered.join()) {
        offered = now;
        balls = choice({
          legend: "Distance",
          options: now.map((key) => [key, LOOKS[key].name]),
          onChange: (distance) => set({ distance }),
        });
        home.replaceChildren(balls.el);
      }
      balls.set(s.distance);
      costs.update(s, reading);
    },
  };
}

/* Rows: solutions. Columns: gain and every distance; each row's own distance stands at its radius. */
function everyCost() {
  const limits = COLUMNS.map(() => h("span", { class: "limit" }));
  const rows = KEYS.map((key) => {
    const gain = h("td", { "data-of": "gain" }),
      cells = COLUMNS.map((other) => h("td", { "data-of": MEASURES[other], class: other === key ? "own" : null }));
    const head = h("th", { scope: "row", text: LOOKS[key].name }),
      row = h("tr", { style: `--hue: ${LOOKS[key].hue}` }, head, gain, ...cells);
    return { key, gain, cells, row };
  });
  const choose = h("span", { class: "chosen-only", text: " Choose a distance to see its row." });
  const el = table({
    class: "costs",
    caption: h("caption", { text: "A distance’s own optimum lies at its radius." }, choose),
    heads: ["optimum for", "gain", ...COLUMNS.map((key, i) => [h("span", { text: MEASURES[key] }), limits[i]])],
    rows: rows.map(({ row }) => row),
  });
  return {
    el,
    update(s, { solutions }) {
      COLUMNS.forEach((key, i) => say(limits[i], `≤ ${amount(radius(key, s.delta, s.old.length))}`));
      rows.forEach(({ key, gain, cells, row }, i) => {
        row.classList.toggle("chosen", key === s.distance);
        say(gain, amount(solutions[i].gain));
        cells.forEach((cell, j) => say(cell, amount(solutions[i].spent[COLUMNS[j]])));
      });
    },
  };
}
