// {{ variable }} from CyberArk Conjur, where it is the variable {{ id }}.
//
// Where Conjur is, and who asks: CONJUR_APPLIANCE_URL, CONJUR_ACCOUNT, CONJUR_AUTHN_LOGIN,
// CONJUR_AUTHN_API_KEY; for a certificate of its own CONJUR_CERT_FILE or CONJUR_SSL_CERTIFICATE.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const NAME = "{{ variable }}";
const VARIABLE = "{{ id }}";
const REASONS = {
  401: "login refused",
  403: "access denied",
  404: "not found, or without a value",
};

function setting(name) {
  if (!process.env[name]) throw new Error(`${NAME}: ${name} is not set`);
  return process.env[name];
}

/** One answer of Conjur. Unlike fetch, node:https takes a certificate at run time. */
async function ask(path, options, body) {
  const url = setting("CONJUR_APPLIANCE_URL").replace(/\/+$/, "");
  const file = process.env.CONJUR_CERT_FILE;
  let response, answer;
  try {
    const ca = process.env.CONJUR_SSL_CERTIFICATE || (file ? readFileSync(file) : undefined);
    const signal = AbortSignal.timeout(10_000);
    const asked = request(`${url}/${path}`, { ca, signal, ...options }).end(body);
    [response] = await once(asked, "response");
    answer = await text(response);
  } catch (cause) {
    throw new Error(`${NAME}: no answer of Conjur at ${url}: ${cause.code ?? cause}`, { cause });
  }
  if (response.statusCode !== 200) {
    const reason = REASONS[response.statusCode] ?? `status ${response.statusCode}`;
    throw new Error(`${NAME}: Conjur variable ${VARIABLE}: ${reason}`);
  }
  return answer;
}

/** The key, asked for anew at each call. No error holds the key. */
export async function {{ camel }}() {
  const account = encodeURIComponent(setting("CONJUR_ACCOUNT"));
  const login = encodeURIComponent(setting("CONJUR_AUTHN_LOGIN"));
  const apiKey = setting("CONJUR_AUTHN_API_KEY");
  const posted = { method: "POST", headers: { "Accept-Encoding": "base64" } };
  const token = await ask(`authn/${account}/${login}/authenticate`, posted, apiKey);
  const headers = { Authorization: `Token token="${token}"` };
  const variable = encodeURIComponent(VARIABLE);
  const key = await ask(`secrets/${account}/variable/${variable}`, { headers });
  if (!key) throw new Error(`${NAME}: Conjur variable ${VARIABLE} is empty`);
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
