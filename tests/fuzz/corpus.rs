//! What the cases are made from: tars that GNU tar, bsdtar and Python write, images in every shape,
//! definitions with their examples.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::template::{Seed, expand};
use serde_json::{Value, json};

use crate::damage::{key, leaking, small};
use crate::support::image::{Compression, docker_25, docker_classic, oci, oci_platforms, podman};

/// All of it.
pub(super) struct Corpus {
    pub(super) tars: Vec<Vec<u8>>,
    pub(super) compressed: Vec<Vec<u8>>,
    pub(super) archives: Vec<Vec<u8>>,
    pub(super) indexes: Vec<Value>,
    pub(super) configs: Vec<Value>,
    /// Provenance as BuildKit writes it, bare and in an envelope.
    pub(super) statements: Vec<Value>,
    /// Texts with keys of every definition.
    pub(super) texts: Vec<String>,
    /// The templates of the definitions' examples.
    pub(super) templates: Vec<String>,
}

impl Corpus {
    pub(super) fn new() -> Self {
        let tars = tars();
        let (clean, leaking) = (small(), leaking());
        let archives = vec![
            docker_classic(&[&leaking]).tar(),
            docker_25(&[&leaking, &clean]).tar(),
            oci(&[&leaking], Compression::Gzip).reversed().tar(),
            oci_platforms("app:1", &[&leaking], Compression::Zstd).tar(),
            podman(&[&clean]).tar(),
            oci(&[&clean], Compression::None).tar(),
        ];
        let compressions =
            [Compression::Gzip, Compression::Zstd, Compression::Xz, Compression::Bzip2, Compression::None];
        let compressed = compressions.iter().map(|compression| compression.apply(&tars[0])).collect();
        let catalogue = Catalogue::embedded().expect("the embedded definitions");
        let examples = catalogue.definitions().iter().flat_map(|definition| &definition.examples);
        let (mut texts, mut templates) = (Vec::new(), Vec::new());
        for (number, example) in examples.enumerate() {
            let mut seed = Seed(number as u64);
            let key = expand(&example.key, "", &mut seed).expect("an example");
            texts.push(expand(&example.text, &key, &mut seed).expect("an example"));
            templates.push(example.text.clone());
            templates.push(example.key.clone());
        }
        let documents = [docker_25(&[&leaking]), oci_platforms("app:1", &[&leaking], Compression::Gzip)];
        let mut indexes = Vec::new();
        for members in &documents {
            let names =
                members.list.iter().map(|(name, _)| name).filter(|name| name.as_str() != "manifest.json");
            let parsed = names.filter_map(|name| serde_json::from_slice(members.get(name)?).ok());
            indexes.extend(parsed);
        }
        let configs = vec![
            serde_json::from_slice(&leaking.config).expect("JSON"),
            serde_json::from_slice(&clean.config).expect("JSON"),
            config_of_builders(),
        ];
        let statements = statements();
        Self { tars, compressed, archives, indexes, configs, statements, texts, templates }
    }
}

/// The statements of the recorded images.
fn statements() -> Vec<Value> {
    let mut statements = Vec::new();
    for name in ["oci-slsa-0.2", "oci-slsa-1-zstd"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/buildx/{name}.tar.gz"));
        let output =
            Command::new("tar").args(["-xzOf"]).arg(path).arg("blobs/sha256").output().expect("tar runs");
        // All blobs, one behind the other: statements are the JSON among them that says so.
        for (at, _) in output.stdout.windows(8).enumerate().filter(|(_, bytes)| *bytes == b"{\"_type\"") {
            let mut values = serde_json::Deserializer::from_slice(&output.stdout[at..]).into_iter::<Value>();
            statements.extend(values.next().and_then(Result::ok));
        }
    }
    assert_eq!(statements.len(), 2, "recorded statements");
    let payload = STANDARD.encode(statements[1].to_string());
    statements
        .push(json!({ "payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [] }));
    statements
}

/// A config with the histories of the classic builder, BuildKit and buildah.
fn config_of_builders() -> Value {
    let steps = [
        "/bin/sh -c #(nop) ADD file:abc in / ".to_owned(),
        "/bin/sh -c #(nop)  CMD [\"bash\"]".to_owned(),
        format!("|2 TOKEN={} B=two words /bin/sh -c make", key(20)),
        format!("RUN |1 TOKEN={} /bin/sh -c make # buildkit", key(21)),
        format!("ENV TOKEN={} OTHER=\"a b\"", key(22)),
        format!("ARG TOKEN={}", key(23)),
        "/bin/sh -c apk add x && rm -rf /tmp FROM docker.io/library/alpine:3".to_owned(),
    ];
    let history: Vec<Value> = steps
        .iter()
        .enumerate()
        .map(|(number, step)| serde_json::json!({ "created_by": step, "empty_layer": number % 2 == 1, "comment": "c" }))
        .collect();
    serde_json::json!({
        "os": "linux", "architecture": "amd64", "author": "a", "created": "2024-01-01T00:00:00Z",
        "config": { "Env": [format!("TOKEN={}", key(22)), "PATH=/bin"], "Cmd": ["sh"], "Labels": { "a": "b" },
                    "Healthcheck": { "Test": ["CMD", "x"] }, "OnBuild": ["RUN x"], "ExposedPorts": { "80/tcp": {} } },
        "container_config": { "Cmd": ["/bin/sh", "-c", "#(nop) CMD"] },
        "rootfs": { "type": "layers", "diff_ids": [] }, "history": history,
    })
}

const PYTHON: &str = r#"
import io, sys, tarfile
formats = {"ustar": tarfile.USTAR_FORMAT, "pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT}
with tarfile.open(sys.argv[1], "w:", format=formats[sys.argv[2]]) as archive:
    for number in range(6):
        member = tarfile.TarInfo("d/" * number + "n" * (30 * number if sys.argv[2] != "ustar" else 20))
        body = b"text %d\n" % number * 40
        member.size = len(body)
        if sys.argv[2] == "pax":
            member.pax_headers = {"SCHILY.xattr.user.note": "value", "comment": "text", "mtime": "1.5"}
        archive.addfile(member, io.BytesIO(body))
    for kind, name in ((tarfile.SYMTYPE, "sym"), (tarfile.LNKTYPE, "hard"), (tarfile.DIRTYPE, "dir"),
                       (tarfile.FIFOTYPE, "fifo"), (tarfile.CHRTYPE, "char")):
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "d/" + "t" * 90
        archive.addfile(member)
"#;

/// Small tars of every format, with what formats differ in.
fn tars() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    grow(&tree);
    let out = folder.path().join("out.tar");
    let mut tars = Vec::new();
    let mut made = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        tars.push(std::fs::read(&out).expect("a tar"));
    };
    for format in ["v7", "oldgnu", "gnu", "ustar", "posix"] {
        let mut gnu = Command::new("tar");
        gnu.arg("--create").arg(format!("--format={format}")).arg("--file").arg(&out).arg("-C").arg(&tree);
        if matches!(format, "gnu" | "oldgnu" | "posix") {
            gnu.args(["--sparse", "."]);
        } else {
            gnu.args(["--exclude=*long*", "."]);
        }
        made(&mut gnu);
    }
    for version in ["0.0", "0.1", "1.0"] {
        let mut gnu = Command::new("tar");
        gnu.args([
            "--create",
            "--format=posix",
            "--sparse",
            &format!("--sparse-version={version}"),
            "--file",
        ]);
        made(gnu.arg(&out).arg("-C").arg(&tree).arg("."));
    }
    for format in ["pax", "gnutar", "ustar"] {
        let mut bsd = Command::new("bsdtar");
        bsd.args(["-c", "--format", format, "--exclude", "*long*", "-f"]);
        made(bsd.arg(&out).arg("-C").arg(&tree).arg("."));
    }
    for format in ["ustar", "pax", "gnu"] {
        made(Command::new("python3").args(["-c", PYTHON]).arg(&out).arg(format));
    }
    tars
}

fn grow(tree: &Path) {
    let long = tree.join("long".repeat(20)).join("name".repeat(20));
    std::fs::create_dir_all(&long).expect("a folder");
    let write = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).expect("a file");
    write(&long.join("file"), b"in a long path\n");
    write(&tree.join("file"), format!("TOKEN={}\n", key(1)).as_bytes());
    write(&tree.join(".wh.gone"), b"");
    std::fs::hard_link(tree.join("file"), tree.join("hard")).expect("a link");
    std::os::unix::fs::symlink("../target", tree.join("link")).expect("a link");
    let sparse = std::fs::File::create(tree.join("sparse")).expect("a file");
    for at in [0, 65_536, 200_000] {
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"data in a sparse file", at).expect("written");
    }
    sparse.set_len(300_000).expect("a length");
}
