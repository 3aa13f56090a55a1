// The state of the display, and what changes it: the controls, the mouse, keys, and `display.set` for scripts.

const LAYERS = { doms: "DOMs", strings: "strings", dust: "dust layer", surface: "surface and IceTop", cones: "front of the light" };
const PLAY = 8000; // ms, from the first light to the last

const state = {
  event: 0, series: 0, time: Infinity, module: -1, size: 1, palette: "rainbow", span: [0, 1],
  theme: window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
  layers: { doms: true, strings: true, dust: true, surface: true, cones: true },
};
const NO_CUTS = { qmin: 0, qdom: 0, tmin: -Infinity, tmax: Infinity, hlc: false };
const cuts = { ...NO_CUTS };
const scene = new Scene($("scene"), new Camera(BOX));
let pulses = EMPTY, light = null, range = [0, 1], playing = null, waiting = false, took = 0;

const current = () => DATA.events[state.event];

// Draw with the next frame of the browser, once, however much has changed.
function changed() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    paint();
  });
}

function paint() {
  const began = performance.now();
  light = lightAt(pulses, cuts, state.time);
  scene.draw(state, light, state.span, current().particles);
  drawTimeline($("timeline"), pulses, cuts, state.span, state, range);
  $("clock").textContent = Number.isFinite(state.time) ? `${state.time.toFixed(0)} ns` : "all light";
  $("time").value = Number.isFinite(state.time) ? (1000 * (state.time - range[0])) / (range[1] - range[0]) : 1000;
  $("facts").textContent =
    `${light.doms} DOMs · ${light.n} pulses · ${digits(light.total, 5)} PE` + (pulses.n > light.n ? ` (of ${pulses.n} pulses)` : "");
  showModule(state, pulses, cuts);
  took = performance.now() - began;
}

// What follows from the pulses and cuts alone: the range of the slider, and the times between which colours change.
function recount() {
  state.span = spanOf(pulses, cuts);
  let first = Infinity, last = -Infinity;
  for (let i = 0; i < pulses.n; i++) {
    if (pulses.time[i] > cuts.tmax || !passes(pulses, i, cuts)) continue;
    first = Math.min(first, pulses.time[i]);
    last = Math.max(last, pulses.time[i]);
  }
  range = first < last ? [first, last] : first === last ? [first - 50, last + 50] : [0, 1];
  if (state.time >= range[1]) state.time = Infinity;
  changed();
}

function showEvent(index) {
  const key = current()?.series[state.series]?.key;
  state.event = Math.max(0, Math.min(DATA.events.length - 1, index));
  const event = current();
  stop();
  state.time = Infinity;
  if (!event.styled) styleParticles(event.particles);
  event.styled = true;
  $("title").textContent = document.title = event.title;
  $("event").value = state.event;
  $("previous").disabled = state.event === 0;
  $("next").disabled = state.event === DATA.events.length - 1;
  $("series").replaceChildren();
  event.series.forEach((s, i) => make("option", `${s.key} (${s.n})`, $("series"), { value: i }));
  $("series").disabled = event.series.length < 2;
  showParticles(event.particles, changed);
  showValues(event.values, $("search").value);
  showSeries(Math.max(0, event.series.findIndex((s) => s.key === key)));
}

function showSeries(index) {
  const series = current().series[index];
  state.series = index;
  $("series").value = index;
  pulses = series ? pulsesOf(series) : EMPTY;
  const [n, sensors] = series?.unplaced ?? [0, 0];
  const notes = DATA.blind ? [DATA.blind] : [];
  if (!series) notes.push("no pulses in this event");
  if (n) notes.push(`${n} pulse${n > 1 ? "s" : ""} of ${sensors} sensor${sensors > 1 ? "s" : ""} without a position in this detector: give its GCD file`);
  $("note").textContent = notes.join(" · ");
  recount();
}

function setTime(time) {
  state.time = time >= range[1] ? Infinity : Math.max(range[0], time);
  changed();
}

function setCuts(more) {
  Object.assign(cuts, more);
  $("qmin").value = cuts.qmin;
  $("qdom").value = cuts.qdom;
  $("tmin").value = Number.isFinite(cuts.tmin) ? Math.round(cuts.tmin) : "";
  $("tmax").value = Number.isFinite(cuts.tmax) ? Math.round(cuts.tmax) : "";
  $("hlc").checked = cuts.hlc;
  recount();
}

function zoomTime() {
  const [low, high] = spanOf(pulses, { ...cuts, tmin: -Infinity, tmax: Infinity }), more = 0.3 * (high - low);
  setCuts({ tmin: low - more, tmax: high + more });
}

// Play from shortly before the first light that counts to shortly after the last, then show all.
function play() {
  if (playing !== null) return stop();
  const [low, high] = state.span, more = 0.12 * (high - low), end = Math.min(high + more, range[1]);
  const begin = Math.max(low - more, range[0]), from = Number.isFinite(state.time) && state.time < end ? state.time : begin;
  let began = null;
  $("play").textContent = "❚❚";
  const step = (now) => {
    if (playing === null) return;
    began ??= now;
    const time = from + ((now - began) / PLAY) * (end - begin);
    if (time >= end) {
      stop();
      state.time = Infinity;
      paint();
      return;
    }
    state.time = time;
    paint();
    playing = requestAnimationFrame(step);
  };
  playing = requestAnimationFrame(step);
}

function stop() {
  if (playing !== null) cancelAnimationFrame(playing);
  playing = null;
  $("play").textContent = "▶";
}

function setTheme(theme) {
  state.theme = document.documentElement.dataset.theme = theme;
  changed();
}

function look(azimuth, elevation) {
  Object.assign(scene.camera, { azimuth, elevation });
  changed();
}

function reset() {
  scene.camera.whole(BOX);
  changed();
  scaleSoon();
}

// Look at the light that is shown, as closely as all of it allows.
function focus() {
  const lit = MODULES.filter((_, m) => light.count[m]);
  if (!lit.length) return;
  const box = boxOf(lit.map((m) => ({ ...m, ice: 1 })));
  scene.camera.near(box);
  changed();
  scaleSoon();
}

function select(module) {
  state.module = module;
  if (module >= 0) $("dom").open = true;
  changed();
}

function picture() {
  const link = make("a", null, null, { href: $("scene").toDataURL("image/png"), download: "event.png" });
  link.click();
}

const KEYS = [
  [" ", "space", "play, pause", play],
  ["ArrowLeft", "← →", "earlier, later", () => setTime((Number.isFinite(state.time) ? state.time : range[1]) - (range[1] - range[0]) / 200)],
  ["ArrowRight", "", "", () => setTime((Number.isFinite(state.time) ? state.time : range[1]) + (range[1] - range[0]) / 200)],
  ["Home", "Home End", "first light, all light", () => setTime(range[0])],
  ["End", "", "", () => setTime(Infinity)],
  ["p", "p n", "previous, next event", () => state.event > 0 && showEvent(state.event - 1)],
  ["n", "", "", () => state.event < DATA.events.length - 1 && showEvent(state.event + 1)],
  ["v", "v", "next pulse series", () => current().series.length && showSeries((state.series + 1) % current().series.length)],
  ["z", "z u", "cut to the time of the light, no cuts", zoomTime],
  ["u", "", "", () => setCuts(NO_CUTS)],
  ["+", "+ −", "larger, smaller light", () => setSize(state.size * 1.15)],
  ["-", "", "", () => setSize(state.size / 1.15)],
  ["1", "1 2 3", "whole detector, from the side, from the top", reset],
  ["2", "", "", () => look(-Math.PI / 2, 0)],
  ["3", "", "", () => look(-Math.PI / 2, 1.57)],
  ["f", "f", "look at the light closely", focus],
  ["t", "t", "all tracks and cascades, none", () => allParticles()],
  ["c", "c", "other colours (for the colour-blind)", () => setPalette()],
  ["d", "d", "dark, light", () => setTheme(state.theme === "dark" ? "light" : "dark")],
  ["b", "b", "panels beside the detector", () => { $("side").hidden = !$("side").hidden; resize(); }],
  ["s", "s", "save a picture", picture],
  ["/", "/", "search the values", () => { $("valuesbox").open = true; $("search").focus(); }],
  ["?", "?", "these keys", () => { $("help").hidden = !$("help").hidden; }],
  ["Escape", "Esc", "close, deselect the DOM", () => { $("help").hidden = true; select(-1); }],
];

function setSize(size) {
  state.size = Math.max(0.2, Math.min(3, size));
  $("size").value = state.size;
  changed();
  scaleSoon();
}

function setPalette() {
  const names = Object.keys(SHADES);
  state.palette = names[(names.indexOf(state.palette) + 1) % names.length];
  changed();
  scaleSoon();
}

function allParticles() {
  const all = current().particles, on = !all.some((p) => p.shown);
  for (const p of all) p.shown = on && p.ok;
  showParticles(all, changed);
  changed();
}

const scaleSoon = () => requestAnimationFrame(() => requestAnimationFrame(() => showScale(scene, state)));

function resize() {
  document.body.style.gridTemplateColumns = $("side").hidden ? "1fr 0" : "";
  scene.resize();
  changed();
  scaleSoon();
}

function wire() {
  DATA.events.forEach((event, i) => make("option", event.title, $("event"), { value: i }));
  $("event").addEventListener("change", () => showEvent(Number($("event").value)));
  $("previous").addEventListener("click", () => showEvent(state.event - 1));
  $("next").addEventListener("click", () => showEvent(state.event + 1));
  $("series").addEventListener("change", () => showSeries(Number($("series").value)));
  $("time").addEventListener("input", () => {
    stop();
    setTime(range[0] + ($("time").value / 1000) * (range[1] - range[0]));
  });
  const clicks = { play, zoom: zoomTime, uncut: () => setCuts(NO_CUTS), picture, reset, focus, palette: setPalette };
  clicks.top = () => look(-Math.PI / 2, 1.57);
  clicks.front = () => look(-Math.PI / 2, 0);
  clicks.theme = () => setTheme(state.theme === "dark" ? "light" : "dark");
  clicks.helpbutton = () => { $("help").hidden = !$("help").hidden; };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  $("help").addEventListener("click", () => { $("help").hidden = true; });
  const number = (id, none) => ($(id).value === "" ? none : Number($(id).value));
  for (const id of ["qmin", "qdom"]) $(id).addEventListener("change", () => setCuts({ [id]: number(id, 0) }));
  $("tmin").addEventListener("change", () => setCuts({ tmin: number("tmin", -Infinity) }));
  $("tmax").addEventListener("change", () => setCuts({ tmax: number("tmax", Infinity) }));
  $("hlc").addEventListener("change", () => setCuts({ hlc: $("hlc").checked }));
  $("size").addEventListener("input", () => setSize(Number($("size").value)));
  $("search").addEventListener("input", () => showValues(current().values, $("search").value));
  for (const [name, text] of Object.entries(LAYERS)) {
    const label = make("label", null, $("layers"), { className: "row check" });
    const tick = make("input", null, label, { type: "checkbox", checked: state.layers[name] });
    label.append(text);
    tick.addEventListener("change", () => { state.layers[name] = tick.checked; changed(); });
  }
  const list = make("dl", null, $("help"));
  for (const [, shown, what] of KEYS) {
    if (!shown) continue;
    make("dt", shown, list);
    make("dd", what, list);
  }
  make("dt", "mouse", list);
  make("dd", "drag: turn; shift or right button: move; wheel: zoom; click a DOM; double click: whole detector", list);
  window.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const at = e.target, typing = at.matches?.("input[type=number], input[type=search]");
    if (typing && e.key !== "Escape") return;
    if (e.key === " " && at.matches?.("button, summary, input[type=checkbox]")) return;
    if (e.key.startsWith("Arrow") && at.matches?.("select, input[type=range]")) return;
    const found = KEYS.find(([key]) => key === e.key);
    if (!found) return;
    e.preventDefault();
    if (typing) at.blur();
    found[3]();
  });
  new ResizeObserver(resize).observe($("stage"));
  mouse($("scene"));
}

function mouse(canvas) {
  const down = new Map();
  let moved = 0, apart = 0;
  const spread = () => { const [a, b] = [...down.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
  canvas.addEventListener("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    canvas.focus({ preventScroll: true });
    down.set(e.pointerId, [e.clientX, e.clientY]);
    moved = 0;
    if (down.size === 2) apart = spread();
  });
  canvas.addEventListener("pointermove", (e) => {
    const before = down.get(e.pointerId);
    if (!before) return hover(e);
    const [dx, dy] = [e.clientX - before[0], e.clientY - before[1]];
    down.set(e.pointerId, [e.clientX, e.clientY]);
    moved += Math.abs(dx) + Math.abs(dy);
    if (down.size === 2) {
      scene.camera.zoom(apart / Math.max(1, spread()));
      apart = spread();
    } else if (e.shiftKey || e.buttons & 6) scene.camera.move(dx, dy);
    else scene.camera.turn(dx, dy);
    changed();
  });
  const up = (e) => {
    const click = down.delete(e.pointerId) && moved < 4 && e.type === "pointerup" && e.button === 0;
    if (click) select(scene.pick(e.offsetX, e.offsetY));
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; });
  canvas.addEventListener("contextmenu", (e) => e.preventDefault());
  canvas.addEventListener("dblclick", reset);
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    scene.camera.zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * 0.003));
    changed();
    scaleSoon();
  }, { passive: false });
}

function hover(e) {
  const m = scene.pick(e.offsetX, e.offsetY), tip = $("tip");
  tip.hidden = m < 0;
  if (m < 0) return;
  const { string, om } = MODULES[m], lit = light.count[m];
  tip.textContent = `${string}-${om}` + (lit ? `: ${digits(light.charge[m])} PE, from ${light.first[m].toFixed(0)} ns` : "");
  tip.style.left = `${Math.min(e.offsetX + 14, scene.width - 190)}px`;
  tip.style.top = `${e.offsetY + 12}px`;
}

// For scripts and tests: what is shown, and changes of it.
window.display = {
  state, cuts,
  shown: () => ({ doms: light.doms, pulses: light.n, charge: light.total, ms: took, time: state.time, range, span: state.span }),
  place: (string, om) => {
    const m = MODULE_OF.get((string << 8) | om), { x, y, z } = MODULES[m];
    return scene.camera.project(x, y, z).slice(0, 2);
  },
  event: showEvent, series: showSeries, time: setTime, cut: setCuts, select, theme: setTheme, paint,
};

wire();
setTheme(state.theme);
scene.resize();
if (DATA.events.length) showEvent(0);
paint();
scaleSoon();
