// select: label, value, options [{id, text, note, disabled}], search. Event `value`.
// A native select; with many options, or where Python asks for it, a button that opens a list with
// a search field, which is what people expect of sixty stores.
import { arrange, make, write } from "../dom.js";
import { field } from "./field.js";
import { pickerOf } from "./picker.js";

const MANY = 12;

export const selectKind = (ui, id) => {
  const native = make("select", { class: "mv-input" });
  const shell = make("div", { class: "mv-select" });
  const { el, label, head } = field("select", native);
  shell.append(native);
  el.append(shell);
  const send = (value) => ui.send(id, "value", value);
  native.addEventListener("change", () => send(native.value));
  let picker;

  const update = (props, changed) => {
    head(props);
    const options = props.options ?? [], search = props.search || options.length > MANY;
    if (search) {
      picker ??= pickerOf(label, send);
      arrange(shell, [picker.el]);
      picker.update(props);
      return;
    }
    arrange(shell, [native]);
    if (changed.has("options")) {
      const known = new Map([...native.children].map((node) => [node.value, node]));
      arrange(native, options.map((one) => {
        const node = known.get(one.id) ?? make("option", { value: one.id });
        write(node, one.note ? `${one.text} – ${one.note}` : one.text);
        node.disabled = Boolean(one.disabled);
        return node;
      }));
    }
    native.value = props.value ?? "";
  };
  return { el, update, free: () => picker?.close() };
};
