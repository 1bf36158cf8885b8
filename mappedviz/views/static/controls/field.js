// What all controls share: a label above the control, and care with what is being typed.
import { focused, fresh, later, make, set, show, write } from "../dom.js";

// A control with its label; `group` where the control has several parts.
export const field = (name, control, { group = false, role = "group" } = {}) => {
  const label = make(group ? "span" : "label", { class: "mv-field-label", dir: "auto", id: fresh("label") });
  const el = make("div", { class: `mv-field mv-field-${name}` }, label, control);
  if (group) set(control, { role, "aria-labelledby": label.id });
  else {
    control.id = fresh(name);
    label.htmlFor = control.id;
  }
  const head = (props) => {
    write(label, props.label);
    show(label, props.label);
    set(el, { title: props.title || null });
    if (!group) control.disabled = Boolean(props.disabled);
  };
  return { el, label, head };
};

// Buttons that cannot be pressed now keep the focus they have.
export const enable = (node, on) => set(node, { "aria-disabled": on ? null : "true" });

// A field that is typed into. `delay`: how long typing rests before it is sent; null: only on
// Enter, and when the field is left. What Python says is not written over what is being typed.
export const typing = (input, send, delay) => {
  let known = "", sent, typed = false;
  const tell = () => {
    if (input.value === (sent ?? known)) return;
    sent = input.value;
    send(input.value);
  };
  const ask = later(tell, delay ?? 0);
  const commit = () => {
    ask.stop();
    tell();
    typed = false;
  };
  input.addEventListener("input", (event) => {
    typed = true;
    if (delay != null && !event.isComposing) ask();
  });
  input.addEventListener("compositionend", () => delay != null && ask());
  input.addEventListener("change", commit);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (input.tagName !== "TEXTAREA" || event.ctrlKey || event.metaKey)) commit();
  });
  input.addEventListener("blur", () => {
    commit();
    if (sent === undefined && input.value !== known) input.value = known;
  });
  return (value) => {
    known = value == null ? "" : String(value);
    if (typed && focused(input)) return;
    sent = undefined;
    if (input.value !== known) input.value = known;
  };
};
