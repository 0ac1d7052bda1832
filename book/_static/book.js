// An element with its properties and what is in it.
const make = (name, properties = {}, ...parts) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...parts);
  return made;
};

// What scrolls sideways can be reached by keyboard, and says so.
const SCROLLS =
  "pre, .scroll, div.math, .output, .cell_output, .line-block, dt.sig, .pst-scrollable-table-container, p:has(> img)";
const sized = new ResizeObserver((entries) => {
  const seen = entries.map(({ target }) => [
    target,
    target.scrollWidth > target.clientWidth + 1 && getComputedStyle(target).overflowX !== "visible",
  ]);
  for (const [element, wide] of seen) {
    element.classList.toggle("wide", wide);
    if (wide) element.tabIndex = 0;
    else if (element.getAttribute("tabindex") === "0") element.removeAttribute("tabindex");
  }
});
// Observed anew, an element is measured anew: a font that arrives changes what is in a box, and not the box.
const measure = () => {
  for (const element of document.querySelectorAll(SCROLLS)) {
    sized.unobserve(element);
    sized.observe(element);
  }
};
addEventListener("DOMContentLoaded", measure);
document.fonts.addEventListener("loadingdone", measure);

// On a phone a long cell of code is a fold, and so is each section of a page of evidence that is too long to scroll
// through. On a wider screen, and on paper, they are open and nothing shows that they are folds.
const phone = matchMedia("screen and (max-width: 720px)");
const TALL = 25_000;
const fold = (nodes, words) => {
  const details = make("details", { className: "on-phones" }, make("summary", {}, words));
  nodes[0].before(details);
  details.append(...nodes);
};
const foldForPhones = () => {
  const article = document.querySelector("article");
  if (!article) return;
  for (const cell of article.querySelectorAll("div.cell_input.long:not(details *)"))
    fold([...cell.children], `Show ${cell.textContent.trim().split("\n").length} lines of code`);
  if (article.querySelector("div.cell, table.sortable") || document.documentElement.scrollHeight <= TALL) return;
  for (const section of article.querySelectorAll(":scope > section > section")) {
    const heading = section.querySelector(":scope > :is(h2, h3)"); // an anchor may stand before it
    const rest = [...section.children].filter(
      (node) => heading && heading.compareDocumentPosition(node) === Node.DOCUMENT_POSITION_FOLLOWING,
    );
    if (rest.length > 1) fold(rest, `Show: ${heading.firstChild.textContent}`);
  }
};
// A long table that is stacked shows on a phone what its rows are called; each opens on demand. So do those of a page that
// is all tables and has no list of its headings.
const ROWS = 12;
const shutRows = () => {
  const most = document.querySelector(".bd-sidebar-secondary") ? 20 : 5;
  for (const table of document.querySelectorAll("table.stacks:not(.shut, .methods, .sweeps)")) {
    if (table.tBodies[0].rows.length <= most) continue;
    table.classList.add("shut");
    const names = [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim());
    table.classList.toggle("shut-by-two", new Set(names).size < names.length); // a library's name says too little
    for (const row of table.tBodies[0].rows) {
      const button = make("button", { type: "button", className: "opens", textContent: "more" });
      button.setAttribute("aria-expanded", "false");
      button.setAttribute("aria-label", `more of ${row.cells[0].textContent.trim()}`);
      button.addEventListener("click", () =>
        button.setAttribute("aria-expanded", String(row.classList.toggle("open"))),
      );
      row.cells[0].prepend(button);
    }
  }
};
// Settings, and on a phone losses, are shown of one library at a time; the choice stays in sight.
const chooseLibrary = () => {
  const first = (row) => row.closest("table").tHead.rows[0].cells[0].textContent;
  const rows = [...document.querySelectorAll("table.stacks tbody tr")]
    .filter((row) => ["library", "loss"].includes(first(row)))
    .map((row) => [row, row.cells[0].textContent.trim().split(" ")[0]]);
  if (rows.length <= 4 * ROWS || document.querySelector(".bd-sidebar-secondary, .one-library")) return;
  const choice = make("select");
  for (const name of new Set(rows.map(([, name]) => name))) choice.add(new Option(name));
  choice.add(new Option("all libraries", ""));
  const show = () => {
    for (const [row, name] of rows) row.classList.toggle("other", choice.value !== "" && name !== choice.value);
  };
  choice.addEventListener("change", show);
  const losses = first(rows[0][0]) === "loss";
  if (losses && !phone.matches) choice.value = "";
  const label = make("label", { className: "one-library" }, `Show the ${losses ? "losses" : "settings"} of `, choice);
  rows[0][0].closest("article > section > *").before(label);
  show();
};
const fitPhone = () => {
  chooseLibrary();
  if (phone.matches) shutRows();
  if (phone.matches && !document.querySelector("details.on-phones")) foldForPhones();
  for (const details of document.querySelectorAll("details.on-phones")) details.open = !phone.matches;
};
addEventListener("DOMContentLoaded", fitPhone);
phone.addEventListener("change", () => printing || fitPhone());

// The page of recorded runs is a list of what was found; each figure with its numbers opens on demand.
addEventListener("DOMContentLoaded", () => {
  if (!document.querySelector("table.sweeps")) return;
  for (const heading of document.querySelectorAll("article h3")) {
    const [found, ...rest] = [...heading.parentElement.children].slice(1);
    if (!rest.length || found.tagName !== "P") continue;
    const details = make("details", {}, make("summary", {}, "The figure and its numbers"));
    found.after(details);
    details.append(...rest);
  }
});

// A link to something in a fold opens the fold.
const marked = () => {
  try {
    return document.getElementById(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null; // a % that escapes nothing
  }
};
const reveal = () => {
  const target = marked();
  const folds = [...(target?.querySelectorAll(":scope > details.on-phones") ?? [])];
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) folds.push(fold);
  for (const fold of folds) fold.open = true;
  if (folds.length) target.scrollIntoView();
};
addEventListener("DOMContentLoaded", reveal);
addEventListener("hashchange", reveal);

// Words that move a figure of their page, in which `press` names a button or a choice. The figure takes the state where it
// stands, says what has changed as it does at any other change, and comes into view only if it is out of it.
const named = (root, words) => {
  const parts = [...root.querySelectorAll("button, label, option")];
  const text = (part) => part.textContent.trim().toLowerCase();
  const sought = words.toLowerCase(); // a button may add what it does
  return parts.find((part) => text(part) === sought) ?? parts.find((part) => text(part).startsWith(sought));
};
const pressed = async (figure, words) => {
  const root = figure.querySelector(".trlib-view > div").shadowRoot;
  while (!named(root, words)) {
    await new Promise((done) => {
      const watcher = new MutationObserver(() => (watcher.disconnect(), done()));
      watcher.observe(root, { childList: true, subtree: true, characterData: true });
    });
  }
  const part = named(root, words);
  if (part.tagName !== "OPTION") return part.click();
  part.selected = true;
  part.closest("select").dispatchEvent(new Event("change", { bubbles: true }));
};
addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-state]");
  const figure = link && document.getElementById(link.hash.slice(1));
  if (!figure?.begin || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  for (let fold = figure; (fold = fold.parentElement?.closest("details"));) fold.open = true;
  await figure.begin();
  const state = new URLSearchParams(link.dataset.state);
  const presses = state.getAll("press");
  state.delete("press");
  if ([...state].length) {
    history.replaceState(history.state, "", `#${figure.dataset.explorable}:${state}`);
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
  for (const words of presses) await pressed(figure, words);
  const { top, bottom } = figure.getBoundingClientRect();
  const seen = Math.min(bottom, innerHeight) - Math.max(top, 0);
  if (seen < Math.min(bottom - top, innerHeight) / 3) figure.scrollIntoView({ block: "nearest" });
});

// Paper shows what is folded away, except solutions, the code that only draws a figure, and how a page was executed;
// afterwards the folds are as they were. Paper is white, whatever the screen is.
const KEPT = ".tag_solution > details, .tag_hide-input:not(.tag_hide-cell) > details, .executed > details";
const folded = new Set();
const paper = matchMedia("print");
const { dataset } = document.documentElement;
let theme = null;
const unfold = () => {
  theme ??= dataset.theme;
  dataset.theme = "light";
  for (const fold of document.querySelectorAll("article details:not([open])")) {
    if (fold.matches(KEPT)) continue;
    folded.add(fold);
    fold.open = true;
  }
};
const refold = () => {
  dataset.theme = theme ?? dataset.theme;
  theme = null;
  for (const fold of folded) fold.open = false;
  folded.clear();
};
// A browser that prints turns to paper and back before it has counted the pages.
let printing = false;
paper.addEventListener("change", () => printing || (paper.matches ? unfold() : refold()));
addEventListener("beforeprint", () => (printing = true) && unfold());
addEventListener("afterprint", () => (printing = false) || refold());
addEventListener("click", (event) => {
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
const explain = (link) => {
  clearTimeout(leaving);
  if (word === link) return;
  forget();
  word = link;
  meaning().hidden = false;
  place();
};
const termAt = (event) => event.target.closest?.("a.term");
addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  if (termAt(event)) return explain(termAt(event));
  clearTimeout(leaving);
  if (word && word !== document.activeElement && !meaning().contains(event.target)) leaving = setTimeout(forget, 250);
});
addEventListener("focusin", (event) => termAt(event)?.matches(":focus-visible") && explain(termAt(event)));
addEventListener("focusout", (event) => termAt(event) === word && forget());
addEventListener("keydown", (event) => event.key === "Escape" && forget());
addEventListener("scroll", place, true);

// A table that can be sorted: by a press on a heading (a second one turns the order) or, where the headings are hidden
// on a phone, by a list of them. Numbers are sorted as numbers; rows without one come last, whichever way.
const value = (row, column) => {
  const cell = row.cells[column];
  return (cell.querySelector(".number") ?? cell).textContent.trim();
};
const isNumber = (text) => text !== "" && !isNaN(text);
const sort = (table, column, down) => {
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  const rows = [...table.tBodies[0].rows];
  const numbers = rows.some((row) => isNumber(value(row, column)));
  rows.sort((one, other) => {
    const [a, b] = [value(one, column), value(other, column)];
    if (numbers && isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1;
    return (numbers && isNumber(a) ? a - b : a.localeCompare(b)) * (down ? -1 : 1);
  });
  table.tBodies[0].append(...rows);
};
addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.sortable")) {
    const names = make("select", {}, make("option", { value: "", disabled: true }, "as listed"));
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      head.replaceChildren(button, make("span", { className: "on-phone" }, head.textContent)); // there the list sorts
      names.add(new Option(button.textContent.trim(), column));
      button.addEventListener("click", () => sort(table, column, head.getAttribute("aria-sort") === "ascending"));
    });
    names.selectedIndex = 0;
    names.addEventListener("change", () => sort(table, Number(names.value), false));
    table.before(make("label", { className: "sort-by" }, "Sort by ", names));
  }
});

// The tables of all methods and of all sweeps: filtered by words and by the values that cells mark with a class. The
// address keeps the choice, so that a link leads to it.
const AXES = {
  problem: "problem",
  library: "as published, in",
  box: "stage of the loop",
  branch: "branch",
  action: "what is done",
  near: "kept close to",
  level: "level",
  ratio: "ratio",
  signed: "signed",
};
const AT_FIRST = 3; // filters that are seen; the others open on demand
const axisOf = (row, name) => row.querySelector(`.axis-${name}`)?.textContent.trim() ?? "";
const letters = (text) =>
  text
    .toLowerCase()
    .normalize("NFD")
    .replace(/[^\p{L}\p{N}π/]+/gu, "");
addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.methods, table.sweeps");
  if (!table) return;
  const things = table.classList.contains("sweeps") ? "sweeps" : "methods";
  const rows = [...table.tBodies[0].rows];
  const asked = new URLSearchParams(location.search);
  const find = make("input", { type: "search", value: asked.get("find") ?? "" });
  const form = make("form", { className: "filters" }, make("label", {}, "find", find));
  form.setAttribute("aria-label", `Filter the ${things}`);
  const others = make("div");
  const more = make("details", {}, make("summary", {}, "More filters"), others);
  const choices = Object.entries(AXES)
    .filter(([name]) => table.querySelector(`.axis-${name}`))
    .map(([name, text], i) => {
      const choice = make("select", {}, make("option", { value: "" }, "any"));
      (i < AT_FIRST ? form : others).append(make("label", {}, text, choice));
      for (const known of new Set(rows.map((row) => axisOf(row, name)))) choice.add(new Option(known, known));
      choice.value = asked.get(name) ?? "";
      if (choice.selectedIndex < 0) choice.selectedIndex = 0;
      if (choice.value && i >= AT_FIRST) more.open = true;
      return [name, choice];
    });
  const clear = make("button", { type: "reset", textContent: "Show all" });
  const count = make("output", { className: "count" });
  form.append(...(others.children.length ? [more] : []), clear, count);
  // On a phone, and below a page of other things, the first rows stand for all of them until somebody asks.
  let all = paper.matches;
  const rest = make("button", { type: "button", className: "all-rows" });
  const whole = () => {
    all = true;
    filter();
  };
  rest.addEventListener("click", whole);
  addEventListener("beforeprint", whole);
  document.querySelector(".sort-by")?.addEventListener("input", whole);
  table.tHead.addEventListener("click", whole);
  const filter = () => {
    const words = find.value.split(/\s+/).map(letters).filter(Boolean);
    for (const row of rows) {
      const text = letters(row.textContent) + " " + letters(row.querySelector("a")?.getAttribute("href") ?? "");
      row.hidden = !(
        words.every((word) => text.includes(word)) &&
        choices.every(([name, choice]) => !choice.value || axisOf(row, name) === choice.value)
      );
    }
    const left = rows.filter((row) => !row.hidden);
    const few =
      !all && !find.value && choices.every(([, choice]) => !choice.value) && (things === "sweeps" || phone.matches);
    if (few) for (const row of left.slice(ROWS)) row.hidden = true;
    rest.hidden = !few || left.length <= ROWS;
    rest.textContent = `Show all ${left.length} ${things}`;
    count.textContent = `${left.length} of ${rows.length} ${things}`;
    const kept = [["find", find.value], ...choices.map(([name, choice]) => [name, choice.value])];
    const query = new URLSearchParams(kept.filter(([, text]) => text)).toString();
    history.replaceState(history.state, "", `${location.pathname}${query && `?${query}`}${location.hash}`);
  };
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  (table.closest(".scroll") ?? table).before(form);
  (table.closest(".scroll") ?? table).after(rest);
  filter();
});

// On a phone and a tablet the sidebar is away, and the book's title with it: the header says it.
addEventListener("DOMContentLoaded", () => {
  const home = document.querySelector(".bd-sidebar-primary .navbar-brand");
  const words = home?.querySelector(".title")?.textContent.trim() ?? "";
  const title = make("a", { className: "header-title", href: home?.href ?? "#" }, words);
  document.querySelector(".header-article-items__start")?.append(title);
});

// The sidebar shows the page that is read: the theme would bring back where it stood before.
const atHome = () => {
  const here = document.querySelector(".bd-docs-nav .current > a.current");
  const list = here?.closest(".sidebar-primary-item");
  if (!list) return;
  const middle = (list.clientHeight - here.offsetHeight) / 2;
  list.scrollTop += here.getBoundingClientRect().top - list.getBoundingClientRect().top - middle;
};
addEventListener("load", () => requestAnimationFrame(atHome));
addEventListener("click", (event) => {
  if (!event.target.closest?.(".primary-toggle, label[for='pst-primary-sidebar-checkbox']")) return;
  document.querySelector(".bd-sidebar-primary").addEventListener("transitionend", atHome, { once: true });
  requestAnimationFrame(atHome);
});

// What reaches below the list of headings folds it to its title, until a hand comes.
addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector(".bd-sidebar-secondary");
  if (!list) return;
  const below = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target, boundingClientRect: box } of entries) {
      if (isIntersecting && box.right > list.getBoundingClientRect().left + 8) below.add(target);
      else below.delete(target);
    }
    list.classList.toggle("hide", below.size > 0);
  });
  const wide = "section > :is(.trlib-explorable, .scroll, figure, .cell, .wide-figure, details)";
  for (const one of document.querySelectorAll(wide)) watcher.observe(one);
  // A fold that opens becomes wide where it stands.
  addEventListener(
    "toggle",
    ({ target }) => {
      if (!target.matches(wide)) return;
      watcher.unobserve(target);
      watcher.observe(target);
    },
    true,
  );
});

// The key / leads to the search, which comes with the first letter and offers pages while somebody types.
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.composedPath()[0].matches?.("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  const field = document.querySelector("#main-content .bd-search input");
  if (field) field.focus();
  else document.querySelector(".search-button__button")?.click();
});
const statics = new URL(".", document.currentScript.src);
const script = (name) =>
  new Promise((done) => {
    const made = make("script", { src: new URL(`${name}.js`, statics), onload: done });
    document.head.append(made);
  });
let search = null;
addEventListener("input", async (event) => {
  const field = event.target.closest?.(".search-button__search-container input");
  if (!field) return;
  search ??= window.suggested
    ? Promise.resolve()
    : script("stemmer")
        .then(() => script("search-index"))
        .then(() => script("search"));
  await search;
  const container = field.closest(".search-button__search-container");
  const list = container.querySelector(".suggested") ?? make("ul");
  list.className = "suggested";
  list.setAttribute("aria-label", "Pages that it may be");
  const pages = field.value.trim().length > 1 ? window.suggested(field.value) : [];
  list.replaceChildren(
    ...pages.map(([title, page]) => make("li", {}, make("a", { href: new URL(`../${page}`, statics) }, title))),
  );
  list.hidden = pages.length === 0;
  container.append(list);
});
addEventListener("keydown", (event) => {
  const container = event.target.closest?.(".search-button__search-container");
  const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!container || !way) return;
  const all = [container.querySelector("input"), ...container.querySelectorAll(".suggested a")];
  all[Math.max(0, Math.min(all.length - 1, all.indexOf(document.activeElement) + way))].focus();
  event.preventDefault();
});

// A question's old address is its place in a list: it leads on to the question's own page.
{
  const place = location.hash && document.getElementById(location.hash.slice(1));
  const own = place && place.querySelector(":scope > h2 > a.question");
  if (own) location.replace(own.href);
}
