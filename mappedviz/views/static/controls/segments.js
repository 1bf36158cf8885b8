// segments: label, value, options [{id, text, note, disabled}]. A radio group that looks like one
// divided button. Event `value`.
import { arrange, fresh, make, set, words, write } from "../dom.js";
import { field } from "./field.js";

export const segmentsKind = (ui, id) => {
  const box = make("div", { class: "mv-segments" }), name = fresh("segments"), parts = new Map();
  const { el, head } = field("segments", box, { group: true, role: "radiogroup" });
  const part = (option) => {
    if (!parts.has(option)) {
      const input = make("input", { type: "radio", name, value: option }), text = words("");
      input.addEventListener("change", () => input.checked && ui.send(id, "value", option));
      parts.set(option, { input, text, node: make("label", { class: "mv-segment" }, input, text) });
    }
    return parts.get(option);
  };
  const update = (props) => {
    head(props);
    arrange(box, (props.options ?? []).map((one) => {
      const { input, text, node } = part(one.id);
      write(text, one.text);
      set(node, { title: one.note || null });
      input.disabled = Boolean(one.disabled || props.disabled);
      input.checked = one.id === props.value;
      return node;
    }));
  };
  return { el, update };
};
