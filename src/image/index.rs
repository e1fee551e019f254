//! Manifests and indexes as they are stored (OCI image specification, manifest.md and image-index.md;
//! Docker image manifest version 2, schema 2), read strictly: a document that two readers could take
//! for two different things is refused.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::descriptor::Descriptor;
use super::media_type::{ManifestKind, OCI_INDEX, OCI_MANIFEST, manifest_kind};

/// What a document is.
#[derive(Clone, Debug)]
pub enum Document {
    /// An image or artifact.
    Manifest(Box<StoredManifest>),
    /// A list of manifests.
    Index(StoredIndex),
}

/// An image manifest. Its subject is not followed.
#[derive(Clone, Debug)]
pub struct StoredManifest {
    /// What it calls itself, or its descriptor calls it; OCI's word where neither does.
    pub media_type: String,
    /// Type of the artifact, where it is one.
    pub artifact_type: Option<String>,
    /// The config; old artifact writers left it out.
    pub config: Option<Descriptor>,
    /// Layers, base first, or the artifact's blobs.
    pub layers: Vec<Descriptor>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// An index.
#[derive(Clone, Debug)]
pub struct StoredIndex {
    /// What it calls itself, or its descriptor calls it; OCI's word where neither does.
    pub media_type: String,
    /// The manifests, and indexes, that it lists.
    pub manifests: Vec<Descriptor>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Why a document is neither manifest nor index; one line, without the document's name.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not JSON, or not of the shape.
    #[error("it is no manifest or index: {0}")]
    Json(#[from] serde_json::Error),
    /// Readers disagree on what it says, or it is of a kind that is not read.
    #[error("{0}")]
    Refused(String),
}

impl DocumentError {
    /// The word for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Json(_) => "not-json",
            Self::Refused(_) => "media-type",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    annotations: Option<BTreeMap<String, String>>,
    fs_layers: Option<IgnoredAny>,
    blobs: Option<IgnoredAny>,
}

/// Reads a manifest or index. `declared` is the media type in the descriptor that led to it, empty
/// where none did.
pub fn parse(bytes: &[u8], declared: &str) -> Result<Document, DocumentError> {
    refuse_keys_of_other_case(bytes, &DECIDING)?;
    let fields: Fields = serde_json::from_slice(bytes)?;
    let own = fields.media_type.as_deref().unwrap_or_default();
    if !own.is_empty() && !declared.is_empty() && own != declared {
        return refused(format!("it calls itself {own}, its descriptor {declared}"));
    }
    let media_type = if own.is_empty() { declared } else { own };
    let kind = kind_of(media_type, &fields)?;
    let annotations = fields.annotations.unwrap_or_default();
    let called = |usual: &str| if media_type.is_empty() { usual } else { media_type }.to_owned();
    match (kind, fields.layers, fields.manifests) {
        (ManifestKind::Schema1, ..) => {
            refused("it is of Docker's schema 1, which is not supported: push the image again".to_owned())
        }
        _ if fields.schema_version.is_some_and(|version| version != 2) => {
            refused("its schemaVersion is not 2".to_owned())
        }
        (ManifestKind::Manifest | ManifestKind::Index, Some(_), Some(_)) => {
            refused("it has both layers and manifests".to_owned())
        }
        (ManifestKind::Index, _, Some(manifests)) => {
            Ok(Document::Index(StoredIndex { media_type: called(OCI_INDEX), manifests, annotations }))
        }
        (ManifestKind::Index, _, None) => refused(format!("it is {media_type}, yet lists no manifests")),
        (ManifestKind::Manifest, _, Some(_)) => refused(format!("it is {media_type}, yet lists manifests")),
        (ManifestKind::Manifest, layers, None) => Ok(Document::Manifest(Box::new(StoredManifest {
            media_type: called(OCI_MANIFEST),
            artifact_type: fields.artifact_type,
            config: fields.config,
            layers: layers.unwrap_or_default(),
            annotations,
        }))),
    }
}

/// The media type decides; only where there is none at all do the fields.
fn kind_of(media_type: &str, fields: &Fields) -> Result<ManifestKind, DocumentError> {
    match manifest_kind(media_type) {
        Some(kind) => Ok(kind),
        None if fields.fs_layers.is_some() => Ok(ManifestKind::Schema1),
        None if fields.blobs.is_some() => Err(DocumentError::Refused(
            "it is an OCI artifact manifest, a form that was withdrawn: push it again as an image manifest"
                .to_owned(),
        )),
        None if !media_type.is_empty() => {
            Err(DocumentError::Refused(format!("{media_type} is no media type of a manifest or index")))
        }
        None if fields.manifests.is_some() => Ok(ManifestKind::Index),
        None if fields.layers.is_some() || fields.config.is_some() => Ok(ManifestKind::Manifest),
        None => Err(DocumentError::Refused("it has neither layers nor manifests".to_owned())),
    }
}

fn refused(text: String) -> Result<Document, DocumentError> {
    Err(DocumentError::Refused(text))
}

/// Names that decide what is scanned. Go's JSON reader takes them in any case; this one does not.
const DECIDING: [&str; 13] = [
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "annotations",
    "digest",
    "size",
    "urls",
    "platform",
    "data",
    "subject",
];

/// Refuses a document with a key that equals one of `names` but for its case: Go's JSON reader takes it
/// for the name, others do not.
pub fn refuse_keys_of_other_case(bytes: &[u8], names: &[&'static str]) -> Result<(), DocumentError> {
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    KeyCheck { names, found: &mut found }.deserialize(&mut reader)?;
    reader.end()?;
    match found {
        None => Ok(()),
        Some((key, name)) => {
            let key: String = key.chars().take(100).collect();
            Err(DocumentError::Refused(format!("readers disagree on its key '{key}': write {name}")))
        }
    }
}

/// Walks a document and keeps the first key that equals a deciding name but for its case.
struct KeyCheck<'a> {
    names: &'a [&'static str],
    found: &'a mut Option<(String, &'static str)>,
}

impl<'de> DeserializeSeed<'de> for KeyCheck<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeyCheck<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let name = self.names.iter().find(|name| **name != key && fold(name) == fold(&key));
            if let Some(name) = name {
                self.found.get_or_insert((key.clone(), name));
            }
            if key == "annotations" {
                // Annotations are a map of the user's own names, which Go takes as they are.
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(KeyCheck { names: self.names, found: &mut *self.found })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(KeyCheck { names: self.names, found: &mut *self.found })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Case folding as Go's: the long s and the Kelvin sign are letters of ASCII too.
fn fold(key: &str) -> String {
    let letter = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::media_type::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

    fn refusal(text: &str, declared: &str) -> String {
        match parse(text.as_bytes(), declared) {
            Ok(document) => format!("{document:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_media_type_decides() {
        let text = r#"{"schemaVersion":2,"layers":[]}"#;
        assert!(matches!(parse(text.as_bytes(), DOCKER_MANIFEST), Ok(Document::Manifest(_))));
        assert!(refusal(text, OCI_INDEX).contains("lists no manifests"));
        assert!(matches!(parse(br#"{"manifests":[]}"#, ""), Ok(Document::Index(_))));
        let both = r#"{"schemaVersion":2,"layers":[],"manifests":[]}"#;
        for declared in [OCI_MANIFEST, OCI_INDEX, ""] {
            assert!(refusal(both, declared).contains("both layers and manifests"), "{declared}");
        }
        let typed = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","layers":[]}}"#);
        assert!(refusal(&typed, OCI_INDEX).contains("its descriptor"));
        assert!(refusal(r#"{"schemaVersion":1,"fsLayers":[]}"#, "").contains("schema 1"));
    }

    #[test]
    fn refuses_what_readers_take_for_different_things() {
        for text in [r#"{"layers":[],"Layers":[]}"#, r#"{"layer\u017f":[]}"#, r#"{"config":{"SIZE":3}}"#] {
            assert!(refusal(text, OCI_MANIFEST).contains("readers disagree"), "{text}");
        }
        assert!(refusal(r#"{"layers":[],"layers":[]}"#, OCI_MANIFEST).contains("duplicate"));
        assert!(parse(br#"{"layers":[],"annotations":{"Size":"a","size":"b"}}"#, OCI_MANIFEST).is_ok());
    }

    #[test]
    fn survives_hostile_json() {
        let deep = "[".repeat(100_000);
        for text in
            [deep.as_str(), "", "null", "{", r#"{"layers":[{"digest":1}]}"#, r#"{"schemaVersion":1e999}"#]
        {
            assert!(parse(text.as_bytes(), OCI_MANIFEST).is_err(), "{:.30}", text);
        }
        let digest = "a".repeat(64);
        let negative = format!(r#"{{"layers":[{{"digest":"sha256:{digest}","size":-1}}]}}"#);
        assert!(parse(negative.as_bytes(), OCI_MANIFEST).is_err());
    }
}
