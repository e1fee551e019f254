#!/bin/sh
# Puts {{ variable }} into Conjur, and lets one host read it:
#     READER_HOST=app sh {{ file }}
# Needs curl and jq, and in CONJUR_APPLIANCE_URL, CONJUR_ACCOUNT, CONJUR_AUTHN_LOGIN,
# CONJUR_AUTHN_API_KEY and CONJUR_CERT_FILE a login that may change the root policy.
set -eu
: "${READER_HOST:?is not set: the Conjur host that may read the key}"
{{ read_key }}
encoded() { jq --null-input --raw-output --arg text "$1" '$text | @uri'; }
post() {
    path=$1
    shift
    curl --silent --show-error --fail --max-time 10 --data-binary @- \
        ${CONJUR_CERT_FILE:+--cacert "$CONJUR_CERT_FILE"} "$@" "${CONJUR_APPLIANCE_URL%/}/$path"
}
account=$(encoded "$CONJUR_ACCOUNT")
authenticate=authn/$account/$(encoded "$CONJUR_AUTHN_LOGIN")/authenticate
token=$(printf %s "$CONJUR_AUTHN_API_KEY" |
    post "$authenticate" --header 'Accept-Encoding: base64')
# The token goes in by a file: the arguments of a process are for all to see.
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
printf 'header = "Authorization: Token token=\\"%s\\""\n' "$token" >"$headers"
post "policies/$account/policy/root" --config "$headers" \
    --header 'Content-Type: text/x-yaml' >/dev/null <<POLICY
- !policy
  id: {{ path }}
  body:
    - !variable {{ last }}

- !permit
  role: !host $READER_HOST
  privileges: [ read, execute ]
  resource: !variable {{ id }}
POLICY
variable=$(encoded '{{ id }}')
printf %s "$key" | post "secrets/$account/variable/$variable" --config "$headers" \
    --header 'Content-Type: application/octet-stream' >/dev/null
