// What scrolls sideways can be reached by keyboard.
const reachable = () => {
  for (const element of document.querySelectorAll(
    "pre, .scroll, div.math, .output, .cell_output, .line-block, dt.sig, .pst-scrollable-table-container")) {
    const wide = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== "visible";
    if (wide) element.tabIndex = 0;
    else if (element.getAttribute("tabindex") === "0") element.removeAttribute("tabindex");
  }
};
addEventListener("load", reachable);
addEventListener("resize", reachable);
addEventListener("toggle", reachable, true); // a fold that opens shows what had no width before
