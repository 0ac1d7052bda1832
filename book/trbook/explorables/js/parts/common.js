/* What explorables share: one chunk beside the built modules. */
export * from "./maths.js";
export * from "./distances.js";
export * from "./numbers.js";
export * from "./looks.js";
export * from "./axes.js";
export * from "./scales.js";
export * from "./controls.js";
export * from "./theme.js";
export * from "./plot.js";
export * from "./bench.js";
