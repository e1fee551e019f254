#!/usr/bin/env bash
# How the cost of a scan grows with what an image has much of: layers, files, holes, zeros, bytes. Makes an image for
# each, once, with a made-up key behind all of it, scans it, and prints a table in Markdown.
#
#   benches/growth.sh FOLDER                  all of them; up to 11 GB in FOLDER
#   benches/growth.sh FOLDER layers files     these only: layers, files, hole, zeros, random
#
# KEYSEAM=PATH    another program than target/release/keyseam
#
# Needs python3, openssl, igzip (Debian's isal) and time. `random` is left out where FOLDER has less than 15 GB of room.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "${1:?usage: benches/growth.sh FOLDER [IMAGE...]}" && cd "$1" && pwd)
shift
keyseam=$(realpath "${KEYSEAM:-$here/../target/release/keyseam}")
declare -A words=(
    [layers]="1,000 layers" [files]="a million empty files" [hole]="20 GB hole in a sparse file"
    [zeros]="20 GB of zeros" [random]="10 GB of random bytes"
)
# Tars count in blocks of 512 bytes.
gigabyte=$((1000 * 1000 * 1000 / 512 * 512))

key() { (cd "$here" && python3 -c 'import plants; print("SERVICE_TOKEN=" + plants.KINDS["github"][0]())'); }
# The header of a file in a tar, for contents that are a multiple of 512 bytes long and come from elsewhere.
header() {
    python3 -c 'import sys, tarfile
entry = tarfile.TarInfo(sys.argv[1]); entry.size = int(sys.argv[2])
sys.stdout.buffer.write(entry.tobuf(tarfile.GNU_FORMAT))' "$1" "$2"
}
# The last file of a tar, with the key, and the tar's end.
last() {
    mkdir -p "$work/last" && key >"$work/last/service.env"
    tar --numeric-owner -C "$work/last" -cf - service.env
}

# A layer from the tar on standard input: into the blobs, and onto the lists.
layer() {
    local digest size
    digest=$(tee >(openssl dgst -sha256 -r >"$work/diff_id") | igzip -1 -c - | tee "$work/blob" |
        openssl dgst -sha256 -r | cut -d' ' -f1)
    # The hash of what is not compressed is taken by a process that nobody waits for.
    while [ ! -s "$work/diff_id" ]; do sleep 0.01; done
    size=$(stat -c %s "$work/blob")
    mv "$work/blob" "$image/blobs/sha256/$digest"
    echo "$final/blobs/sha256/$digest" >>"$final.blobs"
    [ ! -s "$work/diff_ids" ] || printf , | tee -a "$work/diff_ids" >>"$work/layers"
    printf '"sha256:%s"' "$(cut -d' ' -f1 "$work/diff_id")" >>"$work/diff_ids"
    printf '{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%s","size":%d}' \
        "$digest" "$size" >>"$work/layers"
    : >"$work/diff_id"
}
# A document from standard input: into the blobs; prints its digest and size.
document() {
    local digest
    cat >"$work/document"
    digest=$(sha256sum "$work/document" | cut -d' ' -f1)
    cp "$work/document" "$image/blobs/sha256/$digest"
    printf '"digest":"sha256:%s","size":%d' "$digest" "$(stat -c %s "$work/document")"
}

make_layers() {
    local number
    mkdir -p "$work/tree"
    for number in $(seq 999); do
        seq "$number" $((number + 2000)) >"$work/tree/$number.txt"
        tar --numeric-owner -C "$work/tree" -cf - "$number.txt" | layer
    done
    last | layer
}
make_files() {
    { python3 -c 'import sys, tarfile
for number in range(1_000_000):
    entry = tarfile.TarInfo(f"srv/{number // 10_000}/{number}")
    sys.stdout.buffer.write(entry.tobuf(tarfile.GNU_FORMAT))'; last; } | layer
}
make_hole() {
    truncate -s $((20 * gigabyte)) "$work/sparse" && key >>"$work/sparse"
    tar --numeric-owner --format=gnu --sparse -C "$work" -cf - sparse | layer
}
make_zeros() {
    { header zeros $((20 * gigabyte)); head -c $((20 * gigabyte)) /dev/zero; last; } | layer
}
make_random() {
    { header random $((10 * gigabyte)); head -c $((10 * gigabyte)) /dev/urandom; last; } | layer
}

image() { # image NAME: makes it
    final="$out/$1" image="$out/$1.part" work="$out/work"
    rm -rf "$image" "$work" "$final.blobs" && mkdir -p "$image/blobs/sha256" "$work"
    echo "making $1" >&2
    "make_$1"
    local config manifest
    config=$(printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[%s]}}' \
        "$(cat "$work/diff_ids")" | document)
    manifest=$(printf '{"schemaVersion":2,"config":{"mediaType":"%s",%s},"layers":[%s]}' \
        application/vnd.oci.image.config.v1+json "$config" "$(cat "$work/layers")" | document)
    printf '{"imageLayoutVersion":"1.0.0"}' >"$image/oci-layout"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",%s}]}' \
        "$manifest" >"$image/index.json"
    rm -rf "$work" && mv "$image" "$final"
}

clock() { # clock COMMAND...: wall, CPU and peak memory of it in $wall, $cpu, $memory
    local user system
    # A scan ends with 1 when it found the key; `time` says so on a line of its own.
    /usr/bin/time -o "$out/time" -f '%e %U %S %M' "$@" || [ $? = 1 ]
    read -r wall user system memory < <(tail -1 "$out/time")
    cpu=$(awk "BEGIN { print $user + $system }") memory=$((memory / 1024))
}

[ $# -gt 0 ] || set -- layers files hole zeros random
echo "| an image with | compressed MB | MB | unpacked alone: wall s | CPU s" \
    "| keyseam: wall s | CPU s | peak MiB | key behind it |"
echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
for name in "$@"; do
    room=$(df --output=avail -B1 "$out" | tail -1)
    if [ "$name" = random ] && [ ! -e "$out/random" ] && [ "$room" -lt 15000000000 ]; then
        echo "no room for random" >&2
        continue
    fi
    [ -e "$out/$name" ] || image "$name"
    clock xargs -a "$out/$name.blobs" -P "$(nproc)" -n 1 igzip -dc >/dev/null
    unpacked="$wall | $cpu"
    clock "$keyseam" scan --no-config --offline --progress never -q -o "json=$out/$name.json" "oci:$out/$name" >/dev/null
    python3 -c 'import json, sys
words, unpacked, wall, cpu, memory, report = sys.argv[1:]
result = json.load(open(report))["results"][0]
compressed, read = (result["stats"][name] / 1e6 for name in ("bytes_compressed", "bytes_scanned"))
found = "found" if result["findings"] else "not found"
told = "" if result["complete"] else ", incomplete"
print(f"| {words} | {compressed:.1f} | {read:.0f} | {unpacked} | {wall} | {cpu} | {memory} | {found}{told} |")
' "${words[$name]}" "$unpacked" "$wall" "$cpu" "$memory" "$out/$name.json"
done
rm -f "$out/time"
