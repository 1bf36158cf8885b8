// The widget: draws the tree of nodes that Python sends, and sends back what people do.
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

const render = ({ model, el }) => {
  const root = make("div", { class: "mv" }), body = make("div", { class: "mv-root" }, skeleton());
  const ui = { send: (id, event, value) => model.send(value === undefined ? { id, event } : { id, event, value }), root };
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
  };
  // What cannot be pressed now is no button to press, though it keeps the focus.
  root.addEventListener("click", (event) => {
    if (!event.target.closest?.("[aria-disabled='true']")) return;
    event.stopPropagation();
    event.preventDefault();
  }, true);
  model.on("msg:custom", hear);
  el.append(root);
  model.send({ event: "ready" });
  return () => {
    model.off("msg:custom", hear);
    nodes.free();
    theme.free();
    ui.tip.free();
    free();
    root.remove();
  };
};

export default { render };
