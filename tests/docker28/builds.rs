//! What is built: one image with a key in every place where a build can leave one, the keys made for it.

use std::path::Path;

use crate::docker::{Docker, programs};
use crate::expected::{Keys, PLACES};

/// The image of which `tests/recorded/expected.rs` says where its keys are found. Its steps run with a
/// shell that is mounted from another stage, so that the image itself stays small.
const DOCKERFILE: &str = r#"ARG EARLY
FROM scratch AS tools
COPY sh /bin/sh

FROM tools AS stage
ARG STAGE_TOKEN
RUN echo built > /built

FROM scratch
ARG TOKEN
ARG DEFAULT_TOKEN={default}
COPY .env /app/.env
ENV API_TOKEN={env}
LABEL ci.token={label}
COPY --from=stage /built /built
RUN --mount=type=bind,from=tools,source=/bin,target=/bin echo "token = {literal}" > /app/key
RUN --mount=type=bind,from=tools,source=/bin,target=/bin rm /app/key
RUN --mount=type=bind,from=tools,source=/bin,target=/bin --mount=type=secret,id=netrc \
    cat /run/secrets/netrc > /dev/null && echo "token = $TOKEN" > /app/argument
COPY <<END /app/heredoc
token = {heredoc}
END
CMD ["/app/run", "--token={cmd}"]
"#;

/// The context of the image in `folder`.
pub(crate) fn write_context(folder: &Path, keys: Keys) {
    let mut dockerfile = DOCKERFILE.to_owned();
    for place in PLACES {
        dockerfile = dockerfile.replace(&format!("{{{place}}}"), &keys.of(place));
    }
    let shell = programs().join("usr/bin/busybox");
    std::fs::copy(shell, folder.join("sh")).expect("busybox");
    let files = [
        ("Dockerfile", dockerfile),
        (".env", format!("TOKEN={}\n", keys.of("copied"))),
        ("../netrc", format!("password {}\n", keys.of("secret"))),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).expect("a file of the context");
    }
}

/// Builds the image as `options` say; `folder` holds its context in `context`.
#[track_caller]
pub(crate) fn build(docker: &Docker, folder: &Path, keys: Keys, options: &[&str]) {
    let context = folder.join("context");
    if !context.exists() {
        std::fs::create_dir(&context).expect("a folder");
        write_context(&context, keys);
    }
    let argument = |name: &str, place: &str| format!("{name}={}", keys.of(place));
    let arguments = [
        argument("--build-arg=EARLY", "early"),
        argument("--build-arg=STAGE_TOKEN", "stage"),
        argument("--build-arg=TOKEN", "argument"),
        argument("--build-arg=NOT_DECLARED", "undeclared"),
        argument("--label=build.token", "option"),
        format!("--secret=id=netrc,src={}", folder.join("netrc").display()),
        "--tag=app:1".to_owned(),
    ];
    let all: Vec<&str> = arguments.iter().map(String::as_str).chain(options.iter().copied()).collect();
    docker.build(&context, &all);
}
