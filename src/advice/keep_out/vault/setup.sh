#!/bin/sh
# Puts {{ variable }} into Vault (KV version 2, mount "secret"), and writes the
# policy that lets a token read it. Needs the command vault (or bao), logged in.
set -eu
{{ read_key }}
# "put" would drop the other fields of the same path.
if vault kv get -mount=secret {{ path }} >/dev/null 2>&1; then
    keep() { vault kv patch "$@"; }
else
    keep() { vault kv put "$@"; }
fi
printf %s "$key" | keep -mount=secret {{ path }} {{ field }}=- >/dev/null
vault policy write read-{{ slug }} - <<'POLICY'
path "secret/data/{{ path }}" {
  capabilities = ["read"]
}
POLICY
