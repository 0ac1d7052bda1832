/* Under the figure: every chosen method at the cursor's rate, and where the numbers come from. */

import { button, h, say, table } from "../parts/common.js";
import { swatch } from "./looks.js";
import { called, falls, rate, share, source, spread, under, width } from "./words.js";

const HEADS = ["method", "here", "below best", "at 10 ×", "basin ends at", "decades wide"];

export function numbers({ set, names, looks, tenfold }) {
  const about = h("p", { class: "about" }),
    worst = h("p", { class: "about" }),
    caption = h("caption"),
    made = table({ caption, heads: HEADS }),
    heads = made.tHead.rows[0].cells,
    body = made.tBodies[0];
  const el = h("div", { class: "readings" }, made, worst, about);
  let built = "";
  return {
    el,
    update(s, { panel, rows }) {
      const missing = s.methods.filter((method) => !(method in panel.methods)),
        wanted = JSON.stringify([s.methods, panel.sweep, panel.uses, panel.threshold]);
      say(
        caption,
        `${s.measure === "end" ? "Ends" : "Early rewards"} at the cursor and at ten times that learning rate. A method's name moves the cursor to its best learning rate: there the third number shows what happens if the learning rate is ten times too high.`,
      );
      say(heads[1], `at ${rate(s.lr)}`);
      say(heads[3], `at ${rate(tenfold * s.lr)}`);
      if (built !== wanted) {
        body.replaceChildren(
          ...s.methods.map((method) => {
            const own = panel.methods[method]?.basin,
              title = own ? `to its best learning rate, ${rate(own.best_rate)}` : null,
              name = button("", () => set({ lr: own.best_rate }), { class: "named", disabled: !own, title });
            const mark = h("span", { class: "look" }),
              sub = h("span", { class: "sub", text: own ? `best ${rate(own.best_rate)}` : "not run here" });
            mark.innerHTML = swatch(looks.get(method));
            name.append(mark, h("span", {}, names[method], sub));
            return h(
              "tr",
              {},
              h("th", { scope: "row" }, name),
              ...HEADS.slice(1).map((_, k) =>
                h("td", {}, h("span", { text: "–" }), k === 4 && h("span", { class: "sub" })),
              ),
            );
          }),
        );
        built = wanted;
      }
      s.methods.forEach((method, i) => {
        const row = rows.find((one) => one.method === method),
          cells = [...body.children[i].children].slice(1);
        if (!row) return;
        const out = s.measure === "end" && ["above", "below", "none"].includes(row.where);
        const texts = [
          row.value === null ? "not run" : share(row.value),
          row.below === null ? "–" : under(row.below),
          row.ten === null ? "not run" : share(row.ten),
          falls(row.basin),
          width(row.basin),
        ];
        cells.forEach((cell, k) => say(cell.firstChild, texts[k]));
        say(cells[4].lastChild, panel.few ? "" : spread(row.basin));
        cells[0].classList.toggle("out", out);
      });
      say(
        worst,
        `The worst run at each method's best learning rate: ${rows.map((row) => `${called(names, row.method)} ${share(row.basin.worst)}`).join(", ") || "none is drawn"}.`,
      );
      say(
        about,
        `Between two learning rates that were run, a curve is read on the straight line over log10 of the learning rate. ${source(panel)}${missing.length ? ` Not in this record: ${missing.map((method) => called(names, method)).join(", ")}.` : ""}`,
      );
    },
  };
}
