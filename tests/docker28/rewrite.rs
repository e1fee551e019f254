//! Rewrites under BuildKit, as they are: variables of secrets, here-documents, and the Dockerfile out of the provenance.

use crate::cases::{CASES, Context, each};
use crate::docker::Docker;
use crate::support::cli::Keyseam;

#[test]
fn the_rewrite_of_a_leaking_dockerfile_builds_and_is_clean() {
    let docker = Docker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("image.tar");
    let output = format!("--output=type=docker,dest={}", archive.display());
    let build = |context: &Context, options: &[String]| {
        let all: Vec<&str> =
            options.iter().map(String::as_str).chain([output.as_str(), "--provenance=false"]).collect();
        docker.build(context.folder(), &all);
    };
    assert!(CASES.iter().any(|case| case.needs_buildkit), "what no other test builds is built here");
    each(CASES.iter(), |number, case| {
        let context = Context::new(case, 100 + number);
        build(&context, &context.arguments());
        context.rewrite(&archive, case);
        build(&context, &context.secrets(case));
        context.assert_clean(&archive, case);
    });
}

#[test]
fn the_dockerfile_in_the_provenance_is_rewritten_too() {
    let docker = Docker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("image.tar");
    let output = format!("--output=type=oci,dest={}", archive.display());
    let context = Context::new(&CASES[2], 300);
    let arguments = context.arguments();
    docker.build(context.folder(), &[&arguments[0], &output, "--attest=type=provenance,mode=max"]);
    let run = Keyseam::scan(&[&archive]).run();
    let rewrite = run.findings()[0]["remediation"]["rewrite"].as_str().unwrap_or_default().to_owned();
    let expected = "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,5 +1,4 @@\n FROM scratch\n COPY base /\n-ARG TOKEN\n-RUN [ ${#TOKEN} -eq 40 ] && echo done > /proof\n+RUN --mount=type=secret,id=token,env=TOKEN [ ${#TOKEN} -eq 40 ] && echo done > /proof\n RUN echo other\n";
    assert_eq!(rewrite, expected);
}
