// On every page: plain tables sort by their headings, the search has a name, the menu answers keys,
// and buttons copy the page's address.
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

// What a cell sorts by: its value, its text as a number, or its text; null where it is unknown.
const keyOf = (cell) => {
  const valued = cell.querySelector("[data-value]");
  if (valued) return Number(valued.dataset.value);
  const text = cell.textContent.trim();
  if (text === "–") return null;
  const number = Number(text.replace("−", "-"));
  return Number.isNaN(number) ? text.toLowerCase() : number;
};
const compare = (a, b, direction) => {
  if (a === null || b === null) return (a === null) - (b === null); // unknown stays last
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return direction * (a < b ? -1 : a > b ? 1 : 0);
};
for (const { tHead, tBodies: [body] } of document.querySelectorAll("table.board:not(.wide)")) {
  const headings = [...tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const direction = heading.ariaSort === "ascending" ? -1 : 1;
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.ariaSort = direction > 0 ? "ascending" : "descending";
      const keyed = [...body.rows].map((row) => [row, keyOf(row.cells[column])]);
      body.append(...keyed.sort((a, b) => compare(a[1], b[1], direction)).map(([row]) => row));
    });
  });
}

document.addEventListener("submit", (event) => event.preventDefault()); // forms answer as they change

for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "Copy it from the address bar";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
