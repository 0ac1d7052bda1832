/* What a page's text asks: a paragraph that says “Predict”, a numbered list below it, and folds that answer, before the text
   goes on. The list becomes buttons. A choice is kept, opens the answer, and stands above its figure; pressed again, it is
   taken back. */

import { h, prediction } from "./parts/common.js";

const ANSWER = "details:not(.tag_hide-input:not(.tag_hide-cell) > *)"; // and not the code of a figure that is seen

for (const list of document.querySelectorAll("article p:has(> strong) + ol")) {
  const question = list.previousElementSibling.textContent;
  if (!/\bPredict[.:]/.test(question)) continue;
  const key = `predicted ${location.pathname} ${question}`,
    options = [...list.children].map(({ textContent }) => Array(2).fill(textContent.trim())),
    answers = [];
  for (let next = list; (next = next.nextElementSibling)?.matches(".cell, details");)
    answers.push(...[next, ...next.children].filter((node) => node.matches(ANSWER)));
  const turn = (guess) => {
    localStorage.setItem(key, guess);
    show(guess, guess && `You predicted: ${guess}`);
    for (const fold of answers) fold.open = guess !== "";
  };
  const asked = prediction(options, (guess) => turn(guess === localStorage.getItem(key) ? "" : guess)),
    { said, show } = asked;
  said.setAttribute("role", "status");
  list.replaceWith(asked.list);
  (answers[0]?.firstElementChild ?? asked.list).after(said);
  for (const code of answers.flatMap((fold) => [...fold.querySelectorAll(".cell_input")])) {
    const folded = h("details", {}, h("summary", { text: "The code" }));
    code.replaceWith(folded);
    folded.append(code);
  }
  const kept = localStorage.getItem(key);
  if (options.flat().includes(kept)) turn(kept);
}
