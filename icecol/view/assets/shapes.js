// Shapes: the detector's extent, its strings and outline, the part of a track that is seen, the cone of light.

const CONE = 400; // m of a track whose light the cone shows

function boxOf(modules) {
  const inside = modules.filter((m) => m.ice);
  const used = inside.length ? inside : modules;
  const box = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity, z0: Infinity, z1: -Infinity };
  for (const m of used) {
    for (const axis of "xyz") {
      box[axis + "0"] = Math.min(box[axis + "0"], m[axis]);
      box[axis + "1"] = Math.max(box[axis + "1"], m[axis]);
    }
  }
  return used.length ? box : { x0: -500, x1: 500, y0: -500, y1: 500, z0: -500, z1: 500 };
}

function stringsOf(modules) {
  const strings = new Map();
  for (const m of modules) {
    if (!m.ice) continue;
    const s = strings.get(m.string);
    if (!s) strings.set(m.string, { top: m, bottom: m });
    else if (m.z > s.top.z) s.top = m;
    else if (m.z < s.bottom.z) s.bottom = m;
  }
  return [...strings.values()];
}

// The corners of the smallest convex shape around the strings, seen from above, moved outwards by 60 m.
function outline(modules) {
  const points = modules.filter((m) => m.ice).map((m) => [m.x, m.y]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (list) => {
    const chain = [];
    for (const p of list) {
      while (chain.length > 1) {
        const [a, b] = chain.slice(-2);
        if ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0) break;
        chain.pop();
      }
      chain.push(p);
    }
    return chain.slice(0, -1);
  };
  const hull = [...half(points), ...half([...points].reverse())];
  const cx = hull.reduce((s, p) => s + p[0] / hull.length, 0), cy = hull.reduce((s, p) => s + p[1] / hull.length, 0);
  return hull.map(([x, y]) => {
    const r = Math.hypot(x - cx, y - cy) || 1;
    return [cx + (x - cx) * (1 + 60 / r), cy + (y - cy) * (1 + 60 / r)];
  });
}

const BOX = boxOf(MODULES), STRINGS = stringsOf(MODULES), OUTLINE = outline(MODULES);

// Where a track enters and leaves the detector and its surroundings, in m along it; far from it, the part nearest to it.
function clip(p) {
  let low = -Infinity, high = Infinity;
  for (const axis of "xyz") {
    const d = p["d" + axis], from = BOX[axis + "0"] - 160 - p[axis], to = BOX[axis + "1"] + 160 - p[axis];
    if (Math.abs(d) < 1e-9) {
      if (from > 0 || to < 0) high = -Infinity;
      continue;
    }
    low = Math.max(low, Math.min(from / d, to / d));
    high = Math.min(high, Math.max(from / d, to / d));
  }
  if (low >= high) {
    const near = ["x", "y", "z"].reduce((s, a) => s + p["d" + a] * ((BOX[a + "0"] + BOX[a + "1"]) / 2 - p[a]), 0);
    [low, high] = [near - 600, near + 600];
  }
  return [Math.max(low, p.start ?? -Infinity), Math.min(high, p.stop ?? Infinity)];
}

// Rings and lines of the cone of light emitted between two places of a track when its head is at a third.
function coneOf(p, low, high, head) {
  const axis = [p.dx, p.dy, p.dz], away = Math.abs(p.dz) < 0.9 ? [0, 0, 1] : [1, 0, 0];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const u = cross(axis, away), size = Math.hypot(...u), e = u.map((v) => v / size), f = cross(axis, e);
  const [cos, sin] = [Math.cos(DATA.ice.angle), Math.sin(DATA.ice.angle)];
  const point = (back, turn) => {
    const along = head - back * sin * sin, out = back * sin * cos;
    return [0, 1, 2].map((i) => [p.x, p.y, p.z][i] + along * axis[i] + out * (Math.cos(turn) * e[i] + Math.sin(turn) * f[i]));
  };
  const near = Math.max(0, head - high), far = Math.min(CONE, head - low), made = [];
  if (far <= near) return made;
  const turns = Array.from({ length: 36 }, (_, i) => (i * Math.PI) / 18);
  for (let k = 0; k <= 4; k++) {
    const back = near + (k / 4) * (far - near);
    if (back > 0) made.push({ closed: true, points: turns.map((turn) => point(back, turn)) });
  }
  for (let i = 0; i < 36; i += 3) made.push({ closed: false, points: [point(near, turns[i]), point(far, turns[i])] });
  return made;
}
