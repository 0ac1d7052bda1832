/* Every optimum at once: small pictures to choose from, and what each costs in every distance. */

import { h, radius, say, unique } from "../parts/common.js";
import { KEYS, LOOKS, MEASURES, amount } from "./looks.js";

const WIDE = 120,
  TALL = 40,
  COLUMNS = Object.keys(MEASURES);

export function gallery({ set }) {
  const name = unique("trx-optimum"),
    cards = KEYS.map((key) => card(key, name, set)),
    costs = table();
  const el = h(
    "div",
    { class: "wide" },
    h("fieldset", { class: "gallery" }, h("legend", { text: "Distance" }), ...cards.map((one) => one.el)),
    costs.el,
  );
  return {
    el,
    update(s, reading) {
      const most = Math.max(...s.old, ...reading.solutions.flatMap(({ pi }) => pi));
      cards.forEach((one, i) => one.update(s, reading.solutions[i], most));
      costs.update(s, reading);
    },
  };
}

function card(key, name, set) {
  const look = LOOKS[key],
    gain = h("span", { class: "gain" });
  const input = h("input", {
    type: "radio",
    name,
    onchange: () => set({ distance: key }),
    "aria-label": `${look.name}: ${look.shape}`,
  });
  const picture = h("span", { class: "mini", "aria-hidden": "true" });
  picture.innerHTML = `<svg viewBox="0 0 ${WIDE} ${TALL}" preserveAspectRatio="none"><path class="now"/><path class="was"/></svg>`;
  const [now, was] = picture.querySelectorAll("path");
  const el = h(
    "label",
    { class: "card", style: `--hue: ${look.hue}` },
    input,
    h("span", { class: "called" }, h("b", { text: look.name }), gain),
    picture,
    h("span", { class: "shape", text: look.shape }),
    h("span", { class: "of", text: look.of }),
  );
  return {
    el,
    update(s, { pi, gain: gained }, most) {
      const slot = WIDE / pi.length,
        y = (share) => (TALL * (1 - (0.97 * share) / most)).toFixed(1);
      now.setAttribute(
        "d",
        pi
          .map(
            (share, i) =>
              `M${(i * slot + 0.18 * slot).toFixed(1)},${TALL}V${y(share)}h${(0.64 * slot).toFixed(1)}V${TALL}Z`,
          )
          .join(""),
      );
      was.setAttribute(
        "d",
        s.old
          .map((share, i) => `M${(i * slot + 0.06 * slot).toFixed(1)},${y(share)}h${(0.88 * slot).toFixed(1)}`)
          .join(""),
      );
      input.checked = s.distance === key;
      say(gain, `${gained < 0 ? "" : "+"}${amount(gained)}`);
    },
  };
}

/* Rows: solutions. Columns: gain and every distance; each row's own distance stands at its radius. */
function table() {
  const limits = COLUMNS.map(() => h("span", { class: "limit" }));
  const rows = KEYS.map((key) => {
    const gain = h("td", { "data-of": "gain" }),
      cells = COLUMNS.map((other) => h("td", { "data-of": MEASURES[other], class: other === key ? "own" : null }));
    return {
      key,
      gain,
      cells,
      row: h(
        "tr",
        { style: `--hue: ${LOOKS[key].hue}` },
        h("th", { scope: "row", text: LOOKS[key].name }),
        gain,
        ...cells,
      ),
    };
  });
  const el = h(
    "table",
    { class: "costs" },
    h(
      "caption",
      {
        text: "What each optimum gains, and how far it is from the old policy in every distance. A distance’s own optimum lies at its radius.",
      },
      h("span", { class: "chosen-only", text: " Choose a card above to see its row." }),
    ),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col", text: "optimum for" }),
        h("th", { scope: "col", text: "gain" }),
        ...COLUMNS.map((key, i) => h("th", { scope: "col" }, h("span", { text: MEASURES[key] }), limits[i])),
      ),
    ),
    h("tbody", {}, ...rows.map(({ row }) => row)),
  );
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
