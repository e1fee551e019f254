//! Sources: one image in every shape that tools hand it on in resolves to the same image, and nothing
//! damaged passes for whole.

mod converters;
mod damage;
mod platforms;
mod shapes;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::path::Path;

use keyseam::image::digest::Digest;
use keyseam::image::manifest::{BlobKey, Image, ImageBlob};
use keyseam::image::platform::PlatformSet;
use keyseam::report::model::SourceKind;
use keyseam::source::{self, Access, BlobSink, ImageSource, Opened, PassingBlob};
use keyseam::target::Target;

use crate::support::image::{self, ImageBuilder, Layer};

/// What a target gave.
pub(crate) struct Outcome {
    pub(crate) kind: SourceKind,
    pub(crate) images: Vec<Image>,
    source: Box<dyn ImageSource>,
    passed: Passed,
}

/// A sink that keeps all that passes.
#[derive(Default)]
struct Passed {
    blobs: BTreeMap<BlobKey, Vec<u8>>,
    /// Keys whose tar has to be hashed as well.
    diff_ids: Vec<BlobKey>,
}

impl BlobSink for Passed {
    fn blob(&mut self, blob: PassingBlob<'_>) -> io::Result<Option<Digest>> {
        let mut bytes = Vec::new();
        let result = blob.body.read_to_end(&mut bytes);
        if blob.diff_id {
            self.diff_ids.push(blob.key.clone());
        }
        assert!(self.blobs.insert(blob.key, bytes).is_none(), "a key passed twice");
        result.map(|_| None)
    }
}

impl Outcome {
    fn of(opened: Opened, platforms: &PlatformSet) -> Result<Self, String> {
        let mut passed = Passed::default();
        let source = match opened {
            Opened::Indexed(source) => source,
            Opened::Stream(stream) => stream.read(&mut passed).map_err(|error| error.to_string())?,
        };
        let images = source.resolve(platforms).map_err(|error| error.to_string())?;
        Ok(Self { kind: source.kind(), images, source, passed })
    }

    /// The stored bytes of a blob.
    pub(crate) fn bytes(&self, blob: &ImageBlob) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.passed.blobs.get(&blob.key) {
            return Ok(bytes.clone());
        }
        let mut bytes = Vec::new();
        let mut body = self.source.open(blob).map_err(|error| error.to_string())?;
        body.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// The only image.
    pub(crate) fn image(&self) -> &Image {
        assert_eq!(self.images.len(), 1, "images");
        &self.images[0]
    }

    /// Checks that the image is whole and holds exactly what was built.
    pub(crate) fn assert_same(&self, image: &Image, built: &image::Image) {
        assert_eq!(image.errors, [], "{:?}", image.name);
        assert_eq!(image.config_json.as_deref(), Some(built.config.as_slice()));
        assert_eq!(image.config_digest.as_ref().map(ToString::to_string), Some(built.config_digest()));
        self.assert_layers(image, built);
    }

    /// The same of the layers alone: converters may write the config anew.
    pub(crate) fn assert_layers(&self, image: &Image, built: &image::Image) {
        assert_eq!(image.layers.len(), built.layers.len());
        for (layer, (tar, diff_id)) in image.layers.iter().zip(built.layers.iter().zip(&built.diff_ids)) {
            assert_eq!(layer.diff_id.as_ref().map(ToString::to_string).as_ref(), Some(diff_id));
            let stored = self.bytes(layer).expect("the layer's bytes");
            if let Some(size) = layer.size {
                assert_eq!(stored.len() as u64, size);
            }
            if let Some(digest) = &layer.digest {
                assert_eq!(*digest, keyseam::image::digest::Digest::sha256_of(&stored));
            } else if !self.passed.blobs.is_empty() {
                assert!(self.passed.diff_ids.contains(&layer.key), "its diff_id has to be made as it passes");
            }
            assert!(decompressed(&stored) == *tar, "another tar");
        }
    }
}

fn decompressed(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match bytes {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).map(drop),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::stream::copy_decode(bytes, &mut plain),
        _ => return bytes.to_vec(),
    }
    .expect("compressed by the test");
    plain
}

/// Opens what a user would write.
pub(crate) fn open(target: &str) -> Result<Outcome, String> {
    open_for(target, &PlatformSet::Default)
}

pub(crate) fn open_for(target: &str, platforms: &PlatformSet) -> Result<Outcome, String> {
    let target = Target::parse(target).map_err(|error| error.to_string())?;
    Outcome::of(source::open(&target, &Access::default()).map_err(|error| error.to_string())?, platforms)
}

/// Reads bytes as a pipe gives them: in pieces of any length.
pub(crate) fn pipe(bytes: Vec<u8>) -> Result<Outcome, String> {
    pipe_for(bytes, &PlatformSet::Default)
}

pub(crate) fn pipe_for(bytes: Vec<u8>, platforms: &PlatformSet) -> Result<Outcome, String> {
    Outcome::of(
        source::open_stream(Dribble { bytes: Cursor::new(bytes), turn: 0 }, "standard input", None),
        platforms,
    )
}

/// Gives its bytes in uneven pieces.
struct Dribble {
    bytes: Cursor<Vec<u8>>,
    turn: usize,
}

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let most = [1, 511, 512, 513, 4096, 70_000][self.turn % 6].min(buffer.len());
        self.bytes.read(&mut buffer[..most])
    }
}

/// Writes an archive and opens it from disk; then the same bytes from a pipe.
pub(crate) fn both_ways(bytes: &[u8], name: &str, check: impl Fn(Result<Outcome, String>, &str)) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    check(open(utf8(&path)), "from disk");
    check(pipe(bytes.to_vec()), "from a pipe");
}

pub(crate) fn utf8(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Three layers, two of them equal, with what layers have.
pub(crate) fn sample(name: &str) -> ImageBuilder {
    let noise: Vec<u8> =
        (0..40_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let base = Layer::new().dir("app").file("app/data", &noise).hardlink("app/more", "app/data");
    let top =
        Layer::new().whiteout("app/data").opaque("app/cache").xattr("x", b"text", "user.note", b"value");
    ImageBuilder::new(name)
        .layer(base.clone())
        .layer(top.symlink("app/link", "/etc/passwd"))
        .history("ENV A=b", true)
        .layer(base)
        .env("A", "b")
        .label("owner", "team")
}
