// Says of a box that scrolls whether there is more to the right: its class fades that edge. A mask
// that is animated by the scroll does the same without a script, but some tables stayed blank.
import { make } from "./dom.js";

export const scroller = (content) => {
  const box = make("div", { class: "mv-scroll" }, content);
  const tell = () => box.classList.toggle("mv-more-right", Math.abs(box.scrollLeft) + box.clientWidth < box.scrollWidth - 4);
  const watch = new ResizeObserver(tell);
  watch.observe(box);
  watch.observe(content);
  box.addEventListener("scroll", tell, { passive: true });
  return box;
};
