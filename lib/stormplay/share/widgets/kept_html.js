/* HTML that changes while somebody reads it: what was unfolded stays unfolded, what was scrolled stays where it was. */
function render({ model, el }) {
  const all = (selector) => Array.from(el.querySelectorAll(selector));
  function draw() {
    const open = all("details").map((fold) => fold.open);
    const places = all(".sp-scroll").map((box) => [box.scrollLeft, box.scrollTop]);
    el.innerHTML = model.get("value"); /* made and escaped by the kernel */
    all("details").forEach((fold, i) => { fold.open = fold.open || !!open[i]; });
    all(".sp-scroll").forEach((box, i) => { if (places[i]) [box.scrollLeft, box.scrollTop] = places[i]; });
  }
  model.on("change:value", draw);
  draw();
  return () => model.off("change:value", draw);
}
export default { render };
