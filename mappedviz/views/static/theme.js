// Light or dark, and the colour of the ground: as the page around the widget is, whoever made it.

const channels = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
const brightness = ([r = 0, g = 0, b = 0]) => (0.299 * r + 0.587 * g + 0.114 * b) / 255;

// The first colour behind an element that is not transparent; null on a page without any.
const groundOf = (node) => {
  for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
    const colour = getComputedStyle(at).backgroundColor, [, , , alpha = 1] = channels(colour);
    if (colour.startsWith("rgb") && alpha > 0.9) return colour;
  }
  return null;
};

// Follow the page's theme; `forced` gives "light" or "dark" where Python decided.
export const followTheme = (root, forced) => {
  const look = () => {
    if (!root.parentElement && !root.getRootNode().host) return;
    const around = root.parentElement ?? root.getRootNode().host;
    const ground = groundOf(around), own = forced();
    const ink = brightness(channels(getComputedStyle(around).color));
    const theme = own || (ink > 0.5 ? "dark" : "light");
    if (root.dataset.theme !== theme) root.dataset.theme = theme;
    root.classList.toggle("mv-own", Boolean(own));
    if (ground && !own) root.style.setProperty("--mv-ground", ground);
    else root.style.removeProperty("--mv-ground");
  };
  const soon = () => requestAnimationFrame(() => setTimeout(look, 60));
  const observer = new MutationObserver(soon);
  for (const node of [document.documentElement, document.body])
    observer.observe(node, { attributes: true, attributeFilter: ["class", "style", "data-jp-theme-light", "data-jp-theme-name", "data-theme"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", soon);
  // It is put into the page after it is drawn.
  requestAnimationFrame(look);
  soon();
  return {
    look,
    free: () => {
      observer.disconnect();
      system.removeEventListener("change", soon);
    },
  };
};
