// number: label, value, min, max, step. Event `value` (a number) on Enter and when it is left.
import { make, set } from "../dom.js";
import { field, typing } from "./field.js";

export const numberKind = (ui, id) => {
  const input = make("input", { type: "number", class: "mv-input mv-number" });
  const { el, head } = field("number", input);
  const sync = typing(input, (value) => ui.send(id, "value", value === "" ? null : Number(value)), null);
  const update = (props) => {
    head(props);
    set(input, { min: props.min, max: props.max, step: props.step ?? "any" });
    sync(props.value);
  };
  return { el, update };
};
