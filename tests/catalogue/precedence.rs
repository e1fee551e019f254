//! Of detectors that find the same bytes, which goes first.

use std::collections::BTreeSet;

use super::examples::{all, fresh_seed};
use crate::support::cli::{Keyseam, list};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

/// Detectors whose own examples are reported as another's, which then names them in `also`.
const YIELDS: &[(&str, &str)] = &[
    // One and the same key: the services share their accounts.
    ("nasa-api-key", "datagov-api-key"),
    // One header for all services behind Azure's gateways, and a key of the same shape.
    ("azure-openai-key-legacy", "azure-apim-key"),
    // An index of packages that wants a login: whose it is, its host says.
    ("cloudsmith-api-key", "pip-conf-credentials"),
    ("uri-basic-credentials", "pip-conf-credentials"),
    // Object storage that speaks S3 takes its key at Amazon's names; the id beside it tells.
    ("yandex-static-secret", "aws-secret-access-key"),
];

#[test]
fn an_example_is_reported_as_its_own_detector() {
    let seed = fresh_seed();
    let mut examples = all(seed);
    examples.retain(|planted| !planted.of_files);
    let layer = examples.iter().fold(Layer::new(), |layer, planted| layer.file(&planted.path, &planted.text));
    let image = ImageBuilder::new("app:1").layer(layer).build();
    let arguments = ["--fail-on", "low", "--min-confidence", "low", "--exit-zero", "-"];
    let run = Keyseam::scan(&arguments).stdin(oci(&[&image], Compression::None).tar()).run();
    let mut yielded = BTreeSet::new();
    for finding in run.findings() {
        let winner = finding["detector"].as_str().expect("valid").to_owned();
        for location in list(&finding["locations"]) {
            let path = location["path"].as_str().unwrap_or_default();
            let owner = path.strip_prefix("c/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
            let also = list(&finding["also"]);
            if owner != winner && also.iter().any(|id| id == owner) {
                yielded.insert((owner.to_owned(), winner.clone()));
            }
        }
    }
    let known: BTreeSet<(String, String)> =
        YIELDS.iter().map(|(owner, winner)| ((*owner).to_owned(), (*winner).to_owned())).collect();
    let new: Vec<_> = yielded.difference(&known).collect();
    assert!(new.is_empty(), "seed {seed}: reported as another detector's: {new:?}");
}
