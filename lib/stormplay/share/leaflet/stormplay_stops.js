/* Leaflet forgets a frame that it has asked for when it paints before that comes, and then paints on what was removed. */
const stormplayCanvas = L.Canvas.extend({ _redraw() { if (this._ctx) L.Canvas.prototype._redraw.call(this); } });
/* Stops as one shape of Leaflet's canvas: a shape for each of thousands would take most of the time until a map is there.
 * `look` says how a stop is drawn now: `radius` (pixels), `opacity`. A stop is `{ lat, lon, number, done, route }`. */
const stormplayStops = L.Path.extend({
  options: { interactive: true, bubblingMouseEvents: false, weight: 1 },
  initialize(stops, look, options) {
    L.setOptions(this, options);
    this._look = look;
    this._stops = stops;
  },
  /** Other stops, or the same in another order: the last lies on top. */
  show(stops) {
    this._stops = stops;
    return this.redraw();
  },
  /** The stop under a point of the layer, or the nearest that a finger may have meant. */
  at(point) {
    let best, least = Infinity;
    for (const stop of this._stops) {
      const away = Math.hypot(stop.x - point.x, stop.y - point.y);
      if (away <= this._look.radius(stop) + this._clickTolerance() && away <= least) { least = away; best = stop; }
    }
    return best;
  },

  /* ---- what Leaflet asks of a shape */
  _project() {
    const map = this._map, scale = map.getZoomScale(map.getZoom(), 0), origin = map.getPixelOrigin(), reach = 12;
    let west = Infinity, north = Infinity, east = -Infinity, south = -Infinity;
    for (const stop of this._stops) {
      stop.world ??= map.project([stop.lat, stop.lon], 0);
      stop.x = Math.round(scale * stop.world.x) - origin.x;
      stop.y = Math.round(scale * stop.world.y) - origin.y;
      west = Math.min(west, stop.x); east = Math.max(east, stop.x);
      north = Math.min(north, stop.y); south = Math.max(south, stop.y);
    }
    this._pxBounds = this._empty() ? null : L.bounds([west - reach, north - reach], [east + reach, south + reach]);
  },
  _update() { if (this._map) this._updatePath(); },
  _empty() { return !this._stops.length; },
  _containsPoint(point) { return !!this.at(point); },
  _updatePath() {
    const { _drawing, _ctx: ctx, _bounds: seen } = this._renderer;
    if (!_drawing || this._empty()) return;
    const turn = 2 * Math.PI;
    for (const stop of this._stops) {
      const radius = this._look.radius(stop), far = radius + 2;
      if (stop.x < seen.min.x - far || stop.y < seen.min.y - far || stop.x > seen.max.x + far || stop.y > seen.max.y + far) continue;
      const inside = stop.done ? "#ffffff" : stop.route.colour, ring = stop.done ? stop.route.colour : "#ffffff";
      ctx.globalAlpha = this._look.opacity(stop);
      ctx.beginPath();
      ctx.arc(stop.x, stop.y, radius, 0, turn);
      ctx.fillStyle = inside;
      ctx.fill();
      ctx.lineWidth = stop.done ? 1.5 : radius < 3 ? 0.5 : 1;
      ctx.strokeStyle = ring;
      ctx.stroke();
      if (radius < 8 || ctx.globalAlpha < 0.5) continue;
      ctx.fillStyle = ring;
      ctx.font = "600 " + (stop.number > 99 ? 8 : 9.5) + "px system-ui, sans-serif";
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(stop.number, stop.x, stop.y + 0.5);
    }
    ctx.globalAlpha = 1;
  },
});
