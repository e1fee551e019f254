//! What is built: an image with a key in every place where a build can leave one, and one of two platforms.

use tempfile::TempDir;

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

/// An image of which each platform has a key of its own. No step runs, so any machine builds it.
const PLATFORMS: &str = r#"FROM scratch
ARG TOKEN
ARG TARGETARCH
COPY env-$TARGETARCH /app/.env
ENV API_TOKEN={env}
"#;

/// A context with its keys.
pub(crate) struct Context {
    folder: TempDir,
    keys: Keys,
}

impl Context {
    pub(crate) fn new(keys: Keys) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let line = |place: &str| format!("TOKEN={}\n", keys.of(place));
        let filled = |dockerfile: &str| {
            let fill = |text: String, place: &&str| text.replace(&format!("{{{place}}}"), &keys.of(place));
            PLACES.iter().fold(dockerfile.to_owned(), fill)
        };
        let files = [
            ("Dockerfile", filled(DOCKERFILE)),
            ("Dockerfile.platforms", filled(PLATFORMS)),
            (".env", line("copied")),
            ("env-amd64", line("copied")),
            ("env-arm64", line("arm64")),
            ("netrc", line("secret")),
            (".dockerignore", "netrc\n".to_owned()),
        ];
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a file of the context");
        }
        let shell = programs().join("usr/bin/busybox");
        std::fs::copy(shell, folder.path().join("sh")).expect("busybox");
        Self { folder, keys }
    }

    /// Builds the image with all kinds of steps, as `options` say.
    #[track_caller]
    pub(crate) fn build(&self, docker: &Docker, options: &[&str]) {
        let argument = |name: &str, place: &str| format!("{name}={}", self.keys.of(place));
        let arguments = [
            argument("--build-arg=EARLY", "early"),
            argument("--build-arg=STAGE_TOKEN", "stage"),
            argument("--build-arg=TOKEN", "argument"),
            argument("--build-arg=NOT_DECLARED", "undeclared"),
            argument("--label=build.token", "option"),
            format!("--secret=id=netrc,src={}", self.path("netrc")),
        ];
        self.run(docker, &arguments, options);
    }

    /// Builds the image of two platforms.
    #[track_caller]
    pub(crate) fn build_platforms(&self, docker: &Docker, options: &[&str]) {
        let arguments = [
            format!("--build-arg=TOKEN={}", self.keys.of("argument")),
            "--platform=linux/amd64,linux/arm64".to_owned(),
            format!("--file={}", self.path("Dockerfile.platforms")),
        ];
        self.run(docker, &arguments, options);
    }

    #[track_caller]
    fn run(&self, docker: &Docker, arguments: &[String], options: &[&str]) {
        let arguments = arguments.iter().map(String::as_str);
        let all: Vec<&str> = arguments.chain(options.iter().copied()).chain(["--tag=app:1"]).collect();
        docker.build(self.folder.path(), &all);
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}
