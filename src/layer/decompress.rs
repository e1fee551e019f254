//! Decompression by magic bytes: gzip (several members), zstd (several and skippable frames), xz,
//! bzip2, none. The media type is checked against what was found, it never decides.
