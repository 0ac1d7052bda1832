// What a phone shows badly on this page, a line each; every fold is opened first and closed again. An expression: a function.
() => {
  const folds = [...document.querySelectorAll("article details:not([open])")];
  for (const fold of folds) fold.open = true;
  const faults = new Set();
  const seen = (node) => node.getClientRects().length > 0;
  const where = (node) => node.closest("[id]")?.id ?? "";

  // The parts of a text that match and stand on more than one line.
  const broken = (root, pattern) => {
    const found = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      if (text.parentElement.closest(".katex, thead[role]")) continue;
      for (const part of text.data.matchAll(pattern)) {
        const range = document.createRange();
        range.setStart(text, part.index);
        range.setEnd(text, part.index + part[0].length);
        const boxes = [...range.getClientRects()].filter((box) => box.width > 0);
        if (new Set(boxes.map((box) => Math.round(box.top / 4))).size > 1) found.push(part[0]);
      }
    }
    return found;
  };

  // A number such as 3e-5 stays whole, in prose and in tables.
  for (const number of broken(document.body, /\b\d+(\.\d+)?e-\d+\b/g)) faults.add(`a broken number, ${number}`);

  // Words of a table stay whole; a long name in code may break after a mark.
  for (const table of document.querySelectorAll("article table")) {
    for (const word of broken(table, /[^\s._=,/(:-]+/g)) faults.add(`${where(table)}: a broken word, ${word}`);
    // A table of numbers slides inside its box; every other shows all its columns.
    const box = table.closest(".scroll, .output, .cell_output, .pst-scrollable-table-container");
    if (table.matches(".slides") && box && getComputedStyle(box).overflowX === "auto") continue;
    for (const cell of table.querySelectorAll("tbody td, tbody th")) {
      const box = cell.getBoundingClientRect();
      if (seen(cell) && (box.right > innerWidth + 1 || cell.scrollWidth > cell.clientWidth + 2 && cell.clientWidth))
        faults.add(`${where(table)}: a cut column, ${cell.textContent.trim().slice(0, 40)}`);
    }
  }

  // Words of a figure are large enough.
  const size = (text) => {
    const matrix = text.getScreenCTM();
    return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(matrix.a, matrix.b);
  };
  const outermost = (text) => {
    let svg = text.ownerSVGElement;
    while (svg.ownerSVGElement) svg = svg.ownerSVGElement;
    return svg;
  };
  // Words of a figure are cut where it ends.
  const roots = [document, ...[...document.querySelectorAll(".trlib-explorable *")].map((node) => node.shadowRoot)];
  for (const root of roots.filter(Boolean))
    for (const text of root.querySelectorAll("svg text")) {
      const px = seen(text) && text.textContent.trim() ? size(text) : 9;
      if (px < 8.99) faults.add(`${where(text)}: "${text.textContent.trim()}" is ${px.toFixed(1)} pixels high`);
      const [box, frame] = [text, outermost(text)].map((node) => node.getBoundingClientRect());
      if (box.width && (box.left < frame.left - 4 || box.right > frame.right + 4))
        faults.add(`${where(text)}: "${text.textContent.trim()}" leaves its figure`);
    }
  // matplotlib's small print is 8.3 units high; an image shows it as much smaller as the image is.
  for (const image of document.querySelectorAll("article .cell_output img")) {
    const px = seen(image) ? 8.3 * 4 / 3 * image.clientWidth / image.naturalWidth : 9;
    if (px < 8.99) faults.add(`${where(image)}: an image whose words are ${px.toFixed(1)} pixels high`);
  }
  for (const fold of folds) fold.open = false;
  return [...faults];
}
