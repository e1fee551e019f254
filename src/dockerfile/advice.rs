//! What a Dockerfile will leave in its image for everyone who can pull it, and how it is written instead. Only
//! names are repeated, never values.

use super::pairs::pairs;
use super::{Dockerfile, Instruction};
use crate::detect::redact::is_secret_name;

/// Names of files that are there to hold keys, in lower case; `*` in front of an ending.
const KEY_FILES: [&str; 24] = [
    ".env",
    ".env.local",
    ".env.production",
    ".npmrc",
    ".yarnrc",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".pgpass",
    ".git-credentials",
    ".htpasswd",
    ".dockercfg",
    ".aws",
    ".ssh",
    ".kube",
    ".gnupg",
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    "kubeconfig",
    "terraform.tfstate",
    "*.pfx",
    "*.p12",
    "*.jks",
];

/// Something that an image keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The line of the Dockerfile, from 1.
    pub line: usize,
    /// What it is and what to write instead, one line.
    pub text: String,
}

/// What a Dockerfile does that leaks whatever it is given, keys of no known form too.
pub fn advice(dockerfile: &Dockerfile) -> Vec<Advice> {
    let all = dockerfile.instructions.iter();
    all.flat_map(|one| of(one).into_iter().map(|text| Advice { line: *one.lines.start(), text })).collect()
}

fn of(instruction: &Instruction) -> Vec<String> {
    match instruction.keyword.as_str() {
        "ARG" => {
            let secret = names(instruction).filter(|(name, _)| is_secret_name(name));
            let text = |(name, _): (String, &str)| {
                let given = format!("ARG {name}: what --build-arg gives it stands in the image's history");
                format!("{given}; use {}", mount(&name))
            };
            secret.map(text).collect()
        }
        "ENV" => {
            let secret = names(instruction).filter(|(name, value)| !value.is_empty() && is_secret_name(name));
            let text = |(name, _): (String, &str)| {
                format!(
                    "ENV {name}: its value stands in the image's config; give it to the container when it starts (docker run --env-file), or use {}",
                    mount(&name)
                )
            };
            secret.map(text).collect()
        }
        "COPY" | "ADD" if instruction.flag("from").is_none() => {
            let mut words: Vec<&str> = instruction.arguments.split_whitespace().collect();
            words.pop();
            let text = |path: &&str| {
                let keyword = &instruction.keyword;
                format!(
                    "{keyword} {path}: a file of this name is there to hold keys; leave it out with .dockerignore, and use {} in the step that needs it",
                    mount_file(path)
                )
            };
            words.iter().filter(|path| holds_keys(path)).map(text).collect()
        }
        _ => Vec::new(),
    }
}

/// What to write in place of an instruction in which a key stands.
pub fn rewrite(instruction: &Instruction) -> String {
    let name = match instruction.keyword.as_str() {
        "ARG" | "ENV" => names(instruction).map(|(name, _)| name).find(|name| is_secret_name(name)),
        _ => None,
    };
    let name = name.as_deref().unwrap_or("TOKEN");
    match instruction.keyword.as_str() {
        "ENV" => {
            format!("give it to the container when it starts (docker run --env-file), or use {}", mount(name))
        }
        "ARG" | "RUN" => format!("use {}", mount(name)),
        "COPY" | "ADD" => format!("use {} in the step that needs it", mount_file("secret")),
        keyword => format!(
            "take it out of {keyword}: give it to the container when it starts (docker run --env-file)"
        ),
    }
}

/// A secret as a variable of one step.
fn mount(name: &str) -> String {
    let id = name.to_ascii_lowercase();
    format!("RUN --mount=type=secret,id={id},env={name} in the step that needs it")
}

/// A secret as a file of one step.
fn mount_file(path: &str) -> String {
    let id = path.rsplit('/').next().unwrap_or(path).trim_start_matches(['.', '*', '_']);
    format!("RUN --mount=type=secret,id={id}")
}

/// The names that ARG and ENV give values to, with these as they are written.
fn names(instruction: &Instruction) -> impl Iterator<Item = (String, &str)> {
    let all = pairs(&instruction.keyword, &instruction.arguments, '\\').into_iter();
    let is_name = |(name, _): &(String, &str)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    all.map(|pair| (pair.name, pair.value.unwrap_or_default())).filter(is_name)
}

fn holds_keys(path: &str) -> bool {
    let path = path.trim_matches(['"', '\'', '[', ']', ',']).trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    KEY_FILES.iter().any(|known| match known.strip_prefix('*') {
        Some(ending) => name.ends_with(ending) && name.len() > ending.len(),
        None => name == *known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<(usize, String)> {
        let all = advice(&Dockerfile::parse(text.as_bytes()));
        all.into_iter().map(|one| (one.line, one.text)).collect()
    }

    #[test]
    fn what_leaks_whatever_it_is_given_is_named_with_the_rewrite() {
        let all = said(
            "FROM a\nARG NPM_TOKEN\nARG VERSION=1\nENV DB_PASSWORD=hunter2 MODE=on\nENV API_KEY $X\nENV EMPTY_TOKEN=\nCOPY .env package.json /app/\nCOPY --from=build /root/.ssh /root/.ssh\nADD [\"certs/site.p12\", \"/etc/\"]\nCOPY . .\n",
        );
        let lines: Vec<usize> = all.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 5, 7, 9]);
        assert!(all[0].1.starts_with("ARG NPM_TOKEN: ") && all[0].1.contains("id=npm_token,env=NPM_TOKEN"));
        assert!(all[1].1.starts_with("ENV DB_PASSWORD: ") && all[3].1.starts_with("COPY .env: "));
        assert!(all.iter().all(|(_, text)| !text.contains("hunter2")));
    }

    #[test]
    fn an_instruction_with_a_key_has_another_form() {
        let file = Dockerfile::parse(b"FROM a\nENV X=1 API_TOKEN=abc\nRUN curl -u me:abc\nLABEL a=abc\n");
        let all: Vec<String> = file.instructions.iter().skip(1).map(rewrite).collect();
        assert!(all[0].contains("--env-file") && all[0].contains("env=API_TOKEN"), "{}", all[0]);
        assert!(all[1].contains("--mount=type=secret,id=token"), "{}", all[1]);
        assert!(all[2].starts_with("take it out of LABEL"), "{}", all[2]);
        assert!(all.iter().all(|text| !text.contains("abc")));
    }
}
