// What every chart has around it: its title, and the menu of `copies` (["png", "svg", "csv",
// "code"]). Pictures are drawn here; CSV and code are asked of Python with the event `copy`.
import { copyBlob, copyText, offer } from "../clip.js";
import { make, set, show, words, write } from "../dom.js";
import { menuButton } from "../menu.js";
import { pngOf, svgOf } from "../picture.js";

const WORDS = { png: "Copy as PNG", svg: "Copy as SVG", csv: "Copy as CSV", code: "Copy the code for this" };
const KINDS_OF_FILES = { svg: "image/svg+xml", csv: "text/csv", code: "text/plain", png: "image/png" };

const fileName = (title, kind) => `${(title || "mappedviz").replace(/[^\p{L}\p{N}]+/gu, "_").slice(0, 60)}.${kind === "code" ? "py" : kind}`;

export const frame = (ui, id, name, ...body) => {
  const title = words("", "mv-caption-text");
  const copies = () => ui.props(id).copies ?? [];
  const menu = menuButton("Copy", "Copy", () => copies().map((kind) => ({ text: WORDS[kind] ?? kind, run: () => copy(kind) })));
  const tools = make("span", { class: "mv-chart-tools", "data-no-picture": "" }, menu.opener, menu.pop);
  const caption = make("figcaption", { class: "mv-caption" }, title, tools);
  const el = make("figure", { class: `mv-chart mv-chart-${name}` }, caption, ...body);

  const copy = async (kind) => {
    if (kind === "csv" || kind === "code") {
      ui.asked = id;
      return ui.send(id, "copy", kind);
    }
    try {
      const svg = svgOf(el, getComputedStyle(ui.root).getPropertyValue("--mv-ground") || getComputedStyle(ui.root).getPropertyValue("--mv-plain"));
      if (kind === "svg") return ui.toast((await copyText(svg)) ? "SVG copied" : "The browser does not allow copying", "ok");
      const how = await copyBlob(ui.root, await pngOf(svg), fileName(ui.props(id).title, "png"));
      ui.toast(how === "copied" ? "PNG copied" : "PNG saved as a file", "ok");
    } catch (error) {
      ui.toast(`No picture: ${error.message}`, "error");
    }
  };
  const head = (props) => {
    write(title, props.title);
    set(menu.opener, { "aria-label": `Copy ${props.title ?? ""}`.trim() });
    show(tools, copies().length);
    show(caption, props.title || copies().length);
    set(el, { title: null });
  };
  return { el, caption, tools, head };
};

// What Python answers to `copy`.
export const takeClip = (ui) => async (clip, buffers) => {
  if (clip.id !== undefined && clip.id !== ui.asked) return;
  ui.asked = undefined;
  const name = clip.name || fileName(ui.props(clip.id).title, clip.kind);
  if (clip.kind === "png") {
    const bytes = buffers?.[0] ?? Uint8Array.from(atob(clip.data), (one) => one.charCodeAt(0));
    const how = await copyBlob(ui.root, new Blob([bytes], { type: "image/png" }), name);
    return ui.toast(how === "copied" ? "PNG copied" : "PNG saved as a file", "ok");
  }
  const what = { csv: "CSV", svg: "SVG", code: "Code" }[clip.kind] ?? "Text";
  if (await copyText(clip.text)) return ui.toast(`${what} copied`, "ok");
  offer(ui.root, new Blob([clip.text], { type: KINDS_OF_FILES[clip.kind] ?? "text/plain" }), name);
  ui.toast(`${what} saved as a file`, "ok");
};
