// Numbers as they are written, and round numbers for axes.

// 1,234 and 0.0123.
export const figures = (value) => (value == null ? "" : Math.abs(value) >= 100 || Number.isInteger(value)
  ? Math.round(value).toLocaleString("en") : value.toLocaleString("en", { maximumSignificantDigits: 3 }));

// Numbers of axes: 12K.
export const short = (value) => (Math.abs(value) < 10000 ? figures(value)
  : value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 }));

export const counted = (value, unit) => figures(value) + (unit ? " " + unit : "");

export const percent = (part) => (100 * Math.min(1, Math.max(0, part || 0))).toFixed(3) + "%";

// Round numbers from low to high, about five; whole ones where all values are whole.
export const ticks = (low, high, whole) => {
  const rough = (high - low || 1) / 5, power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= 0.999 * rough);
  if (whole) step = Math.max(1, Math.round(step));
  const all = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * 1.0001; i++) all.push(+(i * step).toPrecision(12));
  return all;
};

// An axis from 0, or a logarithmic one from half of the power of ten below the smallest value:
// { along(value) -> 0 … 1, points }.
export const axis = (values, { log = false, share = false, most } = {}) => {
  const positive = values.filter((value) => value > 0);
  const high = most ?? (share ? 1 : Math.max(...positive, 0) || 1);
  if (!log) return { high, along: (value) => value / high, points: ticks(0, high, !share && values.every(Number.isInteger)) };
  const low = 10 ** Math.floor(Math.log10(Math.min(...positive, high))) / 2;
  const points = Array.from({ length: Math.floor(Math.log10(high / low)) + 1 }, (_, i) => 2 * low * 10 ** i);
  return {
    high,
    along: (value) => (value > 0 ? Math.log(value / low) / Math.log(high / low) : 0),
    points: points.filter((value) => value <= high),
  };
};
