// page: tabs [{id, title, badge, title_text}], tab, children, theme. Nodes of the kind `status`
// among its children stand in its head. Events of the page: `value` with the id of a tab.
// status: text, mood ("ok", "busy", "error"), done, total, can_undo, can_redo. Its buttons send
// `press` from status.undo, status.redo, status.cancel and status.again.
import { arrange, button, fresh, make, set, show, words, write } from "./dom.js";
import { enable } from "./controls/field.js";
import { filled } from "./layout.js";

export const pageKind = (ui, id) => {
  const list = make("div", { class: "mv-tabs", role: "tablist", "aria-label": "Views" });
  const head = make("div", { class: "mv-head" }), panel = make("div", { class: "mv-body mv-stack" });
  const main = make("div", { class: "mv-main" }), side = make("div", { class: "mv-side", hidden: true });
  panel.append(main, side);
  const fill = filled(ui, main, side);
  const el = make("div", { class: "mv-page" }, list, head, panel);
  const names = new Map(), panelId = fresh("panel");
  let current;
  panel.id = panelId;

  const tabOf = (tab) => {
    if (!names.has(tab)) {
      const label = words("", "mv-tab-text"), badge = make("span", { class: "mv-badge" });
      const node = make("button", { type: "button", role: "tab", id: fresh("tab"), class: "mv-tab", "aria-controls": panelId }, label, badge);
      node.dataset.tab = tab;
      node.addEventListener("click", () => ui.send(id, "value", tab));
      names.set(tab, { node, label, badge });
    }
    return names.get(tab);
  };
  list.addEventListener("keydown", (event) => {
    const all = [...list.children], i = all.indexOf(event.target), last = all.length - 1;
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: last }[event.key];
    if (i < 0 || to === undefined) return;
    event.preventDefault();
    const next = all[(to + all.length) % all.length];
    next.focus();
    next.click();
  });

  const measure = () => list.classList.toggle("mv-more-tabs", list.scrollLeft + list.clientWidth < list.scrollWidth - 4);
  const watch = new ResizeObserver(measure);
  watch.observe(list);
  list.addEventListener("scroll", measure, { passive: true });

  const update = (props) => {
    const tabs = props.tabs ?? [];
    arrange(list, tabs.map((one) => {
      const { node, label, badge } = tabOf(one.id), on = one.id === props.tab;
      write(label, one.title);
      label.dataset.text = one.title;
      write(badge, one.badge == null ? "" : String(one.badge));
      set(node, { title: one.title_text || null, "aria-selected": String(on), tabindex: on ? 0 : -1 });
      return node;
    }));
    show(list, tabs.length > 1);
    const children = props.children ?? [], isHead = (child) => ui.props(child).kind === "status";
    ui.fill(head, children.filter(isHead));
    fill(children.filter((child) => !isHead(child)));
    show(head, head.childElementCount);
    const on = names.get(props.tab)?.node;
    set(panel, tabs.length > 1 ? { role: "tabpanel", "aria-labelledby": on?.id, tabindex: -1 } : { role: null, "aria-labelledby": null });
    if (on && props.tab !== current) {
      const { offsetLeft, offsetWidth } = on;
      if (offsetLeft < list.scrollLeft || offsetLeft + offsetWidth > list.scrollLeft + list.clientWidth)
        list.scrollLeft = offsetLeft - 24;
    }
    current = props.tab;
    measure();
  };
  return { el, update, free: () => watch.disconnect() };
};

const press = (ui, id, name, text, label, title) => {
  const node = button("mv-quiet mv-icon-" + name, text, { title, "aria-label": label });
  node.addEventListener("click", () => ui.send(`${id}.${name}`, "press"));
  return node;
};

export const statusKind = (ui, id) => {
  const dot = make("span", { class: "mv-dot", "aria-hidden": "true" });
  const text = make("span", { class: "mv-verdict", dir: "auto", role: "status", "aria-live": "polite" });
  const bar = make("progress", { class: "mv-progress", "aria-label": "Progress" });
  const cancel = press(ui, id, "cancel", "Cancel", "Cancel", "Stop reading the stores");
  const undo = press(ui, id, "undo", "", "Undo", "Undo the last change");
  const redo = press(ui, id, "redo", "", "Redo", "Redo the change that was undone");
  const again = press(ui, id, "again", "", "Read again", "Read the stores again");
  const tools = make("div", { class: "mv-tools", role: "group", "aria-label": "History" }, undo, redo, again);
  const el = make("div", { class: "mv-status" }, dot, text, bar, cancel, tools);
  const update = (props) => {
    const busy = props.mood === "busy";
    write(text, props.text);
    el.dataset.mood = props.mood ?? "ok";
    show(bar, busy);
    if (props.total) set(bar, { max: props.total, value: props.done ?? 0 });
    else set(bar, { value: null });
    show(cancel, busy);
    enable(undo, props.can_undo);
    enable(redo, props.can_redo);
    enable(again, !busy);
  };
  return { el, update };
};

// Lines that pass: said to screen readers, gone after a while or by a click.
export const toasts = (root) => {
  const box = make("div", { class: "mv-toasts", role: "status", "aria-live": "polite" });
  root.append(box);
  return (text, mood = "plain") => {
    const node = make("div", { class: `mv-toast mv-is-${mood}` }, words(text));
    const end = () => node.remove();
    node.addEventListener("click", end);
    box.append(node);
    while (box.childElementCount > 3) box.firstElementChild.remove();
    setTimeout(end, mood === "error" ? 9000 : 4000);
  };
};
