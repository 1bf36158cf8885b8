// A picture of what is drawn: elements of the page become an SVG, and that a PNG. Grounds, borders,
// texts, lines and canvases are taken as they are seen; nothing is fetched.
import { make, set } from "./dom.js";

const SKIPPED = "[data-no-picture], [popover], .mv-said";
const PADDING = 16;

// One colour space that every program reads.
const plain = (() => {
  let context;
  return (colour) => {
    context ??= make("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return { fill: `rgb(${r},${g},${b})`, "fill-opacity": +(a / 255).toFixed(3) };
  };
})();
const clear = (colour) => !colour || plain(colour)["fill-opacity"] === 0;
const round = (value) => +value.toFixed(2);

// Lines of a text node: what was cut off by an ellipsis is cut off here.
const textParts = (node, style, box) => {
  const range = document.createRange(), text = node.data, parts = [];
  const cut = style.textOverflow === "ellipsis" && node.parentElement.scrollWidth > node.parentElement.clientWidth + 1;
  range.selectNodeContents(node);
  const rects = [...range.getClientRects()].filter((rect) => rect.width > 0);
  if (!rects.length) return [];
  if (rects.length === 1) {
    let shown = text;
    if (cut) {
      let end = text.length;
      const { right } = node.parentElement.getBoundingClientRect();
      do {
        end -= 1;
        range.setEnd(node, end);
      } while (end > 0 && range.getBoundingClientRect().right > right - 10);
      shown = text.slice(0, end).trimEnd() + "…";
    }
    return [[shown, rects[0]]];
  }
  let start = 0, line = null;
  for (let i = 0; i < text.length; i++) {
    range.setStart(node, i);
    range.setEnd(node, i + 1);
    const rect = range.getBoundingClientRect();
    if (!rect.width) continue;
    if (line && rect.top > line.bottom - 2) {
      parts.push([text.slice(start, i), line]);
      start = i;
      line = rect;
    } else line ??= rect;
  }
  if (line) parts.push([text.slice(start), line]);
  return parts.filter(([, rect]) => rect.top < box.bottom);
};

const writeText = (out, node, frame, box) => {
  const parent = node.parentElement, style = getComputedStyle(parent);
  if (style.visibility === "hidden" || !node.data.trim()) return;
  const upright = style.writingMode === "horizontal-tb", size = parseFloat(style.fontSize);
  for (const [text, rect] of textParts(node, style, box)) {
    const base = { "font-size": size, "font-weight": style.fontWeight, "font-family": style.fontFamily, "font-style": style.fontStyle, ...plain(style.color) };
    const at = upright ? { x: round(rect.left - frame.left), y: round(rect.top - frame.top + rect.height / 2 + size * 0.35) }
      : { transform: `translate(${round(rect.left - frame.left + rect.width / 2 + size * 0.35)} ${round(rect.bottom - frame.top)}) rotate(-90)` };
    out.push(make("text", { ...base, ...at, "xml:space": "preserve" }, text.replace(/\s+/g, style.whiteSpace.startsWith("pre") ? "$&" : " ").trimEnd()));
  }
};

// A scale of colours, from left to right.
const writeRamp = (out, area, gradient) => {
  const stops = gradient.match(/(?:rgba?|color|oklab|oklch)\([^()]*\)/g) ?? [], width = area.width / Math.max(1, 8 * (stops.length - 1));
  for (let i = 0; i < stops.length - 1; i++) for (let j = 0; j < 8; j++) {
    const share = Math.round((100 * (j + 0.5)) / 8), { fill } = plain(`color-mix(in srgb, ${stops[i + 1]} ${share}%, ${stops[i]})`);
    out.push(make("rect", { x: round(area.x + (8 * i + j) * width), y: area.y, width: round(width + 0.5), height: area.height, fill }));
  }
};

const writeBox = (out, node, frame, style) => {
  const rect = node.getBoundingClientRect(), x = round(rect.left - frame.left), y = round(rect.top - frame.top);
  if (!rect.width || !rect.height) return;
  const area = { x, y, width: round(rect.width), height: round(rect.height), rx: parseFloat(style.borderTopLeftRadius) || null };
  if (!clear(style.backgroundColor)) out.push(make("rect", { ...area, ...plain(style.backgroundColor), opacity: style.opacity === "1" ? null : style.opacity }));
  if (node.matches(".mv-ramp, .mv-shades")) writeRamp(out, area, style.backgroundImage);
  if (node.classList.contains("mv-break")) {
    const { fill } = plain(getComputedStyle(node).getPropertyValue("--paper"));
    for (const i of [0.3, 0.7]) out.push(make("line", { x1: x + i * area.width - 2, y1: y + area.height, x2: x + i * area.width + 2, y2: y, stroke: fill, "stroke-width": 2.4 }));
  }
  if (node.classList.contains("mv-hatch")) out.push(make("rect", { ...area, fill: "#000", "fill-opacity": 0.25 }));
  for (const [side, line] of [["Top", [0, 0, 1, 0]], ["Bottom", [0, 1, 1, 1]], ["Left", [0, 0, 0, 1]], ["Right", [1, 0, 1, 1]]]) {
    const width = parseFloat(style[`border${side}Width`]), colour = style[`border${side}Color`];
    if (!width || clear(colour) || style[`border${side}Style`] === "none") continue;
    const { fill, "fill-opacity": opacity } = plain(colour);
    out.push(make("line", { x1: x + line[0] * area.width, y1: y + line[1] * area.height, x2: x + line[2] * area.width, y2: y + line[3] * area.height,
      stroke: fill, "stroke-opacity": opacity, "stroke-width": width }));
  }
};

// An SVG inside the page: its shapes with the colours that the style sheet gave them.
const writeSvg = (out, node, frame) => {
  const rect = node.getBoundingClientRect(), copy = node.cloneNode(true);
  const shapes = [...node.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((shape, i) => {
    const style = getComputedStyle(shapes[i]);
    for (const name of ["fill", "stroke"]) {
      if (style[name] === "none") shape.setAttribute(name, "none");
      else {
        const { fill, "fill-opacity": opacity } = plain(style[name]);
        set(shape, { [name]: fill, [name + "-opacity"]: opacity });
      }
    }
    set(shape, { "stroke-width": style.strokeWidth, "stroke-linecap": style.strokeLinecap, opacity: style.opacity, "vector-effect": style.vectorEffect });
  });
  set(copy, { x: round(rect.left - frame.left), y: round(rect.top - frame.top), width: round(rect.width), height: round(rect.height), class: null, style: null });
  out.push(copy);
};

const walk = (out, node, frame, clip) => {
  if (node.nodeType === Node.TEXT_NODE) return writeText(out, node, frame, clip);
  if (node.nodeType !== Node.ELEMENT_NODE || node.matches(SKIPPED)) return;
  const style = getComputedStyle(node);
  if (style.display === "none" || style.visibility === "hidden") return;
  if (node.tagName === "svg") return writeSvg(out, node, frame);
  writeBox(out, node, frame, style);
  const rect = node.getBoundingClientRect(), at = { x: round(rect.left - frame.left), y: round(rect.top - frame.top), width: round(rect.width), height: round(rect.height) };
  if (node.tagName === "CANVAS") return void out.push(make("image", { ...at, href: node.toDataURL("image/png") }));
  if (node.tagName === "IMG") return void out.push(make("image", { ...at, href: node.src }));
  for (const child of node.childNodes) walk(out, child, frame, clip);
};

// The text of an SVG of an element, with all that can be scrolled to.
export const svgOf = (node, ground) => {
  node.classList.add("mv-whole");
  try {
    return drawSvg(node, ground);
  } finally {
    node.classList.remove("mv-whole");
  }
};

const drawSvg = (node, ground) => {
  const box = node.getBoundingClientRect(), width = Math.ceil(box.width + 2 * PADDING), height = Math.ceil(box.height + 2 * PADDING);
  const frame = { left: box.left - PADDING, top: box.top - PADDING }, out = [make("rect", { width, height, ...plain(ground) })];
  for (const child of node.childNodes) walk(out, child, frame, box);
  const svg = make("svg", { width, height, viewBox: `0 0 ${width} ${height}` }, ...out);
  return new XMLSerializer().serializeToString(svg);
};

// The same as a PNG, twice as fine as it is seen.
export const pngOf = (svg) => new Promise((done, fail) => {
  const image = new Image();
  image.onload = () => {
    const scale = 2, canvas = make("canvas", { width: image.width * scale, height: image.height * scale });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("no picture"))), "image/png");
  };
  image.onerror = () => fail(new Error("The picture cannot be read."));
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
});
