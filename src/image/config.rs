//! The image config (OCI image specification, config.md; Docker image specification 1.2), read
//! leniently: a field of an odd type is a warning, never the loss of the others, and nothing that stands
//! in the document is left out. What no field here holds comes back as [`Block`]s of text.

pub(crate) mod json;

use json::{Document, Json};

use super::digest::Digest;

pub use json::Block;

/// An image config. Where a key stands twice in the document, its fields hold both values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// `linux`, `windows` ….
    pub os: Option<String>,
    /// `amd64`, `arm64` …: Go's names.
    pub architecture: Option<String>,
    /// `v7`, `v8` ….
    pub variant: Option<String>,
    /// Who made the image; several where the key stands twice.
    pub author: Vec<String>,
    /// Comments on the whole image.
    pub comment: Vec<String>,
    /// `config`: what a runtime starts.
    pub runtime: RuntimeConfig,
    /// `container_config`: the container of the last build step, in images of old Docker versions.
    pub container: RuntimeConfig,
    /// `rootfs.diff_ids`, base first; `None` for one that is no digest.
    pub diff_ids: Vec<Option<Digest>>,
    /// `history`, oldest first.
    pub history: Vec<HistoryEntry>,
    /// All text of the document that stands in none of `author` to `history`, except for the time of a step.
    pub rest: Vec<Block>,
    /// What is odd about the document. No value of it is named.
    pub warnings: Vec<String>,
}

/// What a runtime starts, and with what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// `NAME=value`, in order.
    pub env: Vec<String>,
    /// Names and values, in order.
    pub labels: Vec<(String, String)>,
    /// The words of the entrypoint.
    pub entrypoint: Vec<String>,
    /// The words of the command.
    pub cmd: Vec<String>,
    /// The words of `Healthcheck.Test`, `CMD` or `CMD-SHELL` in front.
    pub healthcheck: Vec<String>,
    /// ONBUILD triggers.
    pub onbuild: Vec<String>,
    /// `SHELL`'s words.
    pub shell: Vec<String>,
    /// User and group.
    pub user: Vec<String>,
    /// Working directory.
    pub working_dir: Vec<String>,
    /// Stop signal.
    pub stop_signal: Vec<String>,
    /// Exposed ports, as written.
    pub exposed_ports: Vec<String>,
    /// Volumes.
    pub volumes: Vec<String>,
}

/// A build step, as recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The step's command, in the builder's form.
    pub created_by: String,
    /// The builder's comment.
    pub comment: Option<String>,
    /// The author.
    pub author: Option<String>,
    /// When, as written.
    pub created: Option<String>,
    /// Whether it made no layer.
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Reads a config. Bytes that are no JSON give a config with nothing but `rest` and a warning.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut document = Document::read(bytes);
        let mut config = Self::default();
        if let Some(fault) = document.fault {
            config.warnings.push(format!("image config: {fault}"));
        }
        if !matches!(document.value, Json::Object(_) | Json::Null) {
            config.warnings.push("image config: it is not a JSON object".to_owned());
        }
        config.read(&mut document.value);
        config.rest.extend(document.value.blocks());
        config.rest.extend(document.stray.map(|text| Block { path: String::new(), text }));
        config
    }

    fn read(&mut self, root: &mut Json) {
        let mut fields = Fields { object: root, path: "", warnings: &mut self.warnings };
        self.os = fields.noted("os");
        self.architecture = fields.noted("architecture");
        self.variant = fields.noted("variant");
        self.author = fields.texts("author");
        self.comment = fields.texts("comment");
        fields.each_object("config", |fields| self.runtime.read(fields));
        fields.each_object("container_config", |fields| self.container.read(fields));
        fields.each_object("rootfs", |fields| {
            for text in fields.list("diff_ids") {
                self.diff_ids.push(text.parse().ok());
                if self.diff_ids.last() == Some(&None) {
                    fields.warn("rootfs.diff_ids", "a member is not a digest");
                    fields.keep("diff_id", text);
                }
            }
        });
        fields.each_item("history", |fields| self.history.push(HistoryEntry::read(fields)));
    }
}

impl RuntimeConfig {
    fn read(&mut self, fields: &mut Fields<'_>) {
        self.env.extend(fields.list("Env"));
        self.labels.extend(fields.map("Labels"));
        self.entrypoint.extend(fields.list("Entrypoint"));
        self.cmd.extend(fields.list("Cmd"));
        fields.each_object("Healthcheck", |fields| self.healthcheck.extend(fields.list("Test")));
        self.onbuild.extend(fields.list("OnBuild"));
        self.shell.extend(fields.list("Shell"));
        self.user.extend(fields.texts("User"));
        self.working_dir.extend(fields.texts("WorkingDir"));
        self.stop_signal.extend(fields.texts("StopSignal"));
        self.exposed_ports.extend(fields.set("ExposedPorts"));
        self.volumes.extend(fields.set("Volumes"));
    }
}

impl HistoryEntry {
    fn read(fields: &mut Fields<'_>) -> Self {
        // A line for each value of a repeated key; there is one in every config that a builder wrote.
        let created = fields.noted("created");
        let mut joined = |name| Some(fields.texts(name).join("\n")).filter(|text| !text.is_empty());
        let created_by = joined("created_by").unwrap_or_default();
        let comment = joined("comment");
        let author = joined("author");
        let empty_layer = fields.flag("empty_layer");
        Self { created_by, comment, author, created, empty_layer }
    }
}

/// Takes fields out of an object. What is not of the type that is asked for stays in it, so that its
/// text is still seen, and is warned of.
struct Fields<'a> {
    object: &'a mut Json,
    path: &'a str,
    warnings: &'a mut Vec<String>,
}

impl Fields<'_> {
    fn warn(&mut self, field: &str, what: &str) {
        let warning = format!("image config: {field}: {what}");
        // One line for each kind of oddity is enough: a hostile config may hold a million.
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn keep(&mut self, name: &str, text: String) {
        self.object.put(name.to_owned(), Json::Text(text));
    }

    /// The values of `name` through `read`, which gives back what it has no use for.
    fn read_each(&mut self, name: &str, mut read: impl FnMut(Json) -> Result<(), Json>) {
        for (written, value) in self.object.take(name) {
            if value != Json::Null
                && let Err(odd) = read(value)
            {
                self.object.put(written, odd);
                let dot = if self.path.is_empty() { "" } else { "." };
                let field = format!("{}{dot}{name}", self.path);
                self.warn(&field, "it is of an unexpected type, and was read as text");
            }
        }
    }

    /// Strings that stand alone; empty ones count as absent.
    fn texts(&mut self, name: &str) -> Vec<String> {
        let mut texts = Vec::new();
        self.read_each(name, |value| match value {
            Json::Text(text) => {
                texts.push(text);
                Ok(())
            }
            odd => Err(odd),
        });
        texts.retain(|text| !text.is_empty());
        texts
    }

    /// The last value of a string that hardly ever holds a key; its text stays among the rest.
    fn noted(&mut self, name: &str) -> Option<String> {
        let texts = self.texts(name);
        texts.iter().for_each(|text| self.keep(name, text.clone()));
        texts.into_iter().next_back()
    }

    fn flag(&mut self, name: &str) -> bool {
        let mut flag = false;
        self.read_each(name, |value| match value {
            Json::Bare(word) if word == "true" || word == "false" => {
                flag = word == "true";
                Ok(())
            }
            odd => Err(odd),
        });
        flag
    }

    /// A list of words, or one string in its place (a command's shell form), or an object in the place
    /// of `name=value` words.
    fn list(&mut self, name: &str) -> Vec<String> {
        let mut list = Vec::new();
        self.read_each(name, |value| match value {
            Json::Array(items) => {
                let (words, odd): (Vec<Json>, Vec<Json>) =
                    items.into_iter().partition(|item| matches!(item, Json::Text(_) | Json::Bare(_)));
                list.extend(words.iter().filter_map(Json::scalar).map(str::to_owned));
                let odd: Vec<Json> = odd.into_iter().filter(|item| *item != Json::Null).collect();
                if odd.is_empty() { Ok(()) } else { Err(Json::Array(odd)) }
            }
            Json::Text(text) => {
                list.extend(Some(text).filter(|text| !text.is_empty()));
                Ok(())
            }
            object => {
                let (pairs, odd) = scalars(object)?;
                list.extend(pairs.into_iter().map(|(name, value)| format!("{name}={value}")));
                if odd.is_empty() { Ok(()) } else { Err(Json::Object(odd)) }
            }
        });
        list
    }

    /// Names and values of an object, or of a list of `name=value`.
    fn map(&mut self, name: &str) -> Vec<(String, String)> {
        let mut map = Vec::new();
        self.read_each(name, |value| match value {
            Json::Array(items) if items.iter().all(|item| item.scalar().is_some()) => {
                for item in items.iter().filter_map(Json::scalar) {
                    let (name, value) = item.split_once('=').unwrap_or((item, ""));
                    map.push((name.to_owned(), value.to_owned()));
                }
                Ok(())
            }
            object => {
                let (pairs, odd) = scalars(object)?;
                map.extend(pairs);
                if odd.is_empty() { Ok(()) } else { Err(Json::Object(odd)) }
            }
        });
        map
    }

    /// The names of an object whose values are empty objects, as Go writes a set.
    fn set(&mut self, name: &str) -> Vec<String> {
        let mut set = Vec::new();
        self.read_each(name, |value| match value {
            Json::Object(members) => {
                let (plain, odd): (Vec<_>, Vec<_>) = members
                    .into_iter()
                    .partition(|(_, value)| *value == Json::Null || *value == Json::Object(Vec::new()));
                set.extend(plain.into_iter().map(|(name, _)| name));
                if odd.is_empty() { Ok(()) } else { Err(Json::Object(odd)) }
            }
            Json::Array(items) if items.iter().all(|item| item.scalar().is_some()) => {
                set.extend(items.iter().filter_map(Json::scalar).map(str::to_owned));
                Ok(())
            }
            odd => Err(odd),
        });
        set
    }

    /// Reads the objects called `name`; what is left of them goes back.
    fn each_object(&mut self, name: &'static str, mut read: impl FnMut(&mut Fields<'_>)) {
        for (written, mut value) in self.object.take(name) {
            match value {
                Json::Object(_) => self.read_below(&mut value, name, &mut read),
                Json::Null => continue,
                _ => self.warn(name, "it is not an object, and was read as text"),
            }
            self.object.put(written, value);
        }
    }

    /// Reads the objects in the list called `name`; what is left of them goes back.
    fn each_item(&mut self, name: &'static str, mut read: impl FnMut(&mut Fields<'_>)) {
        for (written, mut value) in self.object.take(name) {
            let Json::Array(items) = &mut value else {
                if value != Json::Null {
                    self.warn(name, "it is not a list, and was read as text");
                    self.object.put(written, value);
                }
                continue;
            };
            for item in items.iter_mut() {
                if !matches!(item, Json::Object(_)) {
                    self.warn(name, "a member is not an object, and was read as text");
                }
                self.read_below(item, name, &mut read);
            }
            self.object.put(written, value);
        }
    }

    fn read_below(&mut self, object: &mut Json, path: &str, read: &mut impl FnMut(&mut Fields<'_>)) {
        read(&mut Fields { object, path, warnings: self.warnings });
    }
}

type Members = Vec<(String, Json)>;

/// The members of an object that are scalars (`null` as empty), and the others.
fn scalars(value: Json) -> Result<(Vec<(String, String)>, Members), Json> {
    let Json::Object(members) = value else { return Err(value) };
    let mut pairs = Vec::new();
    let mut odd = Vec::new();
    for (name, value) in members {
        match value {
            Json::Text(text) | Json::Bare(text) => pairs.push((name, text)),
            Json::Null => pairs.push((name, String::new())),
            value => odd.push((name, value)),
        }
    }
    Ok((pairs, odd))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSIC: &[u8] = include_bytes!("../../testdata/configs/docker-classic.json");
    const COMMITTED: &[u8] = include_bytes!("../../testdata/configs/buildah-commit.json");

    #[test]
    fn reads_a_config_of_docker() {
        let config = ImageConfig::parse(CLASSIC);
        assert_eq!(config.warnings, Vec::<String>::new());
        assert_eq!((config.os.as_deref(), config.architecture.as_deref()), (Some("linux"), Some("amd64")));
        assert_eq!(config.author, ["The Author <author@example.com>"]);
        assert!(config.runtime.env.contains(&"LEGACY=three words here".to_owned()));
        assert!(config.runtime.labels.contains(&("second".to_owned(), "2".to_owned())));
        assert_eq!(config.runtime.cmd, ["echo", "a \"quoted\" word"]);
        assert_eq!(config.runtime.entrypoint, ["/bin/sh", "-c"]);
        assert_eq!(config.runtime.healthcheck, ["CMD-SHELL", "/bin/sh -c 'true || exit 1'"]);
        assert_eq!(config.runtime.onbuild, ["RUN echo later"]);
        assert_eq!(config.runtime.shell, ["/bin/sh", "-e", "-c"]);
        assert_eq!(config.runtime.user, ["1000:1000"]);
        assert_eq!(config.runtime.working_dir, ["/srv"]);
        assert_eq!(config.runtime.stop_signal, ["SIGTERM"]);
        assert_eq!(config.runtime.exposed_ports, ["8080/tcp"]);
        assert_eq!(config.runtime.volumes, ["/data"]);
        assert_eq!(
            config.container.cmd.last().map(String::as_str),
            Some(r#"CMD ["echo" "a \"quoted\" word"]"#)
        );
        assert_eq!(config.diff_ids.iter().flatten().count(), 2);
        assert_eq!(config.history.len(), 20);
        assert_eq!(config.history.iter().filter(|entry| !entry.empty_layer).count(), 2);
        let rest: String = config.rest.iter().map(|block| block.text.as_str()).collect();
        assert!(rest.contains("docker_version=20.10") && !rest.contains("LEGACY"), "{rest}");
    }

    #[test]
    fn reads_a_config_of_buildah() {
        let config = ImageConfig::parse(COMMITTED);
        assert_eq!(config.runtime.env, ["A=b c"]);
        assert_eq!(config.container.env, ["A=b c"]);
        assert_eq!(config.history[0].created_by, "by hand");
        assert_eq!(config.history[0].comment.as_deref(), Some("hand comment"));
        assert_eq!(config.history[0].author.as_deref(), Some("Some One"));
    }

    #[test]
    fn odd_types_cost_nothing_but_themselves() {
        let config = ImageConfig::parse(
            br#"{"os":7,"author":["odd author"],"config":{"Env":{"A":"b","N":1,"deep":{"x":"hidden"}},
                 "Cmd":"shell form","Labels":["l=m"],"User":null,"Volumes":["/v"],"OnBuild":["RUN x",["nested"]]},
                 "rootfs":{"diff_ids":["sha256:no"]},"history":["text",{"created_by":"x","empty_layer":"yes"}]}"#,
        );
        assert_eq!(config.runtime.env, ["A=b", "N=1"]);
        assert_eq!(config.runtime.cmd, ["shell form"]);
        assert_eq!(config.runtime.labels, [("l".to_owned(), "m".to_owned())]);
        assert_eq!(config.runtime.volumes, ["/v"]);
        assert_eq!(config.runtime.onbuild, ["RUN x"]);
        assert_eq!(config.diff_ids, [None]);
        assert_eq!(config.history.len(), 2, "indexes stay right");
        assert_eq!(config.history[1].created_by, "x");
        assert!(!config.history[1].empty_layer);
        let rest: String = config.rest.iter().map(|block| block.text.as_str()).collect();
        for text in ["os=7", "odd author", "hidden", "nested", "sha256:no", "text", "empty_layer=yes"] {
            assert!(rest.contains(text), "{text} is lost");
        }
        for field in ["os", "author", "config.Env", "config.OnBuild", "rootfs.diff_ids", "history"] {
            let named = |warning: &String| warning.starts_with(&format!("image config: {field}"));
            assert!(config.warnings.iter().any(named), "no warning names {field}");
        }
        assert!(!config.warnings.concat().contains("hidden"), "warnings name no values");
    }

    #[test]
    fn values_of_repeated_keys_are_all_read_whatever_their_case() {
        let config = ImageConfig::parse(
            br#"{"config":{"Env":["A=1"],"ENV":["B=2"]},"Config":{"env":["C=3"],"User":"u"},
                "history":[{"created_by":"one","created_by":"two"}],"x":"first","x":"second"}"#,
        );
        assert_eq!(config.runtime.env, ["A=1", "B=2", "C=3"]);
        assert_eq!(config.runtime.user, ["u"]);
        assert_eq!(config.history[0].created_by, "one\ntwo");
        assert_eq!(config.rest[config.rest.len() - 1].text.matches("x=").count(), 2);
    }

    #[test]
    fn what_is_no_config_is_kept_as_text() {
        for bytes in [&b"not json"[..], b"[\"a\"]", b"\xff\xfe", b"\"text\""] {
            let config = ImageConfig::parse(bytes);
            assert_eq!(config.warnings.len(), 1);
            assert!(!config.rest.is_empty());
        }
        assert_eq!(ImageConfig::parse(b"").warnings.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn damaged_configs_are_read_and_keep_their_text(at in 0..CLASSIC.len(), byte in 0_u8..128, cut in 0..CLASSIC.len()) {
            let mut damaged = CLASSIC[..cut.max(at + 1)].to_vec();
            damaged[at] = byte;
            let config = ImageConfig::parse(&damaged);
            proptest::prop_assert!(config == ImageConfig::parse(CLASSIC) || !config.rest.is_empty());
        }
    }
}
