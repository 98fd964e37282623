/* HTML that changes while somebody reads it: what was unfolded stays unfolded, what was scrolled stays where it was, and
 * a table of more than ten rows can be ordered, searched and taken along; it stays as the reader has put it. */
const FEW = 10;
function render({ model, el }) {
  const all = (selector) => Array.from(el.querySelectorAll(selector)), kept = new Map();
  function lengthen(table) {
    const heads = Array.from(table.tHead.rows[0].cells), labels = heads.map((cell) => cell.textContent);
    const numbers = heads.map((cell) => cell.classList.contains("sp-num"));
    const rows = Array.from(table.tBodies[0].rows), texts = rows.map((row) => Array.from(row.cells).map((cell) => cell.innerText || cell.textContent));
    const id = labels.join("\n"), near = table.closest(".sp-scroll") || table;
    let mine = kept.get(id);
    if (!mine) {
      mine = { order: [], wanted: "" };
      mine.bar = tools("", { find: (wanted) => { mine.wanted = wanted; mine.show(); }, take: () => mine.take() });
      kept.set(id, mine);
    }
    mine.show = () => {
      const [by, ascending] = mine.order;
      let places = rows.map((_, i) => i);
      if (by !== undefined) places = inOrder(places, texts.map((cells) => orderOf(cells[by], numbers[by])), ascending);
      mine.found = places.filter((i) => !mine.wanted || texts[i].join("\n").toLowerCase().includes(mine.wanted));
      rows.forEach((row) => { row.hidden = true; });
      mine.found.forEach((i) => { rows[i].hidden = false; });
      table.tBodies[0].append(...places.map((i) => rows[i]));
      mine.bar.count.textContent = mine.found.length ? counted(mine.found.length, rows.length) : `No row has '${mine.wanted}' in it.`;
      const at = heads.findIndex((cell) => cell.contains(document.activeElement));
      heads.forEach((cell, i) => heading(cell, labels[i], i, mine.order, (order) => { mine.order = order; mine.show(); }));
      if (at >= 0) heads[at].firstChild.focus({ preventScroll: true });
    };
    mine.take = () => model.send({ take: "csv", head: labels, rows: mine.found.map((i) => texts[i]) });
    near.classList.add("sp-long");
    near.before(mine.bar.search);
    near.after(mine.bar.below);
    mine.show();
  }
  function draw() {
    const open = all("details").map((fold) => fold.open);
    const places = all(".sp-scroll").map((box) => [box.scrollLeft, box.scrollTop]);
    const held = el.contains(document.activeElement) ? document.activeElement : null;
    el.innerHTML = model.get("value"); /* made and escaped by the kernel */
    all("details").forEach((fold, i) => { fold.open = fold.open || !!open[i]; });
    all(".sp-table").filter((table) => table.tHead && table.tBodies.length && table.tBodies[0].rows.length > FEW).forEach(lengthen);
    all(".sp-scroll").forEach((box, i) => { if (places[i]) [box.scrollLeft, box.scrollTop] = places[i]; });
    if (held && el.contains(held)) held.focus({ preventScroll: true }); /* the field somebody types into is kept itself */
  }
  model.on("change:value", draw);
  const taken = (message) => save(message, {});
  model.on("msg:custom", taken);
  draw();
  return () => { model.off("change:value", draw); model.off("msg:custom", taken); };
}
export default { render };
