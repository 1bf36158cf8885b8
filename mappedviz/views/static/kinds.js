// Every kind of node, by its name.
import { barsKind } from "./charts/bars.js";
import { codeKind } from "./charts/code.js";
import { curveKind } from "./charts/curve.js";
import { histogramKind } from "./charts/histogram.js";
import { imageKind } from "./charts/image.js";
import { matrixKind } from "./charts/matrix.js";
import { scatterKind } from "./charts/scatter.js";
import { stripsKind } from "./charts/strips.js";
import { tableKind } from "./charts/table.js";
import { upsetKind } from "./charts/upset.js";
import { buttonKind } from "./controls/button.js";
import { checkKind } from "./controls/check.js";
import { checksKind } from "./controls/checks.js";
import { chipsKind } from "./controls/chips.js";
import { fileKind } from "./controls/file.js";
import { numberKind } from "./controls/number.js";
import { segmentsKind } from "./controls/segments.js";
import { selectKind } from "./controls/select.js";
import { sliderKind } from "./controls/slider.js";
import { textKind } from "./controls/text.js";
import { disclosureKind, noteKind, numbersKind, panelKind, progressKind, rowKind, stackKind } from "./layout.js";
import { pageKind, statusKind } from "./page.js";

export const KINDS = {
  page: pageKind,
  status: statusKind,
  stack: stackKind,
  row: rowKind,
  panel: panelKind,
  note: noteKind,
  numbers: numbersKind,
  disclosure: disclosureKind,
  progress: progressKind,
  button: buttonKind,
  select: selectKind,
  segments: segmentsKind,
  check: checkKind,
  checks: checksKind,
  slider: sliderKind,
  number: numberKind,
  text: textKind,
  chips: chipsKind,
  file: fileKind,
  bars: barsKind,
  curve: curveKind,
  matrix: matrixKind,
  table: tableKind,
  code: codeKind,
  upset: upsetKind,
  histogram: histogramKind,
  scatter: scatterKind,
  strips: stripsKind,
  image: imageKind,
};
