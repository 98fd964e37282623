/* Draws charts with whatever Plotly is there. Two ways in: `stormplayChart` for one place, `stormplayCharts` for a
 * document whose charts carry their data beside them. A second copy of this script takes nothing away. */
globalThis.stormplayChart = globalThis.stormplayChart || ((Plotly, place, payload) => {
  const own = payload.narrow_px, wide = payload.layout;
  /* Paths such as `xaxis.title.text` laid over a copy of the layout. */
  const narrowed = () => {
    const layout = structuredClone(wide);
    for (const [path, value] of Object.entries(payload.narrow)) {
      const steps = path.split("."), last = steps.pop();
      let at = layout;
      for (const step of steps) at = at[step] = at[step] ?? {};
      at[last] = value;
    }
    return layout;
  };
  let width = 0;
  const draw = () => {
    const now = place.clientWidth;
    if (!now || now === width) return; /* folded away, or as it was */
    width = now;
    const layout = now < own ? narrowed() : structuredClone(wide);
    place.style.minHeight = layout.height + "px";
    Plotly.react(place, structuredClone(payload.data), { ...layout, width: now, autosize: false }, { ...payload.config, responsive: false });
  };
  const watch = new ResizeObserver(draw);
  watch.observe(place);
  draw();
  return () => { watch.disconnect(); Plotly.purge(place); };
});
globalThis.stormplayCharts = globalThis.stormplayCharts || (() => {
  if (!globalThis.Plotly) return;
  document.querySelectorAll(".sp-charted:not([data-drawn])").forEach((one) => {
    one.dataset.drawn = "";
    const data = one.querySelector("script.sp-chart-data");
    if (data) globalThis.stormplayChart(globalThis.Plotly, one.querySelector(".sp-chart"), JSON.parse(data.textContent));
  });
});
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => globalThis.stormplayCharts());
