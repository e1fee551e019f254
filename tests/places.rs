//! A key in every kind of place that an image has, each of them another one: plain files wherever they
//! lie, archives, packages, repositories, images in images, encodings, binaries, databases. Each must be
//! found once, in the layer that brought it, with the whole way in. All containers are made by the tools
//! that make them elsewhere; what cannot be opened must be told.

mod binaries;
mod cpios;
mod damaged;
mod databases;
mod encodings;
mod files;
mod images;
mod java;
mod metadata;
mod nests;
mod packages;
mod place;
mod repositories;
mod shapes;
mod streams;
mod tars;
mod unopened;
mod workshop;
mod zips;

use place::Place;
pub(crate) use workshop::Workshop;

/// Every place that is a file, of all modules, made once.
pub(crate) fn everywhere() -> Vec<Place> {
    let all: [&[Place]; 13] = [
        &files::PLACES,
        &zips::PLACES,
        &java::PLACES,
        &tars::PLACES,
        &streams::PLACES,
        &cpios::PLACES,
        &packages::PLACES,
        &repositories::PLACES,
        &images::PLACES,
        &encodings::PLACES,
        &binaries::PLACES,
        &databases::PLACES,
        &nests::PLACES,
    ];
    all.concat()
}

#[test]
fn no_two_places_share_a_key_or_a_path() {
    let places = everywhere();
    let mut keys: Vec<&str> = places.iter().flat_map(|place| place.names()).collect();
    let mut paths: Vec<&str> = places.iter().map(|place| place.path.as_str()).collect();
    let (all_keys, all_paths) = (keys.len(), paths.len());
    keys.sort_unstable();
    keys.dedup();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!((keys.len(), paths.len()), (all_keys, all_paths));
}
