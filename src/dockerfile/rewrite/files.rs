//! Files that hold the key: what COPY and ADD brought, and how the steps that read such files get them.

use super::diff::Edit;
use super::{Draft, Leaks, Missing, Mount, Place, Rewriter, run, shell};
use crate::dockerfile::Instruction;
use crate::dockerfile::pairs::words;

/// Files of one rewrite that later steps may need.
const MOST_MISSING: usize = 32;

/// A file whose place and readers are known.
pub(super) struct Known {
    /// The end of its path.
    name: &'static str,
    /// What its secret is called.
    id: &'static str,
    /// Where in a user's home it is read from.
    home: &'static str,
    /// Programs that read it without being told to.
    readers: &'static [&'static str],
}

/// Files that hold keys and that programs look for. Of `id_*` any file in `.ssh`.
const KNOWN: [Known; 14] = [
    known(".npmrc", "npmrc", ".npmrc", &["npm", "npx", "yarn", "pnpm", "corepack"]),
    known(".yarnrc.yml", "yarnrc", ".yarnrc.yml", &["yarn"]),
    known(".netrc", "netrc", ".netrc", &["curl", "wget", "git", "pip", "pip3", "go", "composer"]),
    known("pip.conf", "pip.conf", ".config/pip/pip.conf", &["pip", "pip3", "python", "python3"]),
    known(".pypirc", "pypirc", ".pypirc", &["twine", "python", "python3"]),
    known("settings.xml", "settings.xml", ".m2/settings.xml", &["mvn", "./mvnw"]),
    known("gradle.properties", "gradle.properties", ".gradle/gradle.properties", &["gradle", "./gradlew"]),
    known(".git-credentials", "git-credentials", ".git-credentials", &["git"]),
    known(".gitconfig", "gitconfig", ".gitconfig", &["git", "go", "npm", "pip", "pip3", "composer", "cargo"]),
    known(".aws/credentials", "aws", ".aws/credentials", &["aws", "terraform", "cdk"]),
    known(".docker/config.json", "docker", ".docker/config.json", &["docker", "crane", "skopeo", "oras"]),
    known(".cargo/credentials.toml", "cargo", ".cargo/credentials.toml", &["cargo"]),
    known(".composer/auth.json", "composer", ".composer/auth.json", &["composer"]),
    known(".env", "env", "", &[]),
];

const SSH: Known = known(".ssh/id_", "ssh", "", &["ssh", "git", "scp", "rsync", "sftp", "go", "npm", "pip"]);

const fn known(
    name: &'static str,
    id: &'static str,
    home: &'static str,
    readers: &'static [&'static str],
) -> Known {
    Known { name, id, home, readers }
}

/// What is known of the file at a path.
pub(super) fn of_path(path: &str) -> Option<&'static Known> {
    let is = |known: &&Known| {
        path.strip_suffix(known.name).is_some_and(|front| front.is_empty() || front.ends_with('/'))
    };
    let found = KNOWN.iter().find(is);
    found.or_else(|| path.contains(SSH.name).then_some(&SSH))
}

/// What a secret is called that holds this file or variable.
pub(super) fn id(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name).trim_start_matches(['.', '_', '*', '-']);
    let fits =
        |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c.to_ascii_lowercase() } else { '_' };
    let id: String = name.chars().map(fits).take(64).collect();
    if id.is_empty() { "secret".to_owned() } else { id }
}

/// Whether a path can stand in a mount, a comment or a pattern without being quoted.
pub(super) fn is_plain(path: &str) -> bool {
    !path.is_empty() && path.len() <= 512 && path.chars().all(|c| c.is_alphanumeric() || "._/@+-".contains(c))
}

/// A path without what it does not need; from the root, without the slash in front.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What a COPY made of one of its sources.
pub(super) enum Brought {
    /// It names the file.
    Named(usize),
    /// It copies the folder that the file is in: what `.dockerignore` says of it.
    Below(String),
}

impl<'a> Draft<'a, '_> {
    /// Leaves out the file that COPY or ADD brought.
    pub(super) fn copy(&mut self, index: usize, instruction: &'a Instruction) {
        let paths: Vec<String> = self
            .places(index)
            .filter_map(|place| match place {
                Place::File(path) => Some(normal(path)),
                _ => None,
            })
            .collect();
        if instruction.keyword == "ADD" && self.add_of_address(index, instruction) {
            return;
        }
        let words = arguments(instruction, self.of.escape);
        let Some((destination, sources)) = words.split_last() else { return };
        let mut named = Vec::new();
        for path in paths.iter().filter(|path| is_plain(path)) {
            match self.of.brought(index, instruction, sources, destination, path) {
                Some(Brought::Named(source)) => named.push(source),
                Some(Brought::Below(pattern)) if instruction.flag("from").is_none() => {
                    self.ignored.insert(pattern);
                }
                _ => continue,
            }
            self.miss(index, &format!("/{path}"));
        }
        self.drop_sources(index, instruction, sources.len(), &named);
    }

    pub(super) fn miss(&mut self, from: usize, path: &str) {
        if self.files.len() < MOST_MISSING && !self.files.iter().any(|file| file.path == path) {
            self.files.push(Missing { path: path.to_owned(), from, read: false });
        }
    }

    fn drop_sources(&mut self, index: usize, instruction: &'a Instruction, sources: usize, named: &[usize]) {
        if named.is_empty() {
            return;
        }
        if named.len() == sources || !instruction.heredocs.is_empty() {
            self.change(index).dropped = named.len() == sources;
            return;
        }
        let spans = words(&instruction.arguments, self.of.escape);
        let edit = |source: &usize| {
            let (span, next) = (spans.get(*source)?, spans.get(source + 1)?);
            let mut cut = span.start..next.start;
            // In the JSON form the first and the last word have the brackets.
            let text = instruction.arguments.get(span.clone())?;
            cut.start += usize::from(text.starts_with('['));
            Some(Edit { range: instruction.source.of_arguments(&cut), with: String::new() })
        };
        let edits: Vec<Edit> = named.iter().filter_map(edit).collect();
        self.change(index).edits.extend(edits);
    }

    /// ADD of an address that holds the key: a step that fetches it with the key as a secret.
    fn add_of_address(&mut self, index: usize, instruction: &'a Instruction) -> bool {
        let words = arguments(instruction, self.of.escape);
        let [address, destination] = words.as_slice() else { return false };
        let Some((scheme, rest)) = address.split_once("://") else { return false };
        let keys = self.keys_in(address);
        let refers: Vec<String> = self
            .variables_at(index)
            .map(|(name, _)| name.clone())
            .filter(|name| shell::names(address, name))
            .collect();
        let at_host = rest.split('/').next().and_then(|host| Some(host.rsplit_once('@')?.0.len() + 1));
        let whole = keys.is_empty() && refers.is_empty();
        if whole && (at_host.is_none() || !self.is_text_of(index)) {
            return false;
        }
        let name =
            address.rsplit('/').next().unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
        let target =
            if destination.ends_with('/') { format!("{destination}{name}") } else { destination.clone() };
        let text = if let Some(at) = at_host {
            let address = format!("{scheme}://{}", rest.get(at..).unwrap_or_default());
            let netrc = Mount::File {
                id: "netrc".to_owned(),
                path: format!("{}/.netrc", self.of.home(index).unwrap_or_else(|| "/root".to_owned())),
                for_all: self.of.user(index).is_some(),
            };
            let (repository, branch) = address.split_once('#').unwrap_or((&address, ""));
            if repository.ends_with(".git") {
                let branch = branch.split(':').next().unwrap_or_default();
                let branch = if branch.is_empty() { String::new() } else { format!(" --branch {branch}") };
                format!("RUN {} git clone{branch} {repository} {destination}", netrc.text())
            } else {
                format!("RUN {} curl -fsSL --netrc -o {target} \"{address}\"", netrc.text())
            }
        } else {
            let name = refers.first().cloned().unwrap_or_else(|| run::variable_name(self.leaks.variable));
            let id = self.variables.get(&name).map_or_else(|| id(&name), |one| one.id.clone());
            self.used.insert(name.clone());
            let mut said = address.clone();
            keys.iter().rev().for_each(|range| said.replace_range(range.clone(), &format!("${name}")));
            format!("RUN {} curl -fsSL -o {target} \"{said}\"", Mount::Variable { id, name }.text())
        };
        self.change(index).instead = Some(text);
        true
    }
}

impl Rewriter<'_> {
    /// How a file came from the sources.
    pub(super) fn brought(
        &self,
        index: usize,
        instruction: &Instruction,
        sources: &[String],
        destination: &str,
        path: &str,
    ) -> Option<Brought> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if let Some(only) = sources.first().filter(|_| sources.len() == 1)
            && (only.starts_with("<<") || only.starts_with("file:"))
        {
            return Some(Brought::Named(0)).filter(|_| destination != "/");
        }
        let target = self.resolve(index, destination).map(|path| normal(&path));
        let is_target = |wanted: &str| match &target {
            Some(target) => normal(&format!("{target}/{wanted}")) == path,
            None => {
                path == wanted || path.ends_with(&format!("/{}", normal(&format!("{destination}/{wanted}"))))
            }
        };
        for (at, source) in sources.iter().enumerate().filter(|(_, source)| !source.contains(['*', '?', '[']))
        {
            let last = normal(source).rsplit('/').next().unwrap_or_default().to_owned();
            let renamed = sources.len() == 1 && !destination.ends_with('/') && is_target("");
            if renamed || (last == name && is_target(name) && !normal(source).is_empty()) {
                return Some(Brought::Named(at));
            }
        }
        let is_archive = |source: &String| {
            instruction.keyword == "ADD"
                && (source.contains(".tar") || source.ends_with(".tgz") || source.starts_with("file:"))
        };
        if sources.iter().any(is_archive) {
            return None;
        }
        let below = target.as_ref().and_then(|target| match target.as_str() {
            "" => Some(path),
            target => path.strip_prefix(target)?.strip_prefix('/'),
        });
        let known = |source: &String| !source.contains(['*', '?', '[', '$', ':']);
        let pattern = match (sources, below) {
            ([source], Some(below)) if known(source) => normal(&format!("{source}/{below}")),
            _ => format!("**/{name}"),
        };
        Some(Brought::Below(pattern))
    }

    /// A path that a step names, from the root.
    pub(super) fn resolve(&self, index: usize, path: &str) -> Option<String> {
        if let Some(rest) = ["~/", "$HOME/", "${HOME}/"].iter().find_map(|home| path.strip_prefix(home)) {
            return Some(format!("{}/{rest}", self.home(index)?));
        }
        if path.contains('$') || path.contains('\\') {
            return None;
        }
        if path.starts_with('/') {
            return Some(format!("/{}", normal(path)));
        }
        Some(format!("/{}", normal(&format!("{}/{path}", self.folder(index)?))))
    }

    /// The working directory of a step, where the Dockerfile tells it.
    fn folder(&self, index: usize) -> Option<String> {
        let mut below = String::new();
        for one in self.before(index).filter(|one| one.keyword == "WORKDIR") {
            let named = one.arguments.trim().trim_matches('"');
            if named.contains('$') {
                return None;
            }
            below = format!("{named}/{below}");
            if named.starts_with('/') {
                return Some(below);
            }
        }
        self.stages.begins_empty(index).then(|| format!("/{below}"))
    }

    /// The user that a step runs as; root where the Dockerfile does not say.
    pub(super) fn user(&self, index: usize) -> Option<&str> {
        let said = self.before(index).find(|one| one.keyword == "USER")?;
        let name = said.arguments.split(':').next().unwrap_or_default().trim();
        Some(name).filter(|name| !matches!(*name, "root" | "0" | ""))
    }

    /// The home of that user, as it usually is.
    pub(super) fn home(&self, index: usize) -> Option<String> {
        match self.user(index) {
            None => Some("/root".to_owned()),
            Some(name) => name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'_')
                .then(|| format!("/home/{name}")),
        }
    }

    /// A file as a secret of a step.
    pub(super) fn file_mount(&self, index: usize, path: &str) -> Option<Mount> {
        let known = of_path(path).filter(|known| known.name != SSH.name);
        let id = known.map_or_else(|| id(path), |known| known.id.to_owned());
        let for_all = self.user(index).is_some();
        is_plain(path).then(|| Mount::File { id, path: path.to_owned(), for_all })
    }
}

impl Known {
    /// Where a user's programs look for it.
    pub(super) fn in_home(&self, home: &str) -> Option<String> {
        (!self.home.is_empty()).then(|| format!("{home}/{}", self.home))
    }

    /// Whether a command runs a program that reads it.
    pub(super) fn is_read_by(&self, command: &str) -> bool {
        let is_word_of = |reader: &str| {
            command
                .split(|c: char| c.is_whitespace() || ";&|()\"'`,[]".contains(c))
                .any(|word| word == reader)
        };
        self.readers.iter().any(|reader| is_word_of(reader))
    }
}

/// What COPY and ADD name, the destination last.
pub(super) fn arguments(instruction: &Instruction, escape: char) -> Vec<String> {
    let text = instruction.arguments.trim();
    if let Some(list) = super::commands::json(text) {
        return list;
    }
    // Docker's classic builder: `file:… in /path`.
    let words = shell_words(text, escape);
    match words.as_slice() {
        [source, word, rest] if word == "in" && source.contains(':') => vec![source.clone(), rest.clone()],
        _ => words,
    }
}

fn shell_words(text: &str, escape: char) -> Vec<String> {
    let unquoted = |range: std::ops::Range<usize>| {
        crate::dockerfile::pairs::unquoted(text.get(range).unwrap_or_default(), escape)
    };
    words(text, escape).into_iter().map(unquoted).collect()
}

impl Leaks<'_> {
    /// The files among the places.
    pub(super) fn files(&self) -> impl Iterator<Item = (usize, &str)> {
        self.places.iter().filter_map(|(index, place)| match place {
            Place::File(path) => Some((*index, *path)),
            _ => None,
        })
    }
}
