// The tooltip: one for all charts, in the top layer, so that no output area cuts it off.
import { make, place, swatch, words } from "./dom.js";

export const tooltip = (root) => {
  const node = make("div", { class: "mv-tip", popover: "manual", "aria-hidden": "true" });
  root.append(node);
  const open = () => node.matches(":popover-open");
  const hide = () => open() && node.hidePopover();
  // pairs: [name, text, series or null]
  const tell = (x, y, head, pairs = []) => {
    if (!node.showPopover || !node.isConnected) return;
    node.replaceChildren(...[head && make("b", { dir: "auto" }, head), ...pairs.map(([name, text, one]) =>
      make("span", { class: "mv-pair" }, one ? swatch(one) : null, words(name, ""), make("span", { dir: "auto" }, text ?? "")))].filter(Boolean));
    if (!open()) node.showPopover();
    const { width, height } = node.getBoundingClientRect();
    const top = y + 18 + height > innerHeight ? y - height - 10 : y + 18;
    place(node, { left: Math.max(4, Math.min(x + 14, innerWidth - width - 4)) + "px", top: Math.max(4, top) + "px" });
  };
  root.addEventListener("pointerleave", hide);
  root.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", hide, { capture: true, passive: true });
  return { tell, hide, free: () => removeEventListener("scroll", hide, { capture: true }) };
};
