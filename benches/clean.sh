#!/usr/bin/env bash
# Scans clean content and counts what is found in it: every finding is a false alarm. The content is real
# packages, unpacked and as downloaded, each corpus the one layer of an OCI image; nothing is skipped by
# path. Needs root, debootstrap, umoci, python3 with pip, npm, cargo, dpkg and the network's package mirrors.
#
#   benches/clean.sh FOLDER              makes what FOLDER lacks (5 GB), scans all of it
#   benches/clean.sh FOLDER pip debs     these only
#
# KEYSEAM=PATH    another program than target/release/keyseam
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
out=$(mkdir -p "${1:?usage: benches/clean.sh FOLDER [CORPUS...]}" && cd "$1" && pwd)
shift
keyseam=${KEYSEAM:-$here/target/release/keyseam}
all=(debian debs pip wheels npm tgz go cargo ranked hundredth)

pypi=(django boto3 botocore twisted cryptography paramiko)
npm=(aws-sdk webpack express)
crates=(tokio serde serde_json clap regex reqwest hyper rustls rcgen openssl native-tls ring jsonwebtoken
    sqlx redis mongodb aws-sdk-s3)
# By rank alone, so that nobody chose what is quiet: the ten packages of each registry that were downloaded
# most in November 2026 and are not among those above or what they need.
ranked_pypi=(packaging certifi requests charset-normalizer setuptools aiobotocore pyyaml pydantic pygments click)
ranked_npm=(ansi-styles minimatch strip-ansi chalk string-width ansi-regex lru-cache brace-expansion tslib
    emoji-regex)
# And every hundredth of the first thousand: less plain, less known.
hundredth_pypi=(shellingham chardet pandas-stubs deprecation altair jupyter-server-terminals openai-agents
    sendgrid pybreaker cmake)
hundredth_npm=(inherits once tough-cookie end-of-stream @aws-sdk/credential-provider-process test-exclude
    @types/ws ssri regexpu-core tiny-invariant)

site=usr/local/lib/python3/site-packages
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# The mirror that this machine's own apt uses.
mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -1; }
quiet_pip() { PIP_ROOT_USER_ACTION=ignore python3 -m pip "$1" --quiet --disable-pip-version-check "${@:2}"; }
install_npm() { (mkdir -p "$1" && cd "$1" && npm install --silent --no-audit --no-fund --ignore-scripts "${@:2}"); }

make_debian() {
    debootstrap --variant=minbase "$suite" "$1" "$(mirror)" >"$out/debootstrap.log"
    mkdir -p "$out/debs" && mv "$1"/var/cache/apt/archives/*.deb "$out/debs/"
}
make_debs() {
    tree debian
    mkdir -p "$1/var/cache/apt/archives" && cp "$out"/debs/*.deb "$1/var/cache/apt/archives/"
    (cd "$1/var/cache/apt/archives" && apt-get download -qq golang-1.19-src python3.11-minimal libpython3.11-testsuite)
}
make_wheels() { quiet_pip download --dest "$1/srv/wheels" "${pypi[@]}"; }
make_pip() {
    tree wheels
    quiet_pip install --no-index --find-links "$out/trees/wheels/srv/wheels" --target "$1/$site" "${pypi[@]}"
}
make_npm() { install_npm "$1/srv/app" "${npm[@]}"; }
make_tgz() {
    tree npm
    mkdir -p "$1/srv/packages"
    python3 -c 'import json, sys
for path, package in json.load(open(sys.argv[1]))["packages"].items():
    if path: print(path.rpartition("node_modules/")[2] + "@" + package["version"])' \
        "$out/trees/npm/srv/app/package-lock.json" | sort -u |
        (cd "$1/srv/packages" && xargs npm pack --silent >/dev/null)
}
make_go() {
    (mkdir -p "$1" && cd "$1" && apt-get download -qq golang-1.19-src && dpkg -x golang-*.deb . && rm golang-*.deb)
}
make_cargo() {
    local project="$out/cargo-project"
    mkdir -p "$project/src" && touch "$project/src/lib.rs"
    printf '[package]\nname = "clean"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n' >"$project/Cargo.toml"
    printf '%s = "*"\n' "${crates[@]}" >>"$project/Cargo.toml"
    (cd "$project" && CARGO_HOME="$1/root/.cargo" cargo fetch --quiet)
}
make_ranked() {
    quiet_pip install --target "$1/$site" "${ranked_pypi[@]}"
    install_npm "$1/srv/app" "${ranked_npm[@]}"
}
make_hundredth() {
    quiet_pip install --target "$1/$site" "${hundredth_pypi[@]}"
    install_npm "$1/srv/app" "${hundredth_npm[@]}"
}

# A corpus as a tree, made once.
tree() {
    local tree="$out/trees/$1"
    [ -e "$tree.done" ] && return
    echo "making $1" >&2
    rm -rf "$tree" && mkdir -p "$tree"
    "make_$1" "$tree"
    touch "$tree.done"
}

# A corpus as an image of one layer.
image() {
    [ -e "$out/$1.done" ] && return
    tree "$1"
    [ -e "$out/images" ] || umoci init --layout "$out/images"
    umoci new --image "$out/images:$1"
    tar --numeric-owner --one-file-system -C "$out/trees/$1" -cf "$out/$1.tar" .
    umoci raw add-layer --image "$out/images:$1" "$out/$1.tar"
    rm "$out/$1.tar" && touch "$out/$1.done"
}

[ $# -gt 0 ] || set -- "${all[@]}"
for corpus in "$@"; do image "$corpus"; done
mkdir -p "$out/reports"
for corpus in "$@"; do
    "$keyseam" scan --no-config --exit-zero -o json="$out/reports/$corpus.json" "oci:$out/images:$corpus" \
        >/dev/null 2>"$out/reports/$corpus.log" || { cat "$out/reports/$corpus.log" >&2; exit 1; }
done
cd "$out/reports" && python3 "$here/benches/clean.py" "${@/%/.json}"
