// Elements. Names of tags and attributes are ours; texts are data and reach the page as text nodes.

const NAMESPACE = "http://www.w3.org/2000/svg";
const SHAPES = new Set(["svg", "polyline", "polygon", "path", "line", "rect", "circle", "text", "g", "clipPath", "image"]);

// The most rows, options or columns of anything that are put into the page.
export const MOST = 200;

export const make = (tag, attributes = {}, ...children) => {
  const node = SHAPES.has(tag) ? document.createElementNS(NAMESPACE, tag) : document.createElement(tag);
  set(node, attributes);
  node.append(...children.filter((child) => child != null));
  return node;
};

// Attributes; null, undefined and false take one away.
export const set = (node, attributes) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? "" : value);
  }
  return node;
};

export const place = (node, style) => {
  for (const [name, value] of Object.entries(style)) {
    if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.style[name] = value;
  }
  return node;
};

// A text of data: its direction is its own.
export const words = (text, name = "mv-words") => make("span", { class: name, dir: "auto" }, text == null ? "" : String(text));

// Write a text only where it changed, so that a screen reader does not say it again.
export const write = (node, text) => {
  if (node.textContent !== (text ?? "")) node.textContent = text ?? "";
  return node;
};

export const show = (node, shown) => set(node, { hidden: !shown });

export const button = (name, text, attributes = {}) =>
  make("button", { type: "button", class: name, ...attributes }, text ? words(text) : null);

export const swatch = (one) =>
  place(make("span", { class: "mv-swatch" + (one.hatch ? " mv-hatch" : "") }), { backgroundColor: one.colour });

// Ids of elements, which aria-* attributes point at: unique in the page.
let counter = 0;
export const fresh = (name) => `mv-${name}-${++counter}-${Math.random().toString(36).slice(2, 7)}`;

// The mark of a store before its name; `text` was written already.
export const marked = (node, one) => {
  node.querySelector(".mv-swatch")?.remove();
  if (one?.mark) node.prepend(swatch(one.mark));
  return node;
};

// What has the focus, also inside of a shadow root.
export const focused = (node) => {
  const active = node.getRootNode().activeElement;
  return active && node.contains(active) ? active : null;
};

// The children that are wanted, in order. What is there already stays where it is as far as
// possible: an element that is moved loses the focus and its scroll position.
export const arrange = (box, wanted) => {
  const keep = new Set(wanted);
  for (const child of [...box.children]) if (!keep.has(child)) child.remove();
  let at = box.firstElementChild;
  for (const child of wanted) {
    if (child === at) at = at.nextElementSibling;
    else box.insertBefore(child, at);
  }
};

// A function that is called once things have calmed down; `now` calls it at once if it waits.
export const later = (call, delay) => {
  let timer, waiting;
  const run = () => {
    clearTimeout(timer);
    timer = undefined;
    const values = waiting;
    waiting = undefined;
    if (values) call(...values);
  };
  const ask = (...values) => {
    waiting = values;
    clearTimeout(timer);
    timer = setTimeout(run, delay);
  };
  ask.now = run;
  ask.waits = () => waiting !== undefined;
  ask.stop = () => {
    clearTimeout(timer);
    waiting = undefined;
  };
  return ask;
};
