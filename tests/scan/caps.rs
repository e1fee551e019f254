//! More keys than are kept: what hides behind a flood of them in the same file, in another file, in another
//! layer; and that the report says what is missing.

use keyseam::limits::{FILE_MATCHES, MATCHES};
use serde_json::Value;

use super::{fingerprint, key, line, made};
use crate::support::cli::{Keyseam, list};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

/// The result of an image of which not all keys are reported, whatever the number of workers.
#[track_caller]
fn flooded(image: &Image) -> Value {
    let archive = oci(&[image], Compression::Gzip).tar();
    let scan = |jobs: &str| {
        let run = Keyseam::scan(&["-", "--jobs", jobs]).stdin(archive.clone()).run();
        run.assert_status(1);
        let mut result = run.result();
        result["stats"]["seconds"] = Value::Null;
        result
    };
    let result = scan("1");
    assert_eq!(scan("4"), result, "one worker and four");
    assert_eq!(result["complete"], false);
    result
}

/// In how many places a key stands.
fn places(result: &Value, key: &str) -> usize {
    let fingerprint = fingerprint(key);
    let findings = list(&result["findings"]);
    let of_it = findings.iter().filter(|finding| finding["fingerprint"] == fingerprint.as_str());
    of_it.map(|finding| list(&finding["locations"]).len()).sum()
}

/// The only error: which file it names, and what it says.
#[track_caller]
fn told(result: &Value) -> (Option<String>, String) {
    let errors = list(&result["errors"]);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(errors[0]["reason"], "limit");
    let message = errors[0]["message"].as_str().expect("a message").to_owned();
    (errors[0]["path"].as_str().map(str::to_owned), message)
}

#[test]
fn a_key_without_end_hides_no_other_in_its_file() {
    let mut body = line(1).repeat(4 * FILE_MATCHES);
    body.extend(line(2));
    let layer = Layer::new().file("log", &body).file("other", &line(3));
    let result = flooded(&ImageBuilder::new("app:1").layer(layer).build());
    assert_eq!(places(&result, &key(1)), FILE_MATCHES - 1);
    assert_eq!((places(&result, &key(2)), places(&result, &key(3))), (1, 1));
    let (path, message) = told(&result);
    assert_eq!(path.as_deref(), Some("log"));
    assert!(message.starts_with(&format!("{} more keys", 3 * FILE_MATCHES + 1)), "{message}");
}

#[test]
fn of_a_file_full_of_keys_the_first_are_kept_and_the_surest() {
    // Keys of one detector, of which a check proves none but the last.
    let count = FILE_MATCHES as u64 + 500;
    let unproven = |number: u64| made("dapi{{hex:32}}", number);
    let mut body: String =
        (0..count).map(|number| format!("DATABRICKS_TOKEN={}\n", unproven(number))).collect();
    body.push_str(&format!("token = {}\n", key(1)));
    let result =
        flooded(&ImageBuilder::new("app:1").layer(Layer::new().file("keys", body.as_bytes())).build());
    assert_eq!(list(&result["findings"]).len(), FILE_MATCHES + 1);
    assert_eq!(places(&result, &key(1)), 1, "another detector's key");
    assert_eq!(places(&result, &unproven(0)), 1);
    assert_eq!(places(&result, &unproven(FILE_MATCHES as u64 - 1)), 1);
    assert_eq!(places(&result, &unproven(FILE_MATCHES as u64)), 0);
    assert_eq!(told(&result).0.as_deref(), Some("keys"));
}

#[test]
fn files_full_of_keys_leave_room_for_the_others() {
    let body = line(1).repeat(FILE_MATCHES);
    let files = MATCHES / FILE_MATCHES + 10;
    let mut first = Layer::new();
    for number in 0..files {
        first = first.file(&format!("flood{number:03}"), &body);
    }
    let image = ImageBuilder::new("app:1").layer(first).layer(Layer::new().file("zz", &line(2))).build();
    let result = flooded(&image);
    assert_eq!(places(&result, &key(2)), 1, "a key behind the flood");
    // Every file gives up the same share.
    assert_eq!(places(&result, &key(1)), files * FILE_MATCHES / 2);
    assert_eq!(list(&result["errors"]).len(), files);
}
