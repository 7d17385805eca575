// Marks of a chart: a tooltip for the nearest one, and groups that can be highlighted.

const REACH = 30; // pixels

const marksOf = (layer) =>
  [...layer.querySelectorAll("path[data-rows]")].flatMap((path) => {
    const places = path.dataset.rows.split(" ").map(Number);
    return path.getAttribute("d").match(/M[^h]+/g).map((text, k) => {
      const [x, y] = text.slice(1).split(" ").map(Number);
      return { x, y, place: places[k] };
    });
  });

// describe: from a mark's place to its name, page and text.
export const watchPoints = (layer, describe) => {
  const svg = layer.ownerSVGElement;
  const plot = svg.parentElement;
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const marks = marksOf(layer);
  const tip = document.createElement("div");
  tip.className = "chart-tip";
  tip.hidden = true;
  plot.append(tip);
  let current = null;

  const nearest = (event) => {
    const box = svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let found = null;
    let best = REACH ** 2;
    for (const mark of marks) {
      const distance = ((mark.x / width) * box.width - x) ** 2 + ((mark.y / height) * box.height - y) ** 2;
      if (distance < best) [found, best] = [mark, distance];
    }
    return found;
  };
  plot.addEventListener("pointermove", async (event) => {
    const mark = nearest(event);
    if (mark === current) return;
    current = mark;
    svg.style.cursor = mark ? "pointer" : "";
    if (!mark) { tip.hidden = true; return; }
    const found = await describe(mark.place);
    if (current !== mark) return;
    const name = document.createElement("strong");
    name.textContent = found.name;
    tip.replaceChildren(name, document.createElement("br"), found.text);
    tip.style.left = `${(100 * mark.x) / width}%`;
    tip.style.top = `${(100 * mark.y) / height}%`;
    tip.classList.toggle("left", mark.x > 0.6 * width);
    tip.hidden = false;
  });
  plot.addEventListener("pointerleave", () => { current = null; tip.hidden = true; });
  svg.addEventListener("click", async (event) => {
    const mark = nearest(event);
    if (mark) location.href = (await describe(mark.place)).page;
  });

  const buttons = [...document.querySelectorAll("[data-highlight]")];
  for (const button of buttons)
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      for (const other of buttons) other.setAttribute("aria-pressed", String(on && other === button));
      layer.classList.toggle("some", on);
      for (const path of layer.querySelectorAll("path[data-family]")) {
        const chosen = on && path.dataset.family === button.dataset.highlight;
        path.classList.toggle("chosen", chosen);
        if (chosen) path.parentElement.append(path);
      }
    });
};
