/* predict: the answers to a question as buttons, and what is said to the one that is chosen; in figures and in the text of a
   page. options: [[value, words]]; chosen(value) is called after a press. */

import { button, h, say } from "./controls.js";

export function prediction(options, chosen) {
  const buttons = options.map(([value, words]) => button(words, () => chosen(value)));
  const list = h("div", { class: "answers", role: "group", "aria-label": "Your prediction" }, ...buttons),
    said = h("p", { class: "revealed" });
  function show(guess, words, right = "") {
    options.forEach(([value], i) => buttons[i].setAttribute("aria-pressed", String(value === guess)));
    said.hidden = !words;
    said.dataset.right = right;
    say(said, words);
  }
  return { list, said, show };
}

/* What a figure says to a guess, and whether the guess was right. */
export function replyTo({ options, right, why }, guess) {
  if (guess === right) return [`✓ Right. ${why}`, "yes"];
  return [`✕ Not quite: ${options.find(([value]) => value === right)[1]}. ${why}`, "no"];
}
