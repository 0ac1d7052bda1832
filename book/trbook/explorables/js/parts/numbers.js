/* How every explorable writes a number, and how much room a text takes. */

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
export const raised = (exponent) => [...String(exponent)].map((c) => RAISED[c]).join("");

/* A number to about three digits: 0, 0.20, 12.3, 1 234, 3.2×10⁻⁵. Rounded first, so that no step shows 10.0×10⁻⁷.
   options: powers, the size below which powers of ten are used (0: never); decimals(size, value), digits after the
   point, where size is the value rounded to three digits. */
export function number(value, { powers = 1e-3, decimals = usual } = {}) {
  if (Number.isNaN(value)) return "?";
  if (value < 0) return `−${number(-value, { powers, decimals })}`;
  if (value === Infinity) return "∞";
  if (value === 0) return "0";
  if (value >= 1e5) return `${whole(value / 1000)} thousand`;
  if (Number(value.toPrecision(2)) >= powers) {
    const text = value.toFixed(decimals(Number(value.toPrecision(3)), value));
    return value < 1000 ? text : text.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  }
  const [lead, exponent] = value.toExponential(1).split("e");
  const power = `10${raised(Number(exponent))}`;
  return lead === "1.0" ? power : `${lead}×${power}`;
}

/** @type {(size: number, value?: number) => number} */
const usual = (size) => (size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.01 ? 2 : 4);

/* A probability: as many digits as its distance from 0 and from 1 needs, powers of ten up to a thousandth. */
export const probability = (p) =>
  number(p, {
    powers: 0.00105,
    decimals: (size, value) => (size < 0.01 || (value > 0.99 && value < 1) ? 4 : size < 0.1 ? 3 : 2),
  });
/* A number without decimals. */
export const whole = (value) => number(value, { decimals: () => 0 });
/* A setting beside its slider: decimals only, as one would type it. */
export const setting = (value) => (Math.abs(value) < 0.01 ? String(Number(value.toPrecision(2))) : number(value));
/* For a screen reader: no powers. */
export const spoken = (p) => (p < 0.00105 ? p.toFixed(7).replace(/\.?0+$/, "") : probability(p));
/* A tick of an axis of probabilities. */
export const tickText = (p) =>
  p === 0 || p === 1 ? String(p) : p < 0.001 ? `10${raised(Math.round(Math.log10(p)))}` : String(p).replace(/^0/, "");

export function percent(p) {
  const share = 100 * p;
  if (share > 0 && share < 0.001) return "< 0.001 %";
  return `${share >= 9.95 ? share.toFixed(0) : share >= 0.995 ? share.toFixed(1) : share ? String(Number(share.toPrecision(2))) : "0"} %`;
}

/* Words in a row: a, b and c. */
const row = new Intl.ListFormat("en-GB");
export const inRow = (words) => row.format(words);

/* Room that a line of text takes, in pixels, on the safe side: small for raised digits and thin letters. */
export function wide(text, size, share = 0.6) {
  let units = 0;
  for (const c of text) units += "⁻⁰¹²³⁴⁵⁶⁷⁸⁹".includes(c) ? 0.65 : ".,:il ".includes(c) ? 0.55 : 1;
  return units * size * share;
}
