//! Which digest a tag has now: asked of the registry, once however many ask, and believed for seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::queue::Failure;
use crate::image::digest::Digest;
use crate::limits;
use crate::registry::{Client, RegistryError, Repository};

/// What a tag leads to, or why nobody knows.
pub type Resolved = Result<Digest, Arc<Failure>>;

/// What is known of tags.
#[derive(Default)]
pub struct Tags(Mutex<HashMap<(Repository, String), Asked>>);

struct Asked {
    since: Instant,
    answer: watch::Receiver<Option<Resolved>>,
}

impl Tags {
    /// The digest of a tag. Who stops waiting leaves the question under way for others. It is asked after `pause`,
    /// so that a registry is not asked more often than it should be.
    pub async fn digest(
        &self,
        client: &Client,
        repository: &Repository,
        tag: &str,
        pause: impl FnOnce() -> Duration,
    ) -> Resolved {
        let key = (repository.clone(), tag.to_owned());
        let mut answer = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match known
                .get(&key)
                .filter(|asked| asked.since.elapsed() < limits::SERVE_TAG_AGE || asked.is_open())
            {
                Some(asked) => asked.answer.clone(),
                None => {
                    if known.len() >= limits::SERVE_TAGS {
                        known.retain(|_, asked| {
                            asked.since.elapsed() < limits::SERVE_TAG_AGE || asked.is_open()
                        });
                    }
                    if known.len() >= limits::SERVE_TAGS {
                        return Err(Arc::new(Failure::busy()));
                    }
                    let answer = ask(client, repository, tag, pause());
                    known.insert(key, Asked { since: Instant::now(), answer: answer.clone() });
                    answer
                }
            }
        };
        let answered = answer.wait_for(Option::is_some).await;
        let answered = answered.ok().and_then(|answer| answer.clone());
        answered.unwrap_or_else(|| Err(Arc::new(Failure::busy())))
    }
}

impl Asked {
    /// Whether the registry has not answered yet.
    fn is_open(&self) -> bool {
        self.answer.borrow().is_none() && self.answer.has_changed().is_ok()
    }
}

fn ask(
    client: &Client,
    repository: &Repository,
    tag: &str,
    pause: Duration,
) -> watch::Receiver<Option<Resolved>> {
    let (tell, answer) = watch::channel(None);
    let (client, repository, tag) = (client.clone(), repository.clone(), tag.to_owned());
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        let digest = client.digest_of_tag(&repository, &tag).await;
        let _ = tell.send(Some(digest.map_err(|error: RegistryError| Arc::new(Failure::of(&error)))));
    });
    answer
}
