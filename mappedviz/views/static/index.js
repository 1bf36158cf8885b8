// The widget: draws the tree of nodes that Python sends, and sends back what people do.
import { hold, keep, left, restore, unkeep, watchHands } from "./again.js";
import { tree } from "./app.js";
import { takeClip } from "./charts/frame.js";
import { make } from "./dom.js";
import { guardKeys } from "./keys.js";
import { KINDS } from "./kinds.js";
import { toasts } from "./page.js";
import { followTheme } from "./theme.js";
import { tooltip } from "./tooltip.js";

// What is seen until the first message comes.
const skeleton = () => make("div", { class: "mv-skeleton", role: "status", "aria-label": "Waiting for Python" },
  make("i"), make("i"), make("i"), make("i"));

const draw = (model) => {
  const root = make("div", { class: "mv" }), body = make("div", { class: "mv-root" }, skeleton());
  const made = { root, model };
  const send = (message) => made.model.send(message);
  const ui = { send: (id, event, value) => send(value === undefined ? { id, event } : { id, event, value }), root };
  root.append(body);
  ui.toast = toasts(root);
  ui.tip = tooltip(root);
  const clip = takeClip(ui);
  const nodes = tree(KINDS, ui);
  const free = guardKeys(root);
  const theme = followTheme(root, () => ui.props("page").theme);

  const hear = (message, buffers) => {
    if (message.full || message.patch || message.gone) {
      nodes.receive(message, root);
      ui.fill(body, ["page"]);
      theme.look();
    }
    if (message.toast) ui.toast(message.toast.text, message.toast.mood);
    if (message.clip) clip(message.clip, buffers);
    if (message.hold) hold(made);
  };
  // What cannot be pressed now is no button to press, though it keeps the focus.
  root.addEventListener("click", (event) => {
    if (!event.target.closest?.("[aria-disabled='true']")) return;
    event.stopPropagation();
    event.preventDefault();
  }, true);
  watchHands(root, (held) => send({ event: "held", value: held }));
  // Another view of the model takes over.
  made.listen = (to) => {
    made.model.off("msg:custom", hear);
    made.model = to;
    to.on("msg:custom", hear);
  };
  made.free = () => {
    made.model.off("msg:custom", hear);
    nodes.free();
    theme.free();
    ui.tip.free();
    free();
    root.remove();
  };
  made.listen(model);
  return made;
};

const render = ({ model, el }) => {
  const key = model.get("_key"), old = left(key);
  if (old) {
    old.views += 1;
    old.listen(model);
    el.append(old.root);
    restore(old);
    return () => unkeep(old);
  }
  const made = draw(model);
  keep(key, made);
  el.append(made.root);
  model.send({ event: "ready" });
  return () => unkeep(made);
};

export default { render };
