// The tree of nodes: what Python sent, the elements that were made of it, and the way back.
//
// A kind is a function (ui, id) -> { el, update(props, changed), free?() }. It makes its element
// once; `update` gets all props whenever some changed (`changed`: their names). `ui` has
//   send(id, event, value)   tell Python
//   props(id)                what is known of a node
//   fill(box, ids)           put the elements of nodes into a box, in order, keeping those there
//   toast(text, mood)        a line that passes
//   tip                      the tooltip
import { arrange, focused, make, set } from "./dom.js";

export const tree = (kinds, ui) => {
  const nodes = new Map();

  const broken = (id, error) => {
    console.error(`mappedviz: ${id}`, error);
    const el = make("p", { class: "mv-note mv-is-error" }, `This part cannot be drawn: ${error.message}`);
    return { el, update() {} };
  };
  const build = (id, node) => {
    try {
      const kind = kinds[node.props.kind];
      if (!kind) throw new Error(`there is no kind ${node.props.kind}`);
      node.made = kind(ui, id);
    } catch (error) {
      node.made = broken(id, error);
    }
    node.made.el.dataset.node = id;
    node.changed = new Set(Object.keys(node.props));
    update(id, node);
  };
  const update = (id, node) => {
    const changed = node.changed;
    node.changed = null;
    try {
      node.made.update(node.props, changed);
      if (changed.has("busy")) {
        node.made.el.classList.toggle("mv-waits", Boolean(node.props.busy));
        set(node.made.el, { "aria-busy": node.props.busy ? "true" : null });
      }
    } catch (error) {
      const old = node.made;
      node.made = broken(id, error);
      node.made.el.dataset.node = id;
      old.el.replaceWith(node.made.el);
    }
  };
  const drop = (id) => {
    const node = nodes.get(id);
    if (!node) return;
    nodes.delete(id);
    node.made?.free?.();
    node.made?.el.remove();
  };

  ui.props = (id) => nodes.get(id)?.props ?? {};
  ui.element = (id) => {
    const node = nodes.get(id);
    if (!node) return null;
    if (!node.made) build(id, node);
    return node.made.el;
  };
  ui.fill = (box, ids = []) => arrange(box, ids.map(ui.element).filter(Boolean));

  // All nodes, or those that differ. Elements are updated where they are.
  const take = ({ full, patch, gone = [] }) => {
    const news = full ?? patch ?? {};
    if (full) gone = [...nodes.keys()].filter((id) => !(id in full));
    const revived = new Map();
    for (const [id, props] of Object.entries(news)) {
      let node = nodes.get(id);
      if (node && props.kind && props.kind !== node.props.kind) {
        // Another kind of the same name: its place is filled again by its parent.
        revived.set(id, node.made?.el);
        node.made?.free?.();
        nodes.delete(id);
        node = undefined;
      }
      if (!node) nodes.set(id, { props: { ...props }, changed: null });
      else {
        // null takes a property back: then it has its default.
        node.props = full ? { ...props } : { ...node.props, ...props };
        for (const [name, value] of Object.entries(node.props)) if (value === null) delete node.props[name];
        node.changed = new Set([...(node.changed ?? []), ...Object.keys(props)]);
      }
    }
    for (const [id, el] of revived) el?.isConnected && el.replaceWith(ui.element(id));
    for (const id of Object.keys(news)) {
      const node = nodes.get(id);
      if (node?.made && node.changed) update(id, node);
    }
    gone.forEach(drop);
  };

  // Where the focus is, by the nodes around it; and back to the nearest of them that is left.
  const held = (root) => {
    const active = focused(root), path = [];
    for (let at = active?.closest("[data-node]"); at; at = at.parentElement?.closest("[data-node]")) path.push(at.dataset.node);
    return active && { active, path };
  };
  const restore = (root, before) => {
    if (!before || focused(root)) return;
    if (before.active.isConnected) return before.active.focus({ preventScroll: true });
    for (const id of before.path) {
      const el = root.querySelector(`[data-node="${CSS.escape(id)}"]`);
      const next = el && [...el.querySelectorAll("button, input, select, textarea, summary, [tabindex='0']")]
        .find((node) => !node.disabled && node.checkVisibility?.() !== false);
      if (next) return next.focus({ preventScroll: true });
    }
  };

  return {
    receive(message, root) {
      const before = held(root);
      take(message);
      restore(root, before);
    },
    free() {
      for (const node of nodes.values()) node.made?.free?.();
      nodes.clear();
    },
  };
};
