"use strict";
const all = (selector, place = document) => [...place.querySelectorAll(selector)];

// light and dark
const theme = document.getElementById("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

// tables are sorted by a click on a column
const valueOf = (row, column) => {
  const cell = row.children[column];
  return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
};
const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
for (const table of all("table[data-sortable]")) {
  all("th", table).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && head.classList.contains("number"));
      all("th", table).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = all("tbody tr", table).sort((a, b) => (down ? -1 : 1) * compare(valueOf(a, column), valueOf(b, column)));
      table.tBodies[0].append(...rows);
    });
  });
}

// ranked lists
const queries = document.getElementById("queries");
if (queries) {
  const lists = all(".list", queries);
  const buttons = all(".controls button");
  const whole = document.getElementById("count").textContent;
  document.querySelector(".controls").hidden = false;
  const show = (name) => {
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.show === name)));
    lists.forEach((list) => {
      list.hidden = !(name === "all" || (name === "wrong" ? list.dataset.wrong === "1" : list.dataset.group === name));
    });
    const shown = lists.filter((list) => !list.hidden).length;
    document.getElementById("count").textContent = name === "all" ? whole : `${shown} shown`;
  };
  buttons.forEach((button) => button.addEventListener("click", () => show(button.dataset.show)));
  document.getElementById("order").addEventListener("change", (event) => {
    const key = event.target.value;
    const number = key === "ap" || key === "first";
    const of = (list) => (number ? Number(list.dataset[key]) : list.dataset[key]);
    queries.append(...(key ? [...lists].sort((a, b) => compare(of(a), of(b))) : lists));
  });
  show("hardest");
}

// the section that is read
const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver(
  (entries) =>
    entries.forEach((entry) => {
      const link = links.get(entry.target.id);
      if (entry.isIntersecting && link) {
        links.forEach((other) => other.removeAttribute("aria-current"));
        link.setAttribute("aria-current", "true");
      }
    }),
  { rootMargin: "-15% 0px -75% 0px" },
);
all("section[id]").forEach((section) => seen.observe(section));
