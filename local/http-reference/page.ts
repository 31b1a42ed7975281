/** Where the reference stands in docs/http.md: between these two lines, which stay. */
const begin =
  "<!-- Made by `npm run docs:http` from /openapi.json: change the schemas in src/api/, not these lines. -->";
const end = "<!-- Until here. -->";

/** The page with this reference in the place of the one that it has. Throws when it has no such place. */
export function withReference(page: string, reference: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/http.md has lost one of the lines\n${begin}\n${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${reference}\n\n${page.slice(to)}`;
}
