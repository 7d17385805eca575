// On every page: plain tables sort by their headings, the search has a name, the menu answers to keys.
"use strict";
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
// The menu of a small screen opens and closes by keys too: its labels take the focus as those that
// the theme gives it, and the theme answers Enter.
const drawer = document.getElementById("__drawer");
const menu = document.querySelector('.md-header label[for="__drawer"]');
const labels = [menu, ...document.querySelectorAll(".md-nav--primary .md-nav__item label[for]")];
const small = matchMedia("(max-width: 76.234375em)");
const letFocus = () => { for (const label of labels) label.tabIndex = small.matches ? 0 : -1; };
if (menu) {
  menu.title = "Menu";
  letFocus();
  small.addEventListener("change", letFocus);
  document.addEventListener("keydown", (event) => {
    if (event.key === " " && labels.includes(event.target)) event.preventDefault(), event.target.click();
    if (event.key === "Escape" && drawer.checked) drawer.click(), menu.focus();
  });
}
for (const list of document.querySelectorAll(".switch ul")) // on a phone it scrolls sideways
  if (list.scrollWidth > list.clientWidth)
    list.scrollLeft = list.querySelector("[aria-current]")?.parentElement.offsetLeft - list.offsetLeft;
const valueOf = (cell) => {
  const held = cell.querySelector("[data-value]");
  if (held) return Number(held.dataset.value);
  const text = cell.textContent.trim();
  if (text === "–") return null;
  const number = Number(text.replace("−", "-"));
  return Number.isNaN(number) ? text.toLowerCase() : number;
};
const compare = (a, b, direction) => {
  if (a === null || b === null) return (a === null) - (b === null); // unknown stays last
  if (typeof a === typeof b) return direction * (a < b ? -1 : a > b ? 1 : 0);
  return typeof a === "number" ? -1 : 1;
};
for (const table of document.querySelectorAll("table.board:not(.wide)")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      const keys = new Map(rows.map((row) => [row, valueOf(row.cells[column])]));
      rows.sort((a, b) => compare(keys.get(a), keys.get(b), up ? 1 : -1));
      table.tBodies[0].append(...rows);
    });
  });
}
