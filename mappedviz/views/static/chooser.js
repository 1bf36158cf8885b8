// Choosing among the elements with data-id in a box: one tab stop, arrows, Home, End, Enter, Space,
// Escape, click. What is chosen are the props `selected` and `selectable` of the node; the event is
// `selected` with a list of ids.
import { focused, set } from "./dom.js";

export const chooser = (ui, id, root, box, { enter, leave = () => {}, sideways = false, role = "aria-selected" } = {}) => {
  let at;
  const props = () => ui.props(id), now = () => props().selected ?? [], how = () => props().selectable ?? "none";
  const items = () => [...box.querySelectorAll("[data-id]")];
  const itemOf = (node) => node?.closest("[data-id]");
  const choose = (ids) => {
    // Marked at once; what Python answers stands in its place.
    props().selected = ids;
    mark();
    ui.send(id, "selected", ids);
  };
  const toggle = (one) => {
    const on = now().includes(one);
    if (how() === "one") choose(on ? [] : [one]);
    if (how() === "many") choose(on ? now().filter((other) => other !== one) : [...now(), one]);
  };
  const mark = () => {
    const all = items(), on = new Set(now()), able = how() !== "none";
    const stop = all.find((node) => node.dataset.id === at) ?? all.find((node) => on.has(node.dataset.id)) ?? all[0];
    root.classList.toggle("mv-able", able);
    set(box.closest("table") ?? box, { "aria-multiselectable": how() === "many" ? "true" : null });
    for (const node of all) {
      const chosen = on.has(node.dataset.id);
      set(node, { tabindex: node === stop ? 0 : -1, "aria-selected": null, "aria-current": null });
      if (able) set(node, { [role]: String(chosen) });
      else if (chosen) set(node, { "aria-current": "true" });
      node.classList.toggle("mv-on", chosen);
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
    if (target.dataset.id === undefined) return;
    at = target.dataset.id;
    mark();
    if (target.matches(":focus-visible")) enter?.(target);
  });
  box.addEventListener("focusout", ({ relatedTarget }) => box.contains(relatedTarget) || leave());
  box.addEventListener("keydown", (event) => {
    const { target, key } = event, all = items(), i = all.indexOf(target), last = all.length - 1;
    if (i < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, PageDown: i + 10, PageUp: i - 10, Home: 0, End: last,
      ...(sideways ? { ArrowRight: i + 1, ArrowLeft: i - 1 } : {}) }[key];
    if (to !== undefined) all[Math.max(0, Math.min(last, to))].focus();
    else if (key === "Enter" || key === " ") toggle(target.dataset.id);
    else if (key === "Escape") {
      leave();
      if (how() !== "none" && now().length) choose([]);
    } else return;
    event.preventDefault();
    mark();
  });
  // New items; the focus stays on the one it was on, or on its neighbour.
  const fill = (nodes) => {
    const held = itemOf(focused(box))?.dataset.id, place = held === undefined ? -1 : items().findIndex((node) => node.dataset.id === held);
    box.replaceChildren(...nodes);
    mark();
    if (held === undefined) return;
    const all = items();
    (all.find((node) => node.dataset.id === held) ?? all[Math.min(place, all.length - 1)])?.focus({ preventScroll: true });
  };
  return { mark, fill, choose };
};

// True where nothing but the selection differs from what is drawn.
export const onlySelection = (changed) => changed.size > 0 && [...changed].every((name) => name === "selected");
