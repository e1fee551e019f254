//! Lists of what a repository has: its tags, and what refers to one of its manifests.

use std::collections::{HashMap, HashSet};

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use url::Url;

use super::client::{Client, media_type};
use super::endpoint::{Endpoint, Endpoints, Repository};
use super::error::{ErrorKind, RegistryError};
use super::link::{self, Next};
use super::transport::accept;
use crate::image::descriptor::Descriptor;
use crate::image::digest::Digest;
use crate::image::index::{self, Document};
use crate::image::media_type::OCI_INDEX;
use crate::limits::{LIST_PAGES, MANIFEST, REFERRERS, TAGS};

/// What refers to a manifest, as far as the registry tells.
#[derive(Debug)]
pub enum Referrers {
    /// These; perhaps none.
    Listed(Vec<Descriptor>),
    /// The registry knows neither the referrers API nor the tag in its place: nobody can tell.
    Unsupported,
    /// It may have some, but does not say.
    Refused(RegistryError),
}

/// One page of a list.
struct Page {
    bytes: Vec<u8>,
    media_type: String,
    next: Next,
}

/// The pages of a list that were asked for.
#[derive(Default)]
struct Pages(HashSet<Url>);

impl Pages {
    /// Where to ask for more; nowhere at the end, and where pages begin to repeat.
    fn follow(&mut self, next: Next, what: &str) -> Result<Option<String>, RegistryError> {
        let next = match next {
            Next::End => return Ok(None),
            Next::Page(next) => next,
            Next::Elsewhere => {
                let message = format!("{what} goes on at another host, where it is not read");
                return Err(RegistryError::new(ErrorKind::Invalid, message));
            }
        };
        if self.0.len() >= LIST_PAGES {
            let message = format!("{what} has more than {LIST_PAGES} pages");
            return Err(RegistryError::new(ErrorKind::Limit, message));
        }
        Ok(self.0.insert(next.clone()).then(|| next.to_string()))
    }
}

impl Client {
    /// The tags of a repository, in the registry's order, over all pages.
    pub fn tags(&self, repository: &Repository) -> Result<Vec<String>, RegistryError> {
        self.wait(self.endpoints.tags(repository))
    }

    /// The repositories of a registry, over all pages, where it lists them (`_catalog`); Docker Hub and others
    /// do not.
    ///
    /// # Errors
    /// When it gives no list.
    pub fn repositories(&self, registry: &str) -> Result<Vec<String>, RegistryError> {
        self.wait(async {
            let whole = Repository { registry: registry.to_owned(), name: String::new() };
            let endpoint = self.endpoints.of(&whole)?.pop();
            let none = || RegistryError::new(ErrorKind::Settings, "there is no registry to ask");
            let what = format!("the list of repositories of {registry}");
            let path = "v2/_catalog?n=1000".to_owned();
            let endpoint = endpoint.ok_or_else(none)?;
            let mut names = self.endpoints.listed(&endpoint, path, "repositories", &what).await?;
            names.retain(|name| crate::target::reference::parse(&format!("{registry}/{name}")).is_ok());
            Ok(names)
        })
    }

    /// Whether the registry itself has a blob in a repository.
    pub fn has_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, RegistryError> {
        self.wait(async {
            let none = || RegistryError::new(ErrorKind::Settings, "there is no registry to ask");
            let endpoint = self.endpoints.of(repository)?.pop().ok_or_else(none)?;
            self.endpoints.has(&endpoint, &format!("blobs/{digest}")).await
        })
    }

    /// What refers to a manifest: by the referrers API, else by the tag that stands for it.
    pub fn referrers(&self, repository: &Repository, digest: &Digest) -> Referrers {
        self.wait(self.endpoints.referrers(repository, digest))
    }
}

impl Endpoints {
    /// Whether a repository has something: `blobs/DIGEST`, say.
    pub(super) async fn has(&self, endpoint: &Endpoint, what: &str) -> Result<bool, RegistryError> {
        let path = format!("v2/{}/{what}", endpoint.repository);
        match self.send(endpoint, Method::HEAD, path, HeaderMap::new(), false).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The registry's own list; a mirror's, which may hold only what was pulled through it, where the
    /// registry gives none.
    async fn tags(&self, repository: &Repository) -> Result<Vec<String>, RegistryError> {
        let mut last = RegistryError::new(ErrorKind::Settings, "there is no registry to ask");
        for endpoint in self.of(repository)?.iter().rev() {
            match self.tags_at(endpoint).await {
                Ok(tags) => return Ok(tags),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn tags_at(&self, endpoint: &Endpoint) -> Result<Vec<String>, RegistryError> {
        let what = format!("the list of tags of {}/{}", endpoint.registry, endpoint.repository);
        let path = format!("v2/{}/tags/list?n=1000", endpoint.repository);
        let mut tags = self.listed(endpoint, path, "tags", &what).await?;
        tags.retain(|tag| is_tag(tag));
        Ok(tags)
    }

    /// The words of a list that stands in a field of each page, each once.
    async fn listed(
        &self,
        endpoint: &Endpoint,
        first: String,
        field: &str,
        what: &str,
    ) -> Result<Vec<String>, RegistryError> {
        let mut words: Vec<String> = Vec::new();
        let mut path = first;
        let mut pages = Pages::default();
        loop {
            let page = self.page(endpoint, path, HeaderMap::new(), what).await?;
            let mut list: HashMap<String, Value> = serde_json::from_slice(&page.bytes).map_err(|_| {
                RegistryError::new(ErrorKind::Invalid, format!("{what} is no list of {field}"))
            })?;
            match list.remove(field) {
                Some(Value::Array(listed)) => {
                    words.extend(listed.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                None | Some(Value::Null) => {}
                Some(_) => {
                    return Err(RegistryError::new(
                        ErrorKind::Invalid,
                        format!("{what} is no list of {field}"),
                    ));
                }
            }
            if words.len() > TAGS {
                return Err(RegistryError::new(
                    ErrorKind::Limit,
                    format!("{what} is longer than {TAGS} {field}"),
                ));
            }
            match pages.follow(page.next, what)? {
                Some(next) => path = next,
                None => break,
            }
        }
        let mut seen = HashSet::new();
        words.retain(|word| seen.insert(word.clone()));
        Ok(words)
    }

    async fn referrers(&self, repository: &Repository, digest: &Digest) -> Referrers {
        let endpoint = match self.of(repository).map(|mut endpoints| endpoints.pop()) {
            Ok(Some(endpoint)) => endpoint,
            Ok(None) => return Referrers::Unsupported,
            Err(error) => return Referrers::Refused(error),
        };
        let asked = self.referrers_by_api(&endpoint, digest).await;
        let Err(api) = asked else { return asked.map_or(Referrers::Unsupported, Referrers::Listed) };
        let unknown = matches!(api.kind, ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::Guarded);
        match (self.referrers_by_tag(&endpoint, digest).await, unknown) {
            (Ok(Some(listed)), _) => Referrers::Listed(listed),
            (Ok(None), true) => Referrers::Listed(Vec::new()),
            (Err(error), true) if error.kind == ErrorKind::Unsupported => Referrers::Unsupported,
            (Err(error), true) => Referrers::Refused(error),
            (_, false) => Referrers::Refused(api),
        }
    }

    async fn referrers_by_api(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let what = format!("the list of the referrers of {digest}");
        let mut path = format!("v2/{}/referrers/{digest}", endpoint.repository);
        let mut found: Vec<Descriptor> = Vec::new();
        let mut pages = Pages::default();
        loop {
            let page = self.page(endpoint, path, accept(OCI_INDEX), &what).await?;
            // Some registries answer with a page for people.
            let unknown = |_| RegistryError::new(ErrorKind::Unsupported, format!("{what} is no index"));
            let Document::Index(index) = index::parse(&page.bytes, &page.media_type).map_err(unknown)? else {
                return Err(RegistryError::new(ErrorKind::Unsupported, format!("{what} is no index")));
            };
            found.extend(index.manifests);
            if found.len() > REFERRERS {
                let message = format!("{what} is longer than {REFERRERS}");
                return Err(RegistryError::new(ErrorKind::Limit, message));
            }
            match pages.follow(page.next, &what)? {
                Some(next) => path = next,
                None => return Ok(found),
            }
        }
    }

    /// The index that clients keep at `ALGORITHM-HEX` where the registry has no referrers API; none where
    /// there is no such tag.
    async fn referrers_by_tag(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let hex: String = digest.hex().chars().take(64).collect();
        let path = format!("v2/{}/manifests/{}-{hex}", endpoint.repository, digest.algorithm().name());
        let what = format!("the referrers of {digest}");
        let page = match self.page(endpoint, path, accept(OCI_INDEX), &what).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        match index::parse(&page.bytes, &page.media_type) {
            Ok(Document::Index(index)) if index.manifests.len() <= REFERRERS => Ok(Some(index.manifests)),
            Ok(Document::Index(_)) => {
                Err(RegistryError::new(ErrorKind::Limit, format!("{what} are more than {REFERRERS}")))
            }
            // The tag is somebody's image.
            _ => Ok(None),
        }
    }

    async fn page(
        &self,
        endpoint: &Endpoint,
        path: String,
        headers: HeaderMap,
        what: &str,
    ) -> Result<Page, RegistryError> {
        let (bytes, reply) = self.get_whole(endpoint, path, headers, MANIFEST, what).await?;
        let next = link::next(reply.headers(), &reply.url);
        Ok(Page { bytes, media_type: media_type(reply.headers()), next })
    }
}

/// Whether the word is a tag (distribution specification): what it names is asked for by it.
fn is_tag(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with(['.', '-'])
}
