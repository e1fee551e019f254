//! Deliveries are lossy: a registry that restarts forgets those that wait. So its own lists are gone through, and
//! what is not known is queued.

use tracing::{info, warn};

use crate::limits;
use crate::registry::{Client, Repository};
use crate::serve::queue::Refused;
use crate::serve::service::Service;
use crate::target::reference;

/// Queues every tagged image of a registry that was not examined. `goes_on` ends it early.
pub fn reconcile(service: &Service, registry: &str, goes_on: &dyn Fn() -> bool) {
    let client = match service.registries.client(false) {
        Ok(client) => client,
        Err(error) => return warn!(registry, why = error.to_string(), "not reconciled"),
    };
    let repositories = match client.repositories(registry) {
        Ok(repositories) => repositories,
        Err(error) => {
            return warn!(registry, why = error.to_string(), "not reconciled: it lists no repositories");
        }
    };
    let mut queued = 0;
    for name in repositories.iter().take(limits::TAGS) {
        let repository = Repository { registry: registry.to_owned(), name: name.clone() };
        match of_repository(service, &client, &repository, goes_on) {
            Ok(new) => queued += new,
            Err(refused) => return warn!(registry, queued, why = refused.to_string(), "reconciled in part"),
        }
        if !goes_on() {
            return;
        }
    }
    info!(registry, repositories = repositories.len(), queued, "reconciled");
}

fn of_repository(
    service: &Service,
    client: &Client,
    repository: &Repository,
    goes_on: &dyn Fn() -> bool,
) -> Result<usize, Refused> {
    let tags = client.tags(repository).unwrap_or_default();
    let mut new = 0;
    for tag in tags.iter().filter(|tag| !reference::is_attachment(tag)) {
        if !goes_on() {
            break;
        }
        service.wait_for_turn(&repository.registry);
        let Ok(digest) = client.wait_for_digest(repository, tag) else { continue };
        if service.pushed(repository, &digest.to_string())? {
            new += 1;
        }
    }
    Ok(new)
}
