// The rates as bars, one panel for single orders and one for many at once. By ECharts, which needs no browser for an SVG.
import type { Results } from "./results.ts";
import type { Line } from "./summary.ts";

const panels = [
  { title: "Single POSTs, orders/s decided and stored", works: ["posts"] },
  { title: "Batches and draining, orders/s decided and stored", works: ["batches", "drain"] },
];
const [width, barHeight, left, right, top, gap] = [1000, 14, 330, 70, 60, 60];

export async function renderChart({ lines }: Pick<Results, "lines">): Promise<string> {
  // Loaded only for this: it takes half a second.
  const [{ init, use }, { BarChart }, components, { SVGRenderer }] = await Promise.all([
    import("echarts/core"),
    import("echarts/charts"),
    import("echarts/components"),
    import("echarts/renderers"),
  ]);
  use([BarChart, components.GridComponent, components.LegendComponent, components.TitleComponent, SVGRenderer]);
  const drawn = panels
    .map(({ title, works }) => ({ title, bars: barsOf(lines.filter(({ work }) => works.includes(work))) }))
    .filter(({ bars }) => bars.rows.length > 0);
  const heights = drawn.map(({ bars }) => bars.rows.length * (bars.titles.length * barHeight + 12) + 20);
  const tops = heights.map((_, index) => top + heights.slice(0, index).reduce((sum, each) => sum + each + gap, 0));
  const height = top + heights.reduce((sum, each) => sum + each + gap, 0);

  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    legend: { top: 4 },
    title: drawn.map(({ title }, index) => {
      return { text: title, left: 10, top: (tops[index] ?? 0) - 28, textStyle: { fontSize: 13 } };
    }),
    grid: heights.map((each, index) => ({ left, right, top: tops[index] ?? 0, height: each })),
    xAxis: drawn.map((_, gridIndex) => ({ type: "value", gridIndex })),
    yAxis: drawn.map(({ bars }, gridIndex) => ({ type: "category", gridIndex, inverse: true, data: bars.rows })),
    series: drawn.flatMap(({ bars }, index) =>
      bars.titles.map((name, at) => ({
        name,
        type: "bar",
        xAxisIndex: index,
        yAxisIndex: index,
        barWidth: barHeight - 2,
        barGap: "15%",
        data: bars.values[at] ?? [],
        label: { show: true, position: "right", fontSize: 10, formatter: labelOf },
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

const labelOf = ({ value }: { value: unknown }): string =>
  typeof value === "number" ? Math.round(value).toLocaleString("en") : "";

/** By contender, a median for each row; null where it took no part. */
export function barsOf(lines: readonly Line[]): { rows: string[]; titles: string[]; values: (number | null)[][] } {
  const rows = [...new Set(lines.map(({ rowTitle }) => rowTitle))];
  const titles = [...new Set(lines.map(({ title }) => title))];
  const values = titles.map((title) =>
    rows.map((row) => lines.find((line) => line.title === title && line.rowTitle === row)?.spread.median ?? null),
  );
  return { rows, titles, values };
}
