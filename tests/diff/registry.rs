//! Both images in registries: layers that they share are read once.

use serde_json::json;

use super::numbers;
use crate::scan::{assert_says, line};
use crate::support::cli::Keyseam;
use crate::support::http::registry::{Form, Registry};
use crate::support::image::{Compression, ImageBuilder, Layer};

#[test]
fn layers_of_both_are_read_once() {
    let base = ImageBuilder::new("app:1").layer(Layer::new().file("etc/base", &line(1)));
    let old = base.clone().layer(Layer::new().file("app/old", &line(2))).build();
    let new = base.layer(Layer::new().file("app/new", &line(3))).build();
    let gzip = Form::Oci(Compression::Gzip);
    let registry = Registry::new().image("app", "1", &old, gzip).image("app", "2", &new, gzip).start();
    let run =
        Keyseam::new(&["diff", "-o", "json", &registry.target("app:1"), &registry.target("app:2")]).run();
    run.assert_status(1);
    assert_eq!(numbers(&run.result()), [3]);
    assert_says(&run.result()["layers"], &json!([{ "added": false }, { "added": true }]), "layers");
    assert_says(&run.json()["diff"], &json!({ "known": 1, "gone": 1, "complete": true }), "the comparison");
    let mut blobs: Vec<String> = registry
        .requests()
        .iter()
        .filter(|request| request.gets_blob(None))
        .map(|request| request.path().to_owned())
        .collect();
    let all = blobs.len();
    blobs.sort();
    blobs.dedup();
    // Three layers and two configs.
    assert_eq!((all, blobs.len()), (5, 5), "{blobs:?}");
}

#[test]
fn without_the_old_image_nothing_of_the_new_one_is_read() {
    let new = ImageBuilder::new("app:1").layer(Layer::new().file("etc/base", &line(1))).build();
    let registry = Registry::new().image("app", "2", &new, Form::Docker).start();
    let run =
        Keyseam::new(&["diff", "-o", "json", &registry.target("app:1"), &registry.target("app:2")]).run();
    run.assert_status(2);
    assert!(run.results().is_empty());
    let layers = registry.requests().iter().filter(|request| request.gets_blob(None)).count();
    assert!(layers <= 1, "at most its config");
}
