// check: label, value (bool), disabled, title. Event `value`.
import { make, set, words, write } from "../dom.js";

export const checkKind = (ui, id) => {
  const input = make("input", { type: "checkbox" }), text = words("");
  const el = make("label", { class: "mv-check" }, input, text);
  input.addEventListener("change", () => ui.send(id, "value", input.checked));
  const update = (props) => {
    write(text, props.label);
    set(el, { title: props.title || null });
    input.checked = Boolean(props.value);
    input.disabled = Boolean(props.disabled);
  };
  return { el, update };
};
