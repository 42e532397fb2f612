// Lets a reader narrow a list of names down by typing; without it the whole list stays.
(() => {
  "use strict";
  const field = document.getElementById("filter");
  const count = document.getElementById("filter-count");
  if (!field || !count) return;
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const rows = [...document.querySelectorAll("table[data-sortable] tbody tr:not(.total), [data-filterable] li")];
  const names = rows.map((row) => plain((row.querySelector("th") ?? row).textContent));
  field.parentElement.hidden = false;
  field.addEventListener("input", () => {
    const wanted = plain(field.value.trim());
    let shown = 0;
    rows.forEach((row, place) => {
      row.hidden = !names[place].includes(wanted);
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = wanted === "" ? "" : `${shown} of ${rows.length} shown`;
  });
})();
