#!/usr/bin/env python3
"""Records the AdmissionReviews of a real kube-apiserver into testdata/admission.

    python3 tests/kube/record.py FOLDER [OUTPUT]

FOLDER holds kube-apiserver, etcd and kubectl, as tests/kube/run --build-only leaves them in
target/kube/bin. Everything listens on loopback, and ends with this program.
"""

import base64
import http.server
import json
import os
import pathlib
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

PLAIN = "registry.example:5000/team/app:1"
NEWER = "registry.example:5000/team/app:2"
DIGEST = "registry.example:5000/team/side@sha256:" + "4b" * 32
# Tests put a generated key here, so that no file of the repository holds one.
PLACEHOLDER = "@@KEY@@"
ROLLOUTS = "rollouts.argoproj.io"


class Recorder(http.server.ThreadingHTTPServer):
    """A webhook that keeps what it was asked, and allows it unless told otherwise."""

    daemon_threads = True

    def __init__(self, certificate, key):
        super().__init__(("127.0.0.1", 0), Answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # The handshake belongs to the connection's own thread: an idle client must not hold up the others.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.lock = threading.Lock()
        self.reviews = []
        self.allows = True

    def take(self):
        with self.lock:
            taken, self.reviews = self.reviews, []
        return taken


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        review = {
            "path": self.path,
            "headers": {name: self.headers[name] for name in ("content-type", "user-agent")},
            "body": body,
        }
        with self.server.lock:
            self.server.reviews.append(review)
        answer = {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {"uid": body["request"]["uid"], "allowed": self.server.allows},
        }
        answer = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def certificates(work):
    """A CA, and one certificate by it for both servers, as both are 127.0.0.1."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=work, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=recording",
            "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1",
            "-keyout", "server.key", "-out", "server.csr")
    (work / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", "server.crt")
    openssl("genrsa", "-out", "accounts.key", "2048")


class Cluster:
    """etcd, kube-apiserver and the recorder; leaving the context ends those that were started."""

    def __init__(self, programs, work):
        self.programs, self.work, self.running = programs, work, []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def launch(self, name, *arguments):
        # Neither the machine's settings nor its proxies are to reach the servers.
        environment = {"PATH": os.defpath, "HOME": str(self.work)}
        with open(self.work / f"{name}.log", "wb") as log:
            self.running.append(subprocess.Popen(
                [self.programs / name, *arguments], cwd=self.work, env=environment, stdout=log, stderr=log))

    def start(self):
        certificates(self.work)
        clients, peers, port = (f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}", free_port())
        self.token = secrets.token_hex(16)
        (self.work / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")
        self.launch("etcd", "--name=recording", "--data-dir=etcd", f"--listen-client-urls={clients}",
                    f"--advertise-client-urls={clients}", f"--listen-peer-urls={peers}",
                    f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=recording={peers}")
        self.launch("kube-apiserver", f"--etcd-servers={clients}", "--bind-address=127.0.0.1",
                    "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
                    f"--secure-port={port}", "--insecure-port=0", "--cert-dir=certs",
                    "--tls-cert-file=server.crt", "--tls-private-key-file=server.key",
                    "--service-account-issuer=https://kubernetes.default.svc",
                    "--service-account-key-file=accounts.key", "--service-account-signing-key-file=accounts.key",
                    "--token-auth-file=tokens.csv", "--authorization-mode=RBAC",
                    "--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount",
                    "--feature-gates=EphemeralContainers=true")
        self.server = f"https://127.0.0.1:{port}"
        self.recorder = Recorder(self.work / "server.crt", self.work / "server.key")
        threading.Thread(target=self.recorder.serve_forever, daemon=True).start()
        self.until("the API server is ready", lambda: self.get("/readyz") == b"ok")
        self.until("there is a namespace", lambda: self.get("/api/v1/namespaces/default"))

    def until(self, what, condition):
        deadline = time.monotonic() + 120
        while True:
            for process in self.running:
                if process.poll() is not None:
                    name = pathlib.Path(process.args[0]).name
                    sys.exit(f"{name} ended:\n" + (self.work / f"{name}.log").read_text()[-3000:])
            try:
                if condition():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                sys.exit(f"waited in vain until {what}")
            time.sleep(0.2)

    def get(self, path):
        request = urllib.request.Request(self.server + path, headers={"Authorization": f"Bearer {self.token}"})
        context = ssl.create_default_context(cafile=self.work / "ca.crt")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=10) as answer:
            return answer.read()

    def kubectl(self, *arguments, stdin=None, refused=False):
        done = subprocess.run(
            [self.programs / "kubectl", f"--server={self.server}", f"--token={self.token}",
             f"--certificate-authority={self.work / 'ca.crt'}", *arguments],
            input=None if stdin is None else json.dumps(stdin), text=True, capture_output=True,
            env={"PATH": os.defpath, "HOME": str(self.work)})
        if (done.returncode != 0) != refused:
            sys.exit(f"kubectl {' '.join(arguments)}: {done.stderr}")

    def apply(self, manifest, *arguments):
        self.kubectl("apply", "-f", "-", *arguments, stdin=manifest)

    def register(self):
        """The rules of keyseam's webhook, and a second configuration that also asks about deletions."""

        def configuration(name, rules):
            authority = base64.b64encode((self.work / "ca.crt").read_bytes()).decode()
            address = f"https://127.0.0.1:{self.recorder.server_address[1]}/admission"
            return {
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": name},
                "webhooks": [{
                    "name": f"{name}.keyseam.example", "rules": rules, "matchPolicy": "Equivalent",
                    "sideEffects": "NoneOnDryRun", "timeoutSeconds": 7, "failurePolicy": "Fail",
                    "admissionReviewVersions": ["v1"], "clientConfig": {"url": address, "caBundle": authority},
                }],
            }

        def rule(operations, group, version, *resources):
            return {"operations": operations, "apiGroups": [group], "apiVersions": [version],
                    "resources": list(resources)}

        changes = ["CREATE", "UPDATE"]
        self.apply(configuration("images", [
            rule(changes, "", "v1", "pods", "pods/ephemeralcontainers", "replicationcontrollers", "podtemplates"),
            rule(changes, "apps", "v1", "deployments", "statefulsets", "daemonsets", "replicasets"),
            rule(changes, "batch", "*", "jobs", "cronjobs"),
            rule(changes, "argoproj.io", "v1alpha1", "rollouts"),
        ]))
        self.apply(configuration("deletions", [rule(["DELETE"], "", "v1", "pods")]))
        # The server learns of both a moment later.
        probe = pod("probe")

        def asked(operation, *arguments, stdin=None):
            self.kubectl(*arguments, stdin=stdin)
            return any(r["body"]["request"]["operation"] == operation for r in self.recorder.take())

        self.until("creations are asked about",
                   lambda: asked("CREATE", "create", "--dry-run=server", "-f", "-", stdin=probe))
        self.apply(probe)
        self.until("deletions are asked about",
                   lambda: asked("DELETE", "delete", "pod", "probe", "--dry-run=server", "--wait=false"))
        self.kubectl("delete", "pod", "probe")
        self.apply({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": ROLLOUTS},
            "spec": {
                "group": "argoproj.io", "scope": "Namespaced",
                "names": {"kind": "Rollout", "listKind": "RolloutList", "plural": "rollouts", "singular": "rollout"},
                "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}],
            },
        })
        self.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"crd/{ROLLOUTS}")
        self.recorder.take()


def container(name="app", image=PLAIN, **more):
    return {"name": name, "image": image, **more}


def pod(name, *containers, metadata=None, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **(metadata or {})},
            "spec": {"containers": list(containers) or [container()], **spec}}


def template(image=PLAIN, **spec):
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container(image=image)], **spec}}


def workload(version, kind, name, **spec):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def deployment(image):
    return workload("apps/v1", "Deployment", "deployment", replicas=2,
                    selector={"matchLabels": {"app": "web"}}, template=template(image))


def record(cluster, write):
    """Makes one change after the other, and writes the reviews that each of them led to."""
    selector = {"matchLabels": {"app": "web"}}

    def case(name, operation, kind, change):
        cluster.recorder.take()
        change()
        taken = cluster.recorder.take()
        found = [(r["body"]["request"]["operation"], r["body"]["request"]["kind"]["kind"]) for r in taken]
        # An update that fails on the cached state is tried once more on the stored one, and asked about again.
        if found not in ([(operation, kind)], [(operation, kind)] * 2):
            sys.exit(f"{name}: expected {operation} {kind}, was asked {found}")
        for number, review in enumerate(taken):
            write(name if number == 0 else f"{name}-again", review)

    def creation(name, manifest, *arguments):
        case(name, "CREATE", manifest["kind"], lambda: cluster.apply(manifest, *arguments))

    kubectl = cluster.kubectl
    creation("pod-create-dry-run", pod("app"), "--dry-run=server")
    creation("pod-create", pod("app"))
    case("pod-update-label", "UPDATE", "Pod", lambda: kubectl("label", "pod", "app", "tier=front"))
    case("pod-update-image", "UPDATE", "Pod", lambda: kubectl("set", "image", "pod/app", f"app={NEWER}"))
    debug = ("debug", "app", f"--image={DIGEST}", "--container=debugger", "--attach=false", "--", "sh")
    # A denial is such a failure too.
    cluster.recorder.allows = False
    case("pod-ephemeral-denied", "UPDATE", "EphemeralContainers", lambda: kubectl(*debug, refused=True))
    cluster.recorder.allows = True
    case("pod-ephemeral", "UPDATE", "EphemeralContainers", lambda: kubectl(*debug))
    # Asked about twice: for the deletion's grace, and for the deletion.
    case("delete", "DELETE", "Pod", lambda: kubectl("delete", "pod", "app", "--wait=false"))

    cluster.apply(pod("leaving", metadata={"finalizers": ["example.com/hold"]}))
    kubectl("delete", "pod", "leaving", "--wait=false")
    # The removal of the last finalizer deletes the pod, which for the update is another such failure.
    case("pod-deleting", "UPDATE", "Pod", lambda: kubectl(
        "patch", "pod", "leaving", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'))

    creation("pod-init-and-sidecar", pod(
        "several", container(), container("side", DIGEST), initContainers=[container("prepare", DIGEST)]))
    generated = pod("")
    generated["metadata"] = {"generateName": "app-"}
    case("pod-generate-name", "CREATE", "Pod", lambda: kubectl("create", "-f", "-", stdin=generated))
    creation("pod-secret-env", pod(
        "secret", container(env=[{"name": "API_TOKEN", "value": PLACEHOLDER}, {"name": "PLAIN", "value": "value"}],
                            args=["serve", f"--token={PLACEHOLDER}"]),
        metadata={"annotations": {"example.com/token": PLACEHOLDER}}))
    kubectl("create", "namespace", "team-b")
    creation("namespace-other", pod("app", metadata={"namespace": "team-b"}))

    creation("deployment-create", deployment(PLAIN))
    case("deployment-update", "UPDATE", "Deployment", lambda: cluster.apply(deployment(NEWER)))
    creation("statefulset", workload("apps/v1", "StatefulSet", "statefulset", serviceName="web",
                                     selector=selector, template=template()))
    creation("daemonset", workload("apps/v1", "DaemonSet", "daemonset", selector=selector, template=template()))
    creation("replicaset", workload("apps/v1", "ReplicaSet", "replicaset", selector=selector, template=template()))
    creation("replicationcontroller", workload("v1", "ReplicationController", "replicationcontroller",
                                               selector={"app": "web"}, template=template()))
    creation("podtemplate", {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "podtemplate"},
                             "template": template()})
    job = {"template": template(restartPolicy="Never")}
    creation("job", workload("batch/v1", "Job", "job", **job))
    creation("cronjob", workload("batch/v1beta1", "CronJob", "cronjob", schedule="5 4 * * *",
                                 jobTemplate={"spec": job}))
    creation("rollout", workload("argoproj.io/v1alpha1", "Rollout", "rollout", selector=selector,
                                 template=template()))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    programs = pathlib.Path(sys.argv[1]).resolve()
    output = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "admission"
    output = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else output
    written = {}
    with tempfile.TemporaryDirectory() as work, Cluster(programs, pathlib.Path(work)) as cluster:
        version = subprocess.run([programs / "kube-apiserver", "--version"], check=True, text=True,
                                 capture_output=True).stdout.strip().removeprefix("Kubernetes v")

        def write(name, review):
            text = json.dumps({"recorded": True, "server": version, **review}, indent=2, ensure_ascii=False)
            # What is committed must say nothing of where it was recorded.
            for trace in (socket.gethostname(), work, str(programs), cluster.token):
                if trace in text:
                    sys.exit(f"{name} holds {trace}")
            written[name] = text + "\n"

        cluster.register()
        record(cluster, write)
    # Only a recording that went through to its end replaces the last one.
    output.mkdir(parents=True, exist_ok=True)
    for repeated in output.glob("*-again.json"):
        repeated.unlink()
    for name, text in written.items():
        (output / f"{name}.json").write_text(text)
    print(f"{len(written)} reviews of kube-apiserver {version}")


if __name__ == "__main__":
    main()
