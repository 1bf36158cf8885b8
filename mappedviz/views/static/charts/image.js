// image: svg (a picture of matplotlib as text) or png (base64), title. Shown as an image: what is
// in it cannot run or ask for anything.
import { make, set } from "../dom.js";
import { frame } from "./frame.js";

export const imageKind = (ui, id) => {
  const image = make("img", { class: "mv-image" }), { el, head } = frame(ui, id, "image", image);
  const update = (props, changed) => {
    head(props);
    set(image, { alt: props.title ?? "" });
    if (changed.has("svg") || changed.has("png"))
      image.src = props.png ? `data:image/png;base64,${props.png}` : "data:image/svg+xml;charset=utf-8," + encodeURIComponent(props.svg ?? "");
  };
  return { el, update };
};
