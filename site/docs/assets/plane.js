// The information plane: figures of a mark, and the layers of a chosen model, drawn by the build.
import { HEAD, textOf } from "./cells.js";
import { fetchJson } from "./format.js";
import { watchPoints } from "./points.js";

for (const section of document.querySelectorAll("section.plane")) {
  const layer = section.querySelector(".chart-points");
  watchPoints(layer, async (place) => {
    const { rows, columns } = await fetchJson(section.dataset.board);
    const row = rows[place];
    const key = layer.dataset.x.replace(/^complexity\./, "optimality.");
    const cell = row[HEAD + columns.findIndex((column) => column.key === key)];
    return { name: row[HEAD], page: `../${row[0]}`, text: `optimality ${textOf(cell ?? null)}` };
  });
  const choice = section.querySelector("[data-layers]");
  choice.addEventListener("change", async () => {
    const charts = choice.value ? await fetchJson(`${encodeURIComponent(choice.value)}.json`) : {};
    section.querySelector("[data-layer-chart]").innerHTML = charts[choice.dataset.layers] ?? "";
  });
}
