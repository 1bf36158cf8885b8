// slider: label, value, min, max, step, text (how the present value is written). Event `value`,
// at most seven times a second while it is dragged.
import { make, place, set, write } from "../dom.js";
import { figures } from "../numbers.js";
import { field } from "./field.js";

export const sliderKind = (ui, id) => {
  const input = make("input", { type: "range", class: "mv-range" }), text = make("output", { class: "mv-slider-text", dir: "auto" });
  const { el, head } = field("slider", input);
  const line = make("div", { class: "mv-slider-line" }, input, text);
  el.append(line);
  let sent, timer, dragged = false;
  const fill = () => place(input, { "--done": `${(100 * (input.value - input.min)) / (input.max - input.min || 1)}%` });
  const tell = () => {
    clearTimeout(timer);
    timer = undefined;
    if (Number(input.value) === sent) return;
    sent = Number(input.value);
    ui.send(id, "value", sent);
  };
  input.addEventListener("input", () => {
    const number = figures(Number(input.value));
    write(text, number);
    set(input, { "aria-valuetext": number });
    fill();
    timer ??= setTimeout(tell, 150);
  });
  input.addEventListener("change", tell);
  input.addEventListener("pointerdown", () => (dragged = true));
  for (const name of ["pointerup", "pointercancel"]) input.addEventListener(name, () => (dragged = false));
  const update = (props) => {
    head(props);
    set(input, { min: props.min ?? 0, max: props.max ?? 100, step: props.step ?? 1 });
    if (!dragged && timer === undefined) {
      input.value = props.value ?? 0;
      sent = Number(input.value);
    }
    if (Number(input.value) === Number(props.value)) {
      write(text, props.text || figures(Number(props.value)));
      set(input, { "aria-valuetext": text.textContent });
    }
    fill();
  };
  return { el, update, free: () => clearTimeout(timer) };
};
