// file: label, accept. A file of the person's machine, read in the browser. Event `value` with
// {name, text}.
import { make, set } from "../dom.js";
import { field } from "./field.js";

const LARGEST = 2_000_000; // bytes, as one message carries them

export const fileKind = (ui, id) => {
  const input = make("input", { type: "file", class: "mv-file" });
  const { el, head } = field("file", input);
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    if (file.size > LARGEST) ui.toast(`${file.name} is too large: more than 2 MB`, "error");
    else ui.send(id, "value", { name: file.name, text: await file.text() });
    input.value = "";
  });
  const update = (props) => {
    head(props);
    set(input, { accept: props.accept || null });
  };
  return { el, update };
};
