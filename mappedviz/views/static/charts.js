// The charts of mappedviz as one ES module: no build step, no library, no network.
// Text reaches the page as text nodes only. charts.py sends the sections that a chart needs.

// == module ==
const KINDS = {};

// Keys pressed inside of a box do not run the notebook's commands, which are single letters that
// delete cells; saving still does. JupyterLab listens when the box has been asked, Notebook 7
// before: a mark on what has the focus makes it look away.
const guard = (box) => {
  const saves = (event) => (event.ctrlKey || event.metaKey) && event.key === "s";
  const stop = (event) => saves(event) || event.stopPropagation();
  const mark = (event) =>
    box.contains(event.target) && event.target.toggleAttribute("data-lm-suppress-shortcuts", !saves(event));
  box.addEventListener("keydown", stop);
  addEventListener("keydown", mark, true);
  return () => {
    box.removeEventListener("keydown", stop);
    removeEventListener("keydown", mark, true);
  };
};

export default {
  render({ model, el }) {
    const kind = KINDS[model.get("kind")];
    if (kind.guard) return kind.guard(el);
    const root = make("div", { class: "mv" });
    // A page without Jupyter's colours follows the system's.
    if (!getComputedStyle(document.body).getPropertyValue("--jp-layout-color0")) root.classList.add("mv-system");
    const free = guard(root);
    el.append(root);
    const draw = kind.start(model, root);
    // Traits that change together are drawn once.
    let changed;
    const heard = [...kind.traits, "title", "selected", "selectable"].map((name) => ["change:" + name, () => {
      if (!changed) queueMicrotask(() => {
        const only = changed.size === 1 && changed.has("selected");
        changed = undefined;
        draw(only);
      });
      (changed ??= new Set()).add(name);
    }]);
    for (const [name, call] of heard) model.on(name, call);
    draw(false);
    return () => {
      free();
      heard.forEach(([name, call]) => model.off(name, call));
    };
  },
};

// == common ==
const SVG = "http://www.w3.org/2000/svg";
const MOST = 200;

// An element. Names of attributes are ours, values and children are data: strings become text.
const make = (tag, attributes = {}, ...children) => {
  const node = tag === "svg" || tag.startsWith("poly") ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) node.setAttribute(name, value);
  node.append(...children.filter((child) => child != null));
  return node;
};
const place = (node, style) => (Object.assign(node.style, style), node);
const label = (text, name = "mv-label") => make("span", { class: name, dir: "auto" }, text);
const swatch = (one) =>
  place(make("span", { class: "mv-swatch" + (one.hatch ? " mv-hatch" : "") }), { backgroundColor: one.colour });
const figures = (value) => Math.abs(value) >= 100 || Number.isInteger(value)
  ? Math.round(value).toLocaleString("en") : value.toLocaleString("en", { maximumSignificantDigits: 3 });
const counted = (value, unit) => figures(value) + (unit && " " + unit);
const percent = (part) => (100 * Math.min(1, Math.max(0, part || 0))).toFixed(3) + "%";

// A tooltip in the top layer, so that no output area cuts it off.
const tooltip = (root) => {
  const node = make("div", { class: "mv-tip", popover: "manual", "aria-hidden": "true" });
  root.append(node);
  const open = () => node.matches(":popover-open");
  const hide = () => open() && node.hidePopover();
  const show = (x, y, head, pairs) => {
    if (!node.showPopover || !node.isConnected) return;
    node.replaceChildren(make("b", { dir: "auto" }, head), ...pairs.map(([name, text, one]) =>
      make("span", { class: "mv-pair" }, one && swatch(one), label(name, ""), make("span", {}, text))));
    if (!open()) node.showPopover();
    const { width, height } = node.getBoundingClientRect();
    const top = y + 18 + height > innerHeight ? y - height - 10 : y + 18;
    place(node, { left: Math.max(4, Math.min(x + 14, innerWidth - width - 4)) + "px", top: top + "px" });
  };
  root.addEventListener("pointerleave", hide);
  return { show, hide };
};

// Choosing among the elements with data-id in a box: one tab stop, arrows, Home, End, Enter,
// Space, Escape, click.
const chooser = (model, root, box, enter, leave = () => {}) => {
  let at;
  const items = () => [...box.querySelectorAll("[data-id]")];
  const itemOf = (node) => node?.closest("[data-id]");
  const choose = (ids) => {
    model.set("selected", ids);
    model.save_changes();
  };
  const toggle = (id) => {
    const now = model.get("selected"), on = now.includes(id), how = model.get("selectable");
    if (how === "one") choose(on ? [] : [id]);
    if (how === "many") choose(on ? now.filter((other) => other !== id) : [...now, id]);
  };
  const mark = () => {
    const all = items(), on = new Set(model.get("selected")), how = model.get("selectable");
    const stop = all.find((node) => node.dataset.id === at) ?? all.find((node) => on.has(node.dataset.id)) ?? all[0];
    root.classList.toggle("mv-able", how !== "none");
    box.toggleAttribute("aria-multiselectable", false);
    if (how === "many") box.setAttribute("aria-multiselectable", "true");
    for (const node of all) {
      const chosen = on.has(node.dataset.id);
      node.tabIndex = node === stop ? 0 : -1;
      node.classList.toggle("mv-on", chosen);
      node.setAttribute(how === "none" ? "aria-current" : "aria-selected", chosen);
    }
  };
  box.addEventListener("click", ({ target }) => {
    const node = itemOf(target);
    if (!node || target.closest("button")) return;
    at = node.dataset.id;
    node.focus({ preventScroll: true });
    toggle(at);
    mark();
  });
  box.addEventListener("focusin", ({ target }) => {
    if (!target.dataset.id) return;
    at = target.dataset.id;
    mark();
    if (target.matches(":focus-visible")) enter?.(target);
  });
  box.addEventListener("focusout", ({ relatedTarget }) => box.contains(relatedTarget) || leave());
  box.addEventListener("keydown", (event) => {
    const { target, key } = event, all = items(), i = all.indexOf(target), last = all.length - 1;
    if (i < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, PageDown: i + 10, PageUp: i - 10, Home: 0, End: last }[key];
    if (to !== undefined) all[Math.max(0, Math.min(last, to))].focus();
    else if (key === "Enter" || key === " ") toggle(target.dataset.id);
    else if (key === "Escape") {
      leave();
      if (model.get("selectable") !== "none" && model.get("selected").length) choose([]);
    } else return;
    event.preventDefault();
    mark();
  });
  // New rows; the focus stays on the row it was on.
  const fill = (nodes) => {
    const held = box.contains(document.activeElement) && itemOf(document.activeElement)?.dataset.id;
    box.replaceChildren(...nodes);
    mark();
    if (held) items().find((node) => node.dataset.id === held)?.focus({ preventScroll: true });
  };
  return { mark, fill, choose };
};

// == axes ==
// Round numbers from low to high, about five; whole ones where all values are whole.
const ticks = (low, high, whole) => {
  const rough = (high - low || 1) / 5, power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= 0.999 * rough);
  if (whole) step = Math.max(1, Math.round(step));
  const all = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * 1.0001; i++) all.push(+(i * step).toPrecision(12));
  return all;
};
const short = (value) => (Math.abs(value) < 10000 ? figures(value)
  : value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 }));

// == bars ==
KINDS.bars = {
  traits: ["rows", "series", "mode", "log", "unit", "marks_label"],
  start(model, root) {
    const legend = make("div", { class: "mv-legend", "aria-hidden": "true" });
    const box = make("div", { class: "mv-bars" }), grid = make("div", { class: "mv-grid" });
    const axis = make("div", { class: "mv-ticks" }), units = label("", "mv-units"), note = make("div", { class: "mv-note" });
    root.append(legend, make("div", { class: "mv-scroll" }, make("div", { class: "mv-frame" }, grid, box,
      make("div", { class: "mv-axis", "aria-hidden": "true" }, axis, units))), note);
    const tip = tooltip(root);
    let rows = new Map(), series = [], shared = false;
    const unit = () => model.get("unit");
    const total = (row) => row.values.reduce((sum, value) => sum + (value || 0), 0);
    const text = (row, value) =>
      counted(value, unit()) + (series.length > 1 && model.get("mode") !== "grouped" && total(row)
        ? `  ·  ${((100 * value) / total(row)).toPrecision(2)} %` : "");
    // All series of a row, or the one under the pointer.
    const tell = (node, x, y, only) => {
      const row = rows.get(node.dataset.id);
      const pairs = series.flatMap((one, i) =>
        (only === undefined ? row.values[i] : only === i) ? [[one.name || unit(), text(row, row.values[i]), one]] : []);
      for (const value of row.marks) pairs.push([model.get("marks_label"), shared ? `${figures(100 * value)} %` : counted(value, unit())]);
      if (row.title) pairs.push([row.title, ""]);
      tip.show(x, y, row.label, pairs);
    };
    const faint = (i) => {
      root.classList.toggle("mv-faint", i !== undefined);
      for (const fill of box.querySelectorAll(".mv-fill")) fill.classList.toggle("mv-hot", fill.dataset.i === i);
    };
    box.addEventListener("pointermove", ({ target, clientX, clientY }) => {
      const node = target.closest("[data-id]"), i = target.dataset.i;
      if (node) tell(node, clientX, clientY, i === undefined ? undefined : +i);
      else tip.hide();
    });
    legend.addEventListener("pointerover", ({ target }) => faint(target.closest("[data-i]")?.dataset.i));
    legend.addEventListener("pointerleave", () => faint());
    const rowsOf = chooser(model, root, box, (node) => {
      const { right, bottom } = node.getBoundingClientRect();
      tell(node, right, bottom - 12);
    }, tip.hide);

    return (onlySelected) => {
      if (onlySelected) return rowsOf.mark();
      const all = model.get("rows"), drawn = all.slice(0, MOST), able = model.get("selectable") !== "none";
      const grouped = model.get("mode") === "grouped";
      series = model.get("series");
      shared = model.get("mode") === "share";
      // A logarithm needs bars that stand alone.
      const log = model.get("log") && (grouped || series.length < 2);
      const values = drawn.flatMap((row) => [...(grouped || log ? row.values : [total(row)]), ...row.marks]).filter((v) => v > 0);
      const high = shared ? 1 : Math.max(...values, 0) || 1;
      const low = log ? 10 ** Math.floor(Math.log10(Math.min(...values, high))) / 2 : 0;
      const along = log ? (v) => (v > 0 ? Math.log(v / low) / Math.log(high / low) : 0) : (v) => v / high;
      const points = log ? Array.from({ length: Math.floor(Math.log10(high / low)) + 1 }, (_, i) => 2 * low * 10 ** i).filter((v) => v <= high)
        : ticks(0, high, !shared && values.every(Number.isInteger));

      root.setAttribute("aria-label", model.get("title"));
      root.setAttribute("role", "group");
      box.setAttribute("role", able ? "listbox" : "list");
      box.setAttribute("aria-label", model.get("title"));
      const fillOf = (one, i, share) => place(make("div", { class: "mv-fill" + (one.hatch ? " mv-hatch" : ""), "data-i": i }),
        { backgroundColor: one.colour, width: percent(share) });
      rows = new Map(drawn.map((row) => [row.id, row]));
      const nodes = drawn.map((row) => {
        const sum = total(row), base = shared ? sum || 1 : 1;
        const fills = series.map((one, i) => row.values[i] > 0 && fillOf(one, i, along(row.values[i] / base))).filter(Boolean);
        const bars = grouped ? fills.map((fill) => make("div", { class: "mv-bar mv-thin" }, fill)) : [make("div", { class: "mv-bar" }, ...fills)];
        const marks = row.marks.map((v) => place(make("div", { class: "mv-mark" }), { left: percent(along(v)) }));
        const parts = series.length > 1 ? series.flatMap((one, i) => row.values[i] ? [`${one.name} ${figures(row.values[i])}`] : []) : [];
        const head = [grouped ? "" : counted(sum, unit()), row.text === figures(sum) ? "" : row.text].filter(Boolean).join(", ");
        return make("div", { class: "mv-row", role: able ? "option" : "listitem", "data-id": row.id,
          "aria-label": `${row.label}: ${[head, parts.join(", ")].filter(Boolean).join("; ")}` },
        label(row.label), make("div", { class: "mv-track" }, ...bars, ...marks), label(row.text, "mv-label mv-value"));
      });
      rowsOf.fill(nodes);
      grid.replaceChildren(...points.map((v) => place(make("div", { class: "mv-rule" }), { left: percent(along(v)), width: "1px", top: 0, bottom: 0 })));
      axis.replaceChildren(...points.map((v) => place(make("span", { class: "mv-tick" }, shared ? `${Math.round(100 * v)} %` : short(v)),
        { left: percent(along(v)) })));
      units.textContent = shared ? "" : unit();
      const marked = model.get("marks_label") && drawn.some((row) => row.marks.length);
      const keys = series.length > 1 ? series.map((one, i) => make("span", { class: "mv-pair", "data-i": i }, swatch(one), label(one.name))) : [];
      if (marked) keys.push(make("span", { class: "mv-pair" }, make("span", { class: "mv-mark" }), label(model.get("marks_label"))));
      legend.replaceChildren(...keys);
      note.textContent = all.length > MOST ? `${figures(all.length - MOST)} more are not drawn` : "";
    };
  },
};

// == curve ==
KINDS.curve = {
  traits: ["points", "xlabel", "ylabel"],
  start(model, root) {
    const plot = make("div", { class: "mv-curve" });
    root.append(make("div", { class: "mv-plot" }, plot));
    const tip = tooltip(root);
    let points = [], x0 = 0, x1 = 1, top = 1;
    const across = (x) => percent(x1 > x0 ? (x - x0) / (x1 - x0) : 0.5);
    const up = (y) => percent(1 - y / top);
    const words = ([x, y]) => `${model.get("xlabel")} ${figures(x)}: ${counted(y, model.get("ylabel"))}`;
    const marked = () => points.findIndex(([x]) => String(x) === model.get("selected")[0]);
    const able = () => model.get("selectable") !== "none";
    const choose = (i) => {
      model.set("selected", points[i] ? [String(points[i][0])] : []);
      model.save_changes();
    };
    const nearest = (event) => {
      const { left, width } = plot.getBoundingClientRect();
      const x = x0 + ((event.clientX - left) / width) * (x1 - x0);
      return points.reduce((best, [at], i) => (Math.abs(at - x) < Math.abs(points[best][0] - x) ? i : best), 0);
    };
    plot.addEventListener("pointermove", (event) => {
      if (!points.length) return;
      const [x, y] = points[nearest(event)];
      tip.show(event.clientX, event.clientY, `${model.get("xlabel")} ${figures(x)}`, [[counted(y, model.get("ylabel")), ""]]);
    });
    plot.addEventListener("click", (event) => able() && points.length && choose(nearest(event)));
    plot.addEventListener("keydown", (event) => {
      const i = marked(), last = points.length - 1;
      const to = { ArrowRight: i + 1, ArrowUp: i + 1, ArrowLeft: i - 1, ArrowDown: i - 1, Home: 0, End: last, Escape: -2 }[event.key];
      if (to === undefined || !able()) return;
      event.preventDefault();
      choose(to < -1 ? -1 : Math.max(0, Math.min(last, to)));
    });
    return () => {
      points = [...model.get("points")].sort((a, b) => a[0] - b[0]);
      const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
      [x0, x1] = [Math.min(...xs), Math.max(...xs)];
      top = (Math.max(...ys, 0) || 1) * 1.04;
      const i = marked(), path = xs.map((x, n) => `${parseFloat(across(x))},${parseFloat(up(ys[n]))}`);
      const parts = ticks(0, top, ys.every(Number.isInteger)).flatMap((y) => [
        place(make("div", { class: "mv-rule" }), { left: 0, right: 0, height: "1px", top: up(y) }),
        place(make("span", { class: "mv-tick mv-left" }, short(y)), { top: up(y) }),
      ]);
      if (points.length) {
        for (const x of xs.length > 12 ? ticks(x0, x1, xs.every(Number.isInteger)) : xs)
          parts.push(place(make("span", { class: "mv-tick mv-below" }, short(x)), { left: across(x) }));
        parts.push(make("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none" },
          make("polygon", { points: `${path[0].split(",")[0]},100 ${path.join(" ")} ${path.at(-1).split(",")[0]},100` }),
          make("polyline", { points: path.join(" ") })));
      }
      if (i >= 0) parts.push(place(make("div", { class: "mv-guide" }), { left: across(xs[i]) }));
      if (points.length <= 40) points.forEach(([x, y], n) =>
        parts.push(place(make("div", { class: n === i ? "mv-dot mv-on" : "mv-dot" }), { left: across(x), top: up(y) })));
      parts.push(label(model.get("xlabel"), "mv-tick mv-x"), i < 0 ? label(model.get("ylabel"), "mv-tick mv-y")
        : place(label(counted(ys[i], model.get("ylabel")), "mv-chip"), { left: across(xs[i]), translate: "-" + across(xs[i]) }));
      plot.replaceChildren(...parts);
      root.classList.toggle("mv-able", able());
      plot.tabIndex = able() ? 0 : -1;
      const about = able()
        ? { role: "slider", "aria-valuemin": x0, "aria-valuemax": x1, "aria-valuenow": i < 0 ? x0 : xs[i], "aria-valuetext": i < 0 ? "none marked" : words(points[i]) }
        : { role: "img" };
      about["aria-label"] = model.get("title") + (able() || !points.length ? "" : `; ${words(points[0])}; ${words(points.at(-1))}`);
      for (const name of plot.getAttributeNames()) if (name.startsWith("aria-")) plot.removeAttribute(name);
      for (const [name, value] of Object.entries(about)) plot.setAttribute(name, value);
    };
  },
};

// == table ==
KINDS.table = {
  traits: ["columns", "rows", "sort", "note"],
  start(model, root) {
    const head = make("tr"), body = make("tbody"), note = make("div", { class: "mv-note" });
    const table = make("table", {}, make("thead", {}, head), body);
    root.append(make("div", { class: "mv-scroll" }, table), note);
    const tip = tooltip(root);
    // What a cell has to add, or its whole text where that is cut off.
    body.addEventListener("pointermove", ({ target, clientX, clientY }) => {
      const cell = target.closest("td"), cut = cell?.firstChild.scrollWidth > cell?.firstChild.clientWidth;
      const text = cell?.dataset.title || (cut && cell.textContent);
      if (text) tip.show(clientX, clientY, text, []);
      else tip.hide();
    });
    const rowsOf = chooser(model, root, body);
    const ways = ["ascending", "descending"];
    const turn = ({ id, align }) => {
      const [by, way] = model.get("sort"), order = align === "right" ? [...ways].reverse() : ways;
      const next = by === id ? order[order.indexOf(way) + 1] : order[0];
      model.set("sort", next ? [id, next] : []);
      model.save_changes();
    };
    const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true }));

    return (onlySelected) => {
      if (onlySelected) return rowsOf.mark();
      const columns = model.get("columns"), [by, way] = model.get("sort");
      const held = document.activeElement?.dataset.sort, nth = columns.findIndex(({ id }) => id === by);
      const rows = model.get("rows").slice(0, MOST);
      // By value, or by text in a column without values. What has none comes last, whichever way.
      const valued = rows.some((row) => row.cells[nth]?.value != null);
      const key = ({ cells }) => (valued ? cells[nth]?.value : cells[nth]?.text || null) ?? null;
      if (nth >= 0) rows.sort((one, other) => {
        const a = key(one), b = key(other);
        if (a === null || b === null) return (a === null) - (b === null);
        return way === "descending" ? compare(b, a) : compare(a, b);
      });
      table.setAttribute("aria-label", model.get("title"));
      table.setAttribute("role", model.get("selectable") === "none" ? "table" : "grid");
      head.replaceChildren(...columns.map((column) => {
        const button = make("button", { type: "button", "data-sort": column.id, title: column.title || null }, label(column.label));
        button.addEventListener("click", () => turn(column));
        return make("th", { scope: "col", class: column.align === "right" ? "mv-right" : null, "aria-sort": column.id === by ? way : "none" }, button);
      }));
      [...head.querySelectorAll("button")].find((button) => button.dataset.sort === held)?.focus();
      rowsOf.fill(rows.map((row) => make("tr", { "data-id": row.id }, ...row.cells.map((cell, i) => {
        const meter = columns[i]?.bar && cell.bar != null
          ? make("div", { class: "mv-meter" }, place(make("i"), { width: percent(cell.bar) })) : null;
        return make("td", { class: columns[i]?.align === "right" ? "mv-right" : null, "data-title": cell.title || null }, label(cell.text), meter);
      }))));
      note.textContent = model.get("note");
    };
  },
};

// == matrix ==
KINDS.matrix = {
  traits: ["rows", "columns", "values", "texts"],
  start(model, root) {
    const head = make("tr"), body = make("tbody"), note = make("div", { class: "mv-note" });
    const table = make("table", { class: "mv-matrix" }, make("thead", {}, head), body);
    root.append(make("div", { class: "mv-scroll" }, table), note);
    const tip = tooltip(root);
    body.addEventListener("pointermove", ({ target, clientX, clientY }) => {
      const cell = target.closest("td"), columns = model.get("columns");
      if (!cell) return tip.hide();
      const row = model.get("rows").find(({ id }) => id === cell.parentNode.dataset.id);
      tip.show(clientX, clientY, row?.label ?? "", [[columns[cell.cellIndex - 1]?.label ?? "", cell.textContent]]);
    });
    const rowsOf = chooser(model, root, body);
    return (onlySelected) => {
      if (onlySelected) return rowsOf.mark();
      const rows = model.get("rows"), columns = model.get("columns"), values = model.get("values"), texts = model.get("texts");
      table.setAttribute("aria-label", model.get("title"));
      table.setAttribute("role", "grid");
      table.classList.toggle("mv-tall", columns.length > 6 && columns.some((column) => column.label.length > 8));
      head.replaceChildren(make("td"), ...columns.map((column) => make("th", { scope: "col" }, label(column.label))));
      rowsOf.fill(rows.slice(0, MOST).map((row, i) => make("tr", { "data-id": row.id },
        make("th", { scope: "row" }, label(row.label)),
        ...columns.map((_, j) => {
          const value = values[i]?.[j], cell = make("td", { dir: "auto" }, texts[i]?.[j] ?? (value == null ? "–" : figures(value)));
          if (value != null) {
            cell.className = "mv-cell";
            cell.style.setProperty("--shade", Math.min(1, Math.max(0, value)));
          }
          return cell;
        }))));
      note.textContent = rows.length > MOST ? `${figures(rows.length - MOST)} more are not drawn` : "";
    };
  },
};

// == code ==
KINDS.code = {
  traits: ["text", "language"],
  start(model, root) {
    const code = make("pre", { tabindex: 0, role: "region" }), said = make("span", { class: "mv-said", "aria-live": "polite" });
    const button = make("button", { type: "button", class: "mv-copy" }, "Copy");
    root.append(make("div", { class: "mv-code" }, code, button, said));
    let later;
    button.addEventListener("click", async () => {
      let done = true;
      try {
        await navigator.clipboard.writeText(model.get("text"));
      } catch {
        // Not allowed, or no clipboard in this page: select, and copy as people do.
        const put = (event) => {
          event.clipboardData.setData("text/plain", model.get("text"));
          event.preventDefault();
          event.stopPropagation();
        };
        getSelection().selectAllChildren(code);
        document.addEventListener("copy", put, { once: true, capture: true });
        done = document.execCommand("copy");
        document.removeEventListener("copy", put, true);
      }
      said.textContent = button.textContent = done ? "Copied" : "Press Ctrl+C";
      clearTimeout(later);
      later = setTimeout(() => {
        button.textContent = "Copy";
        said.textContent = "";
      }, 2000);
    });
    const parts = /(#.*)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\b(import|from|as|for|in|with|def|return|if|else|not|None|True|False|null|true|false)\b/g;
    return () => {
      const text = model.get("text"), nodes = [];
      let end = 0;
      if (["python", "json"].includes(model.get("language"))) for (const match of text.matchAll(parts)) {
        nodes.push(text.slice(end, match.index), make(match[1] ? "i" : match[2] ? "em" : "b", {}, match[0]));
        end = match.index + match[0].length;
      }
      code.replaceChildren(...nodes, text.slice(end));
      code.setAttribute("aria-label", model.get("title"));
    };
  },
};

// == guard ==
// In the box that holds it; it is drawn before it is put there.
KINDS.guard = {
  guard(el) {
    let free, timer;
    const look = () => {
      if (el.isConnected) free = guard(el.parentElement.closest(".widget-box") ?? el.parentElement);
      else timer = setTimeout(look, 50);
    };
    el.style.display = "none";
    look();
    return () => {
      clearTimeout(timer);
      free?.();
    };
  },
};
