#!/bin/sh
# {{ variable }} from HashiCorp Vault or OpenBao (KV version 2), where it is the
# field {{ field }} of {{ path }} in the mount "secret".
# Run it to see whether the key is there, or take it into a script:
#     . ./{{ file }}
#     key=$({{ snake }}) || exit 1
# Where Vault is, and the token: VAULT_ADDR, VAULT_CACERT, VAULT_NAMESPACE, VAULT_TOKEN,
# VAULT_TOKEN_FILE.

# Prints the key, asked for anew at each call.
{{ snake }}() (
    secret=secret/data/{{ path }}
    fail() {
        echo "{{ variable }}: $1" >&2
        exit 1
    }
    [ -n "${VAULT_ADDR:-}" ] || fail 'VAULT_ADDR is not set'
    token=${VAULT_TOKEN:-$(cat -- "${VAULT_TOKEN_FILE:-$HOME/.vault-token}" 2>/dev/null)}
    [ -n "$token" ] || fail 'VAULT_TOKEN is not set, and there is no file with a token'
    # The headers go in by standard input: the arguments of a process are for all to see.
    answer=$(
        printf 'header = "X-Vault-%s"\n' "Token: $token" "Request: true" \
            ${VAULT_NAMESPACE:+"Namespace: $VAULT_NAMESPACE"} |
            curl --config - --silent --show-error --max-time 10 --write-out '\n%{http_code}' \
                ${VAULT_CACERT:+--cacert "$VAULT_CACERT"} "${VAULT_ADDR%/}/v1/$secret" 2>&1
    ) || fail "no answer of Vault at $VAULT_ADDR: $(printf '%s\n' "$answer" | sed 1q)"
    status=$(printf '%s\n' "$answer" | tail -n 1)
    case $status in
        200) ;;
        403) fail "$secret in Vault: access denied" ;;
        404) fail "$secret in Vault: not found" ;;
        *) fail "$secret in Vault: status $status" ;;
    esac
    printf '%s\n' "$answer" | sed '$d' |
        jq --exit-status --raw-output '.data.data["{{ field }}"] | strings | select(. != "")' ||
        fail "$secret in Vault has no text in the field {{ field }}"
)

if [ "${0##*/}" = {{ file }} ]; then
    key=$({{ snake }}) || exit 1
    {% raw %}length=${#key}{% endraw %}
    echo "{{ variable }}: $length characters" >&2
fi
