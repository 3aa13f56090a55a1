// The scene: everything is projected and painted from back to front on a flat canvas, which needs no graphics card.

const PIECES = 48; // of a track, so that it passes before and behind the light
const PAINT = {
  light: { back: "#f7f8fa", dom: "#8791a0", string: "#c3cad4", dust: "130,110,70", ice: "60,120,190", text: "#5a6474" },
  dark: { back: "#0b0f16", dom: "#6a7890", string: "#2b3648", dust: "190,160,100", ice: "110,170,240", text: "#8b95a6" },
};

class Scene {
  constructor(canvas, camera) {
    this.canvas = canvas;
    this.camera = camera;
    this.context = canvas.getContext("2d");
    this.sprites = {};
    this.shown = []; // what can be picked: [x, y, radius, depth, module]
  }

  resize() {
    const ratio = window.devicePixelRatio || 1, { clientWidth: w, clientHeight: h } = this.canvas;
    this.width = w;
    this.height = h;
    this.canvas.width = Math.max(1, Math.round(w * ratio));
    this.canvas.height = Math.max(1, Math.round(h * ratio));
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  // A ball of one colour, painted once for each of a few sizes: to shrink a large one costs more than all else.
  sprite(palette, level, radius) {
    const size = radius < 4 ? 12 : radius < 12 ? 32 : 96, name = `${palette}${level}-${size}`;
    if (!this.sprites[name]) {
      const made = document.createElement("canvas");
      made.width = made.height = size;
      const g = made.getContext("2d"), [r, gr, b] = SHADES[palette][level];
      const fill = g.createRadialGradient(size * 0.36, size * 0.34, size * 0.04, size / 2, size / 2, size / 2);
      const mix = (v, t, f) => Math.round(v + (t - v) * f);
      fill.addColorStop(0, `rgb(${[r, gr, b].map((v) => mix(v, 255, 0.62))})`);
      fill.addColorStop(0.45, `rgb(${[r, gr, b]})`);
      fill.addColorStop(1, `rgb(${[r, gr, b].map((v) => mix(v, 0, 0.45))})`);
      g.fillStyle = fill;
      g.beginPath();
      g.arc(size / 2, size / 2, size / 2 - 1, 0, 7);
      g.fill();
      this.sprites[name] = made;
    }
    return this.sprites[name];
  }

  radius(charge, size) {
    return 5.5 * size * Math.max(charge, 0.1) ** 0.32; // m
  }

  draw(state, light, span, particles) {
    const { context: g, camera } = this, paint = PAINT[state.theme];
    camera.prepare(this.width, this.height);
    g.globalAlpha = 1;
    g.fillStyle = paint.back;
    g.fillRect(0, 0, this.width, this.height);
    this.shown = [];
    if (state.layers.dust) this.slab(DATA.ice.dust, paint.dust);
    if (state.layers.surface) this.plane(DATA.ice.surface, paint.ice);
    if (state.layers.strings) this.strings(state, paint);
    if (state.layers.doms) this.doms(state, light, paint);
    const items = this.balls(state, light, span);
    for (const p of particles) if (p.shown) this.particle(items, p, state);
    items.sort((a, b) => b.depth - a.depth);
    for (const item of items) item.paint(g);
    g.globalAlpha = 1;
    if (state.layers.cones && Number.isFinite(state.time)) {
      for (const p of particles) if (p.shown && p.time !== null && !p.neutrino) this.front(p, state);
    }
    this.mark(state);
    this.axes(paint);
  }

  path(points, closed) {
    const { context: g, camera } = this;
    const seen = points.map((p) => camera.project(...p));
    if (seen.some((p) => p[2] < 1)) return false;
    g.beginPath();
    seen.forEach(([x, y], i) => (i ? g.lineTo(x, y) : g.moveTo(x, y)));
    if (closed) g.closePath();
    return true;
  }

  slab([low, high], colour) {
    const g = this.context, at = (z) => OUTLINE.map(([x, y]) => [x, y, z]);
    g.fillStyle = `rgba(${colour},0.07)`;
    g.strokeStyle = `rgba(${colour},0.35)`;
    g.lineWidth = 0.7;
    for (let i = 0; i < OUTLINE.length; i++) {
      const [a, b] = [OUTLINE[i], OUTLINE[(i + 1) % OUTLINE.length]];
      if (this.path([[...a, low], [...b, low], [...b, high], [...a, high]], true)) g.fill();
    }
    for (const z of [low, high]) if (this.path(at(z), true)) g.stroke();
    this.label("dust layer", OUTLINE[0][0], OUTLINE[0][1], low, `rgba(${colour},0.9)`);
  }

  plane(z, colour) {
    const g = this.context;
    g.fillStyle = `rgba(${colour},0.12)`;
    g.strokeStyle = `rgba(${colour},0.6)`;
    g.lineWidth = 1;
    if (this.path(OUTLINE.map(([x, y]) => [x, y, z]), true)) {
      g.fill();
      g.stroke();
    }
    this.label("surface", OUTLINE[0][0], OUTLINE[0][1], z, `rgba(${colour},0.9)`);
  }

  label(text, x, y, z, colour) {
    const [sx, sy, depth] = this.camera.project(x, y, z);
    if (depth < 1) return;
    this.context.fillStyle = colour;
    this.context.font = "11px system-ui, sans-serif";
    this.context.fillText(text, sx + 4, sy - 3);
  }

  strings(state, paint) {
    const g = this.context;
    g.strokeStyle = paint.string;
    g.lineWidth = 0.8;
    g.beginPath();
    for (const { top, bottom } of STRINGS) {
      const to = state.layers.surface ? DATA.ice.surface : top.z;
      const [x0, y0, d0] = this.camera.project(top.x, top.y, to), [x1, y1, d1] = this.camera.project(bottom.x, bottom.y, bottom.z);
      if (d0 < 1 || d1 < 1) continue;
      g.moveTo(x0, y0);
      g.lineTo(x1, y1);
    }
    g.stroke();
  }

  doms(state, light, paint) {
    const g = this.context;
    g.fillStyle = paint.dom;
    for (let m = 0; m < MODULES.length; m++) {
      const { x, y, z, ice, bad } = MODULES[m];
      if (light.count[m] || (!ice && !state.layers.surface)) continue;
      const [sx, sy, depth] = this.camera.project(x, y, z);
      if (depth < 1 || sx < 0 || sy < 0 || sx > this.width || sy > this.height) continue;
      const half = Math.max(0.8, Math.min(2.5, (1.5 * this.camera.focal) / depth));
      g.globalAlpha = bad ? 0.25 : 0.75;
      g.fillRect(sx - half, sy - half, 2 * half, 2 * half);
      this.shown.push([sx, sy, half + 2, depth + 1e6, m]);
    }
    g.globalAlpha = 1;
  }

  balls(state, light, span) {
    const items = [];
    for (let m = 0; m < MODULES.length; m++) {
      if (!light.count[m]) continue;
      const { x, y, z } = MODULES[m], [sx, sy, depth] = this.camera.project(x, y, z);
      if (depth < 1) continue;
      const r = Math.max(2, (this.radius(light.charge[m], state.size) * this.camera.focal) / depth);
      if (sx < -r || sy < -r || sx > this.width + r || sy > this.height + r) continue;
      const sprite = this.sprite(state.palette, levelOf(light.first[m], span), r);
      items.push({ depth, paint: (g) => { g.globalAlpha = 0.93; g.drawImage(sprite, sx - r, sy - r, 2 * r, 2 * r); } });
      this.shown.push([sx, sy, r, depth, m]);
    }
    return items;
  }

  particle(items, p, state) {
    const [low, high] = clip(p), now = p.time === null ? Infinity : (state.time - p.time) * p.speed;
    const at = (s) => [p.x + s * p.dx, p.y + s * p.dy, p.z + s * p.dz];
    if (p.kind === "cascade") return this.cascade(items, p, now);
    const step = (high - low) / PIECES;
    for (let i = 0; i < PIECES && step > 0; i++) {
      const a = this.camera.project(...at(low + i * step)), b = this.camera.project(...at(low + (i + 1) * step));
      if (a[2] < 1 || b[2] < 1) continue;
      const passed = low + (i + 0.5) * step <= now, gap = p.truth && i % 2;
      if (gap) continue;
      items.push({
        depth: (a[2] + b[2]) / 2,
        paint: (g) => {
          g.globalAlpha = passed ? 0.95 : 0.3;
          g.strokeStyle = p.colour;
          g.lineWidth = p.list ? 1.2 : passed ? 2.4 : 1.3;
          g.beginPath();
          g.moveTo(a[0], a[1]);
          g.lineTo(b[0], b[1]);
          g.stroke();
        },
      });
    }
    if (step > 0 && !p.list) this.arrow(items, p, at(high - 0.001), at(high));
    if (p.start === 0 || p.stop === 0) this.point(items, p, 3);
  }

  arrow(items, p, from, to) {
    const a = this.camera.project(...from.map((v, i) => v - 40 * [p.dx, p.dy, p.dz][i])), b = this.camera.project(...to);
    if (a[2] < 1 || b[2] < 1) return;
    const angle = Math.atan2(b[1] - a[1], b[0] - a[0]), size = Math.min(11, Math.hypot(b[1] - a[1], b[0] - a[0]));
    items.push({
      depth: b[2],
      paint: (g) => {
        g.globalAlpha = 0.95;
        g.fillStyle = p.colour;
        g.beginPath();
        g.moveTo(b[0], b[1]);
        for (const side of [2.7, -2.7]) g.lineTo(b[0] + size * Math.cos(angle + side), b[1] + size * Math.sin(angle + side));
        g.fill();
      },
    });
  }

  point(items, p, radius) {
    const [x, y, depth] = this.camera.project(p.x, p.y, p.z);
    if (depth < 1) return;
    items.push({
      depth,
      paint: (g) => {
        g.globalAlpha = 0.95;
        g.fillStyle = p.colour;
        g.beginPath();
        g.arc(x, y, radius, 0, 7);
        g.fill();
      },
    });
  }

  cascade(items, p, now) {
    const [x, y, depth] = this.camera.project(p.x, p.y, p.z);
    if (depth < 1) return;
    const end = this.camera.project(p.x + 60 * p.dx, p.y + 60 * p.dy, p.z + 60 * p.dz), radius = p.list ? 3 : 7;
    items.push({
      depth: depth - 20,
      paint: (g) => {
        g.globalAlpha = now >= 0 ? 0.95 : 0.3;
        g.strokeStyle = p.colour;
        g.lineWidth = p.list ? 1.2 : 2;
        g.setLineDash(p.truth ? [4, 3] : []);
        g.beginPath();
        g.arc(x, y, radius, 0, 7);
        if (!p.list && p.zenith !== null && end[2] > 1) {
          g.moveTo(x, y);
          g.lineTo(end[0], end[1]);
        }
        g.stroke();
        g.setLineDash([]);
      },
    });
  }

  // The front of the direct light: a Cherenkov cone behind the head of a track, a sphere around a cascade.
  front(p, state) {
    const g = this.context, age = state.time - p.time;
    g.strokeStyle = p.colour;
    g.lineWidth = 0.8;
    g.globalAlpha = 0.5;
    if (p.kind === "cascade") {
      const r = age * DATA.ice.c, [x, y, depth] = this.camera.project(p.x, p.y, p.z);
      if (p.list || r <= 0 || r > CONE || depth < 1) return;
      g.beginPath();
      g.arc(x, y, (r * this.camera.focal) / depth, 0, 7);
      g.stroke();
      return;
    }
    const [low, high] = clip(p), head = age * p.speed;
    if (p.list || head < low || head > high + CONE) return;
    for (const ring of coneOf(p, Math.max(low, p.start ?? low), Math.min(high, p.stop ?? high), head)) {
      if (this.path(ring.points, ring.closed)) g.stroke();
    }
  }

  mark(state) {
    if (state.module < 0) return;
    const m = MODULES[state.module], [x, y, depth] = this.camera.project(m.x, m.y, m.z);
    if (depth < 1) return;
    const seen = this.shown.find((s) => s[4] === state.module), g = this.context;
    g.strokeStyle = state.theme === "dark" ? "#fff" : "#000";
    g.lineWidth = 1.6;
    g.beginPath();
    g.arc(x, y, Math.max(6, (seen ? seen[2] : 0) + 3), 0, 7);
    g.stroke();
  }

  axes(paint) {
    const g = this.context, { right, up } = this.camera, [x, y] = [this.width - 46, this.height - 46];
    g.strokeStyle = g.fillStyle = paint.text;
    g.lineWidth = 1.2;
    g.font = "11px system-ui, sans-serif";
    ["x", "y", "z"].forEach((name, i) => {
      g.beginPath();
      g.moveTo(x, y);
      g.lineTo(x + 26 * right[i], y - 26 * up[i]);
      g.stroke();
      g.fillText(name, x + 34 * right[i] - 3, y - 34 * up[i] + 4);
    });
  }

  // The module at a place on the canvas, the nearest to the eye; -1: none.
  pick(x, y) {
    let best = -1, depth = Infinity;
    for (const [sx, sy, r, d, m] of this.shown) {
      if (Math.hypot(sx - x, sy - y) <= Math.max(r, 4) && d < depth) [best, depth] = [m, d];
    }
    return best;
  }
}
