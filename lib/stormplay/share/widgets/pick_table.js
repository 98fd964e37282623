/* A table of which one row can be picked. Every value becomes a text node, never markup. Of many rows those in view are drawn. */
const ALL_DRAWN = 300, AROUND = 20;
function render({ model, el }) {
  let found = [], place = 0, keys = null, hay = null, height = 0, from = -1, isDue = false;
  const shown = (cell) => (Array.isArray(cell) ? cell[0] : cell === null ? "–" : String(cell));
  const key = (cell, isNumber) => (Array.isArray(cell) ? (typeof cell[1] === "string" ? orderOf(cell[1], false) : cell[1]) : orderOf(cell === null ? "" : String(cell), isNumber));
  const bar = tools(model.get("label"), {
    find: (wanted, calm) => { if (wanted !== model.get("wanted")) model.set("wanted", wanted); if (calm) model.save_changes(); },
    take: () => model.send({ take: "csv", places: model.get("asks") || found.length === model.get("rows").length && !model.get("order").length ? null : found }),
  });
  const box = part("div", "sp-pick-scroll"), table = part("table", "sp-table sp-pick"), nothing = part("div", "sp-empty");
  box.append(table);
  el.append(bar.search, box, bar.below, nothing);
  const body = () => table.tBodies[0];
  const many = () => found.length > ALL_DRAWN;

  const pick = (id) => {
    if (!model.get("picks")) return;
    model.set("selected", model.get("selected") === id ? "" : id);
    model.save_changes();
  };
  function headings(columns) {
    const row = part("tr");
    columns.forEach((column, i) => {
      const cell = part("th", column.kind === "number" ? "sp-num" : "");
      if (!column.narrow) cell.classList.add("sp-wide");
      if (model.get("asks") && !column.by) {
        cell.scope = "col";
        cell.append(part("span", "sp-fixed", column.label));
      } else heading(cell, column.label, i, model.get("order"), (order) => { model.set("order", order); model.save_changes(); });
      row.append(cell);
    });
    const head = part("thead");
    head.append(row);
    return head;
  }
  function line(columns, at) {
    const i = found[at], id = model.get("ids")[i], cells = model.get("rows")[i], chosen = id === model.get("selected");
    const row = part("tr");
    row.tabIndex = at === place ? 0 : -1;
    row.dataset.id = id;
    row.dataset.place = at;
    if (many()) row.setAttribute("aria-rowindex", at + 2);
    if (model.get("picks")) row.setAttribute("aria-selected", String(chosen));
    columns.forEach((column, j) => {
      const cell = part("td", column.kind === "number" ? "sp-num" : "");
      if (!column.narrow) cell.classList.add("sp-wide");
      if (column.kind === "badge") {
        const badge = part("span", "sp-badge sp-" + shown(cells[j]).toLowerCase().replace(/[^a-z]+/g, "-"), shown(cells[j]));
        if (Array.isArray(cells[j]) && cells[j][2]) { /* a colour of its own, as on the map */
          const dot = part("i", "sp-dot");
          dot.style.background = cells[j][2];
          badge.prepend(dot);
        }
        cell.append(badge);
      }
      else cell.textContent = shown(cells[j]);
      row.append(cell);
    });
    row.addEventListener("click", () => pick(id));
    return row;
  }
  function order() {
    const rows = model.get("rows"), [by, ascending] = model.get("order"), wanted = model.get("asks") ? "" : model.get("wanted");
    if (wanted && !hay) hay = rows.map((cells) => cells.map(shown).join("\n").toLowerCase());
    const all = rows.map((_, i) => i).filter((i) => !wanted || hay[i].includes(wanted));
    if (by === undefined || model.get("asks") || !model.get("columns")[by]) return all;
    if (!keys || keys.by !== by) {
      keys = rows.map((cells) => key(cells[by], model.get("columns")[by].kind === "number"));
      keys.by = by;
    }
    return inOrder(all, keys, ascending);
  }
  function gap(pixels) {
    const row = part("tr", "sp-gap"), cell = part("td");
    row.setAttribute("aria-hidden", "true");
    cell.colSpan = model.get("columns").length;
    cell.style.cssText = `padding:0;border:0;height:${pixels}px`;
    row.append(cell);
    return row;
  }
  function fill(again) {
    const columns = model.get("columns"), held = table.contains(document.activeElement) ? document.activeElement.closest("tr")?.dataset.id : undefined;
    let first = 0, last = found.length;
    if (many()) {
      height = height || body().rows[0]?.offsetHeight || 38;
      first = Math.max(0, Math.floor(box.scrollTop / height) - AROUND);
      last = Math.min(found.length, first + Math.ceil((box.clientHeight || 400) / height) + 2 * AROUND);
      if (!again && Math.abs(first - from) < AROUND / 2) return;
    }
    from = first;
    const lines = [];
    for (let at = first; at < last; at += 1) lines.push(line(columns, at));
    if (many()) lines.unshift(gap(first * height)), lines.push(gap((found.length - last) * height));
    body().replaceChildren(...lines);
    if (lines.length && !body().querySelector("[tabindex='0']")) body().querySelector("[data-id]").tabIndex = 0;
    if (held) body().querySelector(`[data-id="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  }
  function draw() {
    const columns = model.get("columns"), rows = model.get("rows"), top = box.scrollTop, held = document.activeElement;
    const sorted = table.tHead?.contains(held) ? [...table.tHead.querySelectorAll("button")].indexOf(held) : -1;
    const kept = table.contains(held) ? held.closest("tbody tr")?.dataset.id : undefined;
    found = order();
    place = Math.max(0, found.findIndex((i) => model.get("ids")[i] === (kept ?? model.get("selected"))));
    table.setAttribute("role", model.get("picks") ? "grid" : "table");
    table.setAttribute("aria-label", model.get("label"));
    if (many()) table.setAttribute("aria-rowcount", found.length + 1); else table.removeAttribute("aria-rowcount");
    if (table.tHead) table.tHead.replaceWith(headings(columns)); else table.append(headings(columns), part("tbody"));
    table.classList.toggle("sp-reads", !model.get("picks"));
    const isSearched = rows.length >= 8 && model.get("has_search");
    bar.search.hidden = !isSearched && !model.get("wanted") || !model.get("has_search");
    if (document.activeElement !== bar.search) bar.search.value = model.get("wanted");
    box.hidden = !found.length;
    fill(true);
    if (top) box.scrollTop = top; /* even to where it is already would cost a layout */
    if (many()) fill(false);
    if (sorted >= 0) table.tHead.querySelectorAll("button")[sorted]?.focus({ preventScroll: true });
    bar.count.textContent = model.get("asks") || rows.length <= 10 && found.length === rows.length ? "" : counted(found.length, rows.length);
    bar.csv.hidden = !model.get("has_csv") && (rows.length <= 10 || model.get("asks"));
    bar.below.hidden = !rows.length;
    const why = rows.length && !found.length ? `No row has '${model.get("wanted")}' in it. Clear the field above to see all.` : model.get("empty");
    nothing.hidden = !!found.length || !why;
    nothing.textContent = why;
  }
  /* bring a row into the table's own view without moving the page */
  function reveal(at) {
    const head = table.tHead.offsetHeight, row = body().querySelector(`[data-place="${at}"]`);
    const top = many() ? at * height + head : row?.offsetTop ?? 0, high = many() ? height : row?.offsetHeight ?? 0;
    if (top - head < box.scrollTop) box.scrollTop = top - head;
    else if (top + high > box.scrollTop + box.clientHeight) box.scrollTop = top + high - box.clientHeight;
    if (many()) fill(true);
    return body().querySelector(`[data-place="${at}"]`);
  }
  function mark() {
    if (isDue) { queueMicrotask(mark); return; } /* the row may not be there yet */
    const selected = model.get("selected"), at = found.findIndex((i) => model.get("ids")[i] === selected);
    if (at >= 0) place = at;
    table.querySelectorAll("tbody [data-id]").forEach((row) => {
      row.setAttribute("aria-selected", String(row.dataset.id === selected));
      row.tabIndex = +row.dataset.place === place ? 0 : -1;
    });
    if (at >= 0) reveal(at);
  }
  table.addEventListener("keydown", (event) => {
    const row = event.target.closest("tbody tr");
    if (!row || event.target !== row) return;
    const at = +row.dataset.place;
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: found.length - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
    if (next !== undefined) {
      place = Math.min(Math.max(next, 0), found.length - 1);
      row.tabIndex = -1;
      const there = reveal(place);
      there.tabIndex = 0;
      there.focus({ preventScroll: true });
      if (!many()) there.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" || event.key === " ") pick(row.dataset.id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  box.addEventListener("scroll", () => { if (many()) fill(false); });
  /* Rows and their ids come as one, and are told one after the other. */
  const anew = () => {
    if (isDue) return;
    isDue = true;
    queueMicrotask(() => {
      isDue = false;
      keys = hay = null;
      draw();
    });
  };
  const heard = [["change:columns", anew], ["change:rows", anew], ["change:ids", anew], ["change:empty", draw], ["change:order", draw],
    ["change:wanted", draw], ["change:selected", mark], ["msg:custom", (message) => save(message, bar.count)]];
  heard.forEach(([name, act]) => model.on(name, act));
  draw();
  return () => heard.forEach(([name, act]) => model.off(name, act));
}
export default { render };
