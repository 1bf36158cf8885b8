// A small menu that a button opens: arrows, Enter, Escape; closed by a press beside it.
import { button, make, set } from "./dom.js";
import { below } from "./controls/picker.js";

// `items`: [{text, title, run}], asked for when the menu opens.
export const menuButton = (text, name, items) => {
  const opener = button("mv-quiet", text, { "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": name });
  const pop = make("div", { class: "mv-pop mv-menu", role: "menu", popover: "auto", "aria-label": name });
  const close = () => pop.matches(":popover-open") && pop.hidePopover();
  const open = () => {
    pop.replaceChildren(...items().map((one) => {
      const node = button("mv-menu-item", one.text, { role: "menuitem", tabindex: -1 });
      node.addEventListener("click", () => {
        close();
        opener.focus({ preventScroll: true });
        one.run();
      });
      return node;
    }));
    pop.showPopover?.();
    below(pop, opener);
    pop.firstElementChild?.focus();
  };
  opener.addEventListener("click", open);
  opener.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    open();
  });
  pop.addEventListener("toggle", (event) => set(opener, { "aria-expanded": String(event.newState === "open") }));
  pop.addEventListener("keydown", (event) => {
    const all = [...pop.children], i = all.indexOf(event.target), last = all.length - 1;
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") {
      close();
      opener.focus({ preventScroll: true });
    } else if (event.key === "Tab") return close();
    else if (to === undefined) return;
    else all[(to + all.length) % all.length].focus();
    event.preventDefault();
    event.stopPropagation();
  });
  return { opener, pop };
};
