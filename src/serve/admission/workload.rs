//! Where images and texts stand in objects of Kubernetes: in pods, in what makes pods, and in custom resources by
//! the paths of the policy, or by the look of a pod's specification.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::review::{Operation, Review};
use crate::limits;
use crate::serve::examiner::{Literal, LiteralKind};

/// Where a custom resource names images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePath {
    /// Its API group; `*` for any.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// The way from the object.
    pub steps: Vec<Step>,
    /// What lies there.
    pub leads_to: LeadsTo,
}

/// A step into an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field.
    Field(String),
    /// Every entry of a list.
    Each,
}

/// What lies at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadsTo {
    /// A PodTemplateSpec.
    Template,
    /// An image's name.
    Image,
}

/// What an object would bring into the cluster.
#[derive(Debug, Default)]
pub struct Workload {
    /// Images, each once, in the order in which they are named.
    pub images: Vec<NamedImage>,
    /// Texts in which a key may stand.
    pub texts: Vec<OwnedLiteral>,
    /// Why not all of them are here, where that is so.
    pub cut: Option<&'static str>,
    text_bytes: usize,
    known: HashSet<String>,
}

/// An image's name, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImage {
    /// As it stands there.
    pub reference: String,
    /// `container web`.
    pub place: String,
}

/// A text of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnedLiteral {
    /// What it is.
    pub kind: LiteralKind,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The text.
    pub value: String,
    /// `env TOKEN of container web`.
    pub place: String,
}

impl OwnedLiteral {
    /// The same, borrowed.
    pub fn borrowed(&self) -> Literal<'_> {
        Literal { kind: self.kind, name: self.name.as_deref(), value: &self.value, place: &self.place }
    }
}

/// Lists of containers in a pod's specification, and what one of each is called.
const CONTAINERS: [(&str, &str); 3] = [
    ("initContainers", "init container"),
    ("containers", "container"),
    ("ephemeralContainers", "ephemeral container"),
];

/// The annotation in which `kubectl apply` repeats the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Why images are missing.
const TOO_MANY: &str = "it names more images than are looked at in one object";

/// Images of one object that are gathered: what an update leaves as it was is left out of them before they are
/// counted. A review has no room for more.
const MOST_IMAGES: usize = 100_000;

/// How deep specifications of pods are looked for in objects of unknown kinds.
const GUESS_DEPTH: usize = 12;

/// What an object would bring in that is not there yet.
pub fn workload(review: &Review, paths: &[ImagePath]) -> Workload {
    let is_going = review.object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null());
    let is_other = !matches!(review.sub_resource.as_str(), "" | "ephemeralcontainers");
    if review.operation == Operation::Other || is_other || is_going {
        return Workload::default();
    }
    let mut new = Workload::default();
    new.object(&review.object, review, paths);
    if review.operation == Operation::Update && review.old_object.is_object() {
        let mut old = Workload::default();
        old.object(&review.old_object, review, paths);
        new.leave_out(&old);
    }
    if new.images.len() > limits::REVIEW_IMAGES {
        new.images.truncate(limits::REVIEW_IMAGES);
        new.cut = Some(TOO_MANY);
    }
    new
}

impl Workload {
    fn object(&mut self, object: &Value, review: &Review, paths: &[ImagePath]) {
        let template = |path: &str| object.pointer(path);
        let known = match (review.group.as_str(), review.kind.as_str()) {
            ("", "Pod") => Some(Some(object)),
            ("", "PodTemplate") => Some(template("/template")),
            ("", "ReplicationController")
            | ("apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job") => Some(template("/spec/template")),
            ("batch", "CronJob") => {
                template("/spec/jobTemplate").into_iter().for_each(|job| self.metadata(job));
                Some(template("/spec/jobTemplate/spec/template"))
            }
            _ => None,
        };
        let claims = object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
        claims.into_iter().flatten().for_each(|claim| self.metadata(claim));
        self.metadata(object);
        match known {
            Some(Some(template)) => {
                if !std::ptr::eq(template, object) {
                    self.metadata(template);
                }
                self.spec(template.get("spec"));
            }
            Some(None) => {}
            // Up to 1.21 a review of ephemeral containers has an object of their own.
            None if review.group.is_empty() && review.kind == "EphemeralContainers" => {
                self.spec(Some(object))
            }
            None => self.custom(object, review, paths),
        }
    }

    fn custom(&mut self, object: &Value, review: &Review, paths: &[ImagePath]) {
        let fits =
            |path: &&ImagePath| (path.group == "*" || path.group == review.group) && path.kind == review.kind;
        let mut configured = false;
        for path in paths.iter().filter(fits) {
            configured = true;
            let mut ends = Vec::new();
            follow(object, &path.steps, &mut ends);
            for end in ends {
                match path.leads_to {
                    LeadsTo::Template => {
                        self.metadata(end);
                        self.spec(end.get("spec"));
                    }
                    LeadsTo::Image => self.image(end.as_str(), &words(&path.steps)),
                }
            }
        }
        if !configured {
            self.guess(object, 0);
        }
    }

    /// Finds what looks like a pod's specification: a list `containers` of objects that have an image.
    fn guess(&mut self, value: &Value, depth: usize) {
        if depth > GUESS_DEPTH {
            return;
        }
        match value {
            Value::Object(fields) => {
                let looks_like = |list: &Value| {
                    let entries = list.as_array().into_iter().flatten();
                    entries
                        .filter_map(Value::as_object)
                        .any(|entry| entry.get("image").is_some_and(Value::is_string))
                };
                let is_spec = |fields: &Map<String, Value>| {
                    CONTAINERS.iter().any(|(list, _)| fields.get(*list).is_some_and(looks_like))
                };
                if is_spec(fields) {
                    self.spec(Some(value));
                }
                // Its template has labels and annotations beside it.
                if depth > 0 && fields.get("spec").and_then(Value::as_object).is_some_and(is_spec) {
                    self.metadata(value);
                }
                let is_list = |name: &str| CONTAINERS.iter().any(|(list, _)| *list == name);
                fields
                    .iter()
                    .filter(|(name, _)| !is_list(name))
                    .for_each(|(_, inner)| self.guess(inner, depth + 1));
            }
            Value::Array(entries) => entries.iter().for_each(|inner| self.guess(inner, depth + 1)),
            _ => {}
        }
    }

    fn metadata(&mut self, object: &Value) {
        for (field, word) in [("annotations", "annotation"), ("labels", "label")] {
            let fields = object.pointer(&format!("/metadata/{field}")).and_then(Value::as_object);
            for (name, value) in fields.into_iter().flatten() {
                let Some(value) = value.as_str() else { continue };
                // What it repeats was read where it stands.
                let repeats =
                    name == LAST_APPLIED && serde_json::from_str::<Map<String, Value>>(value).is_ok();
                if !repeats {
                    self.text(LiteralKind::Label, Some(name), value, format!("{word} {name}"));
                }
            }
        }
    }

    /// A pod's specification.
    fn spec(&mut self, spec: Option<&Value>) {
        let Some(spec) = spec else { return };
        for (list, word) in CONTAINERS {
            for container in spec.get(list).and_then(Value::as_array).into_iter().flatten() {
                let name = container.get("name").and_then(Value::as_str).unwrap_or("without a name");
                self.container(container, &format!("{word} {name}"));
            }
        }
        for volume in spec.get("volumes").and_then(Value::as_array).into_iter().flatten() {
            let name = volume.get("name").and_then(Value::as_str).unwrap_or("without a name");
            let image = volume.pointer("/image/reference").and_then(Value::as_str);
            self.image(image, &format!("image volume {name}"));
        }
    }

    fn container(&mut self, container: &Value, place: &str) {
        self.image(container.get("image").and_then(Value::as_str), place);
        for variable in container.get("env").and_then(Value::as_array).into_iter().flatten() {
            let field = |name| variable.get(name).and_then(Value::as_str);
            if let (Some(name), Some(value)) = (field("name"), field("value")) {
                self.text(LiteralKind::Env, Some(name), value, format!("env {name} of {place}"));
            }
        }
        let commands = [
            ("command", "command"),
            ("args", "args"),
            ("livenessProbe/exec/command", "liveness probe"),
            ("readinessProbe/exec/command", "readiness probe"),
            ("startupProbe/exec/command", "startup probe"),
            ("lifecycle/postStart/exec/command", "postStart hook"),
            ("lifecycle/preStop/exec/command", "preStop hook"),
        ];
        for (path, word) in commands {
            let list = container.pointer(&format!("/{path}")).and_then(Value::as_array);
            let parts: Vec<&str> = list.into_iter().flatten().filter_map(Value::as_str).collect();
            self.text(LiteralKind::Arg, None, &parts.join(" "), format!("{word} of {place}"));
        }
        let probes =
            ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle/postStart", "lifecycle/preStop"];
        for probe in probes {
            let path = container.pointer(&format!("/{probe}/httpGet/path")).and_then(Value::as_str);
            self.text(
                LiteralKind::Arg,
                None,
                path.unwrap_or_default(),
                format!("path of {probe} of {place}"),
            );
            let headers =
                container.pointer(&format!("/{probe}/httpGet/httpHeaders")).and_then(Value::as_array);
            for header in headers.into_iter().flatten() {
                let field = |name| header.get(name).and_then(Value::as_str);
                if let (Some(name), Some(value)) = (field("name"), field("value")) {
                    let place = format!("header {name} of {probe} of {place}");
                    self.text(LiteralKind::Env, Some(name), value, place);
                }
            }
        }
    }

    fn image(&mut self, reference: Option<&str>, place: &str) {
        let Some(reference) = reference.filter(|reference| !reference.is_empty()) else { return };
        if !self.known.insert(reference.to_owned()) {
            return;
        }
        if self.images.len() >= MOST_IMAGES {
            self.cut = Some(TOO_MANY);
            return;
        }
        self.images.push(NamedImage { reference: reference.to_owned(), place: place.to_owned() });
    }

    fn text(&mut self, kind: LiteralKind, name: Option<&str>, value: &str, place: String) {
        if value.is_empty() {
            return;
        }
        self.text_bytes = self.text_bytes.saturating_add(value.len()).saturating_add(place.len());
        if self.text_bytes > limits::REVIEW_TEXT {
            self.cut = Some("it has more text than is looked at in one object");
            return;
        }
        let (name, value) = (name.map(str::to_owned), value.to_owned());
        self.texts.push(OwnedLiteral { kind, name, value, place });
    }

    /// Leaves out what was there before: a key that is found today must not keep a label from being changed.
    fn leave_out(&mut self, old: &Self) {
        let images: HashSet<&str> = old.images.iter().map(|image| image.reference.as_str()).collect();
        self.images.retain(|image| !images.contains(image.reference.as_str()));
        let texts: HashSet<&OwnedLiteral> = old.texts.iter().collect();
        self.texts.retain(|text| !texts.contains(text));
    }
}

fn follow<'v>(value: &'v Value, steps: &[Step], ends: &mut Vec<&'v Value>) {
    match steps.split_first() {
        None => ends.push(value),
        Some((Step::Field(name), rest)) => {
            if let Some(inner) = value.get(name) {
                follow(inner, rest, ends);
            }
        }
        Some((Step::Each, rest)) => {
            value.as_array().into_iter().flatten().for_each(|inner| follow(inner, rest, ends));
        }
    }
}

fn words(steps: &[Step]) -> String {
    let word = |step: &Step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Each => "[*]".to_owned(),
    };
    steps.iter().map(word).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn review(group: &str, kind: &str, object: Value) -> Review {
        Review {
            uid: "u".to_owned(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            sub_resource: String::new(),
            namespace: None,
            name: "a".to_owned(),
            operation: Operation::Create,
            dry_run: false,
            object,
            old_object: Value::Null,
        }
    }

    fn pod(image: &str) -> Value {
        json!({ "spec": { "containers": [{ "name": "web", "image": image }] } })
    }

    fn images(review: &Review, paths: &[ImagePath]) -> Vec<(String, String)> {
        workload(review, paths).images.into_iter().map(|image| (image.reference, image.place)).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(image, place)| ((*image).to_owned(), (*place).to_owned())).collect()
    }

    #[test]
    fn every_place_of_a_pod_is_seen() {
        let spec = json!({ "spec": {
            "initContainers": [{ "name": "init", "image": "i:1" }],
            "containers": [{ "name": "web", "image": "w:1" }, { "name": "twin", "image": "w:1" }],
            "ephemeralContainers": [{ "name": "debug", "image": "e:1" }],
            "volumes": [{ "name": "data", "image": { "reference": "v:1" } }, { "name": "empty", "emptyDir": {} }]
        }});
        let all = pairs(&[
            ("i:1", "init container init"),
            ("w:1", "container web"),
            ("e:1", "ephemeral container debug"),
            ("v:1", "image volume data"),
        ]);
        assert_eq!(images(&review("", "Pod", spec.clone()), &[]), all);
        let of_spec = || spec["spec"].clone();
        let template = json!({ "spec": { "template": { "spec": of_spec() } } });
        for (group, kind) in [
            ("apps", "Deployment"),
            ("apps", "StatefulSet"),
            ("apps", "DaemonSet"),
            ("apps", "ReplicaSet"),
            ("batch", "Job"),
            ("", "ReplicationController"),
        ] {
            assert_eq!(images(&review(group, kind, template.clone()), &[]), all, "{kind}");
        }
        let cron = json!({ "spec": { "jobTemplate": { "spec": { "template": { "spec": of_spec() } } } } });
        assert_eq!(images(&review("batch", "CronJob", cron), &[]), all);
        assert_eq!(
            images(&review("", "PodTemplate", json!({ "template": { "spec": of_spec() } })), &[]),
            all
        );
        let old = json!({ "ephemeralContainers": [{ "name": "debug", "image": "e:1" }] });
        let old = images(&review("", "EphemeralContainers", old), &[]);
        assert_eq!(old, pairs(&[("e:1", "ephemeral container debug")]));
    }

    #[test]
    fn custom_resources_are_seen_by_their_path_or_by_their_look() {
        let path = |steps: Vec<Step>, leads_to| ImagePath {
            group: "argoproj.io".to_owned(),
            kind: "Rollout".to_owned(),
            steps,
            leads_to,
        };
        let field = |name: &str| Step::Field(name.to_owned());
        let object = json!({ "spec": {
            "template": pod("a:1"),
            "steps": [{ "image": "b:1" }, { "image": "b:2" }]
        }});
        let rollout = review("argoproj.io", "Rollout", object);
        assert_eq!(images(&rollout, &[]), pairs(&[("a:1", "container web")]), "by its look");
        let paths = [
            path(vec![field("spec"), field("template")], LeadsTo::Template),
            path(vec![field("spec"), field("steps"), Step::Each, field("image")], LeadsTo::Image),
        ];
        let place = ".spec.steps[*].image";
        assert_eq!(
            images(&rollout, &paths),
            pairs(&[("a:1", "container web"), ("b:1", place), ("b:2", place)])
        );
        let mut deep = pod("c:1");
        for _ in 0..100 {
            deep = json!({ "x": deep });
        }
        assert!(images(&review("g", "K", deep), &[]).is_empty());
    }

    #[test]
    fn an_update_brings_in_what_it_changes() {
        let mut update = review("", "Pod", pod("a:2"));
        (update.operation, update.old_object) = (Operation::Update, pod("a:1"));
        assert_eq!(images(&update, &[]), pairs(&[("a:2", "container web")]));
        update.old_object = pod("a:2");
        assert!(images(&update, &[]).is_empty());
        update.old_object = pod("a:1");
        update.object["metadata"] = json!({ "deletionTimestamp": "2026-11-30T00:00:00Z" });
        assert!(images(&update, &[]).is_empty(), "what is going brings nothing in");
        for (operation, sub_resource) in [(Operation::Other, ""), (Operation::Update, "status")] {
            let mut other = review("", "Pod", pod("a:1"));
            (other.operation, other.sub_resource) = (operation, sub_resource.to_owned());
            assert!(images(&other, &[]).is_empty());
        }
    }

    #[test]
    fn texts_in_which_keys_stand_are_read_once() {
        let object = json!({
            "metadata": { "annotations": { "note": "n", LAST_APPLIED: "{\"repeats\": \"it\"}" }, "labels": { "app": "shop" } },
            "spec": { "containers": [{
                "name": "web", "image": "a:1",
                "env": [
                    { "name": "TOKEN", "value": "t" },
                    { "name": "OTHER", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } }
                ],
                "command": ["run"], "args": ["--token", "x"],
                "readinessProbe": { "exec": { "command": ["curl", "-u", "me:x"] } },
                "livenessProbe": { "httpGet": { "httpHeaders": [{ "name": "Authorization", "value": "h" }] } }
            }] }
        });
        let texts = workload(&review("", "Pod", object), &[]).texts;
        let told: Vec<_> = texts.iter().map(|text| (text.place.as_str(), text.value.as_str())).collect();
        assert_eq!(
            told,
            [
                ("annotation note", "n"),
                ("label app", "shop"),
                ("env TOKEN of container web", "t"),
                ("command of container web", "run"),
                ("args of container web", "--token x"),
                ("readiness probe of container web", "curl -u me:x"),
                ("header Authorization of livenessProbe of container web", "h"),
            ]
        );
    }

    #[test]
    fn more_than_is_looked_at_is_said() {
        let containers: Vec<Value> = (0..=limits::REVIEW_IMAGES)
            .map(|number| json!({ "name": "c", "image": format!("a:{number}") }))
            .collect();
        let many = workload(&review("", "Pod", json!({ "spec": { "containers": &containers } })), &[]);
        assert!(many.images.len() == limits::REVIEW_IMAGES && many.cut.is_some());
        let mut update = review("", "Pod", json!({ "spec": { "containers": containers } }));
        (update.operation, update.old_object) = (Operation::Update, update.object.clone());
        assert!(workload(&update, &[]).cut.is_none(), "an update that changes none of them brings none in");
        let long = "x".repeat(limits::REVIEW_TEXT);
        let object = json!({ "spec": { "containers": [{ "image": "a", "args": [long] }] } });
        assert!(workload(&review("", "Pod", object), &[]).cut.is_some());
    }
}
