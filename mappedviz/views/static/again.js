// A notebook draws an output again when its HTML is updated: JupyterLab throws the old element
// away and asks for a new view of the same model. What was drawn goes over into the new one, with
// its focus and its scroll positions, so that nobody sees it.
import { focused } from "./dom.js";

const drawn = new Map();  // key of the model -> what was drawn of it

// Keep what was drawn for a view.
export const keep = (key, made) => {
  const { root } = made;
  made.key = key;
  made.views = 1;
  made.seen = false;  // a view that is made for another output has no parent yet
  made.watch = new ResizeObserver(() => { made.seen ||= root.isConnected; });
  made.watch.observe(root);
  if (key) drawn.set(key, [...(drawn.get(key) ?? []), made]);
};

// A view is gone; with the last one goes what was drawn.
export const unkeep = (made) => {
  if (--made.views) return;
  made.watch.disconnect();
  const rest = (drawn.get(made.key) ?? []).filter((one) => one !== made);
  if (rest.length) drawn.set(made.key, rest);
  else drawn.delete(made.key);
  made.free();
};

// What was drawn in an element that was thrown away, if there is such. A cell that is off-screen
// has no place in the page either, but its element is still in the cell.
export const left = (key) => drawn.get(key)?.find(({ seen, root }) => seen && root.parentElement && !root.parentElement.parentNode);

// Remember where everything is, and let the place of the output stay as high as it is.
export const hold = (made) => {
  const { root } = made, place = root.parentElement?.parentElement;
  if (!place || !root.isConnected) return;
  const scrolled = [...root.querySelectorAll("*")].filter((node) => node.scrollTop || node.scrollLeft)
    .map((node) => [node, node.scrollTop, node.scrollLeft]);
  const before = place.style.minHeight;
  place.style.minHeight = `${place.getBoundingClientRect().height}px`;
  made.held = { active: focused(root), scrolled };
  setTimeout(() => { place.style.minHeight = before; }, 1000);
};

// Put everything back where it was, as soon as it is in the page.
export const restore = (made) => {
  const { root, held } = made;
  if (!held) return;
  made.held = null;
  const back = () => {
    for (const [node, top, left] of held.scrolled) {
      node.scrollTop = top;
      node.scrollLeft = left;
    }
    const active = root.getRootNode().activeElement;
    if (held.active && (!active || active === document.body || active.contains(root))) held.active.focus({ preventScroll: true });
  };
  const look = new ResizeObserver(() => {
    if (!root.isConnected) return;
    look.disconnect();
    back();
  });
  look.observe(root);
};

// Tell whether somebody is at the widget: a text is being typed, the keyboard is in it, or the
// mouse is over what was just pressed.
export const watchHands = (root, tell) => {
  const TYPED = "select, textarea, input:not([type=radio], [type=checkbox], [type=range])";
  let told = false;
  const say = (held) => {
    if (held !== told) tell(told = held);
  };
  const look = () => {
    const at = focused(root);
    say(Boolean(at && (at.matches(`${TYPED}, :focus-visible`) || root.matches(":hover"))));
  };
  const soon = () => setTimeout(look, 0);
  // Who saves from in here gets what is there now.
  const save = (event) => (event.ctrlKey || event.metaKey) && event.key === "s" && say(false);
  for (const name of ["focusin", "focusout", "pointerleave", "pointerenter", "change"]) root.addEventListener(name, soon);
  root.addEventListener("keydown", save);
};
