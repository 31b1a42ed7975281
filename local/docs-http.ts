// Writes the part of docs/http.md that follows from the routes' own schemas. `npm run docs:http`
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openApiDocument } from "./http-reference/document.ts";
import { withReference } from "./http-reference/page.ts";
import { renderReference } from "./http-reference/render.ts";

const file = path.join(import.meta.dirname, "../docs/http.md");
const page = readFileSync(file, "utf8");
const written = withReference(page, renderReference(await openApiDocument()));
writeFileSync(file, written);
console.log(written === page ? "docs/http.md is up to date." : "docs/http.md is written anew.");
