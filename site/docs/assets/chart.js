// Small charts drawn in the page, with the same marks and classes as those that the build draws.
import { escapeHtml } from "./format.js";

const [WIDTH, HEIGHT] = [1000, 500];

// A linear axis with a little room at both ends and round marks.
export const axisOf = (values, ticks = 6) => {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high - low || Math.abs(high) || 1;
  [low, high] = [low - 0.04 * span, high + 0.04 * span];
  let step = 10 ** Math.floor(Math.log10(span / ticks));
  step *= [1, 2, 5, 10].find((factor) => span / (step * factor) <= ticks);
  const marks = [];
  for (let k = Math.ceil(low / step); k <= Math.floor(high / step); k += 1) marks.push(Number((k * step).toPrecision(12)));
  return { marks, share: (value) => (value - low) / (high - low) };
};

// series: [{label, points: [[x, y, title]]}]. summary: what the chart shows, in words.
// tableId: of the table with the same figures.
export const drawLines = (series, xLabel, yLabel, summary, tableId) => {
  const points = series.flatMap((one) => one.points);
  const x = axisOf(points.map((point) => point[0]));
  const y = axisOf(points.map((point) => point[1]));
  const at = ([a, b]) => `${(WIDTH * x.share(a)).toFixed(1)} ${(HEIGHT * (1 - y.share(b))).toFixed(1)}`;
  const grid = [
    ...y.marks.map((tick) => `<path d="M0 ${(HEIGHT * (1 - y.share(tick))).toFixed(1)}H${WIDTH}"/>`),
    ...x.marks.map((tick) => `<path d="M${(WIDTH * x.share(tick)).toFixed(1)} 0V${HEIGHT}"/>`),
  ].join("");
  const lines = series.map((one, k) =>
    `<path class="chart-series run-${k % 6}" d="M${one.points.map(at).join("L")}"/>` +
    `<g class="chart-marks">${one.points.map((point) =>
      `<path class="run-${k % 6}" d="M${at(point)}h0"><title>${escapeHtml(point[2])}</title></path>`).join("")}</g>`);
  const xTicks = x.marks.map((tick) => `<span style="left:${(100 * x.share(tick)).toFixed(2)}%">${tick}</span>`).join("");
  const yTicks = y.marks.map((tick) => `<span style="bottom:${(100 * y.share(tick)).toFixed(2)}%">${tick}</span>`).join("");
  const legend = series.map((one, k) => `<li class="run-${k % 6}">${escapeHtml(one.label)}</li>`).join("");
  return `<figure class="chart" aria-details="${escapeHtml(tableId)}"><div class="chart-y">${escapeHtml(yLabel)}</div><ul>${legend}</ul>` +
    `<div class="chart-plot"><div class="chart-yticks" aria-hidden="true">${yTicks}</div>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(summary)}">` +
    `<g class="chart-grid">${grid}</g>${lines.join("")}</svg></div>` +
    `<div class="chart-xticks" aria-hidden="true">${xTicks}</div><div class="chart-x">${escapeHtml(xLabel)}</div>` +
    `<figcaption>${escapeHtml(summary)}</figcaption></figure>`;
};

// The table with a chart's figures, folded below it. rows: HTML of their cells.
export const foldedFigures = (tableId, caption, header, rows) => {
  const heads = header.map(([label, numeric]) => `<th scope="col"${numeric ? ' class="n"' : ""}>${escapeHtml(label)}</th>`);
  const lines = rows.map(([first, ...rest]) =>
    `<tr><th scope="row">${first}</th>${rest.map((cell, k) => `<td${header[k + 1][1] ? ' class="n"' : ""}>${cell}</td>`).join("")}</tr>`);
  return `<details><summary>The figures of this chart</summary><div class="board-scroll" tabindex="0" role="region" aria-label="Figures">` +
    `<table class="board" id="${escapeHtml(tableId)}"><caption><span>${escapeHtml(caption)}</span></caption>` +
    `<thead><tr>${heads.join("")}</tr></thead><tbody>${lines.join("")}</tbody></table></div></details>`;
};
