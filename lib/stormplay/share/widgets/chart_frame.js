/* A chart on a live page. Plotly comes once a page: from the server that sent the page, or where there is none
 * (JupyterLab) from the kernel. Without it the numbers are there as a table. */
const WAIT_MS = 60000;
const placed = (script, ready) => {
  document.head.append(script);
  return ready;
};
function fromServer(address) {
  if (!address) return Promise.reject(new Error("no server of ours"));
  const script = document.createElement("script");
  return placed(script, new Promise((resolve, reject) => {
    script.onload = () => (globalThis.Plotly ? resolve(globalThis.Plotly) : reject(new Error("another script came")));
    script.onerror = () => reject(new Error("the script did not come"));
    script.src = address;
  }));
}
function fromKernel(model) {
  return new Promise((resolve, reject) => {
    const hear = (content) => {
      if (typeof content?.plotly !== "string") return;
      model.off("msg:custom", hear);
      const script = document.createElement("script");
      script.textContent = content.plotly;
      document.head.append(script);
      if (globalThis.Plotly) resolve(globalThis.Plotly);
      else reject(new Error("another script came"));
    };
    model.on("msg:custom", hear);
    model.send({ need: "plotly" });
    setTimeout(() => reject(new Error("the kernel did not answer")), WAIT_MS);
  });
}
function plotly(model) {
  if (globalThis.Plotly) return Promise.resolve(globalThis.Plotly);
  globalThis.stormplayPlotly ??= fromServer(model.get("source")).catch(() => fromKernel(model));
  return globalThis.stormplayPlotly;
}
function render({ model, el }) {
  let stop = () => {}, turn = 0;
  async function draw() {
    const mine = (turn += 1);
    stop();
    stop = () => {};
    const isOpen = !!el.querySelector("details")?.open;
    el.innerHTML = model.get("block"); /* made and escaped by the kernel */
    if (isOpen && el.querySelector("details")) el.querySelector("details").open = true;
    const place = el.querySelector(".sp-chart");
    if (!place) return;
    try {
      const library = await plotly(model);
      if (mine === turn) stop = globalThis.stormplayChart(library, place, model.get("payload"));
    } catch (error) {
      console.warn(error);
      globalThis.stormplayPlotly = undefined; /* the next one tries again */
      if (mine !== turn) return;
      place.remove();
      const numbers = el.querySelector("details");
      if (numbers) numbers.open = true;
    }
  }
  model.on("change:block", draw);
  model.on("change:payload", draw);
  draw();
  return () => {
    turn += 1;
    stop();
    model.off("change:block", draw);
    model.off("change:payload", draw);
  };
}
export default { render };
