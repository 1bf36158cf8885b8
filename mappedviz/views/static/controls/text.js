// text: label, value, placeholder, area (bool: several lines), search (bool), late (bool). Event `value`
// after typing rests (not if `late`), on Enter (Ctrl+Enter in an area) and when the field is left.
import { make, set } from "../dom.js";
import { field, typing } from "./field.js";

export const textKind = (ui, id) => {
  const area = Boolean(ui.props(id).area);
  const input = area ? make("textarea", { class: "mv-input mv-area", rows: 5, spellcheck: "false" })
    : make("input", { type: "text", class: ui.props(id).late ? "mv-input mv-late" : "mv-input", autocomplete: "off", spellcheck: "false" });
  const { el, head } = field("text", input);
  const rests = area || ui.props(id).late ? null : 150;
  const sync = typing(input, (value) => ui.send(id, "value", value), rests);
  const update = (props) => {
    head(props);
    set(input, { placeholder: props.placeholder || null });
    if (!area) set(input, { type: props.search ? "search" : "text" });
    sync(props.value);
  };
  return { el, update };
};
