/* A formula for the gradient weight as a method of trlib: the file that `trlib train --method mine.py:Mine` takes. */

import { parse } from "../../engine/js/formula.js";

/* How strongly an operator holds together: brackets stand only where they are needed. */
const BINDS = { or: 1, and: 2, not: 3, "+": 5, "-": 5, "*": 6, "/": 6, negative: 7, "^": 8 };
for (const sign of ["<", "<=", ">", ">=", "==", "!="]) BINDS[sign] = 4;
/* Words of Python, and names that a method has already. */
const TAKEN = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield advantage shift stop_kl " +
    "aggregation correction reference anchor compares token_loss version may_stop refuse formula line constants " +
    "settings_for kept_near needs plan prepare corrected objective loss update label"
  ).split(" "),
);

/* What a constant is called in the file: its own name, with an underscore where Python has that name already. */
const fieldOf = (name) => (TAKEN.has(name) ? `${name}_` : name);

/* A tree as trlib reads it. */
export function written(node) {
  if ("number" in node) return node.text;
  if ("variable" in node) return node.variable;
  if ("constant" in node) return fieldOf(node.constant);
  const { apply, of } = node,
    own = BINDS[apply];
  if (!own) return `${apply}(${of.map(written).join(", ")})`;
  const inside = (one, least) => ((BINDS[one.apply] ?? 9) < least ? `(${written(one)})` : written(one));
  if (of.length === 1) return `${apply === "not" ? "not " : "-"}${inside(of[0], own)}`;
  const [before, after] = { "^": [1, 0], "+": [0, 1], "*": [0, 1] }[apply] ?? [own === 4 ? 1 : 0, 1],
    sign = own > 5 ? apply : ` ${apply} `;
  return inside(of[0], own + before) + sign + inside(of[1], own + after);
}

const literal = (value) =>
  Number.isInteger(value) && Math.abs(value) < 1e15 ? `${value}.0` : String(value).replace("e+", "e");

/* mine.py. lane: { formula, constants, advantage, aggregation }; run: words after `trlib train --method mine.py:Mine`. */
export function fileOf({ formula, constants, advantage, aggregation }, run = "") {
  const { tree, constants: names } = parse(formula);
  const fields = names.map((name) => `    ${fieldOf(name)}: float = ${literal(constants[name])}\n`).join("");
  return `r"""A trust region of my own.

trlib train --method mine.py:Mine${run}
"""

from dataclasses import dataclass

from trlib.algorithms import Method


@dataclass(frozen=True, kw_only=True)
class Mine(Method):
    formula = "${written(tree)}"
${fields}    advantage: str = "${advantage}"
    aggregation: str = "${aggregation}"
`;
}
