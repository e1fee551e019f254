//! The files for builds and clusters: the Dockerfile built for real with a key that stays nowhere, Compose's and
//! Kubernetes' by their schemas, and the command that makes the Secret run as it stands.

use std::fs;
use std::path::Path;

use keyseam::advice::keep_out::{Snippet, containers};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::workshop::{KEYS, Key, Piece, installed, repository};
use crate::scan::key as token;
use crate::support::cli::Keyseam;
use crate::support::engine::{Podman, run, text};

/// The text of a file for a key.
fn file(key: &Key, name: &str) -> String {
    let snippets = containers(&key.names());
    let found: Vec<&Snippet> = snippets.iter().filter(|snippet| snippet.file_name == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0].text.clone()
}

/// The documents of a YAML file, by a reader of YAML.
fn documents(yaml: &str) -> Vec<Value> {
    let read = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin.read()))))";
    let said = Piece::new(installed("bin/python")).args(["-c", read]).input(yaml).run();
    assert_eq!(said.status, 0, "{}", said.err);
    serde_json::from_str(&said.out).expect("JSON")
}

/// The command that a comment of a file gives.
fn command<'a>(text: &'a str, first_words: &str) -> &'a str {
    let line =
        text.lines().find_map(|line| line.strip_prefix("# ").filter(|line| line.starts_with(first_words)));
    line.unwrap_or_else(|| panic!("no {first_words} in {text}"))
}

/// A folder with a build context, whose build script uses the key, and the file that holds it.
fn context(key: &Key, value: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("written");
    };
    write("key", format!("{value}\n").as_bytes());
    write("app/Dockerfile", file(key, "Dockerfile").as_bytes());
    let script = format!(
        "#!/bin/sh\nread -r key <\"${}_FILE\"\necho \"${{#key}} ${{key%${{key#ghp_??}}}}\" >built\n",
        key.variable
    );
    write("app/build.sh", script.as_bytes());
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path().join("app/build.sh"), executable).expect("set");
    // A base with a shell and nothing else.
    let shell = "FROM scratch\nCOPY dash /bin/sh\n";
    let said = Piece::new("ldd").args(["/bin/dash"]).run();
    let libraries: Vec<&str> = said.out.split_whitespace().filter(|word| word.starts_with('/')).collect();
    let copies = libraries.iter().map(|library| format!("COPY libraries{library} {library}\n"));
    write("base/Dockerfile", [shell.to_owned()].into_iter().chain(copies).collect::<String>().as_bytes());
    // Who may run what comes along.
    let take = |from: &str, name: &str| {
        write(name, b"");
        fs::copy(from, folder.path().join(name)).expect("copied");
    };
    take("/bin/dash", "base/dash");
    for library in libraries {
        take(library, &format!("base/libraries{library}"));
    }
    folder
}

#[test]
fn a_build_by_the_dockerfile_sees_the_key_and_keeps_nothing_of_it() {
    let (key, value) = (&KEYS[0], token(1));
    let (folder, podman) = (context(key, &value), Podman::new());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let buildah = |line: &str| {
        let variable = format!("{}_FILE", key.variable);
        let mut shell = podman.program("sh");
        let output = run(shell.args(["-c", line]).env(variable, path("key")).current_dir(path("app")), None);
        (output.status.success(), text(&output))
    };
    let (made, said) = buildah(&format!("buildah bud -q -t base:1 {}", path("base")));
    assert!(made, "{said}");
    // The command of the file, for another builder and a base that is here.
    let text = file(key, "Dockerfile");
    let build = command(&text, "docker build ");
    let ours = "buildah bud --isolation chroot --format docker --from localhost/base:1 -t app:1 ";
    let (made, said) = buildah(&build.replace("docker build ", ours));
    assert!(made && !said.contains(&value), "{said}");
    let image = path("image.tar");
    let (made, said) = buildah(&format!("buildah push -q app:1 docker-archive:{image}"));
    assert!(made, "{said}");

    // The build had it, and no layer, no history and no setting has it now.
    let run = Keyseam::scan(&[&image]).run();
    run.assert_status(0);
    assert!(run.findings().is_empty());
    let archive = fs::read(&image).expect("an archive");
    let holds = |needle: &str| archive.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds(&format!("{} {}", value.len(), &value[..6])), "what the build made of the key");
    assert!(!holds(&value[4..]), "the key is in the image");
    let without =
        buildah(&build.replace("docker build ", ours).replace(&format!("id={}", key.slug), "id=other"));
    assert!(!without.0 && without.1.contains(key.slug), "a build without the key fails: {}", without.1);
}

#[test]
fn compose_mounts_the_key_as_a_file() {
    for key in &KEYS {
        let (folder, text) = (tempfile::tempdir().expect("a folder"), file(key, "compose.yaml"));
        let path = folder.path().join("compose.yaml");
        fs::write(&path, &text).expect("written");
        let check = repository("target/report-tools/bin/check-jsonschema");
        let said = Piece::new(check).args(["--builtin-schema", "vendor.compose-spec"]).args([&path]).run();
        assert_eq!(said.status, 0, "{}{}", said.out, said.err);
        let variable = format!("{}_FILE", key.variable);
        let mounted = format!("/run/secrets/{}", key.slug);
        let expected = json!({
            "services": { "app": {
                "build": { "context": ".", "secrets": [key.slug] },
                "environment": { variable.clone(): mounted },
                "secrets": [key.slug],
            }},
            "secrets": { key.slug: { "file": format!("${{{variable}:?is not set}}") } },
        });
        assert_eq!(documents(&text), [expected]);
    }
}

/// Checks a file of Kubernetes' kinds by its schemas.
#[track_caller]
fn assert_valid(folder: &Path, yaml: &str) {
    let path = folder.join("checked.yaml");
    fs::write(&path, yaml).expect("written");
    let said = Piece::new(installed("bin/kubernetes-validate")).args(["--strict"]).args([&path]).run();
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
}

#[test]
fn kubernetes_mounts_the_secret_that_the_command_makes() {
    for key in &KEYS {
        let (folder, text) = (tempfile::tempdir().expect("a folder"), file(key, "deployment.yaml"));
        assert_valid(folder.path(), &text);
        let value = folder.path().join("value");
        fs::write(&value, "one of a kind\n").expect("written");
        let make = format!("{} --dry-run=client -o yaml", command(&text, "kubectl create secret "));
        let variable = format!("{}_FILE", key.variable);
        let made = Piece::new("sh")
            .args(["-c", &make])
            .envs([(variable.clone(), value.display().to_string())])
            .run();
        assert_eq!(made.status, 0, "{}", made.err);
        assert_valid(folder.path(), &made.out);
        let secret = documents(&made.out).remove(0);
        assert_eq!(secret["data"], json!({ "api-key": "b25lIG9mIGEga2luZAo=" }));
        assert_eq!(secret["metadata"]["name"], key.path);

        let deployment = documents(&text).remove(0);
        let pod = &deployment["spec"]["template"];
        assert_eq!(deployment["spec"]["selector"]["matchLabels"], pod["metadata"]["labels"]);
        let items = json!([{ "key": "api-key", "path": "api-key" }]);
        let volume = json!({ "name": key.path, "secret": { "secretName": key.path, "items": items } });
        assert_eq!(pod["spec"]["volumes"], json!([volume]));
        let container = &pod["spec"]["containers"][0];
        let folder = format!("/run/secrets/{}", key.path);
        let mount = json!({ "name": key.path, "mountPath": folder, "readOnly": true });
        assert_eq!(container["volumeMounts"], json!([mount]));
        assert_eq!(container["env"], json!([{ "name": variable, "value": format!("{folder}/api-key") }]));
    }
}

#[test]
fn the_external_secret_asks_vault_where_the_script_put_the_key() {
    for key in &KEYS {
        let documents = documents(&file(key, "external-secret.yaml"));
        let [store, external] = &documents[..] else { panic!("{documents:#?}") };
        for (document, kind) in [(store, "SecretStore"), (external, "ExternalSecret")] {
            assert_eq!(document["apiVersion"], "external-secrets.io/v1");
            assert_eq!(document["kind"], kind);
        }
        let vault = &store["spec"]["provider"]["vault"];
        assert_eq!((&vault["path"], &vault["version"]), (&json!("secret"), &json!("v2")));
        let login =
            json!({ "mountPath": "kubernetes", "role": "app", "serviceAccountRef": { "name": "app" } });
        assert_eq!(vault["auth"], json!({ "kubernetes": login }));
        let reference = json!({ "key": key.path, "property": "api_key" });
        let expected = json!({
            "refreshInterval": "1h0m0s",
            "secretStoreRef": { "kind": "SecretStore", "name": store["metadata"]["name"] },
            "target": { "name": key.path, "creationPolicy": "Owner" },
            "data": [{ "secretKey": "api-key", "remoteRef": reference }],
        });
        assert_eq!(external["spec"], expected);
    }
}
