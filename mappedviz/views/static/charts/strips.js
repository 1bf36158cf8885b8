// strips: rows [{id, label, values (0…1, sampled), quantiles [5 of 0…1], text, colour, title}],
// axis {ticks [{at, text}], label}, below (rows under a rule; what goes on beyond the axis ends in
// a break mark). The distribution of each row: its points, and a box of its quantiles over them.
import { chooser, onlySelection } from "../chooser.js";
import { MOST, make, marked, place, set, words, write } from "../dom.js";
import { percent } from "../numbers.js";
import { frame } from "./frame.js";

// The same scatter every time, and for each row another.
const jitter = (i, j) => {
  const value = Math.sin(12.9898 * (j + 1) + 78.233 * (i + 1)) * 43758.5453;
  return value - Math.floor(value);
};

export const stripsKind = (ui, id) => {
  const box = make("div", { class: "mv-bars mv-strips" }), grid = make("div", { class: "mv-grid" });
  const line = make("div", { class: "mv-ticks" }), units = words("", "mv-units"), more = make("div", { class: "mv-hint mv-more" });
  const scroll = make("div", { class: "mv-scroll" }, make("div", { class: "mv-frame" }, grid, box,
    make("div", { class: "mv-axis", "aria-hidden": "true" }, line, units)));
  const { el, head } = frame(ui, id, "strips", scroll, more);
  let rows = new Map();
  const tell = (node, x, y) => {
    const row = rows.get(node.dataset.id);
    ui.tip.tell(x, y, row.label, [[row.title || row.text || "", ""]]);
  };
  box.addEventListener("pointermove", ({ target, clientX, clientY }) => {
    const node = target.closest("[data-id]");
    if (node) tell(node, clientX, clientY);
  });
  box.addEventListener("pointerleave", () => ui.tip.hide());
  const rowsOf = chooser(ui, id, el, box, {
    enter: (node) => {
      const { left, bottom } = node.getBoundingClientRect();
      tell(node, left + 160, bottom - 12);
    },
    leave: () => ui.tip.hide(),
  });
  const drawStrip = (row, i) => {
    const dots = (row.values ?? []).slice(0, 400).map((value, j) => `M${(100 * value).toFixed(2)} ${(18 + 64 * jitter(i, j)).toFixed(1)}h0`).join("");
    const points = make("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
      make("path", { d: dots, class: "mv-dots", "vector-effect": "non-scaling-stroke" }));
    if (row.colour) place(points, { color: row.colour });
    const [q0, q1, q2, q3, q4] = row.quantiles ?? [], boxes = row.quantiles?.length === 5 ? [
      place(make("i", { class: "mv-whisker" }), { left: percent(q0), width: percent(q4 - q0) }),
      place(make("i", { class: "mv-middle" }), { left: percent(q1), width: percent(q3 - q1) }),
      place(make("i", { class: "mv-median" }), { left: percent(q2) }),
    ] : [];
    const broken = q4 >= 1 ? make("div", { class: "mv-break", "aria-hidden": "true" }) : null;
    return make("div", { class: "mv-bar-row mv-strip-row", role: "listitem", "data-id": row.id, "aria-label": `${row.label ?? ""}: ${row.text ?? ""}` },
      marked(words(row.label), row), make("div", { class: "mv-track" }, points, ...boxes, broken), words(row.text ?? "", "mv-words mv-value"));
  };
  const update = (props, changed) => {
    if (onlySelection(changed)) return rowsOf.mark();
    head(props);
    const drawn = (props.rows ?? []).slice(0, MOST), rest = (props.below ?? []).slice(0, 20), points = props.axis?.ticks ?? [], able = (props.selectable ?? "none") !== "none";
    const every = [...drawn, ...rest];
    rows = new Map(every.map((row) => [row.id, row]));
    set(box, { role: able ? "listbox" : "list", "aria-label": props.title });
    const nodes = every.map((row, i) => set(drawStrip(row, i), { role: able ? "option" : "listitem" }));
    if (rest.length && drawn.length) nodes.splice(drawn.length, 0, make("div", { class: "mv-below-rule", role: "presentation" }));
    rowsOf.fill(nodes);
    grid.replaceChildren(...points.map(({ at }) => place(make("div", { class: "mv-rule" }), { left: percent(at) })));
    line.replaceChildren(...points.map(({ at, text }) => place(make("span", { class: "mv-tick" }, text), { left: percent(at) })));
    write(units, props.axis?.label);
    write(more, every.length ? "" : "Nothing to show");
  };
  return { el, update };
};
