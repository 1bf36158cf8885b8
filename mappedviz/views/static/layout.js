// What holds other nodes, and what only says something.
// stack, row: children. panel: title, hint, children, aside (stands in the side pane of what
// holds it where there is room). note: text, mood, strong. numbers: items [{value, label, title}].
// disclosure: title, open, children; event `open`. progress: done, total, text.
import { fresh, make, set, show, words, write } from "./dom.js";

// Children, those with `aside` in a pane of their own.
export const filled = (ui, main, side) => (ids = []) => {
  const aside = (child) => Boolean(ui.props(child).aside);
  ui.fill(main, ids.filter((child) => !aside(child)));
  ui.fill(side, ids.filter(aside));
  side.hidden = !side.childElementCount;
  main.parentElement.classList.toggle("mv-with-side", !side.hidden);
};

export const stackKind = (ui) => {
  const main = make("div", { class: "mv-main" }), side = make("div", { class: "mv-side", hidden: true });
  const el = make("div", { class: "mv-stack" }, main, side), fill = filled(ui, main, side);
  return { el, update: (props) => fill(props.children) };
};

export const rowKind = (ui) => {
  const el = make("div", { class: "mv-row" });
  return { el, update: (props) => ui.fill(el, props.children) };
};

export const panelKind = (ui) => {
  const heading = make("h3", { class: "mv-title", dir: "auto", id: fresh("title") }), hint = make("p", { class: "mv-hint", dir: "auto" });
  const main = make("div", { class: "mv-main" }), side = make("div", { class: "mv-side", hidden: true });
  const inner = make("div", { class: "mv-stack" }, main, side);
  const el = make("section", { class: "mv-panel" }, make("header", { class: "mv-panel-head" }, heading, hint), inner);
  const fill = filled(ui, main, side);
  const update = (props) => {
    write(heading, props.title);
    write(hint, props.hint);
    show(heading, props.title);
    show(hint, props.hint);
    show(el.firstElementChild, props.title || props.hint);
    set(el, { "aria-labelledby": props.title ? heading.id : null });
    el.classList.toggle("mv-aside", Boolean(props.aside));
    fill(props.children);
  };
  return { el, update };
};

export const noteKind = () => {
  const el = make("p", { class: "mv-note", dir: "auto" });
  const update = (props) => {
    write(el, props.text);
    el.className = `mv-note mv-is-${props.mood ?? "plain"}${props.strong ? " mv-strong" : ""}`;
  };
  return { el, update };
};

export const numbersKind = () => {
  const el = make("div", { class: "mv-numbers", role: "list" });
  const update = (props) => {
    const items = props.items ?? [];
    while (el.childElementCount > items.length) el.lastElementChild.remove();
    items.forEach((item, i) => {
      const box = el.children[i] ?? el.appendChild(make("div", { class: "mv-number-card", role: "listitem" }, make("div", { class: "mv-number-label", dir: "auto" }), make("div", { class: "mv-number-value", dir: "auto" })));
      write(box.children[0], item.label);
      write(box.children[1], item.value == null ? "–" : String(item.value));
      set(box, { title: item.title || null, "data-mood": item.mood || null });
    });
  };
  return { el, update };
};

export const disclosureKind = (ui, id) => {
  const title = words("", "mv-summary-text"), count = make("span", { class: "mv-badge" }), box = make("div", { class: "mv-stack" });
  const summary = make("summary", { class: "mv-summary" }, title, count);
  const el = make("details", { class: "mv-disclosure" }, summary, box);
  let known = false;
  el.addEventListener("toggle", () => {
    if (el.open === known) return;
    known = el.open;
    ui.send(id, "open", el.open);
  });
  const update = (props, changed) => {
    write(title, props.title);
    write(count, props.badge == null ? "" : String(props.badge));
    if (changed.has("open")) el.open = known = Boolean(props.open);
    ui.fill(box, props.children);
  };
  return { el, update };
};

export const progressKind = () => {
  const bar = make("progress", { class: "mv-progress" }), text = words("", "mv-hint");
  const el = make("div", { class: "mv-working" }, bar, text);
  const update = (props) => {
    if (props.total) set(bar, { max: props.total, value: props.done ?? 0 });
    else set(bar, { value: null });
    set(bar, { "aria-label": props.text || "Progress" });
    write(text, props.text);
  };
  return { el, update };
};
