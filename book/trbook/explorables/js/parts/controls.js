/* Native controls with a label, a value in words and a row high enough for a thumb. */

import { nearest } from "../maths/plain.js";

/* Unlike any other on the page, also where each explorable carries a module of its own. */
let serial = 0;
const own = Math.random().toString(36).slice(2, 8);
export const unique = (stem) => `${stem}-${own}-${++serial}`;

/* Make an element: h("div", { class: "row", text: "..." }, child, ...). */
export function h(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") node.textContent = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

export const button = (text, onclick, more = {}) => h("button", { type: "button", text, onclick, ...more });

/* heads: a text or the parts of each column's heading, "" where the rows have headings of their own; rows: elements. */
/** @type {(given: { caption: any, heads: any[], rows?: any[], class?: string }) => HTMLTableElement} */
export const table = ({ caption, heads, rows = [], ...attributes }) =>
  h(
    "table",
    attributes,
    typeof caption === "string" ? h("caption", { text: caption }) : caption,
    h("thead", {}, h("tr", {}, ...heads.map((head) => (head ? h("th", { scope: "col" }, ...[head].flat()) : h("td"))))),
    h("tbody", {}, ...rows),
  );

/* Write text only when it changes: the reading follows the pointer at every frame. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/* A range input over a ladder of sensible values (rungs, ascending). A value between two rungs is shown as it is, at
   the nearest rung. words(value) is what a screen reader says; write(value) what stands beside the slider. onInput hears
   every value; onEnd the one at which the hand let go, or at which the keys came to rest. */
const REST = 400; // milliseconds after a key
export function ladder({ label, spoken, rungs, words, write, onInput = null, onEnd = null }) {
  const id = unique("trx-range");
  const input = h("input", { type: "range", id, min: 0, max: rungs.length - 1, step: 1, "aria-label": spoken });
  const output = h("output", { for: id, class: "value" });
  const el = h("div", { class: "slider" }, h("label", { for: id, text: label }), input, output);
  let moving = false,
    keyed = false,
    timer = 0;
  const value = () => rungs[input.valueAsNumber];
  input.addEventListener("input", () => {
    moving = Boolean(onEnd);
    if (moving) show(value());
    onInput?.(value());
  });
  if (onEnd) {
    input.addEventListener("pointerdown", () => (keyed = false));
    input.addEventListener("keydown", () => (keyed = true));
    const end = () => {
      clearTimeout(timer);
      if (!moving) return;
      moving = false;
      onEnd(value());
    };
    input.addEventListener("change", () => {
      clearTimeout(timer);
      timer = setTimeout(end, keyed ? REST : 0);
    });
    input.addEventListener("blur", end); // leaving the slider commits its value
  }
  let [from, to] = [0, rungs.length - 1];
  /* `ends`: the first and the last rung that can be reached now. */
  const set = (value, ends) => {
    if (ends) {
      [from, to] = ends.map((end) => nearest(rungs, end));
      Object.assign(input, { min: from, max: to });
    }
    if (!moving) show(value);
  };
  const show = (value) => {
    const index = nearest(rungs, value);
    if (input.valueAsNumber !== index) input.value = index;
    input.style.setProperty("--at", `${(100 * (index - from)) / (to - from)}%`);
    input.setAttribute("aria-valuetext", words(value));
    say(output, write(value));
  };
  return { el, input, set };
}

/* Two or more choices of which one holds: native radio buttons in one row. options: [value, text, more], where more
   is added to the text if there is room. */
export function choice({ legend, options, onChange }) {
  const name = unique("trx-choice");
  const inputs = new Map();
  const parts = options.map(([value, text, more]) => {
    const input = h("input", { type: "radio", name, onchange: () => onChange(value) });
    inputs.set(value, input);
    return h("label", {}, input, h("span", { text }, more && h("span", { class: "more", text: ` ${more}` })));
  });
  const el = h("fieldset", { class: "choice" }, h("legend", { text: legend }), h("div", {}, ...parts));
  const set = (value) =>
    inputs.forEach((input, key) => {
      if (input.checked !== (key === value)) input.checked = key === value;
    });
  return { el, set };
}

/* One of many: a native list with its label. options: [value, text], or those of each of several groups,
   { name: [[value, text]..] }; others may come with a value: set(value, options). */
/** @param {{ label: string, spoken?: string, options?: any, onChange: (value: any) => any }} given */
export function pick({ label, spoken = null, options = [], onChange }) {
  const id = unique("trx-pick"),
    entry = ([value, text]) => h("option", { value, text });
  let known = "",
    values = [];
  const select = h("select", {
    id,
    "aria-label": spoken,
    onchange: () => select.selectedIndex >= 0 && onChange(values[select.selectedIndex]), // none before the first drawing
  });
  const set = (value, given = options) => {
    if (known !== (known = JSON.stringify(given))) {
      const groups = Array.isArray(given) ? null : Object.entries(given);
      values = (groups?.flatMap(([, some]) => some) ?? given).map(([one]) => one);
      select.replaceChildren(
        ...(groups?.map(([name, some]) => h("optgroup", { label: name }, ...some.map(entry))) ?? given.map(entry)),
      );
    }
    const index = values.indexOf(value);
    if (select.selectedIndex !== index) select.selectedIndex = index;
  };
  return { el: h("div", { class: "pick" }, h("label", { for: id, text: label }), select), set };
}

export function tick({ label, spoken, onChange }) {
  const input = h("input", { type: "checkbox", "aria-label": spoken });
  input.addEventListener("change", () => onChange(input.checked));
  return { el: h("label", { class: "toggle" }, input, label), input };
}

/* Steps one after the other, each in a task of its own, so that none is long; asked again, what is left is dropped. */
export function inTurns() {
  let steps = [],
    timer = 0;
  const one = () => {
    steps.shift()?.();
    timer = steps.length ? setTimeout(one) : 0;
  };
  return (given) => {
    clearTimeout(timer);
    steps = [...given];
    timer = setTimeout(one);
  };
}

/* A polite live region that speaks at most every `pause` milliseconds, and always the last thing said. */
export function status(pause = 800) {
  const el = h("div", { role: "status", "aria-live": "polite", class: "spoken" });
  let timer = 0,
    waiting = "";
  const speak = (text) => {
    if (text === waiting) return;
    waiting = text;
    clearTimeout(timer);
    timer = setTimeout(() => say(el, waiting), pause);
  };
  return { el, speak, release: () => clearTimeout(timer) };
}

/* What opens on demand below a figure. One drawer is open at a time, and while it is, it stands in the place of the presets and
   of the other drawers, so that the figure does not grow by all of them. */
export function drawer(name, title, ...inside) {
  return h(
    "details",
    { class: `drawer fold ${name}`.trim(), name: "drawer" },
    h("summary", {}, h("span", { text: title })),
    h("div", { class: "within" }, ...inside),
  );
}
