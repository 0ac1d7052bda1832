/* The four boxes with their arrows, of which one is chosen: native radio buttons that look like the book's figure. */

import { called, h, hueOf, unique } from "../parts/common.js";
import { BOXES, WHAT } from "./words.js";

/* Methods in a line, each in its hue. */
const named = (line) =>
  h(
    "span",
    {},
    ...line.flatMap((key, i) => [i ? " · " : "", h("b", { style: `color: ${hueOf(key)}`, text: called(key) })]),
  );
const arrow = () => h("span", { class: "arrow", "aria-hidden": "true" });

export function picture(onChange) {
  const name = unique("trx-box");
  const boxes = BOXES.map((box) => {
    const input = h("input", { type: "radio", name, value: box, onchange: () => onChange(box) });
    const here = h("span", { class: "here", text: "this chapter" });
    return {
      box,
      input,
      el: h(
        "label",
        { class: "box", "data-box": box },
        input,
        h("span", { class: "name", text: box }),
        h("span", { class: "says", text: WHAT[box].says }),
        h("span", { class: "who" }, ...WHAT[box].who.map(named)),
        here,
      ),
    };
  });
  const back = h(
    "div",
    { class: "back", "aria-hidden": "true" },
    h("span", { class: "tip" }),
    h("span", { text: "the new policy samples the next batch" }),
  );
  const row = boxes.flatMap(({ el }, i) => (i ? [arrow(), el] : [el]));
  const el = h(
    "fieldset",
    { class: "round" },
    h("legend", { text: "Stages of the loop" }),
    h("div", { class: "boxes" }, ...row),
    back,
  );
  return {
    el,
    show: (chosen, lit) =>
      boxes.forEach(({ box, input, el: label }) => {
        input.checked = box === chosen;
        label.toggleAttribute("data-lit", lit.includes(box));
      }),
  };
}
