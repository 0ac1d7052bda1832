// What scrolls sideways can be reached by keyboard.
const reachable = () => {
  for (const element of document.querySelectorAll("pre, .scroll, div.math, .output, .cell_output, .line-block, dt.sig")) {
    const wide = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== "visible";
    if (wide) element.tabIndex = 0;
    else if (element.getAttribute("tabindex") === "0") element.removeAttribute("tabindex");
  }
};
addEventListener("load", reachable);
addEventListener("resize", reachable);
