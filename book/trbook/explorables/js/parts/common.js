/* What explorables share: one chunk beside the built modules. */
export * from "../maths/plain.js";
export * from "../maths/divergences.js";
export * from "../maths/regions.js";
export * from "../maths/distances.js";
export * from "./numbers.js";
export * from "./looks.js";
export * from "./verdict.js";
export * from "./axes.js";
export * from "./scales.js";
export * from "./controls.js";
export * from "./theme.js";
export * from "./plot.js";
export * from "./predict.js";
export * from "./bench.js";
