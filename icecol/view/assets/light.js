// How much light each module has by now, within the cuts, and the colours of its time.

const LEVELS = 64;

function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

function shades(anchors) {
  const points = anchors.map(rgb);
  return Array.from({ length: LEVELS }, (_, i) => {
    const at = (i / (LEVELS - 1)) * (points.length - 1), k = Math.min(Math.floor(at), points.length - 2);
    return points[k].map((v, c) => Math.round(v + (at - k) * (points[k + 1][c] - v)));
  });
}

const SHADES = Object.fromEntries(Object.entries(DATA.colours).map(([name, anchors]) => [name, shades(anchors)]));

// The light of a series up to a time: charge, first time and number of pulses of each module.
function lightAt(pulses, cuts, until) {
  const charge = new Float64Array(MODULES.length), first = new Float64Array(MODULES.length).fill(NaN);
  const count = new Uint32Array(MODULES.length);
  const end = after(pulses.time, Math.min(until, cuts.tmax));
  let n = 0, total = 0;
  for (let i = 0; i < end; i++) {
    if (!passes(pulses, i, cuts)) continue;
    n++;
    total += pulses.charge[i];
    const m = pulses.module[i];
    if (m < 0) continue;
    if (!count[m]) first[m] = pulses.time[i];
    charge[m] += pulses.charge[i];
    count[m]++;
  }
  let doms = 0;
  for (let m = 0; m < MODULES.length; m++) {
    if (count[m] && charge[m] < cuts.qdom) {
      n -= count[m];
      total -= charge[m];
      count[m] = 0;
    }
    if (count[m]) doms++;
  }
  return { charge, first, count, n, total, doms };
}

function passes(pulses, i, cuts) {
  return pulses.time[i] >= cuts.tmin && pulses.charge[i] >= cuts.qmin && !(cuts.hlc && !(pulses.flags[i] & 1));
}

// The times from which colours go to which: those between which nine tenths of the charge lie, within the cuts.
function spanOf(pulses, cuts) {
  const times = [], sums = [];
  let sum = 0;
  const end = after(pulses.time, cuts.tmax);
  for (let i = 0; i < end; i++) {
    if (!passes(pulses, i, cuts) || pulses.module[i] < 0) continue;
    sum += Math.max(0, pulses.charge[i]);
    times.push(pulses.time[i]);
    sums.push(sum);
  }
  if (!times.length) return [0, 1];
  const low = times[Math.min(after(sums, 0.04 * sum), times.length - 1)];
  const high = times[Math.min(after(sums, 0.9 * sum), times.length - 1)];
  return high > low ? [low, high] : [low - 50, high + 50];
}

function levelOf(time, [low, high]) {
  return Math.max(0, Math.min(LEVELS - 1, Math.floor(((time - low) / (high - low)) * LEVELS)));
}
