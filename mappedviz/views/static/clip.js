// Putting something on the clipboard, whatever the page allows.
import { make } from "./dom.js";

// A page without the clipboard: select, and copy as people do.
const copyByHand = (text) => {
  const put = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener("copy", put, { once: true, capture: true });
  const done = document.execCommand("copy");
  document.removeEventListener("copy", put, true);
  return done;
};

export const copyText = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text);
  }
};

// Offer something as a file, where the clipboard does not take it.
export const offer = (root, blob, name) => {
  const link = make("a", { download: name, hidden: true });
  link.href = URL.createObjectURL(blob);
  root.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

export const copyBlob = async (root, blob, name) => {
  try {
    await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
    return "copied";
  } catch {
    offer(root, blob, name);
    return "saved";
  }
};
