//! Writes a small image to standard output, as `docker save` would: four layers, four leaked keys, made
//! anew at each run. Try: `cargo run --example leaky_image | cargo run -- scan -`
#![allow(missing_docs)]

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use keyseam::detect::template::{Seed, expand};
use keyseam::image::digest::Digest;
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut seed = Seed(now.as_secs() ^ u64::from(now.subsec_nanos()));
    let mut make = |template: &str| expand(template, "", &mut seed);
    let messagebird = make("{{base62:25}}")?;
    let clockwork = make("{{hex:40}}")?;
    let github = make("{{github:ghp_}}")?;
    let aws = make("{{base64:40}}")?;
    let aws_id = make("{{aws-id:AKIA}}")?;

    let env_file = format!("PORT=8080\nMESSAGEBIRD_API_KEY={messagebird}\n");
    let netrc = format!("machine github.com login bot password {github}\n");
    let profile = format!("[default]\naws_access_key_id = {aws_id}\naws_secret_access_key = {aws}\n");
    let base: &[Member] = &[("etc/os-release", b"ID=debian\nVERSION_CODENAME=bookworm\n")];
    let copy: &[Member] =
        &[("app/server.js", b"listen(process.env.PORT)\n"), ("app/.env", env_file.as_bytes())];
    let build: &[Member] =
        &[("root/.netrc", netrc.as_bytes()), ("root/.aws/credentials", profile.as_bytes())];
    let clean: &[Member] = &[("app/.wh..env", b""), ("root/.wh..netrc", b"")];

    let run = format!("RUN |1 GITHUB_TOKEN={github} /bin/sh -c ./build.sh # buildkit");
    let steps = [
        ("/bin/sh -c #(nop) ADD file:0f0f0f in / ", Some(base)),
        ("COPY . /app # buildkit", Some(copy)),
        (&format!("ENV CLOCKWORK_API_KEY={clockwork}"), None),
        (&run, Some(build)),
        ("RUN /bin/sh -c rm app/.env /root/.netrc # buildkit", Some(clean)),
        ("CMD [\"node\" \"/app/server.js\"]", None),
    ];
    let layers: Vec<Vec<u8>> = steps.iter().filter_map(|(_, members)| members.map(tar)).collect();
    let history: Vec<_> = steps
        .iter()
        .map(|(created_by, members)| json!({ "created_by": created_by, "empty_layer": members.is_none() }))
        .collect();
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::sha256_of(layer).to_string()).collect();
    let config = json!({
        "os": "linux",
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", format!("CLOCKWORK_API_KEY={clockwork}")],
            "Cmd": ["node", "/app/server.js"],
        },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history,
    });
    write_archive(&config.to_string(), &layers)
}

/// A member of a tar: its name and content.
type Member<'a> = (&'a str, &'a [u8]);

/// The archive of `docker save`: layers, config, and the manifest that orders them.
fn write_archive(config: &str, layers: &[Vec<u8>]) -> Result<(), Box<dyn std::error::Error>> {
    let config_name = format!("{}.json", Digest::sha256_of(config.as_bytes()).hex());
    let names: Vec<String> =
        layers.iter().map(|layer| format!("{}/layer.tar", Digest::sha256_of(layer).hex())).collect();
    let manifest =
        json!([{ "Config": config_name, "RepoTags": ["registry.example/shop/app:1.4"], "Layers": names }]);
    let manifest = manifest.to_string();
    let mut members: Vec<Member> =
        names.iter().map(String::as_str).zip(layers.iter().map(Vec::as_slice)).collect();
    members.push((&config_name, config.as_bytes()));
    members.push(("manifest.json", manifest.as_bytes()));
    Ok(io::stdout().write_all(&tar(&members))?)
}

/// A ustar archive (POSIX.1-1988) of regular files.
fn tar(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in members {
        let mut header = [0; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644");
        put(124, &format!("{:011o}", content.len()));
        put(136, "00000000000");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\u{0}00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}
