// Draws the page's formulas with KaTeX. A formula that KaTeX cannot read is an error in the console, which the
// tests over the built book do not forgive.
document.addEventListener("DOMContentLoaded", () => {
  for (const element of document.querySelectorAll(".math")) {
    const tex = element.querySelector(".tex") ?? element;
    try {
      katex.render(tex.textContent, tex, { displayMode: tex !== element, strict: "ignore" });
    } catch (error) {
      console.error(`KaTeX: ${error.message}`);
    }
  }
});
