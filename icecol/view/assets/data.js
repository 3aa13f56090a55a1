"use strict";
// The events and the detector, as the page brings them: arrays in base64, exact as in the columns.

const DATA = JSON.parse(document.getElementById("data").textContent);
const KINDS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, u1: Uint8Array };

function decode([kind, text]) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new KINDS[kind](bytes.buffer);
}

// Modules: a DOM has one PMT; the PMTs of others share a module, which is drawn once.
function modulesOf(detector) {
  const omkey = decode(detector.omkey), look = decode(detector.look);
  const [x, y, z] = ["x", "y", "z"].map((axis) => decode(detector[axis]));
  const ice = decode(detector.ice), bad = decode(detector.bad);
  const modules = [], at = new Map();
  for (let i = 0; i < omkey.length; i++) {
    const key = omkey[i] >> 8;
    let m = modules[at.get(key)];
    if (!m) {
      at.set(key, modules.length);
      m = { key, string: key >> 8, om: key & 255, x: 0, y: 0, z: 0, ice: ice[i], bad: 1, pmts: [], look: [] };
      modules.push(m);
    }
    m.pmts.push(omkey[i] & 255);
    m.look.push(look.length ? [look[3 * i], look[3 * i + 1], look[3 * i + 2]] : null);
    m.bad &= bad[i];
    const n = m.pmts.length;
    m.x += (x[i] - m.x) / n;
    m.y += (y[i] - m.y) / n;
    m.z += (z[i] - m.z) / n;
  }
  return { modules, at };
}

const { modules: MODULES, at: MODULE_OF } = modulesOf(DATA.detector);

// A pulse series, sorted by time, with the module of each pulse (-1: no position); made once.
function pulsesOf(series) {
  if (series.sorted) return series.sorted;
  const raw = {};
  for (const name of ["omkey", "time", "charge", "width", "flags"]) raw[name] = decode(series[name]);
  const n = raw.time.length;
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  order.sort((a, b) => raw.time[a] - raw.time[b]);
  const made = {
    n, time: new Float64Array(n), charge: new Float32Array(n), width: new Float32Array(n),
    flags: new Uint8Array(n), pmt: new Uint8Array(n), module: new Int32Array(n),
  };
  for (let k = 0; k < n; k++) {
    const i = order[k];
    for (const name of ["time", "charge", "width", "flags"]) made[name][k] = raw[name][i];
    made.pmt[k] = raw.omkey[i] & 255;
    made.module[k] = MODULE_OF.get(raw.omkey[i] >> 8) ?? -1;
  }
  series.sorted = made;
  return made;
}

const EMPTY = { n: 0, time: [], charge: [], width: [], flags: [], pmt: [], module: [] };

// The first of the sorted times that is later than t.
function after(times, t) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= t) low = middle + 1;
    else high = middle;
  }
  return low;
}
