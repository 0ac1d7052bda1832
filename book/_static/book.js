// What scrolls sideways can be reached by keyboard, and says so.
const reachable = () => {
  for (const element of document.querySelectorAll(
    "pre, .scroll, div.math, .output, .cell_output, .line-block, dt.sig, .pst-scrollable-table-container")) {
    const wide = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== "visible";
    element.classList.toggle("wide", wide);
    if (wide) element.tabIndex = 0;
    else if (element.getAttribute("tabindex") === "0") element.removeAttribute("tabindex");
  }
};
addEventListener("load", reachable);
addEventListener("resize", reachable);
addEventListener("toggle", reachable, true); // a fold that opens shows what had no width before

// A link to something in a fold opens the fold.
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folds = [];
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) folds.push(fold);
  for (const fold of folds) fold.open = true;
  if (folds.length) target.scrollIntoView();
};
addEventListener("DOMContentLoaded", reveal);
addEventListener("hashchange", reveal);

// Paper shows what is folded away; afterwards the folds are as they were.
const folded = new Set();
const paper = matchMedia("print");
const unfold = () => {
  for (const fold of document.querySelectorAll("article details:not([open])")) { folded.add(fold); fold.open = true; }
};
const refold = () => {
  for (const fold of folded) fold.open = false;
  folded.clear();
};
paper.addEventListener("change", () => (paper.matches ? unfold() : refold()));
addEventListener("beforeprint", unfold);
addEventListener("afterprint", refold);
addEventListener("click", event => {
  if (!event.target.closest?.('a[href="#print"]')) return;
  event.preventDefault();
  print();
});

// A word of the glossary shows its meaning: to a mouse that rests on it, to a keyboard that reaches it. A finger follows
// the link. The meaning stays while the mouse is on it, and goes with Escape.
let word = null;
let leaving = 0;
const meaning = () => document.getElementById(word.getAttribute("aria-describedby"));
const place = () => {
  if (!word) return;
  const line = word.getClientRects()[0];
  const card = meaning();
  const left = Math.min(line.left, document.documentElement.clientWidth - card.offsetWidth - 12);
  const below = line.bottom + 4;
  const above = line.top - card.offsetHeight - 4;
  card.style.left = `${Math.max(12, left)}px`;
  card.style.top = `${below + card.offsetHeight > innerHeight && above > 0 ? above : below}px`;
};
const forget = () => {
  clearTimeout(leaving);
  if (word) meaning().hidden = true;
  word = null;
};
const explain = link => {
  clearTimeout(leaving);
  if (word === link) return;
  forget();
  word = link;
  meaning().hidden = false;
  place();
};
const termAt = event => event.target.closest?.("a.term");
addEventListener("DOMContentLoaded", () => document.body.append(...document.querySelectorAll(".meaning")));
addEventListener("pointerover", event => {
  if (event.pointerType === "touch") return;
  if (termAt(event)) return explain(termAt(event));
  clearTimeout(leaving);
  if (word && word !== document.activeElement && !meaning().contains(event.target)) leaving = setTimeout(forget, 250);
});
addEventListener("focusin", event => termAt(event)?.matches(":focus-visible") && explain(termAt(event)));
addEventListener("focusout", event => termAt(event) === word && forget());
addEventListener("keydown", event => event.key === "Escape" && forget());
addEventListener("scroll", place, true);

// A table that can be sorted: by a press on a heading (a second one turns the order) or, where the headings are hidden
// on a phone, by a list of them. Numbers are sorted as numbers.
const value = (row, column) => row.cells[column].textContent.trim();
const order = (a, b) => (isNaN(a) || isNaN(b) || !a || !b ? a.localeCompare(b) : a - b);
const sort = (table, column, down) => {
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => order(value(a, column), value(b, column)) * (down ? -1 : 1));
  table.tBodies[0].append(...rows);
};
addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.sortable")) {
    const choice = Object.assign(document.createElement("label"), { className: "sort-by", textContent: "Sort by " });
    const names = choice.appendChild(document.createElement("select"));
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: head.textContent });
      head.replaceChildren(button);
      names.add(new Option(button.textContent.trim(), column));
      button.addEventListener("click", () => sort(table, column, head.getAttribute("aria-sort") === "ascending"));
    });
    names.selectedIndex = -1;
    names.addEventListener("change", () => sort(table, names.selectedIndex, false));
    table.before(choice);
  }
});
