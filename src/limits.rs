//! Every bound on input that others control. A bound that is met makes the scan incomplete or is
//! counted; it never passes in silence. Sizes are bytes unless the name says otherwise.

mod network;
mod serve;

pub use network::*;
pub use serve::*;

/// Bytes of layers that a cache keeps; those that were used least go first.
pub const CACHE: u64 = 1024 * 1024 * 1024;

/// Bytes of one layer in a cache. One that takes more is read each time.
pub const CACHE_ENTRY: u64 = 256 * 1024 * 1024;

/// Places of keys in a layer that a cache keeps. One that has more is read each time.
pub const CACHED_MATCHES: usize = 5_000;

/// Bytes on either side of an anchor that a detector may look at. A key with its context must fit in
/// it; in return, results do not depend on how content was cut into windows.
pub const CONTEXT_RADIUS: usize = 32 * 1024;

/// Bytes of a content that share [`ANCHOR_TURNS`]; windows of one content are cut between such stretches.
pub const ANCHOR_STRETCH: usize = 16 * 1024;

/// Turns that the anchors of a stretch may take, of some nanoseconds each: steps of searches for nothing, for
/// the most part. Of a stretch that needs more, the rest is given up, and the scan is incomplete.
pub const ANCHOR_TURNS: u64 = 4 * 1024 * 1024;

/// Bytes that a window carries over from the one before it in the same content.
pub const WINDOW_OVERLAP: usize = 2 * CONTEXT_RADIUS + ANCHOR_STRETCH;

/// Fresh bytes of one window: what is decompressed before the detectors run over it.
pub const WINDOW_FRESH: usize = 512 * 1024;

/// Bytes at the beginning of a content by which its kind is told.
pub const CONTENT_HEAD: usize = 512;

/// Contents inside contents: archives, compressed files, encoded stretches.
pub const INNER_DEPTH: usize = 12;

/// Bytes that may come out of one file of a layer, at every depth together, besides
/// [`INNER_FILE_RATIO`] times its own.
pub const INNER_FILE: u64 = 256 * 1024 * 1024;

/// Bytes that may come out of a file for each of its own.
pub const INNER_FILE_RATIO: u64 = 100;

/// Bytes that may come out of all files of a layer, besides [`INNER_LAYER_RATIO`] times its own out of each.
pub const INNER_LAYER: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes that may come out of a file for each of its own whatever came out of the others.
pub const INNER_LAYER_RATIO: u64 = 20;

/// Members of archives in one file of a layer, at every depth together.
pub const INNER_MEMBERS: u64 = 1_000_000;

/// Bytes that a decoder inside a layer gives at once.
pub const DECODED_SLICE: usize = 64 * 1024;

/// The header of a gzip member inside a layer: names and comments.
pub const GZIP_HEADER: usize = 128 * 1024;

/// Base-two logarithm of the largest window of a zstd frame inside a layer: 32 MiB.
pub const INNER_ZSTD_WINDOW_LOG: u32 = 25;

/// Memory of an xz decoder inside a layer: what `xz -9` asks for.
pub const INNER_XZ_MEMORY: u64 = 68 * 1024 * 1024;

/// Memory that the decoders of contents inside one another may take, all together, and what is held of
/// archives: two times `xz -9`, and a zip that is held.
pub const INNER_MEMORY: u64 = 176 * 1024 * 1024;

/// Bytes of a zip up to which it is held until its end, for members that only its directory knows.
pub const ZIP_HELD: usize = 32 * 1024 * 1024;

/// Bytes of the name of a member inside a layer; of a longer one, these first ones.
pub const INNER_NAME: usize = 4 * 1024;

/// Bytes of an `ar` archive's table of long names, or of one such name.
pub const AR_NAMES: u64 = 1024 * 1024;

/// Bytes of the name of a cpio's entry.
pub const CPIO_NAME: u64 = 64 * 1024;

/// NUL bytes between two cpio archives, or behind the last one.
pub const CPIO_PADDING: u64 = 16 * 1024 * 1024;

/// The main header of an rpm. The scripts in a larger one are searched as they lie in it.
pub const RPM_HEADER: u64 = 32 * 1024 * 1024;

/// A git object that is held whole: it is called by its id, and others may build on it. A larger one is
/// read as it passes.
pub const GIT_OBJECT: usize = 8 * 1024 * 1024;

/// Bytes of a pack's objects that are kept because deltas may build on them. Of a delta whose base is
/// gone, what it adds is read.
pub const GIT_BASES: usize = 32 * 1024 * 1024;

/// The lines in front of a git bundle's pack.
pub const GIT_BUNDLE_HEADER: usize = 1024 * 1024;

/// An SQLite database that is held whole. Of a larger one each page is read by itself, and values that run
/// over several pages are cut there.
pub const SQLITE_HELD: usize = 32 * 1024 * 1024;

/// Pages of a larger SQLite database that make one member.
pub const SQLITE_PAGES: u32 = 64;

/// Bytes of the name of an SQLite column that stand in front of its values.
pub const SQLITE_COLUMN: usize = 64;

/// Windows of small contents that are held before they are searched.
pub const INNER_SEGMENTS: usize = 2_048;

/// An image manifest or index.
pub const MANIFEST: u64 = 4 * 1024 * 1024;

/// An image config.
pub const CONFIG: u64 = 8 * 1024 * 1024;

/// All JSON documents of one archive that are held in memory, together.
pub const DOCUMENTS_TOTAL: u64 = 64 * 1024 * 1024;

/// The records of one pax header, or one GNU long name. A larger one is scanned raw, not interpreted.
pub const PAX_HEADER: usize = 1024 * 1024;

/// Indexes inside indexes.
pub const INDEX_DEPTH: usize = 4;

/// Entries of one layer or archive whose names are kept.
pub const ENTRIES: usize = 4_000_000;

/// Errors listed for one image; the rest is a count.
pub const ERRORS_LISTED: usize = 1_000;

/// Paths listed in `opaque` for one image.
pub const OPAQUE_LISTED: usize = 100;

/// Manifests and indexes that the index of one source may name, nested ones included.
pub const INDEX_MANIFESTS: usize = 4_096;

/// Members of an archive (an image in a tar), not of its layers.
pub const ARCHIVE_MEMBERS: usize = 100_000;

/// Bytes of the name of an archive's member, or of a link's target.
pub const MEMBER_NAME: usize = 4_096;

/// Links that lead to one member of an archive, one after the other.
pub const MEMBER_LINKS: usize = 16;

/// Oddities of one archive that are listed; the rest is a count.
pub const ARCHIVE_WARNINGS: usize = 100;

/// White space in front of a document in a stream by which it is still known as JSON.
pub const JSON_HEAD: usize = 512;

/// Bytes behind an archive's end marker that are looked at: fill bytes are NUL.
pub const ARCHIVE_TRAILER: u64 = 1024 * 1024;
/// Base-two logarithm of the largest window that a zstd frame may declare: 128 MiB, zstd's own default.
pub const ZSTD_WINDOW_LOG: u32 = 27;

/// Memory that an xz decoder may take.
pub const XZ_MEMORY: u64 = 128 * 1024 * 1024;

/// Header fields of gzip members that are kept for the detectors, of the members that make one window.
pub const GZIP_COMMENTS: usize = 1_000;

/// Decompressed size of one layer, unless `--max-layer-bytes` says otherwise.
pub const LAYER_CONTENT: u64 = 256 * 1024 * 1024 * 1024;

/// Warnings listed for one layer; the rest is a count.
pub const WARNINGS_LISTED: usize = 100;

/// Keys that are kept of those found in the blobs of one source, all together; with more, each detector
/// keeps less of each file, and the scan is incomplete. Each takes some six kilobytes until it is reported.
pub const MATCHES: usize = 50_000;

/// Keys that one detector keeps of one file, the members of archives in it included: the surest and worst,
/// every key before the next place of one that is kept. More make the scan incomplete.
pub const FILE_MATCHES: usize = 1_000;

/// Keys that are kept of those found in one image's config and manifest; more make the scan incomplete.
pub const CONFIG_MATCHES: usize = 10_000;

/// Places of keys in one report. The image with which it is reached is the last of its target that is
/// reported; the others are an error. Many images may share one layer.
pub const REPORT_PLACES: usize = 100_000;
/// Bytes that the names of one layer's entries may take in memory. About four million entries.
pub const ENTRY_LOG: usize = 128 * 1024 * 1024;

/// Symlinks followed for one path, as umoci and containerd have it.
pub const LINKS_FOLLOWED: usize = 255;

/// Longest path that a runtime can open and longest target that a symlink can have: `PATH_MAX` without
/// its NUL.
pub const PATH: usize = 4095;

/// Records of one pax header that are interpreted, without those of a sparse map. The others are
/// scanned raw: a record of five bytes takes twenty times as much when it is held apart.
pub const PAX_RECORDS: usize = 16 * 1024;

/// Fragments of one sparse file. The content of a file with more is scanned as it is stored.
pub const SPARSE_FRAGMENTS: usize = 256 * 1024;

/// Warnings that the reader of one tar gives; one more says that there were others.
pub const TAR_WARNINGS: usize = 100;

/// A path in a warning or an error of the tar reader. Of a longer one the length is given.
pub const MESSAGE_PATH: usize = 4096;
/// Steps through the targets of symlinks and through folders with opaque whiteouts, while the layers of
/// one image are replayed. Beyond it, all contents count as reachable.
pub const REPLAY_STEPS: u64 = 10_000_000;
/// A file that holds a fingerprint key.
pub const FINGERPRINT_KEY_FILE: u64 = 4 * 1024;

/// Bytes of a JSON member's name, or of the path to it, that are repeated for what stands below it.
pub const JSON_NAME: usize = 256;

/// A value of the config that is looked for in the history's lists of assignments. A longer one is
/// read up to the next name instead.
pub const KNOWN_VALUE: usize = 4 * 1024;
/// Bytes in front of an anchor at which a match may begin, at most.
pub const PATTERN_BEFORE: usize = 4 * 1024;

/// What may be added to a variable's name, on either side.
pub const NAME_AFFIX: usize = 64;

/// From the end of a name to the start of its value.
pub const ASSIGNMENT: usize = 256;

/// How far from a name the fields of its entry are looked at, on either side.
pub const ENTRY: usize = 512;

/// A value beside a name, quotes excluded.
pub const VALUE: usize = 4 * 1024;

/// How far below its brand a name of a section may stand.
pub const SECTION: usize = 400;

/// How far from a host a key of it may stand, on either side, whatever the lines.
pub const HOST_REACH: usize = 1_000;

/// How far from a key `near` words and companions are looked for, on either side, whatever the lines.
pub const NEARBY: usize = 4 * 1024;

/// Bytes of a content that are searched for encoded keys at a time.
pub const ENCODING_CELL: usize = 20 * 1024;

/// Bytes on either side of a cell that are decoded with it: the longest encoded key with its context.
pub const ENCODING_REACH: usize = CONTEXT_RADIUS - ENCODING_CELL;

/// How far behind a cell the first encoded piece of a key may stand that begins in it.
pub const ENCODING_AHEAD: usize = 1024;

/// Bytes on either side of an encoded piece that are read with it.
pub const ENCODING_CONTEXT: usize = 512;

/// Encodings inside encodings that are decoded.
pub const ENCODING_ROUNDS: usize = 2;

/// How far before a key the header of its record may begin, in a database.
pub const RECORD_REACH: usize = 1024;

/// How far from a key a NUL or another byte that no text has makes its surroundings binary.
pub const BINARY_SIGN: usize = 256;
/// The modulus of an RSA key whose factors are checked. A larger one is taken at its structure.
pub const RSA_MODULUS: usize = 2 * 1024;
/// A list of images for `--images-from`.
pub const IMAGE_LIST: u64 = 4 * 1024 * 1024;

/// Bytes of manifests and configs that are held of images whose layers are still to be read. Images
/// beyond it are resolved later, and a layer that they share with the ones before is read again.
pub const RESOLVED_AHEAD: usize = 256 * 1024 * 1024;

/// Bytes that the results of layers may take that are kept for further images of a run. Beyond it, the
/// one that is needed last is dropped and its layer read again.
pub const SHARED_RESULTS: usize = 512 * 1024 * 1024;

/// A password on standard input. Tokens of the clouds take some kilobytes.
pub const PASSWORD: u64 = 16 * 1024;

/// A text for `detectors test`.
pub const TRIED_TEXT: u64 = 64 * 1024 * 1024;

/// A baseline.
pub const BASELINE: u64 = 64 * 1024 * 1024;

/// Keys in one baseline.
pub const BASELINE_KEYS: usize = 100_000;

/// A Dockerfile.
pub const DOCKERFILE: u64 = 4 * 1024 * 1024;

/// A diff of a Dockerfile. A longer one is left out.
pub const REWRITE_DIFF: usize = 64 * 1024;

/// Places of a key that its rewrite looks at.
pub const REWRITE_PLACES: usize = 16;

/// Bytes of a Dockerfile that are looked through for all rewrites of an image: what is behind has none.
pub const REWRITE_BYTES: usize = 8 * 1024 * 1024;

/// A file of settings.
pub const CONFIG_FILE: u64 = 1024 * 1024;

/// A `.dockerignore`.
pub const DOCKERIGNORE: u64 = 1024 * 1024;

/// Patterns in one `.dockerignore`.
pub const DOCKERIGNORE_PATTERNS: usize = 10_000;

/// Bytes that one of its patterns may take once it is compiled.
pub const DOCKERIGNORE_PROGRAM: usize = 1024 * 1024;

/// A file of ignore rules.
pub const IGNORE_FILE: usize = 1024 * 1024;

/// Rules in one file of ignore rules.
pub const IGNORE_RULES: usize = 1_000;

/// A file of secret values.
pub const SECRETS_FILE: u64 = 4 * 1024 * 1024;
/// Bytes of one of the team's own secrets that are searched for; of a longer one, these first ones.
/// Every encoding of it, six characters a byte at most, stays within the context radius.
pub const OWN_SECRET: usize = 4 * 1024;

/// The team's own secrets that are searched for at once.
pub const OWN_SECRETS: usize = 2_000;

/// Bytes of all of them together, as far as they are searched for.
pub const OWN_SECRETS_TOTAL: usize = 512 * 1024;

/// Bytes of all encoded forms of the team's own secrets up to which the search may be one table.
pub const OWN_SECRETS_TABLE: usize = 16 * 1024;

/// Bytes that the tree may take in which the layers of one image are replayed: some 300,000 symlinks.
/// Beyond it, all contents count as reachable.
pub const REPLAY_TREE: usize = 64 * 1024 * 1024;

/// Requests of a key that are told for an image, and the places of each. The rest is counted.
pub const EVIDENCE: usize = 1_000;

/// Findings of an image that each carry the whole advice. Where there are more, the first one of each detector does.
pub const ADVISED: usize = 1_000;

/// A report that `explain` reads.
pub const EXPLAINED_REPORT: u64 = 256 * 1024 * 1024;

/// A file of detector definitions.
pub const RULES_FILE: u64 = 4 * 1024 * 1024;

/// A configuration of another scanner that is imported.
pub const IMPORT_FILE: u64 = 4 * 1024 * 1024;

/// Literals, globs or strings into which one expression of such a configuration is taken apart.
pub const IMPORT_CHOICES: usize = 64;

/// Characters of one expression of such a configuration.
pub const IMPORT_PATTERN: usize = 32 * 1024;

/// Bytes of a filter in such a configuration that is read; a longer one is named as left out.
pub const IMPORT_FILTER: usize = 64 * 1024;

/// Terms of such a filter.
pub const IMPORT_TERMS: usize = 1_000;

/// How far a match without a bound is followed in an imported rule.
pub const IMPORT_REACH: usize = 16 * 1024;

/// Values in one JSON document that are read as such; a document with more is searched as text.
pub const JSON_VALUES: usize = 200_000;

/// A document of an attestation, such as an in-toto statement. A larger one is searched as it lies, and
/// counted as opaque.
pub const STATEMENT: usize = 8 * 1024 * 1024;

/// DSSE envelopes inside envelopes that are read as documents.
pub const STATEMENT_ENVELOPES: usize = 4;

/// Bytes of all build arguments of one attestation, of those whose names look secret, that are masked
/// wherever they stand in the report.
pub const STATEMENT_SECRETS: usize = 64 * 1024;

/// Names with values that are read out of one image's history; the text of every step is searched in
/// any case.
pub const ASSIGNMENTS: usize = 100_000;

/// An rpm database. The owners of files that a larger one records are not told, and that is a warning.
pub const PACKAGE_DATABASE: usize = 64 * 1024 * 1024;

/// Files in the records of all packages of one layer. Beyond it, owners are not told, and that is a warning.
pub const PACKAGE_FILES: usize = 500_000;

/// A line of a package database. A longer one is passed over.
pub const PACKAGE_LINE: usize = 8 * 1024;

/// Bytes of the name or the version of a package that counts.
pub const PACKAGE_NAME: usize = 256;

/// Packages in the databases of one layer. Beyond it, owners are not told, and that is a warning.
pub const PACKAGES: usize = 100_000;

/// A file that is compared with its package's record when a key is found in it. A larger one is never
/// shown as packaged.
pub const PACKAGED_FILE: u64 = 8 * 1024 * 1024;

/// Bytes of complete files of one layer that wait for the search of what is in them. Beyond it, files are
/// hashed before it is known whether they hold a key.
pub const HELD_FILES: usize = 32 * 1024 * 1024;

/// Rows of the inventory that one query reads. What is behind is not told.
pub const INVENTORY_ROWS: usize = 10_000_000;

/// Bytes of one text in the inventory's file. A file with a longer one is damaged.
pub const INVENTORY_CELL: i32 = 16 * 1024 * 1024;

/// Bytes of a name, a path or a build step that the inventory keeps whole; of a longer one, it keeps the beginning.
pub const INVENTORY_TEXT: usize = 4 * 1024;

/// Places of a key in one image that the inventory keeps; the rest is a count.
pub const INVENTORY_PLACES: usize = 100;

/// Names of variables that hold a key in images, which workloads are looked through for.
pub const INVENTORY_VARIABLES: usize = 100;

/// Lines that `inventory where` prints of one key; the rest is a count. JSON has all.
pub const INVENTORY_LINES: usize = 200;

/// Workloads that a finding of a report names.
pub const KNOWN_WORKLOADS: usize = 10;

/// A key on standard input of `inventory where`.
pub const INVENTORY_KEY: u64 = 64 * 1024;

/// A file of workloads in JSON.
pub const WORKLOADS_JSON: u64 = 256 * 1024 * 1024;

/// A file of workloads in YAML.
pub const WORKLOADS_YAML: usize = 8 * 1024 * 1024;

/// Containers of one import.
pub const WORKLOADS: usize = 200_000;

/// Variables of one container.
pub const WORKLOAD_VARIABLES: usize = 2_000;

/// Bytes of a variable's value that is fingerprinted. A longer one is not.
pub const WORKLOAD_VALUE: usize = 256 * 1024;

/// Characters from which on a variable's value may be a key.
pub const WORKLOAD_VALUE_LEAST: usize = 8;

/// A template of the user's for reports.
pub const TEMPLATE: u64 = 1024 * 1024;

/// Bytes of a report that a template writes.
pub const TEMPLATE_OUTPUT: usize = 256 * 1024 * 1024;

/// Steps of a template's language that one report may take.
pub const TEMPLATE_WORK: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    #[test]
    fn every_limit_is_documented() {
        let documented = include_str!("../docs/limits.md");
        let sources =
            [include_str!("limits.rs"), include_str!("limits/network.rs"), include_str!("limits/serve.rs")];
        let lines = sources.iter().flat_map(|source| source.lines());
        let names = lines.filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
        for name in names {
            assert!(documented.contains(&format!("| `{name}` |")), "docs/limits.md does not list {name}");
        }
    }
}
