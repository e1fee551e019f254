//! Decompression by magic bytes: gzip (several members), zstd (several and skippable frames), xz,
//! bzip2, none. The media type is checked against what was found, it never decides.
//!
//! The stored bytes are hashed and counted as they pass, also those that no decompressor asks for: a
//! blob is verified as a whole or not at all.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream as XzStream;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::image::digest::{Digest, Hasher};
use crate::layer::inflate::GzDecoder;
use crate::limits;

/// How a blob is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878), also when it begins with a skippable frame.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
}

impl Compression {
    /// The name that people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }

    /// What the first bytes (six are enough) tell.
    pub fn sniff(head: &[u8]) -> Self {
        let skippable = matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        if head.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || skippable {
            Self::Zstd
        } else if head.starts_with(b"\xfd7zXZ\0") {
            Self::Xz
        } else if head.starts_with(b"BZh") && head.get(3).is_some_and(|level| (b'1'..=b'9').contains(level)) {
            Self::Bzip2
        } else {
            Self::None
        }
    }
}

/// The stored bytes of a blob: buffered, hashed, counted.
pub struct Stored<R> {
    inner: R,
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
    count: u64,
    hasher: Option<Hasher>,
}

/// Bytes read at once from a source.
const READ_SIZE: usize = 128 * 1024;

impl<R: Read> Stored<R> {
    /// Reads `inner`, feeding `hasher` when there is one.
    pub fn new(inner: R, hasher: Option<Hasher>) -> Self {
        let buffer = vec![0; READ_SIZE].into_boxed_slice();
        Self { inner, buffer, from: 0, to: 0, count: 0, hasher }
    }

    /// How many stored bytes were read so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// At least `least` bytes of what comes next, or all that is left.
    fn peek(&mut self, least: usize) -> io::Result<&[u8]> {
        while self.to - self.from < least {
            if self.from > 0 {
                self.buffer.copy_within(self.from..self.to, 0);
                self.to -= self.from;
                self.from = 0;
            }
            if self.refill()? == 0 {
                break;
            }
        }
        Ok(&self.buffer[self.from..self.to])
    }

    fn refill(&mut self) -> io::Result<usize> {
        loop {
            match self.inner.read(&mut self.buffer[self.to..]) {
                Ok(read) => {
                    if let Some(hasher) = &mut self.hasher {
                        hasher.update(&self.buffer[self.to..self.to + read]);
                    }
                    self.to += read;
                    self.count += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads to the end without looking, and gives the number of bytes passed over, and the digest.
    pub fn drain(mut self) -> (u64, io::Result<Option<Digest>>) {
        let mut passed = 0;
        loop {
            passed += (self.to - self.from) as u64;
            self.from = 0;
            self.to = 0;
            match self.refill() {
                Ok(0) => return (passed, Ok(self.hasher.map(Hasher::finish))),
                Ok(_) => {}
                Err(error) => return (passed, Err(error)),
            }
        }
    }
}

impl<R: Read> Read for Stored<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(out.len());
        out[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read> BufRead for Stored<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from == self.to {
            self.from = 0;
            self.to = 0;
            self.refill()?;
        }
        Ok(&self.buffer[self.from..self.to])
    }

    fn consume(&mut self, length: usize) {
        self.from = (self.from + length).min(self.to);
    }
}

enum Decoder<R: Read> {
    None(Stored<R>),
    Gzip(GzDecoder<Stored<R>>),
    Zstd(ZstdDecoder<'static, Stored<R>>),
    Xz(XzDecoder<Stored<R>>),
    Bzip2(BzDecoder<Stored<R>>),
    /// Between two members, or after a member that could not be begun.
    Moving,
}

/// The content of a blob, decompressed as it is read.
pub struct Decompressed<R: Read> {
    decoder: Decoder<R>,
    compression: Compression,
    comments: Vec<Vec<u8>>,
    lost_comments: u64,
    warnings: Vec<String>,
}

/// What is left of a blob after its content was read.
pub struct Rest {
    /// Stored bytes in all.
    pub stored: u64,
    /// Stored bytes that were not decompressed.
    pub passed_over: u64,
    /// The digest of all stored bytes, where one was asked for.
    pub digest: io::Result<Option<Digest>>,
}

impl<R: Read> Decompressed<R> {
    /// Looks at the first bytes of `reader` and sets up what they call for. `hasher` sees the stored
    /// bytes.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn new(reader: R, hasher: Option<Hasher>) -> io::Result<Self> {
        let mut stored = Stored::new(reader, hasher);
        let compression = Compression::sniff(stored.peek(6)?);
        let mut warnings = Vec::new();
        let decoder = match compression {
            Compression::None => Decoder::None(stored),
            Compression::Gzip => Decoder::Gzip(GzDecoder::new(stored)),
            Compression::Bzip2 => Decoder::Bzip2(BzDecoder::new(stored)),
            Compression::Zstd => {
                let mut decoder = ZstdDecoder::with_buffer(stored)?;
                decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
                Decoder::Zstd(decoder)
            }
            Compression::Xz => {
                const CONCATENATED: u32 = liblzma::stream::CONCATENATED;
                let stream = XzStream::new_stream_decoder(limits::XZ_MEMORY, CONCATENATED)
                    .map_err(io::Error::other)?;
                Decoder::Xz(XzDecoder::new_stream(stored, stream))
            }
        };
        if matches!(compression, Compression::Xz | Compression::Bzip2) {
            warnings.push(format!("compressed with {}, which not every runtime unpacks", compression.name()));
        }
        Ok(Self { decoder, compression, comments: Vec::new(), lost_comments: 0, warnings })
    }

    /// What the magic bytes said.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Stored bytes read so far.
    pub fn stored(&self) -> u64 {
        match &self.decoder {
            Decoder::None(stored) => stored.count(),
            Decoder::Gzip(decoder) => decoder.get_ref().count(),
            Decoder::Zstd(decoder) => decoder.get_ref().count(),
            Decoder::Xz(decoder) => decoder.get_ref().count(),
            Decoder::Bzip2(decoder) => decoder.get_ref().count(),
            Decoder::Moving => 0,
        }
    }

    /// File names, comments and extra fields of gzip headers since the last call: they may hold a key.
    pub fn take_comments(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.comments)
    }

    /// How many such fields were not kept, because [`limits::GZIP_COMMENTS`] came between two calls of
    /// [`Self::take_comments`].
    pub fn lost_comments(&self) -> u64 {
        self.lost_comments
    }

    /// Oddities seen so far.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Reads what is left of the stored bytes, so that their digest is that of the whole blob.
    pub fn finish(self) -> Rest {
        let stored = match self.decoder {
            Decoder::None(stored) => stored,
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.finish(),
            Decoder::Xz(decoder) => decoder.into_inner(),
            Decoder::Bzip2(decoder) => decoder.into_inner(),
            Decoder::Moving => {
                let lost = io::Error::other("the blob was lost between two members");
                return Rest { stored: 0, passed_over: 0, digest: Err(lost) };
            }
        };
        let before = stored.count();
        let unread = (stored.to - stored.from) as u64;
        let (passed_over, digest) = stored.drain();
        Rest { stored: before - unread + passed_over, passed_over, digest }
    }

    /// Takes note of a gzip member's header fields, once it is over.
    fn note_header(&mut self) {
        let Decoder::Gzip(decoder) = &self.decoder else { return };
        for field in decoder.fields() {
            if self.comments.len() < limits::GZIP_COMMENTS {
                self.comments.push(field.to_vec());
            } else {
                self.lost_comments = self.lost_comments.saturating_add(1);
            }
        }
    }

    /// At the end of a gzip or bzip2 member: whether another one was begun.
    fn next_member(&mut self) -> io::Result<bool> {
        self.note_header();
        let mut stored = match std::mem::replace(&mut self.decoder, Decoder::Moving) {
            Decoder::Gzip(mut decoder) => {
                if Compression::sniff(decoder.get_mut().peek(6)?) == Compression::Gzip {
                    decoder.restart();
                    self.decoder = Decoder::Gzip(decoder);
                    return Ok(true);
                }
                decoder.into_inner()
            }
            Decoder::Bzip2(decoder) => decoder.into_inner(),
            other => {
                self.decoder = other;
                return Ok(false);
            }
        };
        let head = stored.peek(6)?;
        let found = Compression::sniff(head);
        let over = head.is_empty();
        if found == Compression::Bzip2 && found == self.compression {
            self.decoder = Decoder::Bzip2(BzDecoder::new(stored));
            return Ok(true);
        }
        let zeros = over || skip_zeros(&mut stored)?;
        self.decoder = Decoder::None(stored);
        if zeros {
            if !over {
                self.warnings.push(format!("NUL bytes behind the {} data", self.compression.name()));
            }
            return Ok(false);
        }
        // What follows is no member: no reader of the format gives it as content, but it is stored with
        // the rest, so it is read on as it lies.
        self.warnings.push(format!("bytes behind the {} data", self.compression.name()));
        Ok(true)
    }
}

/// Passes over NUL bytes; whether there was nothing else up to the end.
fn skip_zeros<R: Read>(stored: &mut Stored<R>) -> io::Result<bool> {
    loop {
        let bytes = stored.fill_buf()?;
        if bytes.is_empty() {
            return Ok(true);
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let all = zeros == bytes.len();
        stored.consume(zeros);
        if !all {
            return Ok(false);
        }
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.decoder {
                Decoder::None(stored) => return stored.read(out),
                Decoder::Gzip(decoder) => decoder.read(out)?,
                Decoder::Bzip2(decoder) => decoder.read(out)?,
                Decoder::Zstd(decoder) => return decoder.read(out),
                Decoder::Xz(decoder) => return decoder.read(out),
                Decoder::Moving => return Ok(0),
            };
            if read > 0 || !self.next_member()? {
                return Ok(read);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::image::digest::Algorithm;

    /// `input` through a command's standard input and output: a compressor that is not ours.
    fn through(command: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new(command)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command}: {error}"));
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("output");
        writer.join().expect("writer").expect("written");
        assert!(output.status.success());
        output.stdout
    }

    fn text() -> Vec<u8> {
        (0..60_000u32).flat_map(|n| format!("line {n} of the text\n").into_bytes()).collect()
    }

    fn read_all(stored: &[u8]) -> io::Result<(Vec<u8>, Rest)> {
        let mut reader = Decompressed::new(stored, Some(Hasher::new(Algorithm::Sha256)))?;
        let mut content = Vec::new();
        let mut buffer = [0; 7001];
        loop {
            match reader.read(&mut buffer)? {
                0 => break,
                read => content.extend_from_slice(&buffer[..read]),
            }
        }
        Ok((content, reader.finish()))
    }

    #[test]
    fn reads_what_the_compressors_write() {
        let text = text();
        for (command, arguments) in
            [("gzip", &["-c"][..]), ("zstd", &["-c"]), ("xz", &["-c"]), ("bzip2", &["-c"]), ("cat", &[])]
        {
            let stored = through(command, arguments, &text);
            let (content, rest) = read_all(&stored).unwrap_or_else(|error| panic!("{command}: {error}"));
            assert!(content == text, "{command}");
            assert_eq!(rest.stored, stored.len() as u64, "{command}");
            assert_eq!(rest.digest.ok().flatten(), Some(Digest::sha256_of(&stored)), "{command}");
        }
    }

    #[test]
    fn reads_several_members_and_frames() {
        let skippable: Vec<u8> = [&[0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"TOC.."].concat();
        for (command, arguments) in [("gzip", ["-c"]), ("zstd", ["-c"]), ("bzip2", ["-c"]), ("xz", ["-c"])] {
            let one = through(command, &arguments, b"first\n");
            let two = through(command, &arguments, b"second\n");
            let mut stored = if command == "zstd" { skippable.clone() } else { Vec::new() };
            stored.extend([one, two].concat());
            if command == "zstd" {
                stored.extend(&skippable);
            }
            let (content, rest) = read_all(&stored).unwrap_or_else(|error| panic!("{command}: {error}"));
            assert_eq!(content, b"first\nsecond\n", "{command}");
            assert_eq!(rest.stored, stored.len() as u64, "{command}");
        }
    }

    #[test]
    fn a_cut_or_flipped_blob_is_an_error() {
        let text = text();
        for (command, arguments) in
            [("gzip", &["-c"][..]), ("zstd", &["-c", "--check"]), ("xz", &["-c"]), ("bzip2", &["-c"])]
        {
            let stored = through(command, arguments, &text);
            assert!(read_all(&stored[..stored.len() - 3]).is_err(), "{command} cut at its end");
            assert!(read_all(&stored[..stored.len() / 2]).is_err(), "{command} cut in the middle");
            let mut flipped = stored.clone();
            flipped[stored.len() / 2] ^= 0x10;
            assert!(read_all(&flipped).is_err(), "{command} flipped");
        }
    }

    #[test]
    fn bytes_behind_the_last_member_are_read_as_they_lie() {
        let mut stored = through("gzip", &["-c"], b"content\n");
        stored.extend_from_slice(&[0; 100]);
        assert_eq!(read_all(&stored).expect("zeros").0, b"content\n");
        stored.extend_from_slice(b"hidden");
        assert_eq!(read_all(&stored).expect("hidden").0, b"content\nhidden");
    }

    #[test]
    fn a_zstd_window_over_the_limit_is_an_error() {
        let stored = through("zstd", &["-c", "--ultra", "--long=30", "-1"], &text());
        assert!(read_all(&stored).is_err());
    }

    #[test]
    fn gzip_names_and_comments_are_kept() {
        let mut stored = Vec::new();
        flate2::GzBuilder::new()
            .filename("named")
            .comment("commented")
            .write(&mut stored, flate2::Compression::fast())
            .write_all(b"content")
            .expect("written");
        let mut reader = Decompressed::new(&stored[..], None).expect("opened");
        io::copy(&mut reader, &mut io::sink()).expect("read");
        assert_eq!(reader.take_comments(), [b"named".to_vec(), b"commented".to_vec()]);
    }
}
