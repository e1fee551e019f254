#!/usr/bin/env bash
# Rebuilds src/finding/known_public.tsv: the private keys and sample tokens that published packages carry,
# in their tests, their documentation, their self-tests. A package is downloaded, unpacked, scanned and
# thrown away; of a key its hash is written down, with the package and the file.
#
#   benches/known_public.sh                adds what the newest versions of all packages bring
#   benches/known_public.sh --fresh        begins with an empty list
#   benches/known_public.sh npm:ssh2 crates deb:openssl    of these only
#
# What was published once stays public, so nothing is ever taken off the list; a key keeps the reason that
# it has. Needs pip, npm, cargo, dpkg-dev and the network's package mirrors, and 4 GB in TMPDIR.
set -euo pipefail
cd "$(dirname "$0")/.."
list=src/finding/known_public.tsv

# Source packages of Debian.
deb=(openssl gnutls28 mbedtls wolfssl botan libgcrypt20 nettle openssh libssh libssh2 curl wget nodejs
    python3.11 golang-1.19 ruby3.1 php8.2 openjdk-17 erlang mosquitto haproxy stunnel4 libevent
    qtbase-opensource-src postgresql-15 redis dovecot exim4 git subversion mercurial krb5 libgit2
    libio-socket-ssl-perl libnet-ssleay-perl python-cryptography)
pip=(cryptography-vectors cmake twisted tornado pycryptodome pycryptodomex pyjwt python-jose authlib jwcrypto asyncssh
    paramiko rsa ecdsa certbot acme tlslite-ng scrapy moto localstack-core pysaml2 mitmproxy proxy.py httpbin
    google-auth firebase-admin snowflake-connector-python pymongo redis sqlalchemy kubernetes docker
    ansible salt aiosmtpd impacket gevent eventlet werkzeug uvicorn hypercorn trustme pyopenssl oauthlib
    social-auth-core django-oauth-toolkit python-saml botocore boto3 awscli azure-storage-blob)
npm=(ssh2 ssh2-streams node-forge sshpk http-signature jsonwebtoken jose jws jwa passport-saml xml-crypto
    xml-encryption saml2-js samlify node-rsa pem selfsigned webpack-dev-server http-proxy socket.io ws
    faye-websocket spdy spdy-transport mysql mysql2 pg mongodb ioredis public-encrypt browserify-sign
    crypto-browserify parse-asn1 jwk-to-pem pem-jwk keypair nock request superagent got needle restify
    fastify express-jwt jwks-rsa google-auth-library gtoken googleapis firebase-admin apn web-push openpgp
    tunnel-agent agentkeepalive urllib live-server browser-sync karma mockttp http-mitm-proxy docker-modem
    ldapjs nodemailer smtp-server smtp-connection aws-sdk grunt-contrib-connect gulp-connect budo
    local-web-server http-server azurite azure-storage @azure/storage-blob stripe twilio)
# In projects of their own: some cannot be built together.
crates_1=(rustls rustls-pemfile rustls-webpki webpki tokio-rustls hyper-rustls tokio-native-tls native-tls
    openssl ring aws-lc-sys rcgen sct x509-parser x509-cert pkcs1 pkcs8 sec1 pem pem-rfc7468 ssh-key rsa dsa
    ecdsa p256 p384 k256 ed25519-dalek jsonwebtoken jwt-simple oauth2 openidconnect yup-oauth2 gcp_auth)
crates_2=(actix-web actix-tls warp tonic axum-server quinn s2n-quic s2n-tls rumqttc lapin sqlx
    postgres-native-tls mysql_async mongodb redis ldap3 lettre ureq reqwest isahc attohttpc tiny_http poem
    salvo rocket hickory-proto hickory-resolver pgp age kube aws-sigv4 aws-sdk-s3 azure_core picky)
crates_3=(aws-smithy-http-client boring-sys openssl-src russh josekit biscuit instant-acme libssh2-sys git2 curl-sys)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "${1:-}" = --fresh ]; then
    : >"$list"
    shift
fi
cargo build --quiet --release --example known_public_keys

# What one package brings, given as a folder, which is emptied then.
keys_of() { # keys_of PACKAGE FOLDER
    tar --numeric-owner -C "$2" -cf - . | target/release/examples/known_public_keys "$1" >>"$work/found"
    rm -rf "$2"
}
fetch_deb() {
    if [ ! -e "$work/apt" ]; then
        mkdir -p "$work/apt/lists/partial"
        apt-get indextargets --format 'deb-src $(REPO_URI) $(CODENAME) main' 'Created-By: Packages' |
            grep -v security | head -1 >"$work/apt/sources.list"
    fi
    local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$work/apt/lists" -o Dir::Cache::srcpkgcache= -o Dir::Cache::pkgcache=)
    [ -e "$work/apt/updated" ] || { "${apt[@]}" update 2>/dev/null && touch "$work/apt/updated"; }
    (cd "$2" && "${apt[@]}" source --download-only "$1" >/dev/null 2>&1 && unpack_all)
}
fetch_pip() { (cd "$2" && python3 -m pip download --quiet --no-deps "$1" && unpack_all); }
fetch_npm() { (cd "$2" && npm pack --silent "$1" >/dev/null && unpack_all); }
# Archives are unpacked, whatever a scan makes of them.
unpack_all() {
    local archive
    for archive in *.tar.* *.tgz *.whl; do
        [ -e "$archive" ] || continue
        mkdir "$archive.unpacked"
        case "$archive" in
            *.asc | *.sig) ;;
            *.whl) python3 -m zipfile -e "$archive" "$archive.unpacked" ;;
            *) tar --warning=none -xf "$archive" -C "$archive.unpacked" --no-same-owner || true ;;
        esac
        rm -f "$archive"
    done
}
fetch_crates() { # fetch_crates CRATE...: with all that they need
    mkdir -p "$work/project/src" && touch "$work/project/src/lib.rs"
    {
        printf '[package]\nname = "known"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n'
        printf '%s = "*"\n' "$@"
    } >"$work/project/Cargo.toml"
    rm -f "$work/project/Cargo.lock"
    (cd "$work/project" && CARGO_HOME="$work/cargo" cargo fetch --quiet)
    local folder name
    for folder in "$work"/cargo/registry/src/*/*; do
        name=${folder##*/}
        keys_of "${name%%-[0-9]*}" "$folder"
    done
    rm -rf "$work/cargo/registry/src" "$work/cargo/registry/cache"
}
one() { # one KIND NAME
    echo "$1:$2" >&2
    mkdir -p "$work/package"
    "fetch_$1" "$2" "$work/package" || { echo "$1:$2 cannot be had" >&2; rm -rf "$work/package"; return 0; }
    keys_of "${2##*/}" "$work/package"
}

[ $# -gt 0 ] || set -- crates "${deb[@]/#/deb:}" "${pip[@]/#/pip:}" "${npm[@]/#/npm:}"
for package in "$@"; do
    case "$package" in
        crates) fetch_crates "${crates_1[@]}"; fetch_crates "${crates_2[@]}"; fetch_crates "${crates_3[@]}" ;;
        *) one "${package%%:*}" "${package#*:}" ;;
    esac
done
# The list's own lines come first, and of new ones the first by name: the order of downloads is no matter.
{ cat "$list"; LC_ALL=C sort "$work/found"; } | awk -F '\t' '!seen[$1]++' | LC_ALL=C sort >"$work/list"
echo "$(wc -l <"$list") keys before, $(wc -l <"$work/list") now" >&2
cp "$work/list" "$list"
