#!/usr/bin/env bash
# Makes the images that the benchmark reads, from real content: Debian's base system, Python with a dozen
# packages and their bytecode, an application with a long log. Needs root, debootstrap, umoci, skopeo,
# python3 and the network's package mirrors.
#
#   benches/image.sh FOLDER      makes FOLDER/gzip and FOLDER/zstd (OCI layouts), once
set -euo pipefail
out=$(mkdir -p "${1:?usage: benches/image.sh FOLDER}" && cd "$1" && pwd)
[ -e "$out/done" ] && exit 0
work="$out/work"
rm -rf "$work" "$out/gzip" "$out/zstd" && mkdir -p "$work"

# The mirror that this machine's own apt uses.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -1)
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

umoci init --layout "$out/gzip"
umoci new --image "$out/gzip:bench"
layer() { # layer STEP: what changed in the bundle becomes a layer
    umoci repack --refresh-bundle --image "$out/gzip:bench" --history.created_by "$1" "$work/bundle"
}
umoci unpack --image "$out/gzip:bench" "$work/bundle"
root="$work/bundle/rootfs"

debootstrap --variant=minbase "$suite" "$work/base" "$mirror" >"$work/debootstrap.log"
cp -a "$work/base/." "$root/"
layer "debootstrap --variant=minbase $suite"

python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
    --target "$root/usr/local/lib/python3/site-packages" \
    django boto3 cryptography paramiko twisted pandas scipy requests flask sqlalchemy
python3 -m compileall -q "$root/usr/local/lib/python3/site-packages" || true
layer "RUN pip install django boto3 cryptography paramiko twisted pandas scipy requests flask sqlalchemy"

mkdir -p "$root/srv/app/log"
awk 'BEGIN { srand(7); for (i = 0; i < 2000000; i++)
    printf "2026-01-01T00:%02d:%02d INFO request id=%08x path=/api/v1/items/%d status=200 took=%dms\n",
        i / 60 % 60, i % 60, rand() * 4294967296, rand() * 100000, rand() * 900 }' >"$root/srv/app/log/app.log"
layer "COPY . /srv/app"

skopeo --insecure-policy copy --quiet --dest-compress-format zstd --dest-force-compress-format \
    "oci:$out/gzip:bench" "oci:$out/zstd:bench" 2>/dev/null ||
    skopeo --insecure-policy copy --quiet --dest-compress-format zstd "oci:$out/gzip:bench" "oci:$out/zstd:bench"
rm -rf "$work"
touch "$out/done"
