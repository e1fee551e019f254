"""What deploy/ promises: objects that Kubernetes takes, the same from the manifest and from the chart, no rights, no
way past the gate. tests/deploy/run brings the programs."""

import base64
import os
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from pathlib import Path

import kubernetes_validate
import yaml

DEPLOY = Path("deploy")
CHART = DEPLOY / "helm/keyseam"
# The oldest and the newest that the schemas have, and one between.
KUBERNETES = ["1.25", "1.30", "1.37"]
# Kinds of others, which Kubernetes has no schema for.
CUSTOM = {"Certificate", "ServiceMonitor"}
IMAGE = "registry.example.com/keyseam"
FILLED = {
    "@NAMESPACE@": "keyseam", "@IMAGE@": f"{IMAGE}:0.1.0", "@FAILURE_POLICY@": "Ignore",
    "@CA_BUNDLE@": base64.b64encode(b"ca").decode(), "@TLS_CERT@": base64.b64encode(b"cert").decode(),
    "@TLS_KEY@": base64.b64encode(b"key").decode(), "@HASHING_KEY@": base64.b64encode(b"hashing key").decode(),
}


def run(*command):
    return subprocess.run(command, text=True, capture_output=True)


def output(*command):
    done = run(*command)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"
    return done.stdout


def objects(text):
    return {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(text) if o}


def manifest():
    text = (DEPLOY / "kubernetes/keyseam.yaml").read_text()
    for place, value in FILLED.items():
        assert place in text, f"{place} is nowhere"
        text = text.replace(place, value)
    return objects(text)


def chart(*arguments, kubernetes="1.34"):
    command = ["helm", "template", "keyseam", CHART, "-n", "keyseam", "--kube-version", kubernetes]
    return objects(output(*command, *arguments))


def the(kind, found):
    [one] = [o for (k, _), o in found.items() if k == kind]
    return one


def pod(found):
    return the("Deployment", found)["spec"]["template"]["spec"]


def values():
    return sorted((CHART / "ci").glob("*-values.yaml"))


def the_manifest_is_yaml_before_it_is_filled_in():
    kinds = [o["kind"] for o in yaml.safe_load_all((DEPLOY / "kubernetes/keyseam.yaml").read_text())]
    assert kinds[0] == "Namespace" and kinds[-1] == "ValidatingWebhookConfiguration", kinds


def kubernetes_takes_every_object():
    for version in KUBERNETES:
        found = [manifest()]
        for file in values():
            found.append(chart("-f", file, kubernetes=version))
        for (kind, name), one in [pair for some in found for pair in some.items()]:
            if kind not in CUSTOM:
                try:
                    kubernetes_validate.validate(one, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    raise AssertionError(f"{version}: {kind} {name}: {error}") from error


def helm_has_nothing_to_say():
    for file in values():
        output("helm", "lint", "--strict", CHART, "-f", file)


def wrong_values_are_refused():
    image = f"image.repository={IMAGE}"
    for arguments, said in [
        ([], "image.repository"),
        (["--set", f"{image},replica=3"], "replica"),
        (["--set", f"{image},webhook.failurePolicy=Never"], "failurePolicy"),
        (["--set", f"{image},image.digest=sha256:1"], "digest"),
        (["--set", f"{image},tls.mode=existing"], "existingSecret"),
        (["--set", f"{image},tls.mode=cert-manager"], "issuerRef"),
        (["--set", f"{image},notify.enabled=true,notify.registry=r.example.com"], "token.existingSecret"),
        (["--set", f"{image},persistence.enabled=true"], "replicas"),
        (["--set", f"{image},lingerSeconds=-1"], "lingerSeconds"),
        (["--set", image, "--kube-version", "1.20"], "1.21"),
    ]:
        done = run("helm", "template", "keyseam", CHART, *arguments)
        assert done.returncode != 0 and said in done.stderr, (arguments, done.stderr)


def manifest_and_chart_are_the_same():
    ours, charts = manifest(), chart("-f", CHART / "ci/default-values.yaml")

    def without_instance(value):
        if isinstance(value, dict):
            return {k: without_instance(v) for k, v in value.items() if k != "app.kubernetes.io/instance"}
        return [without_instance(v) for v in value] if isinstance(value, list) else value

    def parts(found):
        [webhook] = the("ValidatingWebhookConfiguration", found)["webhooks"]
        container = pod(found)["containers"][0] | {"imagePullPolicy": None}
        volumes = [v | {"secret": None} if v["name"] == "tls" else v for v in pod(found)["volumes"]]
        policy = tomllib.loads(the("ConfigMap", found)["data"]["policy.toml"])
        yield from (webhook["rules"], webhook["namespaceSelector"], container, volumes, policy)
        yield {k: v for k, v in webhook.items() if k != "clientConfig"}
        yield webhook["clientConfig"]["service"]
        yield {k: v for k, v in pod(found).items() if k not in ("containers", "volumes")}
        for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
            yield the(kind, found)["spec"]

    for one, other in zip(parts(ours), parts(charts), strict=True):
        assert without_instance(one) == without_instance(other), f"{one}\n\nand\n\n{other}"


def nothing_has_rights():
    for found in [manifest(), *(chart("-f", file) for file in values())]:
        assert not any("Role" in kind for kind, _ in found), list(found)
        assert the("ServiceAccount", found)["automountServiceAccountToken"] is False
        spec = pod(found)
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 65532
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = spec["containers"]
        context = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert container["securityContext"] == context
        mounts = {m["name"] for m in container["volumeMounts"]}
        assert mounts == {v["name"] for v in spec["volumes"]}


def the_webhook_leaves_out_what_must_start_without_it():
    for found in [manifest(), *(chart("-f", file) for file in values())]:
        [webhook] = the("ValidatingWebhookConfiguration", found)["webhooks"]
        names = webhook["namespaceSelector"]["matchExpressions"][0]
        assert names["key"] == "kubernetes.io/metadata.name" and names["operator"] == "NotIn"
        assert {"kube-system", "kube-public", "kube-node-lease", "keyseam"} == set(names["values"])


def certificates_of_the_chart_are_for_the_service():
    found = chart("-f", CHART / "ci/default-values.yaml")
    data = the("Secret", {k: v for k, v in found.items() if "tls" in k[1]})["data"]
    [webhook] = the("ValidatingWebhookConfiguration", found)["webhooks"]
    service = webhook["clientConfig"]["service"]
    assert webhook["clientConfig"]["caBundle"] == data["ca.crt"]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ca.crt", "tls.crt", "tls.key"):
            (Path(folder) / name).write_bytes(base64.b64decode(data[name]))
        output("openssl", "verify", "-CAfile", f"{folder}/ca.crt", "-purpose", "sslserver", "-verify_hostname",
               f"{service['name']}.{service['namespace']}.svc", f"{folder}/tls.crt")
    key = base64.b64decode(found["Secret", "keyseam-hashing-key"]["data"]["key"])
    assert len(base64.urlsafe_b64decode(key + b"=")) == 32 and not set(key) & set(b"+/=")


def compose():
    return yaml.safe_load(output("docker-compose", "-f", DEPLOY / "compose/compose.yaml", "config"))


def nobody_reaches_the_registry_but_by_the_gate():
    whole = compose()
    registry, gate = whole["services"]["registry"], whole["services"]["keyseam"]
    assert "ports" not in registry and set(registry["networks"]) == {"inner"}
    assert whole["networks"]["inner"]["internal"] is True
    assert [p["host_ip"] for p in gate["ports"]] == ["127.0.0.1"]


def containers_are_hardened():
    for name, service in compose()["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"] == ("0:0" if name == "prepare" else "65532:65532"), name
        assert name != "prepare" or service["network_mode"] == "none"


def policies():
    yield "kubernetes", the("ConfigMap", manifest())["data"]["policy.toml"]
    for file in values():
        yield file.name, the("ConfigMap", chart("-f", file))["data"]["policy.toml"]
    yield "compose", (DEPLOY / "compose/policy.toml").read_text()


def keyseam_takes_every_policy():
    for name, text in policies():
        tomllib.loads(text)
        # What stands there as an example holds too.
        lines = [line.partition("# ")[2] if line.startswith("# [") or " = " in line and line.startswith("# ") else line
                 for line in text.splitlines()]
        whole = "\n".join(lines).replace("ksf1:…", "ksf1:00000000:" + "0" * 32)
        if "KEYSEAM" in os.environ:
            for policy in {text, whole}:
                starts(name, policy)


def starts(name, policy):
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder) / "policy.toml", Path(folder) / "log"
        file.write_text(policy)
        command = [os.environ["KEYSEAM"], "serve", "--gate", "127.0.0.1:0", "--upstream", "http://127.0.0.1:9",
                   "--status", "127.0.0.1:0", "--store", f"{folder}/store", "--policy", file]
        with log.open("w") as out:
            server = subprocess.Popen(command, stdout=out, stderr=out, env={"XDG_DATA_HOME": folder})
            until = time.monotonic() + 60
            while server.poll() is None and "gate" not in log.read_text() and time.monotonic() < until:
                time.sleep(0.05)
            ended = server.poll()
            server.terminate()
            server.wait()
        assert ended is None and "gate" in log.read_text(), f"{name}: {log.read_text()}\n{policy}"


CHECKS = [
    the_manifest_is_yaml_before_it_is_filled_in, kubernetes_takes_every_object, helm_has_nothing_to_say,
    wrong_values_are_refused, manifest_and_chart_are_the_same, nothing_has_rights,
    the_webhook_leaves_out_what_must_start_without_it, certificates_of_the_chart_are_for_the_service,
    nobody_reaches_the_registry_but_by_the_gate, containers_are_hardened, keyseam_takes_every_policy,
]

failed = 0
for check in CHECKS:
    try:
        check()
        print(f"ok   {check.__name__}", flush=True)
    except Exception:
        failed += 1
        print(f"FAIL {check.__name__}", flush=True)
        traceback.print_exc()
print(f"{len(CHECKS) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
