/* What a page's text asks: a paragraph that says “Predict”, a numbered list below it, and the folds that answer. The list
   becomes buttons. A choice is kept, opens the answer, and is written above the answer's figure. */

import { h, prediction } from "./parts/common.js";

/* The folds that follow a list; cells of code that are seen may stand between. */
function answersTo(list) {
  const found = [];
  for (let node = list.nextElementSibling; node; node = node.nextElementSibling) {
    const fold = node.matches(".tag_hide-cell, .tag_hide-output") ? node.querySelector(":scope > details") : node;
    if (fold.matches("details")) found.push(fold);
    else if (found.length || !node.matches(".cell")) break;
  }
  return found;
}

for (const list of document.querySelectorAll("article p:has(> strong) + ol")) {
  const question = list.previousElementSibling.textContent;
  if (!/\bPredict[.:]/.test(question)) continue;
  const key = `predicted ${location.pathname} ${question}`,
    options = [...list.children].map(({ textContent }) => [textContent.trim(), textContent.trim()]),
    answers = answersTo(list);
  const show = (guess) => {
    made.show(guess, guess && `You predicted: ${guess}`);
    for (const fold of answers) fold.open = Boolean(guess);
  };
  const made = prediction(options, (pressed) => {
    const guess = pressed === localStorage.getItem(key) ? "" : pressed; // pressed again: taken back
    localStorage.setItem(key, guess);
    show(guess);
  });
  made.said.setAttribute("role", "status");
  list.replaceWith(made.list);
  const [answer] = answers,
    place = answer?.querySelector("figure") ?? answer?.querySelector(".cell_output");
  if (place) place.prepend(made.said);
  else (answer?.firstElementChild ?? made.list).after(made.said);
  for (const code of answers.flatMap((fold) => [...fold.querySelectorAll(".cell_input")])) {
    const folded = h("details", {}, h("summary", { text: "The code" }));
    code.before(folded);
    folded.append(code);
  }
  const kept = localStorage.getItem(key);
  if (options.some(([value]) => value === kept)) show(kept);
}
