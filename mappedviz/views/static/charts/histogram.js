// histogram: bins [{id, low, high, count, title, mood}], xlabel, ylabel, log, selected, selectable.
import { chooser, onlySelection } from "../chooser.js";
import { MOST, make, place, set, words } from "../dom.js";
import { axis, counted, figures, percent, short } from "../numbers.js";
import { frame } from "./frame.js";

const rangeOf = ({ low, high }) => (low === high || high == null ? figures(low) : `${figures(low)} to ${figures(high)}`);

export const histogramKind = (ui, id) => {
  const box = make("div", { class: "mv-bins" }), behind = make("div", { class: "mv-behind", "aria-hidden": "true" });
  const plot = make("div", { class: "mv-histogram" }, behind, box);
  const { el, head } = frame(ui, id, "histogram", make("div", { class: "mv-plot" }, plot));
  let bins = new Map();
  const tell = (node, x, y) => {
    const bin = bins.get(node.dataset.id), { xlabel, ylabel } = ui.props(id);
    ui.tip.tell(x, y, `${xlabel ? xlabel + " " : ""}${rangeOf(bin)}`, [[counted(bin.count, ylabel), ""], ...(bin.title ? [[bin.title, ""]] : [])]);
  };
  box.addEventListener("pointermove", ({ target, clientX, clientY }) => {
    const node = target.closest("[data-id]");
    if (node) tell(node, clientX, clientY);
  });
  box.addEventListener("pointerleave", () => ui.tip.hide());
  const binsOf = chooser(ui, id, el, box, {
    sideways: true,
    enter: (node) => {
      const { left, top } = node.getBoundingClientRect();
      tell(node, left, top);
    },
    leave: () => ui.tip.hide(),
  });
  const drawAround = (props, all, { points, along }) => {
    const low = all[0]?.low ?? 0, high = all.at(-1)?.high ?? 1, whole = all.every((bin) => bin.low === bin.high);
    // Bins of single numbers stand under their middle.
    const across = (value) => (whole ? (value - low + 0.5) / (high - low + 1) : (value - low) / (high - low || 1));
    const along_x = whole && all.length <= 12 ? all.map((bin) => bin.low) : low === high ? [low] : axisPoints(low, high, whole);
    behind.replaceChildren(...points.flatMap((value) => [
      place(make("div", { class: "mv-level" }), { top: percent(1 - along(value)) }),
      place(make("span", { class: "mv-tick mv-left" }, short(value)), { top: percent(1 - along(value)) }),
    ]), ...along_x.map((value) => place(make("span", { class: "mv-tick mv-under" }, short(value)), { left: percent(across(value)) })),
    words(props.xlabel ?? "", "mv-tick mv-xlabel"), words(props.ylabel ?? "", "mv-tick mv-ylabel"));
  };
  const axisPoints = (low, high, whole) => {
    const { points } = axis([high - low], {});
    const step = (points[1] ?? 1) - (points[0] ?? 0), all = [];
    for (let value = Math.ceil(low / step) * step; value <= high * 1.0001; value += step) if (!whole || Number.isInteger(value)) all.push(+value.toPrecision(10));
    return all;
  };
  const update = (props, changed) => {
    if (onlySelection(changed)) return binsOf.mark();
    head(props);
    const all = (props.bins ?? []).slice(0, MOST), able = (props.selectable ?? "none") !== "none", scale = axis(all.map((bin) => bin.count), { log: props.log });
    bins = new Map(all.map((bin) => [bin.id, bin]));
    set(box, { role: able ? "listbox" : "list", "aria-label": props.title, "aria-orientation": able ? "horizontal" : null });
    drawAround(props, all, scale);
    binsOf.fill(all.map((bin) => make("div", { class: "mv-bin", role: able ? "option" : "listitem", "data-id": bin.id, "data-mood": bin.mood || null,
      "aria-label": `${rangeOf(bin)}: ${counted(bin.count, props.ylabel)}` }, place(make("i"), { height: percent(scale.along(bin.count)) }))));
    if (!all.length) behind.replaceChildren(make("span", { class: "mv-hint mv-nothing" }, "Nothing to show"));
  };
  return { el, update };
};
