#!/bin/sh
# {{ variable }} from CyberArk Conjur, where it is the variable {{ id }}.
# Run it to see whether the key is there, or take it into a script:
#     . ./{{ file }}
#     key=$({{ snake }}) || exit 1
# Where Conjur is, and who asks: CONJUR_APPLIANCE_URL, CONJUR_ACCOUNT, CONJUR_AUTHN_LOGIN,
# CONJUR_AUTHN_API_KEY; for a certificate of its own CONJUR_CERT_FILE or CONJUR_SSL_CERTIFICATE.

# Prints the key, asked for anew at each call.
{{ snake }}() (
    fail() {
        echo "{{ variable }}: $1" >&2
        exit 1
    }
    for name in CONJUR_APPLIANCE_URL CONJUR_ACCOUNT CONJUR_AUTHN_LOGIN CONJUR_AUTHN_API_KEY; do
        [ -n "$(printenv "$name")" ] || fail "$name is not set"
    done
    certificate=${CONJUR_CERT_FILE:-}
    if [ -n "${CONJUR_SSL_CERTIFICATE:-}" ]; then
        certificate=$(mktemp) || exit 1
        trap 'rm -f "$certificate"' EXIT
        printf '%s\n' "$CONJUR_SSL_CERTIFICATE" >"$certificate"
    fi
    encoded() { jq --null-input --raw-output --arg text "$1" '$text | @uri'; }
    ask() {
        answer=$(curl --silent --show-error --max-time 10 --write-out '\n%{http_code}' \
            ${certificate:+--cacert "$certificate"} "$@" 2>&1) ||
            fail "no answer of Conjur: $(printf '%s\n' "$answer" | sed 1q)"
        status=$(printf '%s\n' "$answer" | tail -n 1)
        case $status in
            200) printf '%s\n' "$answer" | sed '$d' ;;
            401) fail 'Conjur refuses the login' ;;
            403) fail 'Conjur variable {{ id }}: access denied' ;;
            404) fail 'Conjur variable {{ id }}: not found' ;;
            *) fail "Conjur: status $status" ;;
        esac
    }
    url=${CONJUR_APPLIANCE_URL%/} account=$(encoded "$CONJUR_ACCOUNT")
    # Both secrets go in by standard input: the arguments of a process are for all to see.
    token=$(printf %s "$CONJUR_AUTHN_API_KEY" |
        ask --header 'Accept-Encoding: base64' --data-binary @- \
            "$url/authn/$account/$(encoded "$CONJUR_AUTHN_LOGIN")/authenticate") || exit 1
    variable=$(encoded '{{ id }}')
    key=$(printf 'header = "Authorization: Token token=\\"%s\\""\n' "$token" |
        ask --config - "$url/secrets/$account/variable/$variable") || exit 1
    [ -n "$key" ] || fail 'Conjur variable {{ id }} is empty'
    printf '%s\n' "$key"
)

if [ "${0##*/}" = {{ file }} ]; then
    key=$({{ snake }}) || exit 1
    {% raw %}length=${#key}{% endraw %}
    echo "{{ variable }}: $length characters" >&2
fi
