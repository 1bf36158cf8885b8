// Every kind of node, by its name.
import { pageKind, statusKind } from "./page.js";
import { noteKind, panelKind, rowKind, stackKind } from "./layout.js";

export const KINDS = {
  page: pageKind,
  status: statusKind,
  stack: stackKind,
  row: rowKind,
  panel: panelKind,
  note: noteKind,
};
