//! The tables. Each has the MAC of its rows as its last column; ids are keyed hashes of what they stand for, so
//! that every row is found by what it says, and equal rows are one.

/// Version of the tables.
pub(super) const VERSION: i64 = 1;

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Names and types of its columns, without the MAC.
    pub(super) columns: &'static [(&'static str, &'static str)],
    /// The key where that is more than the first column.
    key: Option<&'static str>,
}

impl Table {
    /// How it is made.
    pub(super) fn sql(&self) -> String {
        let columns = self.columns.iter().map(|(name, kind)| format!("{name} {kind}"));
        let columns: Vec<String> = columns.collect();
        let key = self.key.map_or_else(String::new, |key| format!(", PRIMARY KEY ({key})"));
        let rows = if self.key.is_some() { "STRICT, WITHOUT ROWID" } else { "STRICT" };
        format!("CREATE TABLE {} ({}, mac BLOB{key}) {rows}", self.name, columns.join(", "))
    }

    /// Its columns and its MAC, as a query lists them.
    pub(super) fn selected(&self) -> String {
        let columns = self.columns.iter().map(|(name, _)| *name).chain(["mac"]);
        let columns: Vec<String> = columns.map(|column| format!("{}.{column}", self.name)).collect();
        columns.join(",")
    }
}

const ID: &str = "INTEGER PRIMARY KEY";
const NUMBER: &str = "INTEGER";
const TEXT: &str = "TEXT";

/// Images, by digest. Layers are eight bytes of a hash each.
pub(super) static IMAGE: Table = Table {
    name: "image",
    columns: &[
        ("id", ID),
        ("digest", TEXT),
        ("index_id", NUMBER),
        ("index_digest", TEXT),
        ("config_id", NUMBER),
        ("platform", TEXT),
        ("base", TEXT),
        ("pullable_by", TEXT),
        ("first_seen", NUMBER),
        ("last_seen", NUMBER),
        ("complete", NUMBER),
        ("narrowed", NUMBER),
        ("whole_at", NUMBER),
        ("layers", "BLOB"),
    ],
    key: None,
};

/// Keys, one a fingerprint and detector.
pub(super) static KEY: Table = Table {
    name: "secret",
    columns: &[
        ("id", ID),
        ("fingerprint_id", NUMBER),
        ("fingerprint", TEXT),
        ("detector", TEXT),
        ("name", TEXT),
        ("service", TEXT),
        ("severity", TEXT),
        ("handles", TEXT),
        ("status", TEXT),
        ("asked_at", NUMBER),
        ("first_seen", NUMBER),
        ("last_seen", NUMBER),
    ],
    key: None,
};

/// Where a key came in and where it stands: one row for all images that share it.
pub(super) static PLACE: Table = Table {
    name: "place",
    columns: &[("id", ID), ("origin", TEXT), ("locations", TEXT), ("more", NUMBER)],
    key: None,
};

/// Which image holds which key.
pub(super) static HOLDING: Table = Table {
    name: "holding",
    columns: &[
        ("secret", NUMBER),
        ("image", NUMBER),
        ("place", NUMBER),
        ("in_final_image", NUMBER),
        ("in_base", NUMBER),
        ("suppressed", NUMBER),
        ("first_seen", NUMBER),
        ("last_seen", NUMBER),
    ],
    key: Some("secret, image"),
};

/// What leads to an image: a tag of a repository, or the name of an archive. Those of an image lie together, in the
/// order in which holdings name the images.
pub(super) static TAG: Table = Table {
    name: "tag",
    columns: &[
        ("id", NUMBER),
        ("ref_id", NUMBER),
        ("repository", TEXT),
        ("tag", TEXT),
        ("source", TEXT),
        ("image", NUMBER),
        ("target", TEXT),
        ("first_seen", NUMBER),
        ("last_seen", NUMBER),
        ("until", NUMBER),
    ],
    key: Some("image, id"),
};

/// The first tag of a repository that was seen to hold a key.
pub(super) static OLDEST: Table = Table {
    name: "oldest",
    columns: &[
        ("secret", NUMBER),
        ("repository_id", NUMBER),
        ("tag", TEXT),
        ("image", NUMBER),
        ("first_seen", NUMBER),
    ],
    key: Some("secret, repository_id"),
};

/// Files of workloads that were imported, by the name of the cluster or stack.
pub(super) static IMPORT: Table = Table {
    name: "import",
    columns: &[("id", ID), ("name", TEXT), ("file", TEXT), ("at", NUMBER), ("workloads", NUMBER)],
    key: None,
};

/// Containers that workloads run.
pub(super) static WORKLOAD: Table = Table {
    name: "workload",
    columns: &[
        ("id", ID),
        ("import", NUMBER),
        ("origin", TEXT),
        ("namespace", TEXT),
        ("kind", TEXT),
        ("name", TEXT),
        ("container", TEXT),
        ("image", TEXT),
        ("ref_id", NUMBER),
        ("image_id", NUMBER),
        ("notes", TEXT),
    ],
    key: None,
};

/// Keys that workloads have as literal values of variables.
pub(super) static VALUE: Table = Table {
    name: "value",
    columns: &[("fingerprint_id", NUMBER), ("workload", NUMBER), ("variable", TEXT), ("import", NUMBER)],
    key: Some("fingerprint_id, workload, variable"),
};

/// Variables of workloads that come from a secret's store.
pub(super) static REFERENCE: Table = Table {
    name: "reference",
    columns: &[
        ("variable_id", NUMBER),
        ("workload", NUMBER),
        ("variable", TEXT),
        ("kind", TEXT),
        ("secret", TEXT),
        ("entry", TEXT),
        ("import", NUMBER),
    ],
    key: Some("variable_id, workload, variable, kind, secret, entry"),
};

/// All tables.
pub(super) static TABLES: [&Table; 10] =
    [&IMAGE, &KEY, &PLACE, &HOLDING, &TAG, &OLDEST, &IMPORT, &WORKLOAD, &VALUE, &REFERENCE];

/// Their indexes.
pub(super) const INDEXES: [&str; 11] = [
    "CREATE INDEX image_of_index ON image (index_id) WHERE index_id IS NOT NULL",
    "CREATE INDEX image_of_config ON image (config_id) WHERE config_id IS NOT NULL",
    "CREATE INDEX secret_of_fingerprint ON secret (fingerprint_id)",
    "CREATE INDEX holding_of_image ON holding (image)",
    "CREATE INDEX tag_of_ref ON tag (ref_id, until)",
    "CREATE INDEX workload_of_import ON workload (import)",
    "CREATE INDEX workload_of_ref ON workload (ref_id)",
    "CREATE INDEX workload_of_image ON workload (image_id)",
    "CREATE INDEX value_of_import ON value (import)",
    "CREATE INDEX reference_of_import ON reference (import)",
    "CREATE INDEX reference_of_workload ON reference (workload)",
];
