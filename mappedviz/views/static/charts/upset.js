// upset: sets [{id, label, size, colour}], columns [{id, size, members [set ids], title}],
// selected, selectable, unit. Which sets share how much: a column for each combination, with a bar
// above and a dot for each set that has it; the sets' own sizes at the left.
import { chooser, onlySelection } from "../chooser.js";
import { make, marked, place, set, show, words, write } from "../dom.js";
import { axis, counted, figures, percent, short } from "../numbers.js";
import { frame } from "./frame.js";

export const upsetKind = (ui, id) => {
  const sets = make("div", { class: "mv-upset-sets", "aria-hidden": "true" }), box = make("div", { class: "mv-upset-columns" });
  const levels = make("div", { class: "mv-upset-levels", "aria-hidden": "true" }), more = make("div", { class: "mv-hint mv-more" });
  const plot = make("div", { class: "mv-upset" }, sets, make("div", { class: "mv-upset-plot" }, levels, box));
  const { el, head } = frame(ui, id, "upset", make("div", { class: "mv-scroll" }, plot), more);
  let columns = new Map(), names = new Map();
  const unit = () => ui.props(id).unit ?? "";
  const tell = (node, x, y) => {
    const column = columns.get(node.dataset.id);
    ui.tip.tell(x, y, counted(column.size, unit()), [[column.title || column.members.map((one) => names.get(one) ?? one).join(", "), ""]]);
  };
  box.addEventListener("pointermove", ({ target, clientX, clientY }) => {
    const node = target.closest("[data-id]");
    if (node) tell(node, clientX, clientY);
  });
  box.addEventListener("pointerleave", () => ui.tip.hide());
  const columnsOf = chooser(ui, id, el, box, {
    sideways: true,
    enter: (node) => {
      const { left, bottom } = node.getBoundingClientRect();
      tell(node, left, bottom - 12);
    },
    leave: () => ui.tip.hide(),
  });
  const drawSets = (all, high) => sets.replaceChildren(...all.map((one) => make("div", { class: "mv-upset-set", title: one.label },
    marked(words(one.label), one), make("span", { class: "mv-upset-size" }, short(one.size ?? 0)),
    make("span", { class: "mv-upset-meter" }, place(make("i"), { width: percent((one.size ?? 0) / high), ...(one.colour ? { backgroundColor: one.colour } : {}) })))));
  const drawColumn = (column, all, along, able) => {
    const has = new Set(column.members), hits = all.map((one, i) => (has.has(one.id) ? i : -1)).filter((i) => i >= 0);
    const dots = all.map((one) => make("i", { class: has.has(one.id) ? "mv-upset-dot mv-full" : "mv-upset-dot" }));
    const link = hits.length > 1 ? place(make("i", { class: "mv-upset-link" }), { "--from": hits[0], "--to": hits.at(-1) }) : null;
    const said = column.title || `in ${column.members.map((one) => names.get(one) ?? one).join(", ")}`;
    return make("div", { class: "mv-upset-column", role: able ? "option" : "listitem", "data-id": column.id, "aria-label": `${counted(column.size, unit())} ${said}` },
      make("div", { class: "mv-upset-bar" }, place(make("i"), { height: percent(along(column.size)) }),
        place(make("span", { class: "mv-upset-number" }, short(column.size)), { bottom: percent(along(column.size)) })),
      make("div", { class: "mv-upset-dots" }, link, ...dots));
  };
  const update = (props, changed) => {
    if (onlySelection(changed)) return columnsOf.mark();
    head(props);
    const all = (props.sets ?? []).slice(0, 40), drawn = (props.columns ?? []).slice(0, 60), able = (props.selectable ?? "none") !== "none";
    names = new Map(all.map((one) => [one.id, one.label]));
    columns = new Map(drawn.map((one) => [one.id, one]));
    const { along, points } = axis(drawn.map((one) => one.size));
    set(box, { role: able ? "listbox" : "list", "aria-label": props.title, "aria-orientation": able ? "horizontal" : null });
    drawSets(all, Math.max(...all.map((one) => one.size ?? 0), 1));
    levels.replaceChildren(...points.map((value) => place(make("i", { class: "mv-level" }), { top: percent(1 - along(value)) })));
    columnsOf.fill(drawn.map((column) => drawColumn(column, all, along, able)));
    const left = (props.columns ?? []).length - drawn.length;
    write(more, left > 0 ? `${figures(left)} smaller combinations are not drawn` : drawn.length ? "" : "Nothing to show");
    show(plot, drawn.length);
  };
  return { el, update };
};
