#!/bin/sh
# Scans an image in a CI job: the table in the log, a report for every place where people look, and an exit
# status that stops the job. Every file in this folder runs it.
#
#   KEYSEAM_IMAGE       the image: a tar, docker://REF, docker-daemon:REF, a bare reference … (or the first argument)
#   KEYSEAM_REPORTS     the folder of the reports [keyseam-reports]
#   KEYSEAM_ARGUMENTS   further arguments of `keyseam scan`, separated by blanks
#   KEYSEAM_FAIL_ON …   every option of `keyseam scan` has its variable
#
# Where keyseam comes from, in this order:
#   - it is on the PATH
#   - KEYSEAM_URL         a program to fetch, which has to have the SHA-256 in KEYSEAM_SHA256
#   - the source beside this file, built with cargo
set -eu

image=${1:-${KEYSEAM_IMAGE:-}}
if [ -z "$image" ]; then
    echo "keyseam.sh: name the image in KEYSEAM_IMAGE" >&2
    exit 2
fi
reports=${KEYSEAM_REPORTS:-keyseam-reports}
here=$(cd "$(dirname "$0")" && pwd)

if command -v keyseam >/dev/null 2>&1; then
    keyseam=keyseam
elif [ -n "${KEYSEAM_URL:-}" ]; then
    if [ -z "${KEYSEAM_SHA256:-}" ]; then
        echo "keyseam.sh: KEYSEAM_SHA256 is missing: a program that nobody checked is not run" >&2
        exit 2
    fi
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    keyseam=$folder/keyseam
    curl --fail --silent --show-error --location --proto '=https' --output "$keyseam" "$KEYSEAM_URL" || exit 2
    if ! echo "$KEYSEAM_SHA256  $keyseam" | sha256sum --check --status; then
        echo "keyseam.sh: what $KEYSEAM_URL gives has another SHA-256 than KEYSEAM_SHA256; it is not run" >&2
        exit 2
    fi
    chmod +x "$keyseam"
elif [ -f "$here/../Cargo.toml" ] && command -v cargo >/dev/null 2>&1; then
    root=${KEYSEAM_BUILD:-${TMPDIR:-/tmp}/keyseam-build}
    cargo install --quiet --locked --root "$root" --path "$here/.." || exit 2
    keyseam=$root/bin/keyseam
else
    echo "keyseam.sh: there is no keyseam: put it on the PATH, or set KEYSEAM_URL and KEYSEAM_SHA256" >&2
    exit 2
fi

mkdir -p "$reports"
# The variables of this script are none of keyseam's.
unset KEYSEAM_IMAGE KEYSEAM_REPORTS KEYSEAM_URL KEYSEAM_SHA256 KEYSEAM_BUILD
status=0
# shellcheck disable=SC2086 # the arguments are words
"$keyseam" scan ${KEYSEAM_ARGUMENTS:-} \
    -o "json=$reports/keyseam.json" \
    -o "sarif=$reports/keyseam.sarif" \
    -o "junit=$reports/keyseam.junit.xml" \
    -o "gitlab=$reports/gl-container-scanning-report.json" \
    -o "markdown=$reports/keyseam.md" \
    -o "html=$reports/keyseam.html" \
    -o "github=$reports/keyseam.github" \
    "$image" || status=$?

# What GitHub shows beside the job: annotations are commands on standard output.
if [ -n "${GITHUB_ACTIONS:-}" ] && [ -f "$reports/keyseam.github" ]; then
    cat "$reports/keyseam.github"
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$reports/keyseam.md" ]; then
    cat "$reports/keyseam.md" >>"$GITHUB_STEP_SUMMARY"
fi
exit "$status"
