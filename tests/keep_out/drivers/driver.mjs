// Calls a function of a snippet (file, function) and prints the SHA-256 of what it gives.
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";

const [file, name] = process.argv.slice(2);
const snippet = await import(pathToFileURL(file));
console.log(createHash("sha256").update(await snippet[name]()).digest("hex"));
