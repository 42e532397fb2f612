// Lets a reader sort the rows of a table marked data-sortable by any column; without it the table stays as it is.
(() => {
  "use strict";
  const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
  const key = (cell) => {
    const text = cell.innerText.trim();
    if (text === "" || text.startsWith("–")) return null;
    const date = /^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})$/.exec(text);
    if (date) return Date.UTC(Number(date[3]), months.indexOf(date[2].toLowerCase()), Number(date[1]));
    const plain = text.replaceAll("−", "-").replace(/[$€£¥,%×\s\u00a0]|days?$/g, "");
    return plain !== "" && !Number.isNaN(Number(plain)) ? Number(plain) : text.toLowerCase();
  };
  const order = (a, b) => {
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const falling = now === null ? head.classList.contains("num") : now === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const rows = [...body.rows].map((row) => ({ row, value: key(row.cells[place]) }));
        // What has no value stays at the end, whichever way the rest is sorted.
        rows.sort((a, b) => (falling && a.value !== null && b.value !== null ? order(b.value, a.value) : order(a.value, b.value)));
        body.append(...rows.map((item) => item.row));
      });
    });
  }
})();
