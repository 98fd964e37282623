/* A table of which one row can be picked. Every value becomes a text node, never markup. */
function render({ model, el }) {
  let sortBy = -1, ascending = true, wanted = "";
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const shown = (cell) => (Array.isArray(cell) ? cell[0] : cell === null ? "–" : String(cell));
  const key = (cell) => (Array.isArray(cell) ? cell[1] : cell === null ? "" : String(cell).toLowerCase());
  const search = make("input", "sp-search");
  search.type = "search";
  search.placeholder = "Find …";
  search.setAttribute("aria-label", "Find in the table");
  const box = make("div", "sp-pick-scroll"), table = make("table", "sp-table sp-pick");
  const nothing = make("div", "sp-empty");
  box.append(table);
  el.append(search, box, nothing);

  const pick = (id) => {
    model.set("selected", model.get("selected") === id ? "" : id);
    model.save_changes();
  };
  function headings(columns) {
    const row = make("tr");
    columns.forEach((column, i) => {
      const cell = make("th", column.kind === "number" ? "sp-num" : ""), button = make("button", "sp-sort", column.label);
      if (!column.narrow) cell.classList.add("sp-wide");
      cell.scope = "col";
      cell.setAttribute("aria-sort", i !== sortBy ? "none" : ascending ? "ascending" : "descending");
      button.type = "button";
      button.addEventListener("click", () => { ascending = sortBy === i ? !ascending : true; sortBy = i; draw(); });
      cell.append(button);
      row.append(cell);
    });
    const head = make("thead");
    head.append(row);
    return head;
  }
  function line(columns, cells, id, chosen) {
    const row = make("tr");
    row.tabIndex = chosen ? 0 : -1;
    row.dataset.id = id;
    row.setAttribute("aria-selected", String(chosen));
    columns.forEach((column, i) => {
      const cell = make("td", column.kind === "number" ? "sp-num" : "");
      if (!column.narrow) cell.classList.add("sp-wide");
      if (column.kind === "badge") {
        const badge = make("span", "sp-badge sp-" + shown(cells[i]).toLowerCase().replace(/[^a-z]+/g, "-"), shown(cells[i]));
        if (Array.isArray(cells[i]) && cells[i][2]) { /* a colour of its own, as on the map */
          const dot = make("i", "sp-dot");
          dot.style.background = cells[i][2];
          badge.prepend(dot);
        }
        cell.append(badge);
      }
      else cell.textContent = shown(cells[i]);
      row.append(cell);
    });
    row.addEventListener("click", () => pick(id));
    return row;
  }
  function order(rows) {
    const found = rows.map((_, i) => i).filter((i) => !wanted || rows[i].some((cell) => shown(cell).toLowerCase().includes(wanted)));
    if (sortBy < 0) return found;
    const sign = ascending ? 1 : -1;
    return found.sort((a, b) => {
      const x = key(rows[a][sortBy]), y = key(rows[b][sortBy]);
      return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true }));
    });
  }
  function draw() {
    const columns = model.get("columns"), rows = model.get("rows"), ids = model.get("ids"), selected = model.get("selected");
    const body = make("tbody"), top = box.scrollTop, held = table.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
    order(rows).forEach((i) => body.append(line(columns, rows[i], ids[i], ids[i] === selected)));
    if (body.firstChild && !body.querySelector("[tabindex='0']")) body.firstChild.tabIndex = 0;
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", model.get("label"));
    table.replaceChildren(headings(columns), body);
    box.scrollTop = top;
    if (held) body.querySelector(`[data-id="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    search.hidden = rows.length < 8 || !model.get("has_search");
    box.hidden = !rows.length;
    nothing.hidden = !!rows.length || !model.get("empty");
    nothing.textContent = model.get("empty");
  }
  function mark() {
    const selected = model.get("selected");
    table.querySelectorAll("tbody tr").forEach((row) => {
      const on = row.dataset.id === selected;
      row.setAttribute("aria-selected", String(on));
      if (!on) return;
      table.querySelectorAll("tbody tr").forEach((other) => { other.tabIndex = -1; });
      row.tabIndex = 0;
      /* bring it into the table's own view without moving the page */
      const head = table.tHead.offsetHeight;
      if (row.offsetTop - head < box.scrollTop) box.scrollTop = row.offsetTop - head;
      else if (row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = row.offsetTop + row.offsetHeight - box.clientHeight;
    });
  }
  table.addEventListener("keydown", (event) => {
    const row = event.target.closest("tbody tr");
    if (!row || event.target !== row) return;
    const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: row.parentNode.firstChild, End: row.parentNode.lastChild }[event.key];
    if (next) {
      row.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") pick(row.dataset.id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  search.addEventListener("keydown", (event) => event.stopPropagation());
  search.addEventListener("input", () => { wanted = search.value.trim().toLowerCase(); draw(); });
  const again = ["change:columns", "change:rows", "change:ids", "change:empty"];
  again.forEach((name) => model.on(name, draw));
  model.on("change:selected", mark);
  draw();
  return () => { again.forEach((name) => model.off(name, draw)); model.off("change:selected", mark); };
}
export default { render };
