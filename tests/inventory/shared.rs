//! One key in many images of a real registry: by a base that they share.

use serde_json::json;

use super::{Recorded, image, layout, names};
use crate::scan::{fingerprint, key};
use crate::support::distribution::{Distribution, Mode, Store};

#[test]
fn images_that_share_a_base_are_found_by_its_key_and_planned_base_first() {
    let store = Store::new();
    let base = crate::support::image::ImageBuilder::new("base:1")
        .layer_by(
            "COPY . /base # buildkit",
            crate::support::image::Layer::new().dir("srv").file("srv/base.env", &crate::scan::line(1)),
        )
        .build();
    for (image, name) in [
        (&base, "team/base:1"),
        (&image("shop:1", Some(1), None), "team/shop:1"),
        (&image("blog:1", Some(1), Some(2)), "team/blog:1"),
        (&image("clean:1", None, None), "team/clean:1"),
    ] {
        store.push(&layout(image), &image.names[0], name, &[]);
    }
    let registry = Distribution::start(&store, &Mode::Plain);
    let recorded = Recorded::new();
    for name in ["team/shop:1", "team/blog:1", "team/base:1", "team/clean:1"] {
        recorded.scan(&registry.target(name), &[]);
    }
    let host = registry.host();
    let held = recorded.held(&fingerprint(&key(1)));
    let expected = ["base", "blog", "shop"].map(|name| format!("{host}/team/{name}:1"));
    assert_eq!(names(&held), expected);
    assert_eq!(held["places"].as_array().map(Vec::len), Some(1), "one layer, one place");
    let place = &held["places"][0];
    assert_eq!(place["introduced_by"]["created_by"], "COPY . /base # buildkit");
    assert_eq!(place["locations"][0]["path"], "srv/base.env");
    assert_eq!(names(&recorded.held(&fingerprint(&key(2)))), [format!("{host}/team/blog:1")]);

    let list = recorded.ask(&["list"]);
    let reach = |number: usize| {
        let key = &list["keys"][number];
        json!([key["images"], key["tags"], key["repositories"], key["workloads"]])
    };
    assert_eq!((reach(0), reach(1)), (json!([3, 3, 3, 0]), json!([1, 1, 1, 0])));

    let plan = recorded.text(&["plan", &fingerprint(&key(1)), "--format", "markdown"]);
    let at = |text: &str| plan.find(text).unwrap_or_else(|| panic!("no '{text}' in\n{plan}"));
    let (one, two) = (at("1. Make the new key"), at("2. Put it where"));
    let builds = at("3. Build these images");
    let based = at(&format!("`{host}/team/base:1`"));
    let shop = at(&format!("`{host}/team/shop:1`"));
    assert!(one < two && two < builds && builds < based && based < shop, "{plan}");
    assert!(plan.contains("which is built on"), "{plan}");
    let revoke = at("5. Revoke the old key");
    let gone = at(&format!("`keyseam gone {} {host}/team/base`", fingerprint(&key(1))));
    assert!(shop < revoke && revoke < gone, "{plan}");
    assert!(plan.contains("none known; no workloads are imported"), "{plan}");
}
