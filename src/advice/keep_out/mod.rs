//! Code that keeps a key out of source and image: it fetches the key from where it should be, with the key's
//! own names filled in. Every piece is a file that a reader can keep, and the tests run every one of them
//! against a server that holds a key. No piece holds a key's value.

mod languages;
mod names;
mod templates;

pub use names::Names;

/// Where a key can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Store {
    /// Environment variables, and files that they name.
    Env,
    /// AWS Secrets Manager.
    Aws,
    /// HashiCorp Vault or OpenBao, KV version 2.
    Vault,
    /// CyberArk Conjur.
    Conjur,
}

impl Store {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Env, Self::Aws, Self::Vault, Self::Conjur];

    /// Its name for a reader.
    pub fn title(self) -> &'static str {
        match self {
            Self::Env => "the environment",
            Self::Aws => "AWS Secrets Manager",
            Self::Vault => "HashiCorp Vault or OpenBao",
            Self::Conjur => "CyberArk Conjur",
        }
    }

    /// What the script that puts a key there needs.
    fn setup_needs(self) -> &'static [&'static str] {
        match self {
            Self::Env => &[],
            Self::Aws => &["the AWS CLI (aws)"],
            Self::Vault => &["the command vault, or bao under this name"],
            Self::Conjur => &["curl and jq"],
        }
    }
}

/// What the code is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Language {
    /// Python 3.
    Python,
    /// JavaScript modules for Node.js.
    #[value(name = "javascript")]
    JavaScript,
    /// Go.
    Go,
    /// Java 17.
    Java,
    /// Ruby.
    Ruby,
    /// The POSIX shell.
    Shell,
}

/// One file for the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// What it is.
    pub title: String,
    /// The name that its text is written for.
    pub file_name: String,
    /// Its language, as Markdown's code blocks name it.
    pub fence: &'static str,
    /// The whole file.
    pub text: String,
    /// What has to be installed, commands where one is the same everywhere.
    pub needs: Vec<String>,
}

/// A file with a function that fetches a key, and a `main` that shows its use.
pub fn snippet(store: Store, language: Language, names: &Names) -> Snippet {
    let file_name = language.file_name(names);
    let text = templates::render(language.template(store), names, &file_name);
    let needs = language.needs(store).iter().map(|&need| need.to_owned()).collect();
    let title = format!("{}: {} from {}", language.title(), names.variable, store.title());
    Snippet { title, file_name, fence: language.fence(), text, needs }
}

/// A shell script that puts a key into the store once, and says who may read it.
pub fn setup(store: Store, names: &Names) -> Snippet {
    let file_name = format!("keep-{}.sh", names.slug());
    let template = match store {
        Store::Env => include_str!("env/setup.sh"),
        Store::Aws => include_str!("aws/setup.sh"),
        Store::Vault => include_str!("vault/setup.sh"),
        Store::Conjur => include_str!("conjur/setup.sh"),
    };
    let text = templates::render(template, names, &file_name);
    let needs = store.setup_needs().iter().map(|&need| need.to_owned()).collect();
    let title = format!("Put {} into {}", names.variable, store.title());
    Snippet { title, file_name, fence: "sh", text, needs }
}

/// The same for what builds and runs containers: Dockerfile, Compose, Kubernetes, External Secrets Operator.
pub fn containers(names: &Names) -> Vec<Snippet> {
    const FILES: [(&str, &str, &str, &str, &str); 4] = [
        (
            "A build that sees the key and keeps nothing of it",
            "Dockerfile",
            "dockerfile",
            include_str!("containers/Dockerfile"),
            "BuildKit (docker build), podman build or buildah",
        ),
        (
            "Compose: the key as a mounted file",
            "compose.yaml",
            "yaml",
            include_str!("containers/compose.yaml"),
            "Docker Compose 2",
        ),
        (
            "Kubernetes: the key as a mounted Secret",
            "deployment.yaml",
            "yaml",
            include_str!("containers/deployment.yaml"),
            "kubectl",
        ),
        (
            "Kubernetes: a Secret that follows Vault",
            "external-secret.yaml",
            "yaml",
            include_str!("containers/external-secret.yaml"),
            "External Secrets Operator 0.16 or later",
        ),
    ];
    let snippet =
        |(title, file_name, fence, template, needs): (&str, &str, &'static str, &str, &str)| Snippet {
            title: title.to_owned(),
            file_name: file_name.to_owned(),
            fence,
            text: templates::render(template, names, file_name),
            needs: vec![needs.to_owned()],
        };
    FILES.map(snippet).into()
}

#[cfg(test)]
mod tests;
