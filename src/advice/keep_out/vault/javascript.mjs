// {{ variable }} from HashiCorp Vault or OpenBao (KV version 2).
//
// It is the field {{ field }} of {{ path }} in the mount "secret". Where
// Vault is, and the token: VAULT_ADDR, VAULT_NAMESPACE, VAULT_TOKEN, VAULT_TOKEN_FILE.
// A certificate authority of your own: start node with NODE_EXTRA_CA_CERTS=its file.

import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const NAME = "{{ variable }}";
const SECRET = "secret/data/{{ path }}";
const FIELD = "{{ field }}";
const REASONS = { 403: "access denied", 404: "not found" };

/** Vault's token: of the environment, of an agent's file, or of the last "vault login". */
function token() {
  const file = process.env.VAULT_TOKEN_FILE || join(homedir(), ".vault-token");
  try {
    return process.env.VAULT_TOKEN || readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new Error(`${NAME}: VAULT_TOKEN is not set, and ${file} not readable`, { cause });
  }
}

/** The key, asked for anew at each call. No error holds the key. */
export async function {{ camel }}() {
  const address = process.env.VAULT_ADDR;
  if (!address) throw new Error(`${NAME}: VAULT_ADDR is not set`);
  const headers = { "X-Vault-Token": token(), "X-Vault-Request": "true" };
  if (process.env.VAULT_NAMESPACE) headers["X-Vault-Namespace"] = process.env.VAULT_NAMESPACE;
  let response, body;
  try {
    const options = { headers, redirect: "error", signal: AbortSignal.timeout(10_000) };
    response = await fetch(`${address.replace(/\/+$/, "")}/v1/${SECRET}`, options);
    body = await response.text();
  } catch (cause) {
    const reason = cause.cause?.code ?? cause.name;
    throw new Error(`${NAME}: no answer from ${address}: ${reason}`, { cause });
  }
  if (!response.ok) {
    const reason = REASONS[response.status] ?? `status ${response.status}`;
    throw new Error(`${NAME}: ${SECRET} in Vault: ${reason}`);
  }
  let key;
  try {
    key = JSON.parse(body).data.data[FIELD];
  } catch {
    throw new Error(`${NAME}: ${address} does not answer as Vault does`);
  }
  if (typeof key !== "string" || key === "") {
    throw new Error(`${NAME}: ${SECRET} in Vault has no text in the field ${FIELD}`);
  }
  return key;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    console.error(`${NAME}: ${(await {{ camel }}()).length} characters`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
