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

const highlight = (layer, family) => {
  layer.classList.toggle("some", family !== null);
  for (const path of layer.querySelectorAll("path[data-family]")) {
    path.classList.toggle("chosen", path.dataset.family === family);
    if (path.dataset.family === family) path.parentElement.append(path); // above the others
  }
};

// describe: from a mark's place to its name, page and text.
export const watchPoints = (layer, describe) => {
  const svg = layer.ownerSVGElement, plot = svg.parentElement;
  const { width, height } = svg.viewBox.baseVal;
  const marks = marksOf(layer);
  const tip = document.createElement("div");
  tip.className = "chart-tip";
  tip.hidden = true;
  plot.append(tip);
  let current = null;

  const nearest = (event) => {
    const box = svg.getBoundingClientRect();
    const distance = ({ x, y }) => Math.hypot(
      (x / width) * box.width - (event.clientX - box.left), (y / height) * box.height - (event.clientY - box.top));
    const within = marks.map((mark) => [distance(mark), mark]).filter(([away]) => away < REACH);
    return within.length ? within.reduce((a, b) => (b[0] < a[0] ? b : a))[1] : null;
  };
  plot.addEventListener("pointermove", async (event) => {
    const mark = nearest(event);
    if (mark === current) return;
    current = mark;
    svg.style.cursor = mark ? "pointer" : "";
    if (!mark) { tip.hidden = true; return; }
    const described = await describe(mark.place);
    if (current !== mark) return; // the pointer has moved on
    const name = document.createElement("strong");
    name.textContent = described.name;
    tip.replaceChildren(name, document.createElement("br"), described.text);
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
      const on = button.ariaPressed !== "true";
      for (const other of buttons) other.ariaPressed = String(on && other === button);
      highlight(layer, on ? button.dataset.highlight : null);
    });
};
