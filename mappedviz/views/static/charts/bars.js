// bars: rows [{id, label, values, text, title, marks, mood}], series [{name, colour, hatch}], mode
// ("stacked", "share", "grouped"), log, unit, marks_label, selected, selectable, below (rows under
// a rule that never set the axis; what is longer than the axis ends in a break mark).
import { chooser, onlySelection } from "../chooser.js";
import { MOST, make, marked, place, set, swatch, words, write } from "../dom.js";
import { axis, counted, figures, percent, short } from "../numbers.js";
import { frame } from "./frame.js";

const totalOf = (row) => (row.values ?? []).reduce((sum, value) => sum + (value || 0), 0);

// What the rows of a chart share: its series, its axis, and how a row is drawn and told.
const scaleOf = (props, drawn) => {
  const series = props.series?.length ? props.series : [{ name: "", colour: "#0072b2" }], grouped = props.mode === "grouped";
  const shared = props.mode === "share", unit = props.unit ?? "";
  // A logarithm needs bars that stand alone.
  const log = Boolean(props.log) && (grouped || series.length < 2) && !shared;
  const values = drawn.flatMap((row) => [...(grouped || log ? row.values ?? [] : [totalOf(row)]), ...(row.marks ?? [])]);
  return { series, grouped, shared, log, unit, ...axis(values, { log, share: shared }) };
};

const drawRow = (row, scale, able) => {
  const { series, grouped, shared, along, log } = scale, values = row.values ?? [], sum = totalOf(row);
  const base = shared ? sum || 1 : 1, longest = grouped || log ? Math.max(...values, 0) : sum / base;
  // Stacked bars that are too long are drawn as long as the axis, with the shares that they have.
  const squeeze = !grouped && longest > scale.high * 1.0001 ? longest / scale.high : 1;
  const fill = (one, i) => place(make("div", { class: "mv-fill" + (one.hatch ? " mv-hatch" : ""), "data-i": i }),
    { backgroundColor: one.colour, width: percent(along(values[i] / base / (log ? 1 : squeeze))) });
  const fills = series.map((one, i) => values[i] > 0 && fill(one, i)).filter(Boolean);
  const bars = grouped ? fills.map((one) => make("div", { class: "mv-bar mv-thin" }, one)) : [make("div", { class: "mv-bar" }, ...fills)];
  const marks = (row.marks ?? []).filter((value) => value != null).map((value) => place(make("div", { class: "mv-mark" }), { left: percent(along(value)) }));
  const broken = longest > scale.high * 1.0001 ? make("div", { class: "mv-break", "aria-hidden": "true" }) : null;
  const parts = series.length > 1 ? series.flatMap((one, i) => (values[i] ? [`${one.name} ${figures(values[i])}`] : [])) : [];
  const head = [grouped ? "" : counted(sum, scale.unit), row.text === figures(sum) ? "" : row.text].filter(Boolean).join(", ");
  return make("div", { class: "mv-bar-row", role: able ? "option" : "listitem", "data-id": row.id, "data-mood": row.mood || null,
    "aria-label": `${row.label ?? ""}: ${[head, parts.join(", ")].filter(Boolean).join("; ")}` },
  marked(words(row.label), row), make("div", { class: "mv-track" }, ...bars, ...marks, broken), words(row.text ?? "", "mv-words mv-value"));
};

const drawLegend = (legend, props, scale, drawn) => {
  const keys = scale.series.length > 1 ? scale.series.map((one, i) => make("span", { class: "mv-pair", "data-i": i }, swatch(one), words(one.name))) : [];
  if (props.marks_label && drawn.some((row) => row.marks?.length))
    keys.push(make("span", { class: "mv-pair" }, make("span", { class: "mv-mark" }), words(props.marks_label)));
  legend.replaceChildren(...keys);
};

const drawAxis = (grid, line, units, scale) => {
  const { points, along, shared, unit } = scale;
  grid.replaceChildren(...points.map((value) => place(make("div", { class: "mv-rule" }), { left: percent(along(value)) })));
  line.replaceChildren(...points.map((value) => place(make("span", { class: "mv-tick" }, shared ? `${Math.round(100 * value)} %` : short(value)),
    { left: percent(along(value)) })));
  write(units, shared ? "" : unit);
};

export const barsKind = (ui, id) => {
  const legend = make("div", { class: "mv-legend", "aria-hidden": "true" });
  const box = make("div", { class: "mv-bars" }), grid = make("div", { class: "mv-grid" });
  const line = make("div", { class: "mv-ticks" }), units = words("", "mv-units"), more = make("div", { class: "mv-hint mv-more" });
  const scroll = make("div", { class: "mv-scroll" }, make("div", { class: "mv-frame" }, grid, box,
    make("div", { class: "mv-axis", "aria-hidden": "true" }, line, units)));
  const { el, head } = frame(ui, id, "bars", legend, scroll, more);
  let rows = new Map(), scale;

  // All series of a row, or the one under the pointer.
  const tell = (node, x, y, only) => {
    const row = rows.get(node.dataset.id), { series, shared, unit } = scale, sum = totalOf(row);
    const part = (value) => (series.length > 1 && !scale.grouped && sum ? `  ·  ${+((100 * value) / sum).toPrecision(2)} %` : "");
    const pairs = series.flatMap((one, i) => ((only === undefined ? row.values?.[i] : only === i)
      ? [[one.name || unit, counted(row.values[i], unit) + part(row.values[i]), one]] : [])).slice(0, 14);
    for (const value of row.marks ?? []) pairs.push([ui.props(id).marks_label, shared ? `${figures(100 * value)} %` : counted(value, unit)]);
    if (row.title) pairs.push([row.title, ""]);
    ui.tip.tell(x, y, row.label, pairs);
  };
  box.addEventListener("pointermove", ({ target, clientX, clientY }) => {
    const node = target.closest("[data-id]"), i = target.dataset.i;
    if (node) tell(node, clientX, clientY, i === undefined ? undefined : +i);
    else ui.tip.hide();
  });
  box.addEventListener("pointerleave", () => ui.tip.hide());
  const faint = (i) => {
    el.classList.toggle("mv-faint", i !== undefined);
    for (const one of box.querySelectorAll(".mv-fill")) one.classList.toggle("mv-hot", one.dataset.i === i);
  };
  legend.addEventListener("pointerover", ({ target }) => faint(target.closest("[data-i]")?.dataset.i));
  legend.addEventListener("pointerleave", () => faint());
  const rowsOf = chooser(ui, id, el, box, {
    enter: (node) => {
      const { right, bottom } = node.getBoundingClientRect();
      tell(node, right - 260, bottom - 12);
    },
    leave: () => ui.tip.hide(),
  });

  const update = (props, changed) => {
    if (onlySelection(changed)) return rowsOf.mark();
    head(props);
    const all = props.rows ?? [], drawn = all.slice(0, MOST), rest = (props.below ?? []).slice(0, 20);
    const able = (props.selectable ?? "none") !== "none";
    scale = scaleOf(props, drawn.length ? drawn : rest);
    rows = new Map([...drawn, ...rest].map((row) => [row.id, row]));
    set(box, { role: able ? "listbox" : "list", "aria-label": props.title });
    const nodes = drawn.map((row) => drawRow(row, scale, able));
    if (rest.length && nodes.length) nodes.push(make("div", { class: "mv-below-rule", role: "presentation" }));
    rowsOf.fill([...nodes, ...rest.map((row) => drawRow(row, scale, able))]);
    drawAxis(grid, line, units, scale);
    drawLegend(legend, props, scale, drawn);
    el.classList.toggle("mv-empty", !drawn.length && !rest.length);
    write(more, all.length > MOST ? `${figures(all.length - MOST)} more are not drawn` : !drawn.length && !rest.length ? "Nothing to show" : "");
  };
  return { el, update };
};
