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
