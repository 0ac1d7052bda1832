/* Light or dark, wherever the explorable stands: the book's theme, JupyterLab, Colab, VS Code, else the background
   behind the element, else the system. Everything is drawn in a shadow root, so no page's style leaks in. */

import base from "./base.css";
import { HUES } from "./looks.js";

const SOUGHT = ["data-theme", "data-jp-theme-light", "data-vscode-theme-kind", "theme", "class", "style"];

const DARK = "(prefers-color-scheme: dark)",
  FORCED = "(forced-colors: active)"; // the reader's own few colours, on the reader's own background

/* Attach a shadow root to el, with the base style and the explorable's own; keep it in step with the page's theme.
   Returns { root, frame, release }: draw into frame, call release when the view goes away. */
export function stage(el, style, label) {
  const host = document.createElement("div");
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = document.createElement("style");
  sheet.textContent = HUES + base + style;
  const frame = document.createElement("div");
  frame.className = "trx";
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", label);
  shadow.append(sheet, frame);
  el.replaceChildren(host);
  const follow = () => frame.toggleAttribute("data-dark", isDark(el));
  follow();
  const watcher = new MutationObserver(follow);
  for (const node of [document.documentElement, document.body]) {
    watcher.observe(node, { attributes: true, attributeFilter: SOUGHT });
  }
  const wishes = [DARK, FORCED].map((wish) => window.matchMedia(wish));
  for (const wish of wishes) wish.addEventListener("change", follow);
  // JupyterLab takes arrow keys for its own cell navigation before a slider sees them. Ctrl or Cmd and S it may have: it
  // saves the notebook, where the browser would save the page.
  host.addEventListener("keydown", (event) => {
    if (!((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s")) event.stopPropagation();
  });
  const release = () => {
    watcher.disconnect();
    for (const wish of wishes) wish.removeEventListener("change", follow);
  };
  return { host, frame, release };
}

export function isDark(el) {
  if (window.matchMedia(FORCED).matches) return window.matchMedia(DARK).matches;
  const html = document.documentElement,
    body = document.body;
  const named = html.dataset.theme || html.getAttribute("theme");
  if (named === "dark" || named === "light") return named === "dark";
  const lab = body.dataset.jpThemeLight;
  if (lab) return lab === "false";
  const code = body.dataset.vscodeThemeKind;
  if (code) return !code.includes("light");
  for (let node = el; node; node = node.parentElement) {
    const rgba = getComputedStyle(node)
      .backgroundColor.match(/[\d.]+/g)
      ?.map(Number);
    if (rgba && rgba.length >= 3 && (rgba.length < 4 || rgba[3] > 0.5)) {
      return 0.2126 * rgba[0] + 0.7152 * rgba[1] + 0.0722 * rgba[2] < 128;
    }
  }
  return window.matchMedia(DARK).matches;
}

export const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
