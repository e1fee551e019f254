// {{ variable }} from AWS Secrets Manager, where it is the secret {{ id }}.
//
// Region and credentials are the SDK's own: AWS_REGION, AWS_PROFILE, the role of the machine.

import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { pathToFileURL } from "node:url";

const NAME = "{{ variable }}";
const SECRET = "{{ id }}";
const REASONS = {
  ResourceNotFoundException: "not found",
  AccessDeniedException: "access denied",
};

/** The key, asked for anew at each call. No error holds the key. */
export async function {{ camel }}() {
  let key;
  try {
    const client = new SecretsManagerClient({ maxAttempts: 2 });
    const options = { abortSignal: AbortSignal.timeout(10_000) };
    const answer = await client.send(new GetSecretValueCommand({ SecretId: SECRET }), options);
    key = answer.SecretString;
  } catch (error) {
    const reason = REASONS[error.name] ?? `${error.name}: ${error.message}`;
    throw new Error(`${NAME}: AWS secret ${SECRET}: ${reason}`, { cause: error });
  }
  if (!key) {
    throw new Error(`${NAME}: AWS secret ${SECRET} holds no text`);
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
