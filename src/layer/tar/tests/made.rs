//! Tars made byte by byte, with no help of the code under test.

/// A tar in the making.
pub(super) struct Made {
    bytes: Vec<u8>,
}

/// A ustar header of a file.
pub(super) fn file(name: &str, size: u64) -> [u8; 512] {
    header(b'0', name, "", size)
}

fn header(flag: u8, name: &str, link: &str, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..124].copy_from_slice(b"0000644\x000000000\x000000000\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"14137563414\0");
    block[156] = flag;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[265..269].copy_from_slice(b"root");
    fix_sum(&mut block);
    block
}

/// Writes the right checksum into a header.
pub(super) fn fix_sum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A pax record.
pub(super) fn record(keyword: &str, value: &str) -> String {
    let rest = keyword.len() + value.len() + 3;
    let length = (1..).map(|digits| rest + digits).find(|length| length.to_string().len() + rest == *length);
    format!("{} {keyword}={value}\n", length.expect("there is one"))
}

/// A block that continues the map of an old GNU header.
pub(super) fn sparse_block(fragments: &[(u64, u64)], more: bool) -> Vec<u8> {
    let mut block = fields(fragments);
    block.resize(512, 0);
    block[504] = u8::from(more);
    block
}

fn fields(fragments: &[(u64, u64)]) -> Vec<u8> {
    fragments.iter().flat_map(|(at, length)| format!("{at:011o}\0{length:011o}\0").into_bytes()).collect()
}

impl Made {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A header as given, with its checksum made right.
    pub(super) fn header(mut self, mut block: [u8; 512]) -> Self {
        fix_sum(&mut block);
        self.bytes.extend_from_slice(&block);
        self
    }

    /// Bytes, filled up to a block.
    pub(super) fn body(mut self, body: &[u8]) -> Self {
        self.bytes.extend_from_slice(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn entry(self, flag: u8, name: &str, body: &[u8]) -> Self {
        self.sized(flag, name, body.len() as u64).body(body)
    }

    /// A header with a size, and no body yet.
    pub(super) fn sized(self, flag: u8, name: &str, size: u64) -> Self {
        self.header(header(flag, name, "", size))
    }

    pub(super) fn linked(self, flag: u8, name: &str, link: &str) -> Self {
        self.header(header(flag, name, link, 0))
    }

    pub(super) fn pax(self, flag: u8, records: &str) -> Self {
        self.entry(flag, "pax", records.as_bytes())
    }

    pub(super) fn old_sparse(
        self,
        name: &str,
        real: u64,
        fragments: &[(u64, u64)],
        more: bool,
        stored: u64,
    ) -> Self {
        let mut block = header(b'S', name, "", stored);
        block[257..265].copy_from_slice(b"ustar  \0");
        let fields = fields(fragments);
        block[386..386 + fields.len()].copy_from_slice(&fields);
        block[482] = u8::from(more);
        block[483..495].copy_from_slice(format!("{real:011o}\0").as_bytes());
        self.header(block)
    }

    pub(super) fn append(self, other: &Self) -> Self {
        self.body(&other.bytes)
    }

    pub(super) fn end(self) -> Self {
        self.body(&[0; 1024])
    }

    pub(super) fn patch(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }
}
