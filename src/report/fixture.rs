//! Hand-made reports for the tests of formats: an ordinary one, a hostile one, a clean one.
//! What stands for a redacted key here never was one.

use std::collections::BTreeMap;

use super::format::WriteReport;
use super::model::*;
use super::{Style, Threshold};
use crate::detect::{Confidence, Place, Severity};

/// All of them.
pub(crate) fn all() -> Vec<Report> {
    vec![rich(), clean(), hostile(), nothing(), public(), compared()]
}

/// Keys in several layers and in the config, base and own layers, errors, warnings, suppressed ones.
pub(crate) fn rich() -> Report {
    let mut result = image("docker-archive:shop.tar");
    result.reference = Some("registry.example/team/shop:1.4".into());
    result.findings = vec![
        finding(1),
        removed_finding(),
        env_finding(),
        history_finding(),
        low_finding(5),
        unsure_finding(),
    ];
    result.findings[0].remediation.rewrite = Some(
        "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -12,1 +12,0 @@\n-COPY production.env /app/config/\n".into(),
    );
    result.suppressed = vec![Suppressed {
        fingerprint: fingerprint(9),
        detector: "generic-password".into(),
        by: ".keyseamignore line 3: test data of the vendor".into(),
    }];
    result.evidence = vec![Evidence {
        detector: "messagebird-request".into(),
        name: "Request to MessageBird".into(),
        service: "MessageBird".into(),
        url: "https://dashboard.messagebird.example/logs/1".into(),
        locations: vec![file(4, "/var/log/app.log", 9)],
    }];
    result.complete = false;
    result.errors = vec![ScanError {
        layer: Some(2),
        path: Some("/var/lib/data.db".into()),
        reason: "cut".into(),
        message: "the layer ends in the middle of a file".into(),
    }];
    result.warnings = vec!["history has 7 steps with layers, the manifest has 6 layers".into()];
    result.opaque = Opaque {
        by_reason: BTreeMap::from([("encrypted-zip".into(), 2), ("unknown-compression".into(), 1)]),
        paths: vec!["/opt/vault.zip".into()],
    };
    result.stats.bytes_skipped = 1_200_000;
    let other = image("oci:./layout:edge");
    report(
        vec![result, other],
        vec![TargetError {
            target: "docker-archive:gone.tar".into(),
            message: "gone.tar: no such file; check the path".into(),
        }],
    )
}

/// What a format writes of a report with the usual thresholds.
pub(crate) fn written(write: WriteReport, report: &Report) -> String {
    let mut out = Vec::new();
    write(report, &Style::plain(Threshold::default()), &mut out).expect("a vector takes all");
    String::from_utf8(out).expect("UTF-8")
}

/// One image, nothing found.
pub(crate) fn clean() -> Report {
    report(vec![image("docker-archive:clean.tar")], Vec::new())
}

/// No target gave a result.
pub(crate) fn nothing() -> Report {
    let message = "gone.tar: no such file; check the path".into();
    report(Vec::new(), vec![TargetError { target: "gone.tar".into(), message }])
}

/// An image of a registry that anyone can pull, with a key of its base image.
pub(crate) fn public() -> Report {
    let mut result = image("docker://registry.example/team/shop:1.4");
    result.source = SourceKind::Registry;
    result.reference = Some("registry.example/team/shop:1.4".into());
    result.pullable_by = Some(PullableBy::Anyone);
    let mut inherited = finding(1);
    inherited.introduced_by = origin(1, "RUN apt-get install -y vendor-agent # buildkit", None);
    inherited.locations = vec![file(1, "/etc/vendor/agent.conf", 8)];
    result.findings = vec![inherited, removed_finding()];
    let mut internal = image("docker://10.0.0.5:5000/shop:1.4");
    internal.source = SourceKind::Registry;
    internal.pullable_by = Some(PullableBy::Network);
    internal.findings = vec![finding(1)];
    report(vec![result, internal], Vec::new())
}

/// What an image adds to an older one.
pub(crate) fn compared() -> Report {
    let mut result = image("docker://registry.example/team/shop:1.5");
    result.source = SourceKind::Registry;
    result.findings = vec![finding(1)];
    for layer in &mut result.layers {
        layer.added = Some(layer.index > 2);
    }
    Report { diff: Some(comparison()), ..report(vec![result], Vec::new()) }
}

fn comparison() -> Diff {
    Diff {
        old: "docker://registry.example/team/shop:1.4".into(),
        manifest_digest: Some(digest(99)),
        index_digest: None,
        complete: false,
        known: 3,
        gone: 1,
    }
}

/// Every string that an image's maker chooses tries something.
pub(crate) fn hostile() -> Report {
    let evil = "\u{1b}[2J\u{202e}=cmd()|\r\n::error::\u{9b}31m\u{7}<script>alert(1)</script>`$(id)`|\u{200b}";
    let mut report = rich();
    for result in &mut report.results {
        result.target = format!("oci:{evil}");
        result.reference = Some(evil.into());
        result.platform = Some(evil.into());
        result.base_image = Some(BaseImage { name: evil.into(), manifest_digest: None });
        result.findings.push(finding(7));
        result.findings.iter_mut().for_each(|finding| finding.introduced_by.layer = Some(0));
        result.warnings = vec![evil.into(); 8];
        result.opaque.by_reason.insert(evil.into(), 1);
        for layer in &mut result.layers {
            layer.created_by = Some(format!("RUN {evil}"));
        }
        for finding in &mut result.findings {
            finding.introduced_by.created_by = Some(evil.into());
            finding.handles.insert(evil.into(), evil.into());
            finding.known = Some(Known {
                since: Some(evil.into()),
                first_seen: Some(evil.into()),
                workloads: vec![evil.into(); 2],
            });
            let remediation = &mut finding.remediation;
            remediation.next = evil.into();
            remediation.image_steps = vec![evil.into(), format!("`{evil}` {evil}")];
            remediation.rewrite = Some(format!("+{evil}\n```\n~~~\n</pre>{evil}"));
            let mut key = guide();
            (key.about, key.docs) = (evil.into(), Some(evil.into()));
            key.revoke = vec![evil.into(), format!("a `{evil}` b")];
            remediation.key = Some(std::sync::Arc::new(key));
            for location in &mut finding.locations {
                location.path = Some(evil.repeat(20));
                location.inner = vec![evil.into()];
                location.name = Some(evil.into());
            }
        }
        for used in &mut result.evidence {
            (used.url, used.service) = (evil.into(), evil.into());
        }
        for error in &mut result.errors {
            error.message = evil.into();
        }
        for suppressed in &mut result.suppressed {
            suppressed.by = evil.into();
        }
    }
    report.diff = Some(Diff { old: evil.into(), ..comparison() });
    for error in &mut report.errors {
        error.target = evil.into();
        error.message = evil.into();
    }
    report
}

/// A report whose summary fits its results.
pub(crate) fn report(results: Vec<ImageResult>, errors: Vec<TargetError>) -> Report {
    let mut severities: BTreeMap<&str, Severity> = BTreeMap::new();
    for finding in results.iter().flat_map(|result| &result.findings) {
        let highest = severities.entry(&finding.fingerprint).or_insert(finding.severity);
        *highest = (*highest).max(finding.severity);
    }
    let words = ["critical", "high", "medium", "low", "info"];
    let mut by_severity: BTreeMap<String, usize> = words.iter().map(|word| ((*word).into(), 0)).collect();
    for severity in severities.values() {
        *by_severity.entry(severity.word().into()).or_default() += 1;
    }
    let summary = Summary {
        images: results.len(),
        findings: severities.len(),
        by_severity,
        suppressed: results.iter().map(|result| result.suppressed.len()).sum(),
        complete: errors.is_empty() && results.iter().all(|result| result.complete),
    };
    let tool = Tool { name: "keyseam", version: "0.1.0", ruleset: digest(77) };
    let started = time::macros::datetime!(2026-01-02 03:04:05 UTC);
    let times = Times { started, finished: started + time::Duration::seconds(7) };
    Report { version: "1", tool, results, errors, summary, diff: None, baseline: None, times }
}

/// An image of six layers, three of them of its base, with no findings.
pub(crate) fn image(target: &str) -> ImageResult {
    let steps = [
        ("/bin/sh -c #(nop) ADD file:1f4d in / ", 49_600_000),
        (
            "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ca-certificates curl \\\n  && rm -rf /var/lib/apt/lists/* # buildkit",
            81_200_000,
        ),
        ("RUN /bin/sh -c useradd app # buildkit", 4_100),
        ("COPY . /app # buildkit", 12_300_000),
        ("RUN /bin/sh -c npm ci --omit=dev # buildkit", 61_000_000),
        ("RUN /bin/sh -c rm /app/.npmrc # buildkit", 320),
    ];
    let layers: Vec<Layer> =
        steps.iter().enumerate().map(|(index, (step, size))| layer(index, step, *size)).collect();
    ImageResult {
        target: target.into(),
        reference: None,
        repo_digests: Vec::new(),
        source: SourceKind::DockerArchive,
        kind: "image",
        manifest_digest: Some(digest(100)),
        index_digest: None,
        config_digest: Some(digest(101)),
        platform: Some("linux/amd64".into()),
        pullable_by: None,
        base_image: Some(BaseImage { name: "debian:12".into(), manifest_digest: Some(digest(102)) }),
        findings: Vec::new(),
        suppressed: Vec::new(),
        complete: true,
        errors: Vec::new(),
        warnings: Vec::new(),
        evidence: Vec::new(),
        opaque: Opaque::default(),
        stats: Stats {
            layers: layers.len(),
            layers_cached: 0,
            files: 12_345,
            bytes_compressed: layers.iter().map(|layer| layer.size).sum(),
            bytes_scanned: 512_000_000,
            bytes_skipped: 0,
            seconds: 1.24,
        },
        layers,
    }
}

fn layer(index: usize, step: &str, size: u64) -> Layer {
    Layer {
        index,
        digest: Some(digest(index)),
        diff_id: Some(digest(50 + index)),
        media_type: Some("application/vnd.oci.image.layer.v1.tar+gzip".into()),
        size,
        created_by: Some(step.into()),
        history_index: Some(index + 1),
        base: Some(index < 3),
        added: None,
        cached: false,
        files: 40,
        bytes: size * 3,
    }
}

/// A critical key in a file of layer 3, in containers too.
pub(crate) fn finding(number: usize) -> Finding {
    Finding {
        fingerprint: fingerprint(number),
        place: format!("ksp1:{number:032x}"),
        detector: "messagebird-access-key".into(),
        name: "MessageBird access key (live)".into(),
        service: "MessageBird".into(),
        category: "messaging".into(),
        severity: Severity::Critical,
        confidence: Confidence::High,
        secret: "…".into(),
        handles: BTreeMap::from([("account".into(), "4711".into())]),
        introduced_by: origin(3, "COPY . /app # buildkit", Some(12)),
        in_final_image: true,
        exposed_to: "container",
        locations: vec![file(3, "/app/config/production.env", 3), file(4, "/app/dist/bundle.js", 1)],
        also: Vec::new(),
        companions: vec![Companion {
            role: "host".into(),
            value: "rest.messagebird.example".into(),
            near: "lines",
            locations: vec![file(3, "/app/config/hosts.env", 1)],
        }],
        owner: None,
        verification: Verification::default(),
        known: None,
        remediation: Remediation {
            next: "Revoke the key in the MessageBird dashboard, then make a new one.".into(),
            console: Some("https://dashboard.messagebird.example/developers/access".into()),
            image: "Add *.env to .dockerignore, and give the key at run time.".into(),
            key: Some(std::sync::Arc::new(guide())),
            image_steps: vec![
                "Layer 5 deletes the file, and layer 3 still has it.".into(),
                "Delete it: `skopeo delete docker://registry.example/team/shop@sha256:00`.".into(),
            ],
            rewrite: Some(
                "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,2 +1 @@\n FROM a\n-ENV TOKEN=…\n".into(),
            ),
            ..Remediation::default()
        },
    }
}

/// All that can be said of a key, an answer of each kind.
fn guide() -> Guide {
    let one = |text: &str| vec![text.to_owned()];
    Guide {
        general: false,
        about: "Signs a program in to the API of MessageBird.".into(),
        docs: Some("https://docs.messagebird.example/keys".into()),
        allows: one("send messages at the owner's cost"),
        leaks: one("In an image: by `COPY . .` of a folder with a `.env`."),
        misuse: one("Read the log of sent messages for recipients that are not yours."),
        make: one("Open Developers > API access and add a key."),
        overlap: Some("Several keys work side by side.".into()),
        roll_out: one("Find what uses it."),
        revoke: one("Delete the old one; `GET https://rest.messagebird.example/balance` then answers 401."),
        outlives: Some("Webhooks stay.".into()),
        breaks: one("Whatever sends messages."),
        after: one("Watch your logs for a day."),
        restrict: one("Give each program its own."),
        report: one("Tell the service."),
        keep_out: one("Mount it: `RUN --mount=type=secret,id=key`."),
    }
}

/// A key that a later layer removed.
fn removed_finding() -> Finding {
    let mut removed = finding(2);
    removed.detector = "npm-access-token".into();
    removed.name = "npm access token".into();
    removed.service = "npm".into();
    removed.severity = Severity::High;
    removed.secret = "npm_…Zq9x".into();
    removed.handles.clear();
    removed.companions.clear();
    removed.in_final_image = false;
    removed.exposed_to = "puller";
    removed.locations.truncate(1);
    removed.locations[0].path = Some("/app/.npmrc".into());
    removed.locations[0].removed_by = Some(RemovedBy { layer: 5, how: "whiteout".into() });
    removed.remediation = Remediation {
        next: "Revoke the token: npm token revoke.".into(),
        image: "Mount the file instead: RUN --mount=type=secret,id=npmrc,target=/app/.npmrc npm ci".into(),
        ..Remediation::default()
    };
    removed
}

/// A key in a variable of the config.
fn env_finding() -> Finding {
    let mut env = finding(3);
    env.name = "Connection string of a PostgreSQL database".into();
    env.service = "PostgreSQL".into();
    env.severity = Severity::High;
    env.handles.clear();
    env.companions.clear();
    env.introduced_by = Origin {
        layer: None,
        digest: None,
        diff_id: None,
        history_index: Some(9),
        created_by: Some("ENV DATABASE_URL=…".into()),
        dockerfile: None,
    };
    env.locations = vec![place(Place::Env, "DATABASE_URL")];
    env.remediation = Remediation {
        next: "Change the password of the database user.".into(),
        image: "Leave the variable out of the Dockerfile, and set it when the container starts.".into(),
        ..Remediation::default()
    };
    env
}

/// A key in a build argument, which containers do not see.
fn history_finding() -> Finding {
    let mut argument = finding(4);
    argument.detector = "generic-token".into();
    argument.name = "Token in a build argument".into();
    argument.service = "npm".into();
    argument.handles.clear();
    argument.companions.clear();
    argument.remediation = Remediation {
        next: "Find out what the token opens, and revoke it there.".into(),
        image: "Pass it as a secret: RUN --mount=type=secret,id=token".into(),
        ..Remediation::default()
    };
    argument.severity = Severity::Medium;
    argument.confidence = Confidence::Medium;
    argument.in_final_image = false;
    argument.exposed_to = "puller";
    argument.introduced_by = origin(4, "RUN |1 NPM_TOKEN=… /bin/sh -c npm ci --omit=dev # buildkit", None);
    argument.locations = vec![place(Place::Arg, "NPM_TOKEN")];
    argument
}

fn low_finding(number: usize) -> Finding {
    Finding { severity: Severity::Low, ..finding(number) }
}

fn unsure_finding() -> Finding {
    Finding { confidence: Confidence::Low, severity: Severity::High, ..finding(6) }
}

/// The place of a key in a file.
pub(crate) fn file(layer: usize, path: &str, line: u64) -> Location {
    Location {
        kind: Place::File,
        layer: Some(layer),
        path: Some(path.into()),
        line: Some(line),
        column: Some(17),
        offset: Some(80),
        name: None,
        ..place(Place::File, "")
    }
}

/// The place of a key in a named part of the config.
pub(crate) fn place(kind: Place, name: &str) -> Location {
    Location {
        kind,
        layer: None,
        path: None,
        path_base64: None,
        inner: Vec::new(),
        line: None,
        column: None,
        offset: None,
        name: Some(name.into()),
        decoded: Vec::new(),
        removed_by: None,
    }
}

fn origin(layer: usize, step: &str, line: Option<u64>) -> Origin {
    Origin {
        layer: Some(layer),
        digest: Some(digest(layer)),
        diff_id: Some(digest(50 + layer)),
        history_index: Some(layer + 1),
        created_by: Some(step.into()),
        dockerfile: line.map(|line| DockerfileLine { path: "Dockerfile".into(), line }),
    }
}

/// A digest like any other, the same for the same number.
pub(crate) fn digest(number: usize) -> String {
    crate::image::digest::Digest::sha256_of(&number.to_be_bytes()).to_string()
}

fn fingerprint(number: usize) -> String {
    format!("ksf1:0a1b2c3d:{number:032x}")
}
