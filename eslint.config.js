import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: [".local/", "dist/", "node_modules/", "bench/results/", "**/*.d.ts"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-definitions": ["error", "type"],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "no-console": "error",
      eqeqeq: "error",
    },
  },
  {
    // The environment is read in one place; a process.env elsewhere would hide a setting from docs and tests.
    files: ["src/**/*.ts"],
    ignores: ["src/config.ts"],
    rules: {
      "no-restricted-properties": [
        "error",
        { object: "process", property: "env", message: "Read the environment in src/config.ts only." },
      ],
    },
  },
  { files: ["local/**", "bench/**", "test/**"], rules: { "no-console": "off" } },
  {
    // These run in browsers.
    files: ["shop/**/*.js"],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...[
            "AbortController",
            "AbortSignal",
            "crypto",
            "CustomEvent",
            "document",
            "Event",
            "EventSource",
            "EventTarget",
          ],
          ...["fetch", "history", "IntersectionObserver", "localStorage", "location", "navigator", "performance"],
          ...[
            "requestAnimationFrame",
            "scrollTo",
            "scrollY",
            "setInterval",
            "setTimeout",
            "clearInterval",
            "clearTimeout",
          ],
          ...["addEventListener", "URL", "URLSearchParams", "WebSocket", "window"],
        ].map((name) => [name, "readonly"]),
      ),
    },
  },
  {
    files: ["**/*.{js,mjs}"],
    ignores: ["shop/**"],
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        URL: "readonly",
        setTimeout: "readonly",
        clearTimeout: "readonly",
        setInterval: "readonly",
        clearInterval: "readonly",
        fetch: "readonly",
        AbortSignal: "readonly",
      },
    },
  },
);
