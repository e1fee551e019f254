//! Which layers the steps of a build made, as BuildKit's provenance tells it: `layers` names for each
//! result of a step the layers up to it, once for each compression that the cache holds them in.

use std::collections::HashMap;
use std::sync::Arc;

use super::member;
use crate::image::config::json::Json;
use crate::image::digest::Digest;

/// The layer that a build step made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLayer {
    /// Its digests in the build's cache. In the image it may have another: an export may compress anew.
    pub digests: Vec<Digest>,
    /// Its index in the finished image, and how many layers that has, where the statement tells.
    pub position: Option<(usize, usize)>,
}

/// The layers of all steps, by the steps' ids.
pub(super) type StepLayers = HashMap<String, Arc<StepLayer>>;

/// Layers from the first one up.
type Chain = Vec<Digest>;

/// The layer that a step made. What it only fetched it did not make.
pub(super) fn layer_of<'l>(step: &Json, layers: &'l StepLayers) -> Option<&'l Arc<StepLayer>> {
    let operation = member(member(step, "op")?, "Op")?;
    if member(operation, "source").is_some() {
        return None;
    }
    layers.get(member(step, "id")?.scalar()?)
}

/// Reads `{"step3:0": [[descriptor, …], …]}`, wherever in the document it stands.
pub(super) fn layers_of_steps(value: &Json) -> StepLayers {
    let mut chains: HashMap<String, Vec<Chain>> = HashMap::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Json::Array(items) => waiting.extend(items),
            Json::Object(members) => {
                waiting.extend(members.iter().map(|(_, value)| value));
                value.members("layers").for_each(|layers| add_chains(layers, &mut chains));
            }
            _ => {}
        }
    }
    let last = last_chains(&chains);
    let layer = |chains: &Vec<Chain>| {
        let digests: Vec<Digest> = chains.iter().filter_map(|chain| chain.last().cloned()).collect();
        let position = position(chains, last);
        (!digests.is_empty()).then(|| Arc::new(StepLayer { digests, position }))
    };
    chains.iter().filter_map(|(step, chains)| Some((step.clone(), layer(chains)?))).collect()
}

fn add_chains(layers: &Json, chains: &mut HashMap<String, Vec<Chain>>) {
    let Json::Object(results) = layers else { return };
    for (result, lists) in results {
        let Json::Array(lists) = lists else { continue };
        let step = result.split(':').next().unwrap_or_default();
        chains.entry(step.to_owned()).or_default().extend(lists.iter().filter_map(chain));
    }
}

/// A list of descriptors; nothing of a list in which one has no digest.
fn chain(list: &Json) -> Option<Chain> {
    let Json::Array(descriptors) = list else { return None };
    descriptors.iter().map(|descriptor| member(descriptor, "digest")?.scalar()?.parse().ok()).collect()
}

/// The layers of the finished image: the longest chains, where they are one step's.
fn last_chains(chains: &HashMap<String, Vec<Chain>>) -> &[Chain] {
    let length = |lists: &[Chain]| lists.iter().map(Vec::len).max().unwrap_or_default();
    let longest = chains.values().map(|lists| length(lists)).max().unwrap_or_default();
    let mut last = chains.values().filter(|lists| length(lists) == longest);
    match (last.next(), last.next()) {
        (Some(lists), None) => lists,
        _ => &[],
    }
}

/// Where the last layer of `chains` lies in the image, if they lead up to `last`.
fn position(chains: &[Chain], last: &[Chain]) -> Option<(usize, usize)> {
    let (length, total) = (chains.first()?.len(), last.first()?.len());
    let equal =
        chains.iter().all(|chain| chain.len() == length) && last.iter().all(|chain| chain.len() == total);
    let leads = last.iter().any(|last| chains.iter().any(|chain| last.starts_with(chain)));
    (equal && leads).then_some((length.checked_sub(1)?, total))
}
