/* What a page's text asks: a paragraph that says “Predict”, a numbered list below it, and folds that answer, before the text
   goes on. The list becomes buttons. A choice is kept, uncovers the answer, and stands above its figure and in it; pressed
   again, it is taken back.

   An answer is open and covered (`book.css`): its curves stop half-way, its words are blurred. Who presses it or scrolls on
   to it sees all of it, and nothing moves. */

import { h, prediction } from "./parts/common.js";

/* In a figure the lines and rows are marked that an answer names before its first comma, and the level of its number. */
function mark(svg, guess) {
  svg.querySelector(".level")?.remove();
  const words = guess.toLowerCase().split(/[,:;]/)[0],
    texts = [...svg.querySelectorAll("text")].filter(({ style }) => style.textAnchor !== "middle"),
    named = texts.filter(({ textContent }) => isNaN(textContent) && words.includes(textContent.toLowerCase())),
    hues = named.map(({ style }) => style.fill).filter((hue) => hue !== "currentcolor");
  for (const one of svg.querySelectorAll("text, path"))
    one.classList.toggle("chosen", named.includes(one) || hues.includes(one.style.stroke));
  const level = guess.match(/(?:at|about|than) (\d+(\.\d+)?)/i)?.[1],
    [low, next] = texts.filter(({ style, textContent }) => style.textAnchor === "end" && !isNaN(textContent));
  if (!level || !next) return;
  const share = (level - low.textContent) / (next.textContent - low.textContent),
    mine = low.cloneNode();
  mine.textContent = "– – – – your choice";
  mine.setAttribute("class", "level");
  mine.setAttribute("y", (1 - share) * low.getAttribute("y") + share * next.getAttribute("y"));
  svg.append(mine);
}

const ANSWER = "details:not(.tag_hide-input:not(.tag_hide-cell) > *)"; // and not the code of a figure that is seen

function cover(answers) {
  const watcher = new IntersectionObserver(
    (seen) => seen.some(({ isIntersecting }) => isIntersecting) && uncover(),
    { rootMargin: "0px 0px -65% 0px" }, // the upper third of the screen
  );
  const pressed = (event) => (event.preventDefault(), uncover());
  function uncover() {
    watcher.disconnect();
    for (const fold of answers) {
      fold.classList.remove("covered");
      fold.removeEventListener("click", pressed);
      fold.removeEventListener("focusin", uncover);
    }
  }
  for (const fold of answers) {
    fold.open = true;
    fold.classList.add("covered");
    fold.addEventListener("click", pressed);
    fold.addEventListener("focusin", uncover);
  }
  if (answers.length) watcher.observe(answers[0]);
  return uncover;
}

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
    uncover();
    for (const svg of answers.flatMap((fold) => [...fold.querySelectorAll("svg")])) mark(svg, guess);
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
  const uncover = cover(answers),
    kept = localStorage.getItem(key);
  if (options.flat().includes(kept)) turn(kept);
}
