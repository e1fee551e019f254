//! A small tar writer: ustar headers, pax records where a field is too small or is asked for.

/// A tar in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tarball {
    bytes: Vec<u8>,
}

/// One header: whatever the caller says, right or wrong.
#[derive(Clone, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) kind: u8,
    pub(crate) link: &'a [u8],
    pub(crate) mode: u32,
    /// The size field; the body may be longer or shorter.
    pub(crate) size: u64,
    /// Records of a pax header in front of it.
    pub(crate) pax: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Header<'a> {
    pub(crate) fn new(path: &'a [u8], kind: u8) -> Self {
        Self {
            path,
            kind,
            link: b"",
            mode: if kind == b'5' { 0o755 } else { 0o644 },
            size: 0,
            pax: Vec::new(),
        }
    }
}

impl Tarball {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn file(&mut self, path: &str, body: &[u8]) -> &mut Self {
        self.entry(&Header { size: body.len() as u64, ..Header::new(path.as_bytes(), b'0') }, body)
    }

    pub(crate) fn dir(&mut self, path: &str) -> &mut Self {
        self.entry(&Header::new(format!("{}/", path.trim_end_matches('/')).as_bytes(), b'5'), b"")
    }

    pub(crate) fn symlink(&mut self, path: &str, target: &str) -> &mut Self {
        self.entry(&Header { link: target.as_bytes(), ..Header::new(path.as_bytes(), b'2') }, b"")
    }

    pub(crate) fn hardlink(&mut self, path: &str, target: &str) -> &mut Self {
        self.entry(&Header { link: target.as_bytes(), ..Header::new(path.as_bytes(), b'1') }, b"")
    }

    /// A header, its pax records in front of it, and a body filled to whole blocks.
    pub(crate) fn entry(&mut self, header: &Header<'_>, body: &[u8]) -> &mut Self {
        let mut records = header.pax.clone();
        for (key, value) in [("path", header.path), ("linkpath", header.link)] {
            if value.len() > 100 {
                records.push((key.as_bytes().to_vec(), value.to_vec()));
            }
        }
        if !records.is_empty() {
            let body: Vec<u8> = records.iter().flat_map(|(key, value)| pax_record(key, value)).collect();
            let own = Header { size: body.len() as u64, ..Header::new(b"PaxHeaders/entry", b'x') };
            self.bytes.extend(block(&own));
            self.padded(&body);
        }
        self.bytes.extend(block(header));
        self.padded(body)
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    fn padded(&mut self, body: &[u8]) -> &mut Self {
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// The tar with its end marker.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }

    /// The tar without an end marker.
    pub(crate) fn unfinished(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
pub(crate) fn pax_record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

/// A ustar header block with a right checksum.
pub(crate) fn block(header: &Header<'_>) -> [u8; 512] {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, bytes: &[u8], most: usize| {
        let length = bytes.len().min(most);
        block[at..at + length].copy_from_slice(&bytes[..length]);
    };
    put(0, header.path, 100);
    put(100, format!("{:07o}", header.mode).as_bytes(), 7);
    put(108, b"0000000", 7);
    put(116, b"0000000", 7);
    put(124, format!("{:011o}", header.size).as_bytes(), 11);
    put(136, b"00000000000", 11);
    put(148, b"        ", 8);
    put(156, &[header.kind], 1);
    put(157, header.link, 100);
    put(257, b"ustar\x0000", 8);
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}
