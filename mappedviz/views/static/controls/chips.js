// chips: label, value [ids], options [{id, text, count, mood}], several (bool). Small buttons that
// are on or off. Event `value` with the ids that are on.
import { arrange, button, make, set, words, write } from "../dom.js";
import { figures } from "../numbers.js";
import { enable, field } from "./field.js";

export const chipsKind = (ui, id) => {
  const box = make("div", { class: "mv-chips" }), chips = new Map();
  const { el, head } = field("chips", box, { group: true });
  const mark = () => {
    const on = new Set(ui.props(id).value);
    for (const [option, { node }] of chips) set(node, { "aria-pressed": String(on.has(option)) });
  };
  const chip = (option) => {
    if (!chips.has(option)) {
      const node = button("mv-chip", ""), text = words(""), count = make("span", { class: "mv-count" });
      node.append(text, count);
      node.addEventListener("click", () => {
        const { value = [], several } = ui.props(id), on = value.includes(option);
        const next = on ? value.filter((one) => one !== option) : several ? [...value, option] : [option];
        ui.props(id).value = next;
        mark();
        ui.send(id, "value", next);
      });
      chips.set(option, { node, text, count });
    }
    return chips.get(option);
  };
  const update = (props) => {
    head(props);
    const options = props.options ?? [], known = new Set(options.map((one) => one.id));
    for (const option of [...chips.keys()]) if (!known.has(option)) chips.delete(option);
    arrange(box, options.map((one) => {
      const { node, text, count } = chip(one.id);
      write(text, one.text);
      write(count, one.count == null ? "" : typeof one.count === "number" ? figures(one.count) : String(one.count));
      set(node, { "data-mood": one.mood || null, title: one.title || null });
      enable(node, !(one.disabled || props.disabled));
      return node;
    }));
    mark();
  };
  return { el, update };
};
