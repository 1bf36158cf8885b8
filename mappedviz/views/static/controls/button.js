// button: text, title, mood ("plain", "primary", "danger"), disabled. Event `press`.
import { button, set, write } from "../dom.js";
import { enable } from "./field.js";

export const buttonKind = (ui, id) => {
  const el = button("mv-button", " ");
  el.addEventListener("click", () => ui.send(id, "press"));
  const update = (props) => {
    write(el.firstChild, props.text);
    el.className = `mv-button mv-is-${props.mood ?? "plain"}`;
    set(el, { title: props.title || null });
    enable(el, !props.disabled);
  };
  return { el, update };
};
