//! The texts of an image outside its layers: config, history, annotations, manifest. Each is one unit,
//! with the build step that explains it.
//!
//! A fact stands in one unit, with one exception: the text of every build step is a unit by itself,
//! besides the variables, arguments and labels that were read out of it, because builders record values
//! in ways that cannot always be told apart.

mod setters;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::detect::Place;
use crate::image::config::json::{Document, Json};
use crate::image::config::{Block, ImageConfig, RuntimeConfig};
use crate::image::history::{History, Step, StepKind};
use crate::image::manifest::Image;
use setters::Setters;

/// A text outside the layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// What kind of text it is.
    pub place: Place,
    /// Name of the variable, argument, label or annotation; elsewhere the path of the object in its
    /// document, where it has one.
    pub name: Option<String>,
    /// What the detectors see: `NAME=value` where there is a name and a value, else the text itself.
    pub text: Vec<u8>,
    /// Where the value begins in `text`.
    pub value_offset: usize,
    /// Index of the build step that explains it; `None` for what only the config or manifest holds.
    pub history_index: Option<usize>,
    /// Index of the layer that this step made.
    pub layer: Option<usize>,
    /// Whether a container of the image can read it.
    pub in_final_image: bool,
}

/// All texts of an image outside its layers, and what is odd about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigUnits {
    /// The texts: config, then history, then annotations and manifest.
    pub units: Vec<Unit>,
    /// The image's build steps.
    pub history: History,
    /// What is odd: never the exit status.
    pub warnings: Vec<String>,
}

impl ConfigUnits {
    /// The texts of `image`.
    pub fn of(image: &Image) -> Self {
        let mut all = Self::default();
        if let Some(bytes) = &image.config_json {
            let config = ImageConfig::parse(bytes);
            all.history = History::of(&config, image.layers.len());
            all.warnings.clone_from(&config.warnings);
            all.warnings.extend(all.history.warnings.iter().cloned());
            all.units = ConfigTexts::units_of(&config, &all.history.steps);
        }
        all.add_manifest(image);
        all
    }

    fn add_manifest(&mut self, image: &Image) {
        let mut annotations: Vec<(String, String)> = Vec::new();
        let pairs = |of: &BTreeMap<String, String>| of.clone().into_iter().collect::<Vec<_>>();
        annotations.extend(pairs(&image.annotations));
        if let Some(bytes) = &image.manifest_json {
            let mut document = Document::read(bytes);
            self.warnings.extend(document.fault.map(|fault| format!("image manifest: {fault}")));
            take_annotations(&mut document.value, &mut annotations);
            let mut blocks = document.value.blocks();
            blocks.extend(document.stray.map(|text| Block { path: String::new(), text }));
            self.units.extend(blocks.into_iter().map(|block| Unit::of_block(Place::Manifest, block)));
        }
        // Where the manifest is there, the layers' repeat what was read from it.
        for blob in image.layers.iter().chain(&image.attestations) {
            annotations.extend(pairs(&blob.annotations));
        }
        let mut seen = HashSet::new();
        annotations.retain(|pair| seen.insert(pair.clone()));
        let unit = |(name, value): &(String, String)| Unit::named(Place::Annotation, name, value);
        self.units.extend(annotations.iter().map(unit));
    }
}

/// Takes the annotations out of a manifest: its own and those of its descriptors.
fn take_annotations(value: &mut Json, annotations: &mut Vec<(String, String)>) {
    for (written, mut found) in value.take("annotations") {
        if let Json::Object(members) = &mut found {
            let texts = members.extract_if(.., |(_, value)| value.scalar().is_some());
            annotations
                .extend(texts.map(|(name, value)| (name, value.scalar().unwrap_or_default().to_owned())));
        }
        if found != Json::Object(Vec::new()) {
            value.put(written, found);
        }
    }
    match value {
        Json::Array(items) => items.iter_mut().for_each(|item| take_annotations(item, annotations)),
        Json::Object(members) => {
            // An annotation that is an object itself was put back as other text: it is not searched again.
            let others = members.iter_mut().filter(|(name, _)| !name.eq_ignore_ascii_case("annotations"));
            others.for_each(|(_, value)| take_annotations(value, annotations));
        }
        _ => {}
    }
}

impl Unit {
    fn new(place: Place, name: Option<&str>, text: &str) -> Self {
        Self {
            place,
            name: name.filter(|name| !name.is_empty()).map(str::to_owned),
            text: text.as_bytes().to_vec(),
            value_offset: 0,
            history_index: None,
            layer: None,
            in_final_image: false,
        }
    }

    fn named(place: Place, name: &str, value: &str) -> Self {
        Self { value_offset: name.len() + 1, ..Self::new(place, Some(name), &format!("{name}={value}")) }
    }

    fn of_block(place: Place, block: Block) -> Self {
        Self::new(place, Some(&block.path), &block.text)
    }

    /// The unit as explained by a step.
    fn by(self, step: Option<&Step>) -> Self {
        let history_index = step.map(|step| step.index);
        Self { history_index, layer: step.and_then(|step| step.layer), ..self }
    }

    fn in_final_image(self, in_final_image: bool) -> Self {
        Self { in_final_image, ..self }
    }
}

/// What makes two units the same: place, name, text and step.
type Fact = (Place, Option<String>, Vec<u8>, Option<usize>);

/// A config with its steps, and what was listed of them.
struct ConfigTexts<'a> {
    config: &'a ImageConfig,
    steps: &'a [Step],
    setters: Setters<'a>,
    units: Vec<Unit>,
    seen: HashSet<Fact>,
}

impl<'a> ConfigTexts<'a> {
    fn units_of(config: &'a ImageConfig, steps: &'a [Step]) -> Vec<Unit> {
        let (units, seen) = (Vec::new(), HashSet::new());
        let mut texts = Self { config, steps, setters: Setters::of(steps), units, seen };
        texts.add_runtime(&config.runtime, true);
        texts.add_container();
        texts.add_steps();
        texts.add_people();
        for block in &config.rest {
            texts.push(Unit::of_block(Place::Config, block.clone()));
        }
        texts.units
    }

    fn push(&mut self, unit: Unit) {
        let fact = (unit.place, unit.name.clone(), unit.text.clone(), unit.history_index);
        if !unit.text.is_empty() && self.seen.insert(fact) {
            self.units.push(unit);
        }
    }

    /// What a runtime starts. `is_final`: it is the image's own config, not that of a build container.
    fn add_runtime(&mut self, runtime: &RuntimeConfig, is_final: bool) {
        for entry in &runtime.env {
            let unit = match entry.split_once('=') {
                Some((name, value)) => {
                    Unit::named(Place::Env, name, value).by(self.setters.env.step(name, value))
                }
                None => Unit::new(Place::Env, None, entry),
            };
            self.push(unit.in_final_image(is_final));
        }
        for (name, value) in &runtime.labels {
            let step = self.setters.label.step(name, value);
            self.push(Unit::named(Place::Label, name, value).by(step));
        }
        for trigger in &runtime.onbuild {
            let step = self.setters.onbuild.get(trigger.trim()).copied();
            self.push(Unit::new(Place::Onbuild, None, trigger).by(step));
        }
        let commands = [
            (Place::Entrypoint, &runtime.entrypoint, StepKind::Entrypoint),
            (Place::Cmd, &runtime.cmd, StepKind::Cmd),
            (Place::Healthcheck, &runtime.healthcheck, StepKind::Healthcheck),
            (Place::User, &runtime.user, StepKind::User),
        ];
        for (place, words, kind) in commands {
            // Builders quote words each in their own way; the longest word tells enough.
            let longest = words.iter().max_by_key(|word| word.len()).map_or("", String::as_str);
            let step = self.last_step(&kind, longest);
            self.push(Unit::new(place, None, &words.join(" ")).by(step).in_final_image(is_final));
        }
        self.add_other_fields(runtime, is_final);
    }

    fn add_other_fields(&mut self, runtime: &RuntimeConfig, is_final: bool) {
        let in_container = [("WorkingDir", &runtime.working_dir), ("Volumes", &runtime.volumes)];
        for (name, texts) in in_container {
            let unit = Unit::new(Place::Config, Some(name), &texts.join("\n"));
            self.push(unit.in_final_image(is_final));
        }
        let outside = [
            ("Shell", &runtime.shell),
            ("StopSignal", &runtime.stop_signal),
            ("ExposedPorts", &runtime.exposed_ports),
        ];
        for (name, texts) in outside {
            self.push(Unit::new(Place::Config, Some(name), &texts.join("\n")));
        }
    }

    /// The container of the last build step: only what the config and the steps do not say.
    fn add_container(&mut self) {
        let (runtime, container) = (&self.config.runtime, &self.config.container);
        let mut container = container.clone();
        let entries = |of: &[String]| of.iter().cloned().collect::<HashSet<String>>();
        let env = entries(&runtime.env);
        container.env.retain(|entry| !env.contains(entry));
        let labels: HashSet<_> = runtime.labels.iter().collect();
        container.labels.retain(|label| !labels.contains(label));
        let onbuild = entries(&runtime.onbuild);
        container.onbuild.retain(|trigger| !onbuild.contains(trigger));
        let cmd = container.cmd.join(" ");
        if self.steps.iter().any(|step| step.created_by == cmd) {
            container.cmd.clear();
        }
        let same = [
            (&mut container.entrypoint, &runtime.entrypoint),
            (&mut container.cmd, &runtime.cmd),
            (&mut container.healthcheck, &runtime.healthcheck),
            (&mut container.user, &runtime.user),
            (&mut container.working_dir, &runtime.working_dir),
            (&mut container.volumes, &runtime.volumes),
            (&mut container.shell, &runtime.shell),
            (&mut container.stop_signal, &runtime.stop_signal),
            (&mut container.exposed_ports, &runtime.exposed_ports),
        ];
        for (of_container, of_image) in same {
            if of_container == of_image {
                of_container.clear();
            }
        }
        self.add_runtime(&container, false);
    }

    /// The steps, and the values in them that the config does not hold (any more).
    fn add_steps(&mut self) {
        let env: HashSet<&str> = self.config.runtime.env.iter().map(String::as_str).collect();
        let labels: HashSet<(&str, &str)> = pairs(&self.config.runtime.labels).collect();
        for step in self.steps {
            let (place, assignments) = match &step.kind {
                StepKind::Env(pairs) => (Place::Env, pairs.as_slice()),
                StepKind::Label(pairs) => (Place::Label, pairs.as_slice()),
                StepKind::Arg(pairs) | StepKind::Run { args: pairs, .. } => (Place::Arg, pairs.as_slice()),
                _ => (Place::History, [].as_slice()),
            };
            for (name, value) in pairs(assignments) {
                let unit = Unit::named(place, name, value).by(Some(step));
                let in_config = match place {
                    Place::Env => std::str::from_utf8(&unit.text).is_ok_and(|text| env.contains(text)),
                    Place::Label => labels.contains(&(name, value)),
                    _ => false,
                };
                if !in_config {
                    self.push(unit);
                }
            }
            self.push(Unit::new(Place::History, None, &step.created_by).by(Some(step)));
        }
    }

    /// Authors and comments. Builders repeat an author in every later step: the first one counts.
    fn add_people(&mut self) {
        let mut first: HashMap<(Place, &str), Option<&Step>> = HashMap::new();
        let mut order = Vec::new();
        let of_steps = self.config.history.iter().zip(self.steps).flat_map(|(entry, step)| {
            let author = entry.author.as_deref().map(|text| (Place::Author, text, Some(step)));
            let comment = entry.comment.as_deref().map(|text| (Place::Comment, text, Some(step)));
            [author, comment].into_iter().flatten()
        });
        let of_image = self.config.author.iter().map(|text| (Place::Author, text.as_str(), None));
        let comments = self.config.comment.iter().map(|text| (Place::Comment, text.as_str(), None));
        for (place, text, step) in of_steps.chain(of_image).chain(comments) {
            first.entry((place, text)).or_insert_with(|| {
                order.push((place, text));
                step
            });
        }
        for (place, text) in order {
            let step = first.get(&(place, text)).copied().flatten();
            self.push(Unit::new(place, None, text).by(step));
        }
    }

    /// The last step of a kind, if its text holds `word`.
    fn last_step(&self, kind: &StepKind, word: &str) -> Option<&'a Step> {
        let step = self.steps.iter().rfind(|step| step.kind == *kind)?;
        // Docker writes words as Go quotes them.
        let quoted = word.replace('\\', r"\\").replace('"', "\\\"");
        (step.created_by.contains(word) || step.created_by.contains(&quoted)).then_some(step)
    }
}

fn pairs(of: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    of.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::manifest::{BlobKey, ImageBlob, ImageKind};

    fn image(config: &[u8], manifest: Option<&str>, layers: usize) -> Image {
        let blob = || ImageBlob {
            key: BlobKey("blob".to_owned()),
            digest: None,
            size: None,
            diff_id: None,
            media_type: None,
            annotations: BTreeMap::from([("of-blob".to_owned(), "x".to_owned())]),
        };
        Image {
            kind: ImageKind::Image,
            name: None,
            repo_digests: vec![],
            index_digest: None,
            manifest_digest: None,
            manifest_json: manifest.map(|text| text.as_bytes().to_vec()),
            config_digest: None,
            config_json: Some(config.to_vec()),
            annotations: BTreeMap::from([("of-index".to_owned(), "y".to_owned())]),
            platform: None,
            layers: (0..layers).map(|_| blob()).collect(),
            attestations: vec![],
            pullable_by: None,
            errors: vec![],
            warnings: vec![],
        }
    }

    fn units(config: &str, layers: usize) -> Vec<Unit> {
        ConfigUnits::of(&image(config.as_bytes(), None, layers)).units
    }

    fn find<'a>(units: &'a [Unit], place: Place, text: &str) -> Vec<&'a Unit> {
        units.iter().filter(|unit| unit.place == place && unit.text == text.as_bytes()).collect()
    }

    const BUILDKIT: &str = r#"{"config":{"Env":["PATH=/bin","KEY=new one","ONLY=config"],"Cmd":["run","--it"],
        "Labels":{"l":"v w"},"OnBuild":["RUN later"],"User":"me"},"author":"A","rootfs":{"diff_ids":[]},
        "history":[
        {"created_by":"ADD rootfs.tar / # buildkit","comment":"buildkit.dockerfile.v0"},
        {"created_by":"ENV PATH=/bin","empty_layer":true,"author":"A","comment":"buildkit.dockerfile.v0"},
        {"created_by":"ARG TOKEN=abc","empty_layer":true,"author":"A"},
        {"created_by":"ENV KEY=old one","empty_layer":true},
        {"created_by":"RUN |1 TOKEN=abc /bin/sh -c make # buildkit"},
        {"created_by":"ENV KEY=new one","empty_layer":true},
        {"created_by":"LABEL l=v w","empty_layer":true},
        {"created_by":"ONBUILD RUN later","empty_layer":true},
        {"created_by":"CMD [\"run\" \"--it\"]","empty_layer":true}],"odd":{"id":"1","secret":"2"}}"#;

    #[test]
    fn values_are_explained_by_the_steps_that_set_them() {
        let units = units(BUILDKIT, 2);
        let new = find(&units, Place::Env, "KEY=new one");
        assert_eq!(new.len(), 1);
        assert_eq!((new[0].history_index, new[0].layer, new[0].in_final_image), (Some(5), None, true));
        assert_eq!(&new[0].text[new[0].value_offset..], b"new one");
        let old = find(&units, Place::Env, "KEY=old one");
        assert_eq!(old.len(), 1);
        assert_eq!((old[0].history_index, old[0].in_final_image), (Some(3), false));
        let only = find(&units, Place::Env, "ONLY=config");
        assert_eq!((only[0].history_index, only[0].in_final_image), (None, true));
        let label = find(&units, Place::Label, "l=v w");
        assert_eq!((label.len(), label[0].history_index, label[0].in_final_image), (1, Some(6), false));
        assert_eq!(find(&units, Place::Cmd, "run --it")[0].history_index, Some(8));
        assert_eq!(find(&units, Place::Onbuild, "RUN later")[0].history_index, Some(7));
        assert_eq!(find(&units, Place::User, "me")[0].history_index, None);
    }

    #[test]
    fn a_build_argument_stands_in_the_layer_of_its_run() {
        let units = units(BUILDKIT, 2);
        let token = find(&units, Place::Arg, "TOKEN=abc");
        let origins: Vec<_> = token.iter().map(|unit| (unit.history_index, unit.layer)).collect();
        assert_eq!(origins, [(Some(2), None), (Some(4), Some(1))]);
        assert!(token.iter().all(|unit| !unit.in_final_image));
        assert_eq!(units.iter().filter(|unit| unit.place == Place::History).count(), 9);
    }

    #[test]
    fn authors_and_comments_are_listed_once_where_they_come_first() {
        let units = units(BUILDKIT, 2);
        let author = find(&units, Place::Author, "A");
        assert_eq!((author.len(), author[0].history_index), (1, Some(1)));
        let comment = find(&units, Place::Comment, "buildkit.dockerfile.v0");
        assert_eq!((comment.len(), comment[0].history_index, comment[0].layer), (1, Some(0), Some(0)));
        let odd = find(&units, Place::Config, "id=1\nsecret=2\n");
        assert_eq!((odd.len(), odd[0].name.as_deref()), (1, Some("odd")));
    }

    #[test]
    fn recorded_configs_explain_every_variable() {
        for (config, layers) in
            [("docker-classic.json", 2), ("buildah-layers.json", 3), ("buildah-single.json", 1)]
        {
            let path = format!("{}/testdata/configs/{config}", env!("CARGO_MANIFEST_DIR"));
            let all = ConfigUnits::of(&image(&std::fs::read(path).expect("a recorded config"), None, layers));
            assert_eq!(all.warnings, Vec::<String>::new());
            let env = all.units.iter().filter(|unit| unit.place == Place::Env && unit.in_final_image);
            let unexplained: Vec<_> =
                env.filter(|unit| unit.history_index.is_none()).map(|unit| unit.name.as_deref()).collect();
            // PATH is set by the builder itself.
            assert_eq!(unexplained, [Some("PATH")], "{config}");
            let replaced = find(&all.units, Place::Env, "PLAIN=one");
            assert_eq!((replaced.len(), replaced[0].in_final_image), (1, false), "{config}");
            let token = find(&all.units, Place::Arg, "TOKEN=arg with spaces");
            assert_eq!(token.len(), 2, "{config}: one for each RUN");
            let mut facts = HashSet::new();
            let fact = |unit: &Unit| (unit.place, unit.text.clone(), unit.history_index, unit.name.clone());
            assert!(all.units.iter().all(|unit| facts.insert(fact(unit))), "{config}: a fact stands twice");
            for kind in [Place::Cmd, Place::Entrypoint] {
                let unit = all.units.iter().find(|unit| unit.place == kind).expect("a command");
                assert!(unit.history_index.is_some(), "{config}: {kind:?}");
            }
        }
    }

    #[test]
    fn every_string_of_a_config_is_in_some_unit() {
        let path = format!("{}/testdata/configs/docker-classic.json", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).expect("a recorded config");
        let all = ConfigUnits::of(&image(&bytes, None, 2));
        let texts: Vec<String> =
            all.units.iter().map(|unit| String::from_utf8_lossy(&unit.text).into_owned()).collect();
        let mut wanted = vec![serde_json::from_slice::<serde_json::Value>(&bytes).expect("JSON")];
        while let Some(value) = wanted.pop() {
            match value {
                serde_json::Value::Object(members) => {
                    wanted.extend(members.into_iter().map(|(_, value)| value))
                }
                serde_json::Value::Array(items) => wanted.extend(items),
                // The tars' digests are hashes of what is scanned itself.
                serde_json::Value::String(text) if text.starts_with("sha256:") && text.len() == 71 => {}
                serde_json::Value::String(text) => {
                    assert!(texts.iter().any(|unit| unit.contains(&text)), "a string is in no unit: {text}");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_only_the_build_container_held_is_listed_as_gone() {
        let units = units(
            r#"{"config":{"Env":["A=1"],"Cmd":["x"]},"container_config":{"Env":["A=1","B=2"],"Cmd":["x"]},
                "history":[{"created_by":"/bin/sh -c #(nop)  ENV B=2","empty_layer":true}]}"#,
            0,
        );
        assert_eq!(find(&units, Place::Env, "A=1").len(), 1);
        let gone = find(&units, Place::Env, "B=2");
        assert_eq!((gone.len(), gone[0].history_index, gone[0].in_final_image), (1, Some(0), false));
        assert_eq!(find(&units, Place::Cmd, "x").len(), 1);
    }

    #[test]
    fn annotations_and_the_manifests_own_text_are_listed_once() {
        let manifest = r#"{"schemaVersion":2,"annotations":{"top":"x\u0041","odd":{"deep":"text"}},
            "config":{"digest":"d","annotations":{"c":"d"}},
            "layers":[{"urls":["https://example.com/l"],"annotations":{"of-blob":"x"}}]}"#;
        let units = ConfigUnits::of(&image(b"{}", Some(manifest), 1)).units;
        let annotations: Vec<_> = units.iter().filter(|unit| unit.place == Place::Annotation).collect();
        let texts: Vec<_> = annotations.iter().map(|unit| String::from_utf8_lossy(&unit.text)).collect();
        assert_eq!(texts, ["of-index=y", "top=xA", "c=d", "of-blob=x"]);
        let manifest: String = units
            .iter()
            .filter(|unit| unit.place == Place::Manifest)
            .map(|unit| String::from_utf8_lossy(&unit.text).into_owned())
            .collect();
        assert!(manifest.contains("https://example.com/l") && manifest.contains("deep=text"), "{manifest}");
        assert!(!manifest.contains("of-blob"));
        let without = ConfigUnits::of(&image(b"{}", None, 2)).units;
        assert_eq!(find(&without, Place::Annotation, "of-blob=x").len(), 1);
    }
}
