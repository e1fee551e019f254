//! What keeps an engine from giving an image, and the engine's own words about it, bounded. They are as
//! the engine wrote them: keys in them are found by what stands around them, so it is the outputs that
//! redact them and then write out what a terminal would act on.

use std::time::Duration;

use serde::Deserialize;

use crate::limits::ENGINE_WORDS;

/// Why an engine gave nothing. The engine is named with its address.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is none where one could be.
    #[error("there is no {engine} engine here: {looked}")]
    Absent {
        /// Docker or Podman.
        engine: &'static str,
        /// Where it was looked for, and what to do.
        looked: String,
        /// The same in two words.
        short: &'static str,
    },
    /// What was set up for it, or what was asked of it, cannot be used. The text is the whole line.
    #[error("{0}")]
    Setup(String),
    /// It has no such image.
    #[error("{engine} has no image {image}: {hint}")]
    NoImage {
        /// Which engine.
        engine: String,
        /// As it was asked for.
        image: String,
        /// What to do.
        hint: String,
    },
    /// Nothing answers there, or the connection broke.
    #[error("{engine} cannot be reached: {cause}")]
    Unreachable {
        /// Which engine.
        engine: String,
        /// What the system said.
        cause: String,
    },
    /// It did not answer in time.
    #[error("{engine} did not answer within {} s", limit.as_secs_f32().ceil())]
    Silent {
        /// Which engine.
        engine: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// It answered with an error.
    #[error("{engine} refused ({status}): {words}")]
    Refused {
        /// Which engine.
        engine: String,
        /// The status of HTTP, or of a process.
        status: String,
        /// Its own words, cleaned.
        words: String,
    },
    /// It answered with something that cannot be understood.
    #[error("{engine} gave an answer that cannot be used: {why}")]
    Garbled {
        /// Which engine.
        engine: String,
        /// What is wrong with it.
        why: String,
    },
}

impl EngineError {
    /// The reason in a few words of our own, for a note that lists several engines.
    pub fn brief(&self) -> String {
        match self {
            Self::Absent { short, .. } => (*short).to_owned(),
            Self::Setup(text) => text.clone(),
            Self::NoImage { .. } => "has no such image".to_owned(),
            Self::Unreachable { .. } => "cannot be reached".to_owned(),
            Self::Silent { limit, .. } => format!("no answer within {:.1} s", limit.as_secs_f32()),
            Self::Refused { status, .. } => format!("refused with {status}"),
            Self::Garbled { .. } => "gave an answer that cannot be used".to_owned(),
        }
    }
}

/// What an engine or its command said, as far as it is shown. It is cut between two words, so that no
/// part of a key is left that would not be known as one.
pub(super) fn words(said: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let said = match serde_json::from_slice::<Message>(said) {
        Ok(message) => message.message,
        Err(_) => String::from_utf8_lossy(said).into_owned(),
    };
    // Commands of the podman family log warnings first.
    let error = said.lines().find_map(|line| line.trim().strip_prefix("Error: "));
    let said = error.unwrap_or(said.trim());
    match said.char_indices().nth(ENGINE_WORDS) {
        None if said.is_empty() => "it does not say why".to_owned(),
        None => said.to_owned(),
        Some((end, _)) => {
            let kept = said.get(..end).unwrap_or_default();
            let kept = kept.rsplit_once(char::is_whitespace).map_or("", |(kept, _)| kept);
            format!("{kept} …")
        }
    }
}

/// The innermost cause of a chain of errors: what the system or the TLS library said.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_was_said_of_the_error() {
        assert_eq!(words(br#"{"message":"no space left"}"#), "no space left");
        assert_eq!(words(b"time=x level=warning msg=y\nError: a: b\n"), "a: b");
        assert_eq!(words(b" red\xff\n"), "red\u{fffd}");
        assert_eq!(words(b" \n"), "it does not say why");
    }

    #[test]
    fn a_long_text_is_cut_between_words() {
        let text = format!("{} {}", "a ".repeat(200), "k".repeat(5_000));
        assert_eq!(words(text.as_bytes()), format!("{} …", "a ".repeat(200)));
        assert_eq!(words("k".repeat(5_000).as_bytes()), " …");
    }
}
