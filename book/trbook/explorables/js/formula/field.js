/* Where a formula is typed: the text with what is wrong with it, a slider for each of its constants, and its picture. */

import { h, inTurns, ladder, setting, unique } from "../parts/common.js";
import { FUNCTIONS, FormulaError, VARIABLES } from "../../engine/js/formula.js";
import { picture } from "./picture.js";
import { constantsOf, warnings } from "./words.js";

export const RUNGS = [
  0, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.28, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10,
];
/* What can be loaded: the page's five steps, each with its constants. */
const STEPS = [
  ["REINFORCE", "A", {}],
  ["importance weights", "A*r", {}],
  ["PPO's clip", "A*r*((A>=0 and r<=1+d) or (A<=0 and r>=1-d))", { d: 0.2 }],
  ["DPPO's mask", "A*r*(sign(A)*(p-q) <= d)", { d: 0.15 }],
  ["a KL penalty", "r*(A - c*l)", { c: 1 }],
];
const REST = 1000; // milliseconds without a key after which a formula that can be read counts; Enter does so at once

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/* change({ formula, constants }): both can be read. says: "Lane A", what it belongs to. */
export function field({ says, change }) {
  const id = unique("trx-formula"),
    helped = unique("trx-help");
  const input = h("textarea", {
    id,
    rows: 2,
    "aria-label": "Your formula for w",
    "aria-describedby": helped,
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    maxlength: 1000,
  });
  const waiting = h("span", {
    class: "fm-waiting",
    hidden: true,
    text: "Not applied yet: press Enter, or pause for a second.",
  });
  const problem = h("p", { class: "fm-problem", id: helped, role: "status" }),
    sliders = h("div", { class: "fm-constants" });
  const told = h("ul", { class: "fm-notes" }),
    drawn = picture();
  const load = h(
    "select",
    {
      "aria-label": `${says}, load a formula`,
      onchange: () => {
        const step = STEPS[load.selectedIndex - 1];
        if (!step) return;
        const [, formula, constants] = step;
        load.selectedIndex = 0;
        clearTimeout(timer);
        input.value = formula;
        waiting.hidden = true;
        wrong(null);
        apply({ formula, constants });
        show(now);
      },
    },
    h("option", { text: "load a formula" }),
    ...STEPS.map(([name, formula], i) => h("option", { text: `${i + 1}. ${name}: ${formula}` })),
  );
  const el = h(
    "div",
    { class: "fm" },
    load,
    h("div", { class: "fm-line" }, h("label", { for: id, class: "maths", text: "w =" }), input),
    waiting,
    problem,
    told,
    sliders,
    h("details", { class: "fm-pictured", open: true }, h("summary", { text: "Drawn" }), drawn.el),
    help(),
  );
  const warn = inTurns();
  let now = { formula: "", constants: {} },
    bound = "",
    made = {},
    timer = 0;

  input.addEventListener("input", () => {
    clearTimeout(timer);
    const typed = read();
    waiting.hidden = !typed || same(typed, now);
    if (!waiting.hidden) timer = setTimeout(commit, REST);
  });
  input.addEventListener("change", commit);
  input.addEventListener("keydown", (event) => {
    // one line of mathematics, however many it takes on the screen
    if (event.key !== "Enter") return;
    event.preventDefault();
    commit();
  });
  const text = () => input.value.replace(/\s/g, " ");

  /* What stands in the field, as far as it can be read. */
  function read() {
    try {
      const typed = { formula: text().trim(), constants: constantsOf(text(), now.constants) };
      wrong(null);
      show(typed);
      return typed;
    } catch (error) {
      if (!(error instanceof FormulaError)) throw error;
      wrong(error);
      return null;
    }
  }

  function commit() {
    clearTimeout(timer);
    const typed = read();
    waiting.hidden = true;
    if (typed && !same(typed, now)) apply(typed);
  }

  /* At once also here: a slider may move before the lane is drawn anew. */
  function apply(given) {
    now = given;
    change(given);
  }

  /* The message, and the formula with the place marked. */
  function wrong(error) {
    input.toggleAttribute("aria-invalid", Boolean(error));
    if (error) input.setAttribute("aria-invalid", "true");
    if (error) warn([() => told.replaceChildren()]); // what was said of the formula before
    const words = error
      ? `${error.message}${now.formula ? " The last formula that could be read is still used." : ""}`
      : "";
    if (problem.dataset.text === words + input.value) return;
    problem.dataset.text = words + input.value;
    if (!error) return problem.replaceChildren();
    const from = Math.max(0, error.at - 24);
    problem.replaceChildren(
      h("span", { text: words }),
      h(
        "code",
        { "aria-hidden": "true" },
        `${from ? "…" : ""}${input.value.slice(from, error.at)}`,
        h("mark", { text: input.value.slice(error.at, error.at + 1) || "⟨end⟩" }),
        input.value.slice(error.at + 1, error.at + 24),
      ),
    );
  }

  function show({ formula, constants }) {
    const names = Object.keys(constants);
    if (bound !== names.join()) {
      bound = names.join();
      made = Object.fromEntries(
        names.map((name) => [
          name,
          ladder({
            label: name,
            spoken: `${says}, constant ${name}`,
            rungs: RUNGS,
            words: setting,
            write: setting,
            onEnd: (value) => {
              commit();
              apply({ formula: now.formula, constants: { ...now.constants, [name]: value } });
            },
          }),
        ]),
      );
      sliders.replaceChildren(...Object.values(made).map((one) => one.el));
    }
    for (const name of names) made[name].set(constants[name]);
    warn([
      () => {
        const notes = warnings({ formula, constants });
        if (told.textContent !== notes.join("")) told.replaceChildren(...notes.map((text) => h("li", { text })));
      },
    ]);
    drawn.draw({ formula, constants });
  }

  return {
    el,
    input,
    set({ formula, constants }) {
      const given = { formula, constants },
        other = formula !== now.formula;
      now = given;
      const typing = input.getRootNode().activeElement === input;
      if (other && !(typing && text().trim() !== given.formula)) {
        if (text().trim() !== given.formula) input.value = given.formula;
        wrong(null);
      }
      if (!problem.hasChildNodes() && text().trim() === given.formula) show(given);
      else drawn.draw(given);
    },
  };
}

function help() {
  const names = Object.entries(VARIABLES).map(([name, text]) => h("li", {}, h("code", { text: name }), ` ${text}`));
  return h(
    "details",
    { class: "fm-help" },
    h("summary", { text: "What it may contain" }),
    h("p", {
      text: "w is the token’s gradient weight: log p is increased where w > 0, and decreased where w < 0. A formula may use these values of the token:",
    }),
    h("ul", {}, ...names),
    h(
      "p",
      {},
      "Operators: ",
      h("code", { text: "+ - * / ^" }),
      ", ",
      h("code", { text: "< <= > >= == !=" }),
      ", ",
      h("code", { text: "and or not" }),
      ", ",
      h("code", { text: "test ? yes : no" }),
      ". Functions: ",
      h("code", { text: Object.keys(FUNCTIONS).join(", ") }),
      ". A comparison is 1 or 0. 0 times anything is 0. Every other name is a constant and gets a slider. These signs are understood as well: ",
      h("code", { text: "− × · ≤ ≥ ≠ ² √" }),
      "; π is p, and δ is a constant, delta.",
    ),
  );
}
