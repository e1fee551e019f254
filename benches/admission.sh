#!/usr/bin/env bash
# How long the webhook takes for what it knows: reviews of pods over TLS, 64 at once on connections that stay open,
# against a registry that has the images. Each run prints how long half of them took, 99 of 100, and the slowest,
# and the server's memory before and after. Needs docker-registry, skopeo, openssl, curl, python3 and wrk.
#
#   benches/admission.sh                 ten seconds of each kind, then a minute of one
#
# KEYSEAM=PATH    another program than target/release/keyseam
# REVIEWS=N       so many different reviews of each kind (default 10,000)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
keyseam=${KEYSEAM:-$here/target/release/keyseam}
reviews=${REVIEWS:-10000}
work=$(mktemp -d)
processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"

# Waits for a line of a log, and prints what the expression takes out of it.
said() {
    for _ in $(seq 300); do
        sed -n "$2" "$1" | head -1 | grep . && return
        sleep 0.1
    done
    echo "$1 does not say what is waited for" >&2
    return 1
}

# A registry with a clean image.
cat >registry.yml <<'YAML'
version: 0.1
log: {level: info}
http: {addr: "127.0.0.1:0"}
storage: {filesystem: {rootdirectory: ./registry}}
YAML
docker-registry serve registry.yml >/dev/null 2>registry.log &
processes+=($!)
registry=$(said registry.log 's/.*listening on \(127[0-9.:]*\).*/\1/p')
python3 - <<'PYTHON'
import hashlib, io, json, os, tarfile
os.makedirs("image/blobs/sha256")
def blob(kind, data):
    digest = hashlib.sha256(data).hexdigest()
    open(f"image/blobs/sha256/{digest}", "wb").write(data)
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as tar:
    entry = tarfile.TarInfo("app/content")
    entry.size = 1 << 20
    tar.addfile(entry, io.BytesIO(b"nothing of note\n" * (1 << 16)))
layer = buffer.getvalue()
diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}})
manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": blob("config.v1+json", config.encode()), "layers": [blob("layer.v1.tar", layer)]})
entry = blob("manifest.v1+json", manifest.encode())
entry["annotations"] = {"org.opencontainers.image.ref.name": "1"}
json.dump({"schemaVersion": 2, "manifests": [entry]}, open("image/index.json", "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open("image/oci-layout", "w"))
PYTHON
skopeo copy --quiet --insecure-policy --dest-tls-verify=false oci:image:1 "docker://$registry/shop/app:1"
digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$registry/shop/app:1")

# The server, which waits for a verdict: the first review is answered when the image was examined.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout tls.key -out tls.pem 2>openssl.log
printf 'unknown = "wait"\n[registries]\nallow = ["%s"]\n' "$registry" >policy.toml
export KEYSEAM_FINGERPRINT_KEY=WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo
"$keyseam" serve --admission 127.0.0.1:0 --status 127.0.0.1:0 --tls-cert tls.pem --tls-key tls.key \
    --policy policy.toml --store store 2>serve.log &
server=$!
processes+=("$server")
address=$(said serve.log '/"door":"admission"/s/.*"address":"\([0-9.:]*\)".*/\1/p')
rss() { awk '/^VmRSS/ { printf "%.1f MB", $2 / 1024 }' "/proc/$server/status"; }

# Pods as a Deployment makes them, with twelve variables: all alike, or each with values of its own.
reviews() {
    python3 - "$1" "$2" "$3" <<'PYTHON'
import json, sys
image, unique, count = sys.argv[1], sys.argv[2] == "1", int(sys.argv[3])
for number in range(count if unique else 1):
    salt = number if unique else "same"
    env = [{"name": f"SETTING_{n}", "value": f"https://service-{n}.example.com/path?mode={salt}"} for n in range(12)]
    spec = {"containers": [{"name": "web", "image": image, "args": ["serve", "--port=8080"], "env": env}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"web-{number}", "uid": f"u-{number}"}, "spec": spec}
    print(json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": f"u-{number}",
        "kind": {"group": "", "version": "v1", "kind": "Pod"}, "name": f"web-{number}", "namespace": "shop",
        "operation": "CREATE", "dryRun": False, "object": pod}}))
PYTHON
}
cat >reviews.lua <<'LUA'
local bodies, at = {}, 0
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
local bad = 0
function request()
    at = at % #bodies + 1
    return wrk.format("POST", "/admission?timeout=10s", { ["Content-Type"] = "application/json" }, bodies[at])
end
function response(status, headers, body)
    if status ~= 200 or not body:find('"allowed":true', 1, true) or body:find('"warnings"', 1, true) then bad = bad + 1 end
    wrk.thread:set("bad", bad)
end
local threads = {}
function setup(thread) threads[#threads + 1] = thread end
function done(summary, latency)
    local wrong = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    for _, thread in ipairs(threads) do wrong = wrong + (thread:get("bad") or 0) end
    io.write(string.format("%7d reviews  p50 %6.2f ms  p99 %6.2f ms  max %7.2f ms  %6.0f/s  wrong %d\n", summary.requests,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000,
        summary.requests / summary.duration * 1e6, wrong))
end
LUA

# run WORDS IMAGE UNIQUE SECONDS
run() {
    local before after line
    reviews "$2" "$3" "$reviews" >bodies
    before=$(rss)
    line=$(BODIES=bodies wrk -t2 -c64 -d"$4"s --timeout 30s -s reviews.lua "https://$address/admission" | grep ' reviews ')
    after=$(rss)
    printf '%-32s %s  memory %s -> %s\n' "$1" "$line" "$before" "$after"
}
by_digest=$registry/shop/app@$digest by_tag=$registry/shop/app:1
for image in "$by_digest" "$by_tag"; do run "warming up" "$image" 0 1 >/dev/null; done
run "by digest, replicas" "$by_digest" 0 10
run "by digest, other texts each" "$by_digest" 1 10
run "by tag, replicas" "$by_tag" 0 10
run "by tag, other texts each" "$by_tag" 1 10
run "by digest, replicas, a minute" "$by_digest" 0 60
