// The panels beside the scene. What comes from files is set as text, never as HTML.

const $ = (id) => document.getElementById(id);
const HUES = ["#e0559b", "#00a884", "#c98a00", "#4d7fff", "#a05be0", "#d9542b", "#2b9fb8", "#7a9a1e", "#b06a50", "#8890a0"];

function make(tag, text, parent, more = {}) {
  const node = Object.assign(document.createElement(tag), more);
  if (text !== null) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function digits(value, n = 4) {
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(n)));
}

const degrees = (rad) => `${((rad * 180) / Math.PI).toFixed(1)}°`;

function energyText(gev) {
  const [unit, factor] = gev >= 1e6 ? ["PeV", 1e6] : gev >= 1e3 ? ["TeV", 1e3] : ["GeV", 1];
  return `${digits(gev / factor, 3)} ${unit}`;
}

// Which particles are shown at first, and their colours: the truth (its tree, if that is all there is), and
// the best-known fit that the event has. They come first in the list.
const BEST = [/^SplineMPE/, /^MPEFit$/, /^SPEFit/, /^L\d_reconstructed/, /Monopod/, /^OnlineL2_/, /MPE/, /LineFit/];

function styleParticles(particles) {
  const keys = [...new Set(particles.map((p) => p.key))], single = particles.filter((p) => !p.list && p.ok);
  const fits = [...new Set(single.filter((p) => !p.truth).map((p) => p.key))];
  const best = BEST.map((pattern) => fits.find((key) => pattern.test(key))).find((key) => key) ?? fits[0];
  const truth = single.filter((p) => p.truth).map((p) => p.key);
  const some = keys.length <= 4 ? single.map((p) => p.key) : [best, ...truth];
  for (const p of particles) {
    p.colour = HUES[keys.indexOf(p.key) % HUES.length];
    p.shown = p.ok && (p.list ? p.truth && !truth.length : some.includes(p.key));
  }
  particles.sort((a, b) => b.shown - a.shown || b.truth - a.truth || keys.indexOf(a.key) - keys.indexOf(b.key));
}

function showParticles(particles, changed) {
  const box = $("particles");
  box.replaceChildren();
  if (!particles.length) make("p", "no tracks or cascades in this event", box);
  for (const key of new Set(particles.map((p) => p.key))) {
    const of = particles.filter((p) => p.key === key), p = of[0];
    const item = make("label", null, box, { className: p.ok ? "item" : "item failed" });
    const tick = make("input", null, item, { type: "checkbox", checked: p.shown });
    tick.dataset.key = key;
    const swatch = make("span", null, item, { className: `swatch ${p.truth ? "truth" : ""} ${p.kind}` });
    swatch.style.borderColor = p.colour;
    make("b", key, item);
    make("small", p.list ? `${of.length} particles` : aboutParticle(p), item);
    tick.addEventListener("change", () => {
      for (const one of of) one.shown = tick.checked;
      changed();
    });
  }
}

function aboutParticle(p) {
  const parts = [p.truth && p.name ? p.name : p.kind];
  if (!p.ok) parts.push("failed");
  if (p.energy) parts.push(energyText(p.energy));
  if (p.zenith !== null) parts.push(`zenith ${degrees(p.zenith)}, azimuth ${degrees(p.azimuth)}`);
  if (p.kind === "cascade") parts.push(`(${[p.x, p.y, p.z].map((v) => v.toFixed(0)).join(", ")}) m`);
  if (p.time !== null) parts.push(`${p.time.toFixed(0)} ns`);
  return parts.join(" · ");
}

// At most so many values are on the page at once; the search finds the others.
const MOST_VALUES = 1500;

function showValues(values, text) {
  const box = $("values"), wanted = text.trim().toLowerCase();
  box.replaceChildren();
  let n = 0, left = 0;
  for (const [key, members] of values) {
    const found = members.filter(([member]) => `${key}.${member}`.toLowerCase().includes(wanted));
    if (!found.length) continue;
    if (n > MOST_VALUES) {
      left += found.length;
      continue;
    }
    n += found.length;
    make("h3", key, box);
    const table = make("table", null, box);
    for (const [member, value, unit] of found) {
      const row = make("tr", null, table);
      make("td", member || "value", row);
      make("td", digits(value, 7) + (/^\d/.test(unit) ? ` × ${unit}` : unit ? ` ${unit}` : ""), row, { title: String(value) });
    }
  }
  if (!n) make("p", "nothing matches", box);
  if (left) make("p", `${left} more: search for them`, box);
}

function showScale(scene, state) {
  const box = $("scale");
  box.replaceChildren();
  const per = scene.camera.focal / scene.camera.distance, sprite = scene.sprite(state.palette, LEVELS >> 1, 96);
  for (const charge of [0.1, 1, 10, 100, 1000, 10000]) {
    const r = scene.radius(charge, state.size) * per;
    if (r < 1.5 || r > 26) continue;
    const item = make("span", null, box);
    const dot = make("canvas", null, item, { width: 4 * r, height: 4 * r });
    dot.style.width = dot.style.height = `${2 * r}px`;
    dot.style.display = "inline-block";
    dot.style.verticalAlign = "middle";
    dot.getContext("2d").drawImage(sprite, 0, 0, 4 * r, 4 * r);
    item.append(` ${charge} PE`);
  }
}

// Charge over time of all light that passes the cuts, in the colours of the scene; the slider lies below.
function drawTimeline(canvas, pulses, cuts, span, state, range) {
  const { g, w, h } = fit(canvas), bins = Math.max(40, Math.min(300, Math.floor(w / 4)));
  const sums = new Float64Array(bins), width = (range[1] - range[0]) / bins;
  const end = after(pulses.time, cuts.tmax);
  for (let i = 0; i < end; i++) {
    if (!passes(pulses, i, cuts)) continue;
    sums[Math.max(0, Math.min(bins - 1, Math.floor((pulses.time[i] - range[0]) / width)))] += Math.max(0, pulses.charge[i]);
  }
  const most = Math.max(...sums, 1e-9);
  for (let k = 0; k < bins; k++) {
    if (!sums[k]) continue;
    const t = range[0] + (k + 0.5) * width, tall = Math.max(1.5, Math.sqrt(sums[k] / most) * (h - 2));
    g.globalAlpha = t <= state.time ? 1 : 0.28;
    g.fillStyle = `rgb(${SHADES[state.palette][levelOf(t, span)]})`;
    g.fillRect((k * w) / bins, h - tall, w / bins - 0.6, tall);
  }
  g.globalAlpha = 1;
}

function fit(canvas) {
  const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  canvas.width = Math.max(1, Math.round(w * ratio));
  canvas.height = Math.max(1, Math.round(h * ratio));
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  return { g, w, h };
}

// Charge against time of one module, each pulse as wide as it is, and a table; its PMTs are told apart by colour.
const MOST_ROWS = 200;

function showModule(state, pulses, cuts) {
  const box = $("dompulses"), plot = $("domplot");
  box.replaceChildren();
  plot.hidden = state.module < 0;
  if (state.module < 0) {
    $("domname").textContent = "click a DOM";
    return;
  }
  const m = MODULES[state.module], own = [];
  for (let i = 0; i < pulses.n; i++) {
    if (pulses.module[i] === state.module && pulses.time[i] <= cuts.tmax && passes(pulses, i, cuts)) own.push(i);
  }
  const charge = own.reduce((sum, i) => sum + pulses.charge[i], 0), many = m.pmts.length > 1;
  $("domname").textContent =
    `${m.string}-${m.om} at (${m.x.toFixed(1)}, ${m.y.toFixed(1)}, ${m.z.toFixed(1)}) m${m.bad ? ", bad" : ""}: ` +
    (own.length ? `${own.length} pulse${own.length > 1 ? "s" : ""}, ${digits(charge)} PE` : "no pulses") +
    (many ? ` on ${new Set(own.map((i) => pulses.pmt[i])).size} of ${m.pmts.length} PMTs` : "");
  plot.hidden = !own.length;
  if (own.length) plotModule(plot, own, pulses, state, m);
  if (!own.length) return;
  const table = make("table", null, box), head = make("tr", null, table);
  for (const name of [...(many ? ["PMT"] : []), "time / ns", "charge / PE", "width / ns", ""]) make("th", name, head);
  for (const i of own.slice(0, MOST_ROWS)) {
    const row = make("tr", null, table), pmt = pulses.pmt[i];
    if (many) {
      const cell = make("td", null, row), look = m.look[m.pmts.indexOf(pmt)];
      make("span", null, cell, { className: "swatchdot" }).style.background = pmtColour(m, pmt);
      cell.append(String(pmt));
      if (look) cell.title = `faces zenith ${degrees(Math.acos(look[2]))}, azimuth ${degrees(Math.atan2(look[1], look[0]))}`;
    }
    make("td", pulses.time[i].toFixed(1), row);
    make("td", pulses.charge[i].toFixed(2), row);
    make("td", pulses.width[i].toFixed(1), row);
    make("td", pulses.flags[i] & 1 ? "HLC" : "SLC", row);
  }
  if (own.length > MOST_ROWS) make("p", `${own.length - MOST_ROWS} more pulses`, box);
}

function pmtColour(m, pmt) {
  return m.pmts.length > 1 ? `hsl(${(360 * m.pmts.indexOf(pmt)) / m.pmts.length},65%,50%)` : "";
}

function plotModule(canvas, own, pulses, state, m) {
  const { g, w, h } = fit(canvas), left = 38, bottom = 18, ink = PAINT[state.theme].text;
  const first = pulses.time[own[0]], last = Math.max(...own.map((i) => pulses.time[i] + pulses.width[i]));
  const most = Math.max(...own.map((i) => pulses.charge[i])) * 1.08, pad = 0.04 * (last - first) + 5;
  const x = (t) => left + ((t - first + pad) / (last - first + 2 * pad)) * (w - left - 4);
  const y = (q) => h - bottom - (Math.max(0, q) / most) * (h - bottom - 6);
  for (const i of own) {
    const [a, b] = [x(pulses.time[i]), x(pulses.time[i] + pulses.width[i])];
    g.fillStyle = g.strokeStyle = pmtColour(m, pulses.pmt[i]) || `rgb(${SHADES[state.palette][levelOf(pulses.time[i], state.span)]})`;
    g.globalAlpha = pulses.time[i] <= state.time ? 0.9 : 0.3;
    const box = [a, y(pulses.charge[i]), Math.max(2, b - a), h - bottom - y(pulses.charge[i])];
    if (pulses.flags[i] & 1) g.fillRect(...box);
    else g.strokeRect(box[0] + 0.5, box[1] + 0.5, box[2], box[3] - 0.5);
  }
  g.globalAlpha = 1;
  g.strokeStyle = g.fillStyle = ink;
  g.font = "10px system-ui, sans-serif";
  g.strokeRect(left - 0.5, 4.5, w - left - 3, h - bottom - 4);
  g.textAlign = "right";
  g.fillText(digits(most / 1.08, 3), left - 3, y(most / 1.08) + 4);
  g.fillText("0", left - 3, h - bottom);
  g.fillText("PE", left - 3, (h - bottom) / 2 + 6);
  g.textAlign = "left";
  g.fillText(first.toFixed(0), left, h - 5);
  g.textAlign = "right";
  g.fillText(`${last.toFixed(0)} ns`, w - 4, h - 5);
  g.textAlign = "left";
}
