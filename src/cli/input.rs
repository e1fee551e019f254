//! Whole inputs that the user names: small files and standard input, never more of them than a bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Why an input cannot be taken. The text does not name it.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It goes on behind the bound.
    #[error("it is larger than {0} bytes, the most that is read here")]
    TooLarge(u64),
}

/// Bytes for which there is room at once. What fits leaves no copy of itself behind in memory.
const ROOM: u64 = 64 * 1024;

/// All of `input`.
///
/// # Errors
/// When it cannot be read, or is larger than `most` bytes.
pub fn read(input: &mut dyn Read, most: u64) -> Result<Vec<u8>, InputError> {
    let room = usize::try_from(most.saturating_add(1).min(ROOM)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(room);
    input.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(InputError::TooLarge(most)) } else { Ok(bytes) }
}

/// All of a file; errors as of [`read`].
pub fn file(path: &Path, most: u64) -> Result<Vec<u8>, InputError> {
    read(&mut File::open(path)?, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_the_last_size_that_is_taken() {
        assert_eq!(read(&mut &b"four"[..], 4).expect("it fits"), b"four");
        assert!(matches!(read(&mut &b"fives"[..], 4), Err(InputError::TooLarge(4))));
        assert!(matches!(file(Path::new("/no/such/file"), 4), Err(InputError::Io(_))));
    }
}
