// table: columns [{id, label, align, bar, title, sticky}], rows [{id, cells: [{text, bar, title,
// mood, colour, mark}], mood}], sort, selected, selectable, boxes (rows are ticked), page (from 0),
// pages, total, note. Sorted, filtered and paged in Python: events `sort` and `page`.
import { chooser, onlySelection } from "../chooser.js";
import { MOST, button, focused, make, place, set, show, swatch, words, write } from "../dom.js";
import { enable } from "../controls/field.js";
import { scroller } from "../edge.js";
import { figures, percent } from "../numbers.js";
import { frame } from "./frame.js";

const WAYS = ["ascending", "descending"];

const drawCell = (cell, column) => {
  const text = words(cell?.text ?? "", cell?.mood && cell.mood !== "plain" ? `mv-words mv-mood mv-is-${cell.mood}` : "mv-words");
  const line = cell?.mark || cell?.colour ? make("span", { class: "mv-coloured" }, swatch(cell.mark ?? cell), text) : text;
  const meter = column.bar && cell?.bar != null
    ? make("div", { class: "mv-meter", "aria-hidden": "true" }, place(make("i"), { width: percent(cell.bar) })) : null;
  const name = [column.align === "right" ? "mv-right" : "", column.sticky ? "mv-sticky" : ""].filter(Boolean).join(" ");
  return make(column.sticky ? "th" : "td", { scope: column.sticky ? "row" : null, class: name || null, "data-title": cell?.title || null }, line, meter);
};

export const tableKind = (ui, id) => {
  const top = make("tr"), body = make("tbody"), note = make("span", { class: "mv-hint", dir: "auto" });
  const table = make("table", {}, make("thead", {}, top), body);
  const scroll = scroller(table);
  const before = button("mv-quiet", "Previous"), after = button("mv-quiet", "Next");
  const where = make("span", { class: "mv-hint", "aria-live": "polite" });
  const pager = make("div", { class: "mv-pager", role: "group", "aria-label": "Pages", "data-no-picture": "" }, before, where, after);
  const foot = make("div", { class: "mv-foot" }, note, pager);
  const { el, head } = frame(ui, id, "table", scroll, foot);
  const turn = (by) => {
    const next = (ui.props(id).page ?? 0) + by;
    if (next >= 0 && next < (ui.props(id).pages ?? 1)) ui.send(id, "page", next);
  };
  before.addEventListener("click", () => turn(-1));
  after.addEventListener("click", () => turn(1));
  // What a cell has to add, or its whole text where that is cut off.
  body.addEventListener("pointermove", ({ target, clientX, clientY }) => {
    const cell = target.closest("td, th"), text = cell?.querySelector(".mv-words"), cut = text && text.scrollWidth > text.clientWidth;
    const said = cell?.dataset.title || (cut && text.textContent);
    if (said) ui.tip.tell(clientX, clientY, said);
    else ui.tip.hide();
  });
  body.addEventListener("pointerleave", () => ui.tip.hide());
  const rowsOf = chooser(ui, id, el, body);
  const sortBy = ({ id: column, align }) => {
    const [by, way] = ui.props(id).sort ?? [], order = align === "right" ? [...WAYS].reverse() : WAYS;
    const next = by === column ? order[order.indexOf(way) + 1] : order[0];
    ui.send(id, "sort", next ? [column, next] : []);
  };
  const drawHead = (columns, [by, way]) => {
    const held = focused(top)?.dataset.sort;
    top.replaceChildren(...columns.map((column) => {
      const node = button("mv-sort", column.label, { "data-sort": column.id, title: column.title || null });
      node.addEventListener("click", () => sortBy(ui.props(id).columns.find((one) => one.id === column.id)));
      const name = [column.align === "right" ? "mv-right" : "", column.sticky ? "mv-sticky" : ""].filter(Boolean).join(" ");
      return make("th", { scope: "col", class: name || null, "aria-sort": column.id === by ? way : "none" }, node);
    }));
    if (held !== undefined) [...top.querySelectorAll("button")].find((one) => one.dataset.sort === held)?.focus({ preventScroll: true });
  };
  const update = (props, changed) => {
    if (onlySelection(changed)) return rowsOf.mark();
    head(props);
    el.classList.toggle("mv-boxes", Boolean(props.boxes));
    const given = props.columns ?? [], rows = (props.rows ?? []).slice(0, MOST);
    // The first column stays in sight, whether Python says so or not.
    const columns = given.map((column, i) => ({ ...column, sticky: column.sticky || (i === 0 && !given.some((one) => one.sticky)) }));
    set(table, { "aria-label": props.title, role: (props.selectable ?? "none") === "none" ? "table" : "grid",
      "aria-rowcount": props.total > rows.length ? props.total : null });
    if (changed.has("columns") || changed.has("sort")) drawHead(columns, props.sort ?? []);
    rowsOf.fill(rows.map((row) => make("tr", { "data-id": row.id, "data-mood": row.mood || null },
      ...columns.map((column, i) => drawCell(row.cells?.[i], column)))));
    if (changed.has("page")) scroll.scrollTop = 0;
    const pages = props.pages ?? 1, page = props.page ?? 0, total = props.total ?? rows.length;
    write(note, props.note || (rows.length ? "" : "Nothing to show"));
    const size = page < pages - 1 || !page ? rows.length : Math.round((total - rows.length) / page);
    write(where, pages > 1 ? `${figures(page * size + 1)}–${figures(page * size + rows.length)} of ${figures(total)}` : "");
    enable(before, page > 0);
    enable(after, page < pages - 1);
    show(pager, pages > 1);
    show(foot, pages > 1 || note.textContent);
  };
  return { el, update };
};
