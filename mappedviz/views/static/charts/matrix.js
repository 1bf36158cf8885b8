// matrix: rows [{id, label}], columns [{id, label}], values 0…1 or null, texts (absent: shades
// alone, for many columns), selected, selectable, scale (what a shade means).
import { chooser, onlySelection } from "../chooser.js";
import { MOST, make, marked, place, set, show, words, write } from "../dom.js";
import { scroller } from "../edge.js";
import { figures } from "../numbers.js";
import { frame } from "./frame.js";

export const matrixKind = (ui, id) => {
  const top = make("tr"), body = make("tbody"), more = make("span", { class: "mv-hint" });
  const table = make("table", { class: "mv-matrix" }, make("thead", {}, top), body);
  const scale = words("", "mv-words"), key = make("span", { class: "mv-scale" }, make("i", { class: "mv-ramp" }), scale);
  const foot = make("div", { class: "mv-foot" }, key, more);
  const { el, head } = frame(ui, id, "matrix", scroller(table), foot);
  const textAt = ({ texts, values }, i, j) => texts?.[i]?.[j] ?? (values?.[i]?.[j] == null ? "–" : figures(values[i][j]));
  const tell = (cell, x, y) => {
    const props = ui.props(id), i = (props.rows ?? []).findIndex((row) => row.id === cell.parentNode.dataset.id), j = cell.cellIndex - 1;
    if (i < 0 || j < 0) return ui.tip.hide();
    ui.tip.tell(x, y, props.rows[i].title || props.rows[i].label, [[props.columns[j]?.title || props.columns[j]?.label || "", textAt(props, i, j)]]);
  };
  body.addEventListener("pointermove", ({ target, clientX, clientY }) => {
    const cell = target.closest("td");
    if (cell) tell(cell, clientX, clientY);
    else ui.tip.hide();
  });
  body.addEventListener("pointerleave", () => ui.tip.hide());
  const rowsOf = chooser(ui, id, el, body);
  const update = (props, changed) => {
    if (onlySelection(changed)) return rowsOf.mark();
    head(props);
    const rows = (props.rows ?? []).slice(0, MOST), columns = (props.columns ?? []).slice(0, MOST), bare = !props.texts?.length && columns.length > 12;
    set(table, { "aria-label": props.title, role: "grid" });
    table.classList.toggle("mv-tall", columns.length > 6 && columns.some((column) => column.label?.length > 6));
    table.classList.toggle("mv-bare", bare);
    top.replaceChildren(make("td", { class: "mv-corner" }), ...columns.map((column) => make("th", { scope: "col", title: column.title || column.label }, marked(words(column.label), column))));
    rowsOf.fill(rows.map((row, i) => make("tr", { "data-id": row.id },
      make("th", { scope: "row", title: row.title || null }, marked(words(row.label), row)),
      ...columns.map((_, j) => {
        const value = props.values?.[i]?.[j], text = textAt(props, i, j), cell = make("td", { dir: "auto" });
        cell.append(bare ? make("span", { class: "mv-said" }, text) : text);
        if (value != null) {
          cell.className = "mv-cell";
          place(cell, { "--shade": Math.min(1, Math.max(0, value)) });
        }
        return cell;
      }))));
    write(scale, props.scale);
    show(key, props.scale);
    const left = [(props.rows ?? []).length - rows.length, (props.columns ?? []).length - columns.length];
    write(more, left.some(Boolean) ? `${figures(left[0])} rows and ${figures(left[1])} columns more are not drawn` : rows.length ? "" : "Nothing to show");
    show(foot, props.scale || more.textContent);
  };
  return { el, update };
};
