/* Draws a storm's jobs as dots coloured by status: one canvas for any number of them, since a hundred thousand shapes
 * of Leaflet's own would take seconds. Every text in `data` is untrusted and only ever becomes a text node. */
function stormplayJobs(map, data, page) {
  "use strict";
  const J = data.jobs, n = J.lat.length, addresses = J.text ? J.text.split("\n") : null;
  const world = new Float64Array(2 * n), status = Uint8Array.from(J.status);
  let lat = 0, lon = 0, south = 90, north = -90, west = 180, east = -180;
  for (let i = 0; i < n; i++) {
    lat += J.lat[i]; lon += J.lon[i];
    const at = map.project([lat / 1e5, lon / 1e5], 0);
    world[2 * i] = at.x; world[2 * i + 1] = at.y;
    south = Math.min(south, lat / 1e5); north = Math.max(north, lat / 1e5);
    west = Math.min(west, lon / 1e5); east = Math.max(east, lon / 1e5);
  }
  let chosen = -1;
  const radius = () => Math.min(7, Math.max(n > 20000 ? 1.2 : 2.2, map.getZoom() - 10.5));

  const Dots = L.Layer.extend({
    onAdd() {
      this.canvas = L.DomUtil.create("canvas", "sp-dots leaflet-zoom-hide", map.getPane("overlayPane"));
      this.canvas.style.pointerEvents = "none";
      map.on("moveend zoomend resize viewreset", this.draw, this);
      this.draw();
    },
    draw() {
      const size = map.getSize(), ratio = window.devicePixelRatio || 1, canvas = this.canvas;
      canvas.width = size.x * ratio; canvas.height = size.y * ratio;
      canvas.style.width = size.x + "px"; canvas.style.height = size.y + "px";
      L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([0, 0]));
      const ctx = canvas.getContext("2d"), r = radius(), turn = 2 * Math.PI;
      ctx.scale(ratio, ratio);
      J.statuses.forEach((kind, code) => {
        ctx.beginPath();
        eachSeen((i, x, y) => {
          if (status[i] !== code) return;
          if (r < 2) { ctx.rect(x - r, y - r, 2 * r, 2 * r); return; }
          ctx.moveTo(x + r, y); ctx.arc(x, y, r, 0, turn);
        });
        ctx.fillStyle = kind.colour;
        ctx.fill();
        if (r >= 3) { ctx.lineWidth = 1; ctx.strokeStyle = "#ffffff"; ctx.stroke(); }
      });
      if (chosen < 0) return;
      const [x, y] = place(chosen);
      ctx.beginPath(); ctx.arc(x, y, r + 5, 0, turn); ctx.lineWidth = 3; ctx.strokeStyle = "#111827"; ctx.stroke();
      ctx.beginPath(); ctx.arc(x, y, r + 2, 0, turn); ctx.lineWidth = 2; ctx.strokeStyle = "#ffffff"; ctx.stroke();
    },
  });
  const scaled = () => ({ k: Math.pow(2, map.getZoom()), origin: map.getPixelOrigin(), pane: map.layerPointToContainerPoint([0, 0]) });
  function place(i) {
    const { k, origin, pane } = scaled();
    return [world[2 * i] * k - origin.x + pane.x, world[2 * i + 1] * k - origin.y + pane.y];
  }
  function eachSeen(act) {
    const { k, origin, pane } = scaled(), size = map.getSize(), dx = pane.x - origin.x, dy = pane.y - origin.y;
    for (let i = 0; i < n; i++) {
      const x = world[2 * i] * k + dx, y = world[2 * i + 1] * k + dy;
      if (x > -9 && y > -9 && x < size.x + 9 && y < size.y + 9) act(i, x, y);
    }
  }
  const dots = new Dots().addTo(map);

  function nearest(point) {
    let best = -1, least = page.coarse.matches ? 22 : 11;
    eachSeen((i, x, y) => {
      const away = Math.hypot(x - point.x, y - point.y);
      if (away < least) { least = away; best = i; }
    });
    return best;
  }
  map.on("click", (event) => {
    const found = nearest(event.containerPoint);
    if (found < 0) return;
    choose(found, true);
    tell(found);
  });
  map.on("mousemove", (event) => { map.getContainer().style.cursor = nearest(event.containerPoint) < 0 ? "" : "pointer"; });
  function tell(i) {
    const box = page.lines((addresses && addresses[i]) || "Job", J.statuses[status[i]].text);
    L.popup({ maxWidth: 240, autoPanPadding: [12, 12], offset: [0, -4] })
      .setLatLng(map.unproject([world[2 * i], world[2 * i + 1]], 0)).setContent(box).openOn(map);
  }
  function choose(i, say) {
    if (i === chosen) return;
    chosen = i;
    dots.draw();
    if (say) page.post({ stormplay: "selected", route: i < 0 ? null : String(i) });
  }
  const swatches = [];
  return {
    bounds: n ? L.latLngBounds([[south, west], [north, east]]) : null,
    count: n,
    counts: () => { const c = J.statuses.map(() => 0); status.forEach((code) => { c[code]++; }); return c; },
    select(id) {
      const i = id === null || id === "" ? -1 : Number(id);
      if (i === chosen || i >= n) return;
      choose(i, false);
      if (i < 0) { map.closePopup(); return; }
      const [x, y] = place(i), size = map.getSize();
      if (x < 20 || y < 20 || x > size.x - 20 || y > size.y - 20) map.panTo(map.unproject([world[2 * i], world[2 * i + 1]], 0), { animate: false });
    },
    update(changes) {
      Object.entries(changes).forEach(([i, code]) => { status[Number(i)] = code; });
      dots.draw();
      swatches.forEach((write) => write());
      map.closePopup();
    },
    legend(list, row, make) {
      list.append(make("b", "", "Jobs by status"));
      J.statuses.forEach((kind, code) => {
        const swatch = make("i", "sp-dot-key");
        swatch.style.background = kind.colour;
        const line = row(list, swatch, ""), write = () => {
          const count = status.reduce((sum, one) => sum + (one === code ? 1 : 0), 0);
          line.lastChild.textContent = kind.text + ": " + count.toLocaleString("en-US");
          line.hidden = !count;
        };
        write();
        swatches.push(write);
      });
    },
  };
}
