// {{ variable }} from the environment.
//
// The file that {{ variable }}_FILE names goes first: Docker, Compose and
// Kubernetes mount a secret as a file, and a file is not handed on to child processes.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const NAME = "{{ variable }}";

/** The key, without the line break that files end with. No error holds the key. */
export function {{ camel }}() {
  const path = process.env[`${NAME}_FILE`];
  let key = process.env[NAME];
  if (path) {
    try {
      key = readFileSync(path, "utf8").replace(/[\r\n]+$/, "");
    } catch (error) {
      throw new Error(`${NAME}: cannot read ${path}: ${error.code}`, { cause: error });
    }
  } else if (key === undefined) {
    throw new Error(`${NAME}: neither ${NAME} nor ${NAME}_FILE is set`);
  }
  if (!key) {
    throw new Error(`${NAME}: ${path ? `the file ${path}` : "the variable"} is empty`);
  }
  return key;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    console.error(`${NAME}: ${ {{- camel }}().length} characters`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
