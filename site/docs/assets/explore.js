// Any column of a table against any other, by Observable Plot, which only this page loads.
import { HEAD, knownOf } from "./cells.js";
import { foldedFigures } from "./chart.js";
import { count, escapeHtml, writeQuery } from "./format.js";

const form = document.querySelector("[data-explore]");
const result = document.querySelector("[data-result]");
const base = new URL("vendor/", import.meta.url);

const script = (name) =>
  new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = new URL(name, base);
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${name} did not load`));
    document.head.append(element);
  });
const libraries = script("d3.min.js").then(() => script("plot.umd.min.js"));

let data;
const numeric = () => data.columns.map((column, k) => [column, k]).filter(([column]) => column.form !== "text" && column.form !== "rank");

const fill = (select, options, wanted) => {
  select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
  if (options.some(([value]) => value === wanted)) select.value = wanted;
};

const load = async (query) => {
  data = await (await fetch(`../boards/${form.elements.table.value}.json`)).json();
  const options = numeric().map(([column]) => [column.key, column.unit ? `${column.label}, ${column.unit}` : column.label]);
  const has = (key) => options.some(([value]) => value === key);
  fill(form.elements.x, options, query.get("x") ?? (has("parameters") ? "parameters" : options[0]?.[0]));
  fill(form.elements.y, options, query.get("y") ?? (has("compression") ? "compression" : options[1]?.[0]));
  const family = data.columns.findIndex((column) => column.key === "family") + HEAD;
  const families = [...new Set(data.rows.map((row) => row[family]).filter(Boolean))].sort();
  fill(form.elements.colour, [["", "none"], ...families.map((name) => [name, name])], query.get("colour") ?? "");
  if (!query.has("x")) form.elements.logx.checked = form.elements.x.value === "parameters";
};

const describe = (column) => (column.unit ? `${column.label}, ${column.unit}` : column.label);

// Counts are written as everywhere else: 7B.
const axisOf = (column, logarithmic) => ({
  label: describe(column),
  type: logarithmic ? "log" : "linear",
  tickFormat: column.form === "count" ? count : undefined,
});

const show = async () => {
  await libraries;
  const { x, y, colour, logx, logy, table } = form.elements;
  const [[xColumn, xPlace], [yColumn, yPlace]] = [x.value, y.value].map((key) => numeric().find(([column]) => column.key === key));
  const family = data.columns.findIndex((column) => column.key === "family") + HEAD;
  const points = data.rows
    .map((row) => ({
      name: row[HEAD],
      family: row[family],
      chosen: colour.value !== "" && row[family] === colour.value,
      x: knownOf(row[HEAD + xPlace]),
      y: knownOf(row[HEAD + yPlace]),
    }))
    .filter((p) => p.x !== null && p.y !== null && (!logx.checked || p.x > 0) && (!logy.checked || p.y > 0))
    .map((p) => ({ ...p, x: p.x * xColumn.scale, y: p.y * yColumn.scale }));
  const style = getComputedStyle(document.documentElement);
  const scheme = getComputedStyle(document.body);
  const read = (name) => scheme.getPropertyValue(name).trim() || style.getPropertyValue(name).trim();
  const sized = [xColumn, yColumn].some((column) => column.key === "parameters");
  const mixtures = points.map((p) => p.name).filter((name) => sized && data.mixtures.includes(name));
  const summary = `${points.length} rows of ${data.rows.length}: ${describe(yColumn)} against ${describe(xColumn)}, as of ${data.date}.` +
    (mixtures.length ? ` Mixtures of experts, whose numbers of parameters may not count all weights: ${mixtures.join(", ")}.` : "");
  const chart = Plot.plot({
    width: Math.max(320, result.clientWidth),
    height: Math.min(520, Math.max(320, result.clientWidth * 0.55)),
    marginLeft: 60,
    marginBottom: 50, // the name of the axis below its ticks
    inset: 10, // no mark on the frame
    grid: true,
    ariaLabel: summary,
    style: { background: "none", color: read("--md-typeset-color"), fontSize: "13px" },
    x: axisOf(xColumn, logx.checked),
    y: axisOf(yColumn, logy.checked),
    marks: [
      Plot.dot(points.filter((p) => !p.chosen), { x: "x", y: "y", r: 4, fill: read(colour.value ? "--board-mark" : "--board-point"), fillOpacity: 0.75 }),
      Plot.dot(points.filter((p) => p.chosen), { x: "x", y: "y", r: 6, symbol: "diamond", fill: read("--board-second") }),
      Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: (p) => `${p.name}\n${p.family ?? ""}\n${p.x.toPrecision(5)}, ${p.y.toPrecision(5)}`, fill: read("--board-card"), stroke: read("--board-field") })),
    ],
  });
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-details", "explored");
  // Plot names its groups, which a group without a role may not be.
  for (const group of chart.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label");
  const note = document.createElement("p");
  note.textContent = `${summary} Point estimates only; the table has the intervals.`;
  const header = [["Model", false], ["Family", false], [describe(xColumn), true], [describe(yColumn), true]];
  const lines = points.map((p) => [escapeHtml(p.name), escapeHtml(p.family ?? "–"), p.x.toPrecision(5), p.y.toPrecision(5)]);
  result.replaceChildren(chart, note);
  result.insertAdjacentHTML("beforeend", foldedFigures("explored", summary, header, lines));
  result.style.minHeight = "0"; // the room that was kept for the chart
  const query = new URLSearchParams({ table: table.value, x: x.value, y: y.value });
  if (colour.value) query.set("colour", colour.value);
  for (const box of [logx, logy]) if (box.checked) query.set(box.name, "1");
  writeQuery(query);
};

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", async (event) => {
  if (event.target.name === "table") await load(new URLSearchParams());
  show();
});
const query = new URLSearchParams(location.search);
if (query.has("table")) form.elements.table.value = query.get("table");
for (const name of ["logx", "logy"]) form.elements[name].checked = query.has(name);
await load(query);
show();
