/* The table: a row a method (its look, shown or not, its value at the batch), a column a point, the accuracy in each
   cell. Rows that are not drawn are folded until somebody asks for them. One stop of the Tab key; arrow keys move inside
   it, Enter and click choose a cell. */

import { h, say } from "../parts/common.js";
import { axisName, between, called, share, short, swatch } from "./looks.js";
import { columnsAxis } from "./pack.js";
import { forgot } from "./words.js";

const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/* build(sweep, at, looks) makes the table of a sweep, mark(state) shows what is chosen, now(values) writes the values,
   fold() leaves the drawn rows; `more` is the button that shows the others. */
export function table({ pack, onCell, onMethods }) {
  const el = h("div", { class: "map" }),
    more = h("button", { type: "button", hidden: true });
  let rows = [],
    axis = null,
    of = null,
    open = false,
    kept = new Set(); // no row leaves under the hand that takes its curve away
  const built = { el, more };
  const show = () => {
    for (const row of rows) row.el.hidden = !(open || row.input.checked || kept.has(row.method));
    const others = rows.filter((row) => row.el.hidden).length;
    more.hidden = others === 0;
    say(more, others === 1 ? "one more method" : `${others} more methods`);
  };
  more.addEventListener("click", () => {
    open = true;
    show();
    rows.find((row) => !row.input.checked)?.input.focus();
  });
  built.fold = () => {
    open = false;
    kept = new Set();
  };

  built.build = (sweep, at, looks) => {
    if (sweep !== of) built.fold();
    of = sweep;
    axis = columnsAxis(sweep);
    const points = axis ? sweep.axes[axis] : [""];
    const head = h(
      "tr",
      {},
      h("th", { scope: "col", text: "method" }),
      ...points.map((label) => h("th", { scope: "col", text: axis ? short(label) : "accuracy" })),
    );
    rows = sweep.methods.map((method) => {
      const input = h("input", {
        type: "checkbox",
        "aria-label": `Draw ${called(method)}`,
        onchange: () => {
          kept.add(method);
          onMethods(method, input.checked);
        },
      });
      const look = h("span", { class: "look" }),
        now = h("span", { class: "now" });
      look.innerHTML = swatch(looks.get(method));
      const cells = points.map((label) => cell(sweep, method, axis ? { ...at, [axis]: label } : at, label));
      return {
        method,
        input,
        now,
        cells,
        el: h(
          "tr",
          {},
          h(
            "th",
            { scope: "row" },
            h("label", { class: "toggle" }, input, look, h("span", { class: "called" }, called(method), now)),
          ),
          ...cells.map(({ td }) => td),
        ),
      };
    });
    el.classList.toggle("many", points.length > 4);
    const said = axis ? `Final accuracy, methods by ${axisName(axis)}` : "Final accuracy of the methods";
    el.replaceChildren(
      h("table", {}, h("caption", { text: said }), h("thead", {}, head), h("tbody", {}, ...rows.map((row) => row.el))),
    );
  };

  function cell(sweep, method, at, label) {
    const arm = pack.armOf(sweep, method, at);
    if (!arm) return { td: h("td", { class: "none", text: "–" }), button: null, label };
    const start = pack.curveOf(arm, "reward")?.mean[0] ?? null,
      fails = forgot(arm.accuracy, start);
    const words = `${called(method)}${axis ? `, ${axisName(axis)} ${short(label)}` : ""}: accuracy ${between(arm.accuracy, share)}${fails ? ", below where it began" : ""}`;
    const button = h("button", {
      type: "button",
      class: fails ? "cell fails" : "cell",
      tabindex: -1,
      "aria-label": words,
      title: words,
      style: `--share: ${Math.round(6 + 46 * arm.accuracy[0] ** 2)}%`,
      text: share(arm.accuracy[0]),
      onclick: () => onCell(method, axis, label),
    });
    return { td: h("td", {}, button), button, label };
  }

  built.mark = (state) => {
    const at = axis ? state.at[axis] : "";
    let entry = null;
    for (const row of rows) row.input.checked = state.methods.includes(row.method);
    show();
    for (const row of rows) {
      row.el.classList.toggle("off", !row.input.checked);
      for (const { button, label } of row.cells) {
        if (!button) continue;
        const here = label === at,
          chosen = here && row.method === state.cell;
        button.setAttribute("aria-pressed", String(chosen));
        button.classList.toggle("here", here);
        button.tabIndex = -1;
        if (!row.el.hidden && here && (chosen || !entry)) entry = button;
      }
    }
    if (entry) entry.tabIndex = 0;
  };

  built.now = (values) => rows.forEach((row) => say(row.now, values.get(row.method) ?? ""));

  el.addEventListener("keydown", (event) => {
    const way = WAYS[event.key],
      from = way && event.composedPath()[0];
    const grid = rows.filter((row) => !row.el.hidden).map((row) => row.cells.map(({ button }) => button));
    const y = way ? grid.findIndex((row) => row.includes(from)) : -1;
    if (y < 0) return;
    event.preventDefault();
    let [row, column] = [y, grid[y].indexOf(from)];
    do {
      row += way[0];
      column += way[1];
    } while (grid[row]?.[column] === null);
    const next = grid[row]?.[column];
    if (!next) return;
    from.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  return built;
}
