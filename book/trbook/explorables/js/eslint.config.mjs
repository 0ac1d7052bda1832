import js from "@eslint/js";
import globals from "globals";

const unused = { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true };

export default [
  js.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.worker } } },
  { rules: { "no-unused-vars": ["error", unused] } },
  { files: ["**/*.mjs"], languageOptions: { globals: globals.node } },
];
