//! What runs images: containers of clusters and services of Compose files, as they are imported. Literal values are
//! fingerprinted before they get here.

use serde::Serialize;

use super::Inventory;
use super::database::{Cells, InventoryError};
use super::record::text;
use super::schema::{IMPORT, REFERENCE, VALUE, WORKLOAD};
use super::spot::cut;
use crate::target::reference;

/// A container that something runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Workload {
    /// The cluster or stack, as the import named it.
    pub origin: String,
    /// Its namespace; empty in a stack.
    pub namespace: String,
    /// `Deployment`, `Pod`, `service` ….
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The container's name; empty in a stack.
    pub container: String,
    /// The image as it is named there.
    pub image: String,
    /// What else is to be known of it.
    pub notes: Vec<String>,
}

/// A variable or file that comes from where secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reference {
    /// The variable; empty where all of a secret's entries become variables, or files.
    pub variable: String,
    /// `secretKeyRef`, `envFrom`, `volume`, `secrets`, `env_file`.
    pub kind: String,
    /// The secret's or file's name.
    pub secret: String,
    /// The entry in it; empty for all of them.
    pub entry: String,
}

/// A workload with what it holds.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// The workload.
    pub workload: Workload,
    /// Digest of the image that it runs, where that is known.
    pub digest: Option<String>,
    /// Its literal values: the variable and the value's fingerprints.
    pub values: Vec<(String, Vec<String>)>,
    /// What comes from elsewhere.
    pub references: Vec<Reference>,
}

/// An import that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// The cluster or stack.
    pub name: String,
    /// The file, as it was named.
    pub file: String,
    /// When, in seconds since 1970.
    #[serde(serialize_with = "super::moment")]
    pub at: i64,
    /// Containers.
    pub workloads: i64,
}

impl Workload {
    pub(super) fn of(cells: &Cells<'_>) -> Option<Self> {
        Some(Self {
            origin: cells.text(2)?,
            namespace: cells.text(3)?,
            kind: cells.text(4)?,
            name: cells.text(5)?,
            container: cells.text(6)?,
            image: cells.text(7)?,
            notes: serde_json::from_str(&cells.text(10)?).ok()?,
        })
    }

    /// What people call it: `payments/api`.
    pub fn label(&self) -> String {
        let group = if self.namespace.is_empty() { &self.origin } else { &self.namespace };
        format!("{group}/{}", self.name)
    }

    /// The same with its kind and container.
    pub fn whole_label(&self) -> String {
        let container = match self.container.as_str() {
            "" => String::new(),
            container if container == self.name => String::new(),
            container => format!(", container {container}"),
        };
        let origin = if self.namespace.is_empty() { String::new() } else { format!(" in {}", self.origin) };
        format!("{} {}{container}{origin}", self.kind, self.label())
    }
}

impl Inventory {
    /// Puts what a file says in the place of what its name had before.
    ///
    /// # Errors
    /// When the file of the inventory cannot be written.
    pub fn import(&self, import: &Import, all: &[Imported]) -> Result<(), InventoryError> {
        self.database.transaction(|| {
            let ids = &self.database.seal;
            let id = ids.id("import", &[&import.name]);
            for table in [&WORKLOAD, &VALUE, &REFERENCE] {
                self.database.remove(table, "WHERE import = ?1", &[&id])?;
            }
            let row = [
                id.into(),
                text(&import.name),
                text(&import.file),
                import.at.into(),
                import.workloads.into(),
            ];
            self.database.put(&IMPORT, &row)?;
            all.iter().try_for_each(|imported| self.put_workload(id, imported))
        })
    }

    fn put_workload(&self, import: i64, imported: &Imported) -> rusqlite::Result<()> {
        let Imported { workload, digest, values, references } = imported;
        let Workload { origin, namespace, kind, name, container, image, notes } = workload;
        let ids = &self.database.seal;
        let running = digest.as_deref().unwrap_or_default();
        let id = ids.id("workload", &[origin, namespace, kind, name, container, image, running]);
        let named = reference::parse(image).ok();
        let named =
            named.as_ref().and_then(|named| Some((named.registry(), named.repository(), named.tag()?)));
        let ref_id = named
            .map(|(registry, repository, tag)| ids.id("ref", &[&format!("{registry}/{repository}"), tag]));
        let notes: Vec<String> = notes.iter().map(|note| cut(note)).collect();
        let row = [
            id.into(),
            import.into(),
            text(&cut(origin)),
            text(&cut(namespace)),
            text(&cut(kind)),
            text(&cut(name)),
            text(&cut(container)),
            text(&cut(image)),
            ref_id.into(),
            digest.as_deref().map(|digest| self.image_id(digest)).into(),
            text(&serde_json::to_string(&notes).unwrap_or_default()),
        ];
        self.database.put(&WORKLOAD, &row)?;
        for (variable, fingerprints) in values {
            for fingerprint in fingerprints {
                let fingerprint = self.fingerprint_id(fingerprint);
                let row = [fingerprint.into(), id.into(), text(&cut(variable)), import.into()];
                self.database.put(&VALUE, &row)?;
            }
        }
        for Reference { variable, kind, secret, entry } in references {
            let row = [
                self.variable_id(variable).into(),
                id.into(),
                text(&cut(variable)),
                text(kind),
                text(&cut(secret)),
                text(&cut(entry)),
                import.into(),
            ];
            self.database.put(&REFERENCE, &row)?;
        }
        Ok(())
    }

    pub(super) fn variable_id(&self, variable: &str) -> i64 {
        self.database.seal.id("variable", &[variable])
    }

    /// All imports, the newest first.
    ///
    /// # Errors
    /// When the inventory cannot be read.
    pub fn imports(&self) -> Result<Vec<Import>, InventoryError> {
        let import = |cells: &Cells<'_>| {
            Some(Import {
                name: cells.text(1)?,
                file: cells.text(2)?,
                at: cells.number(3)?,
                workloads: cells.number(4)?,
            })
        };
        let imports = self.database.rows(&IMPORT, "ORDER BY at DESC, name", &[], import);
        imports.map_err(|error| self.database.fault(&error))
    }
}

/// The digest in what a runtime calls an image: `docker-pullable://repo@sha256:…`, `sha256:…`.
pub fn digest_of(image: &str) -> Option<String> {
    let at = image.rfind("sha256:")?;
    let digest = image.get(at..)?;
    digest.parse::<crate::image::digest::Digest>().ok().map(|digest| digest.to_string())
}
