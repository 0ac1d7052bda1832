/* Numbers and texts as Python writes them, so that a sentence here is the sentence of `trlib diagnose`. */

import judgement from "../../../../../trcheck/diagnose/judgement.json" with { type: "json" };
import shared from "./shared.json" with { type: "json" };

const TEXTS = { ...judgement.words, ...shared.texts };

/* The sentence of that name with its values in place: `{f.answer.share:percent}` is where a value is, and how it is written. */
export const say = (key, values = {}) =>
  TEXTS[key].replace(/\{([\w.[\]]+)(?::([^}]+))?\}/g, (_, path, way) => {
    const value = path
      .split(/[.[\]]+/)
      .filter(Boolean)
      .reduce((at, name) => at[name], values);
    return way ? written(value, way) : value;
  });

/* `trcheck.diagnose.formatting` in JavaScript. */
function written(value, way) {
  if (shared.constants.NOUNS.includes(way)) return `${comma(value)} ${value === 1 ? way.slice(0, -1) : way}`;
  if (WAYS[way]) return WAYS[way](value);
  const [, sign, commas, digits, kind] = way.match(/^(\+?)(,?)(?:\.(\d+))?([fg]?)$/);
  const text = kind === "f" ? fixed(value, Number(digits)) : kind === "g" ? general(value, Number(digits ?? 6)) : value;
  return (sign && !text.startsWith("-") ? "+" : "") + (commas ? comma(text) : text);
}

/* Python's rounding takes the even digit on an exact tie, JavaScript's the larger one. */
const isTie = (rest) => /^50*$/.test(rest);
const isEven = (digit) => "02468".includes(digit);

/* f"{value:.{digits}f}" */
export function fixed(value, digits) {
  if (!Number.isFinite(value)) return special(value);
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}${digits ? `.${"0".repeat(digits)}` : ""}`;
  const exact = value.toFixed(Math.min(100, digits + 40)),
    kept = exact.length - Math.min(100, digits + 40) + digits;
  if (!isTie(exact.slice(kept))) return value.toFixed(digits);
  const cut = exact.slice(0, digits ? kept : kept - 1);
  if (isEven(cut.at(-1))) return cut;
  return (Number(cut) + Math.sign(value) * 10 ** -digits).toFixed(digits);
}

/* f"{value:.{digits}g}" */
export function general(value, digits = 6) {
  if (!Number.isFinite(value)) return special(value);
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [exact, power] = value.toExponential(60).split("e"),
    sign = value < 0 ? "-" : "";
  const all = exact.replace(/[-.]/g, "");
  let [lead, exponent] = value.toExponential(digits - 1).split("e");
  if (isTie(all.slice(digits)) && isEven(all[digits - 1])) {
    lead = sign + (digits > 1 ? `${all[0]}.${all.slice(1, digits)}` : all[0]);
    exponent = power;
  }
  exponent = Number(exponent);
  const figures = lead.replace(/[-.]/g, "");
  const strip = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${strip(lead)}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return sign + strip(`0.${"0".repeat(-exponent - 1)}${figures}`);
  const whole = figures.slice(0, exponent + 1),
    rest = figures.slice(exponent + 1);
  return sign + (rest ? strip(`${whole}.${rest}`) : whole);
}

const special = (value) => (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");

/* f"{value:,}" of a whole number, or of a text that begins with one. */
export const comma = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/* A share with the digits that it needs: 12 %, 1.3 %, 0.04 %. */
export function percent(share) {
  if (share === null) return '<span class="none">none</span>';
  const value = 100 * share,
    digits = value === 0 || value >= 10 ? 0 : value >= 0.95 ? 1 : 2;
  return value === 0 || value >= 0.005 ? `${fixed(value, digits)} %` : "under 0.01 %";
}

/* Three digits. */
export function number(value) {
  if (value === null) return '<span class="none">–</span>';
  const text = value === Infinity ? "∞" : value >= 1000 && value < 1e6 ? comma(fixed(value, 0)) : general(value, 3);
  return text.replaceAll("e-0", "e-").replaceAll("e+", "e");
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
export const escape = (text) => String(text).replace(/[&<>"']/g, (letter) => ENTITIES[letter]);

/* A text whose control characters are seen. */
export const visible = (text) =>
  // eslint-disable-next-line no-control-regex -- these letters are what is looked for
  text.replace(/[\x00-\x1f\x7f]/g, (letter) => {
    const code = letter.charCodeAt(0);
    return code === 10 ? "↵" : code === 9 ? "⇥" : code === 127 ? "␡" : String.fromCharCode(0x2400 + code);
  });

/* A text by its characters as Python counts them: code points. */
export const letters = (text) => Array.from(text);

/* A token's text, as it can be seen; ¦ parts the cells of a row. */
function token(text) {
  if (!text) return "∅";
  const all = letters(visible(text)),
    shown = letters(text).length < 4 ? all.map((c) => (c === " " ? "␣" : c)) : all;
  const cut = escape(shown.slice(0, 60).join("")).replaceAll("¦", "&#166;");
  return `<span class="token">${cut}${shown.length > 60 ? "…" : ""}</span>`;
}

const WAYS = { percent, number, token, text: escape, shown: (text) => escape(visible(text)) };

export function byCodePoint(a, b) {
  const one = letters(a),
    other = letters(b);
  for (let i = 0; i < Math.min(one.length, other.length); i++) {
    const gap = one[i].codePointAt(0) - other[i].codePointAt(0);
    if (gap) return gap;
  }
  return one.length - other.length;
}
