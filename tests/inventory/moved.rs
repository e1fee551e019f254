//! What changes with time: tags that move on, keys that stay, scans that see less.

use super::{Recorded, image, layout, names};
use crate::scan::{fingerprint, key};
use crate::support::distribution::{Distribution, Mode, Store};

#[test]
fn a_tag_that_moved_on_is_told_from_the_image_that_stays() {
    let store = Store::new();
    let leaky = image("shop:1", Some(1), None);
    store.push(&layout(&leaky), "shop:1", "team/shop:1.2", &[]);
    let registry = Distribution::start(&store, &Mode::Plain);
    let recorded = Recorded::new();
    recorded.scan(&registry.target("team/shop:1.2"), &[]).assert_status(1);
    let name = format!("{}/team/shop:1.2", registry.host());
    assert_eq!(names(&recorded.held(&fingerprint(&key(1)))), [name.as_str()]);
    store.push(&layout(&image("shop:2", None, None)), "shop:2", "team/shop:1.2", &[]);
    recorded.scan(&registry.target("team/shop:1.2"), &[]).assert_status(0);
    let held = recorded.held(&fingerprint(&key(1)));
    assert_eq!(names(&held).len(), 0);
    assert_eq!(held["images"].as_array().map(Vec::len), Some(1), "its digest can still be pulled");
    assert!(held["images"][0]["tags"][0]["until"].is_string());
    let text = recorded.text(&["where", &fingerprint(&key(1))]);
    assert!(text.contains("which does not hold it"), "{text}");
    // It comes back.
    store.push(&layout(&leaky), "shop:1", "team/shop:1.2", &[]);
    recorded.scan(&registry.target("team/shop:1.2"), &[]).assert_status(1);
    assert_eq!(names(&recorded.held(&fingerprint(&key(1)))), [name.as_str()]);
}

#[test]
fn a_scan_that_saw_less_takes_no_key_away() {
    let recorded = Recorded::new();
    let leaky = image("shop:1", Some(1), Some(2));
    recorded.scan_image(&leaky, &[]).assert_status(1);
    for more in [&["--only", "stripe"][..], &["--skip", "github-pat-classic"], &["--max-layer-bytes", "600"]]
    {
        recorded.scan_image(&leaky, more);
        let held = recorded.held(&fingerprint(&key(1)));
        assert_eq!(names(&held).len(), 1, "{more:?}");
        let image = &held["images"][0];
        assert!(image["narrowed"] == true || image["complete"] == false, "{more:?}: {image:#}");
    }
    let baseline = recorded.path("baseline.json").display().to_string();
    recorded.scan_image(&leaky, &["--write-baseline", &baseline]).assert_status(1);
    let run = recorded.scan_image(&leaky, &["--baseline", &baseline]);
    run.assert_status(0);
    let held = recorded.held(&fingerprint(&key(2)));
    assert_eq!(held["images"][0]["suppressed"], true);
    assert_eq!(held["places"][0]["locations"][0]["path"], "srv/own.env", "known from before");
    // What was never seen otherwise is recorded all the same.
    let other = Recorded::new();
    std::fs::copy(&baseline, other.path("baseline.json")).expect("a copy");
    let baseline = other.path("baseline.json").display().to_string();
    other.scan_image(&leaky, &["--baseline", &baseline]).assert_status(0);
    let held = other.held(&fingerprint(&key(1)));
    assert_eq!(
        (&held["images"][0]["suppressed"], held["images"][0]["place"].is_null()),
        (&true.into(), true)
    );
}

#[test]
fn a_key_that_an_older_tag_had_is_still_unrotated() {
    let recorded = Recorded::new();
    let first = recorded.scan_image(&image("team/shop:1.2", Some(1), None), &[]);
    assert!(first.findings()[0].get("known").is_none(), "one scan alone knows nothing more");
    let again = recorded.scan_image(&image("team/shop:1.2", Some(1), None), &[]);
    assert!(again.findings()[0].get("known").is_none(), "nor does the same image");
    let run = recorded.scan_image(&image("team/shop:1.3", Some(1), Some(2)), &[]);
    let known = |run: &crate::support::cli::Run, number: u64| {
        let findings = run.findings();
        let of = |finding: &&serde_json::Value| finding["fingerprint"] == fingerprint(&key(number)).as_str();
        findings.iter().find(of).expect("a finding").get("known").cloned()
    };
    let since = known(&run, 1).expect("known");
    assert_eq!(since["since"], "1.2");
    assert_eq!(since["first_seen"].as_str().map(str::len), Some(10));
    assert_eq!(known(&run, 2), None);
    let other = recorded.scan_image(&image("team/blog:1.3", Some(1), None), &[]);
    assert_eq!(known(&other, 1), None, "another repository");
    let path = recorded.path("team-shop-1.3.tar").display().to_string();
    for format in ["table", "markdown", "html"] {
        let text = recorded.keyseam(&["scan", "-o", format, &path]).run().text();
        // Markdown writes numbers as code.
        let text = text.replace('`', "");
        assert!(text.contains("still unrotated since 1.2, first seen 2"), "{format}:\n{text}");
    }
}

#[test]
fn a_diff_is_recorded_with_what_it_leaves_out() {
    let recorded = Recorded::new();
    let (old, new) = (image("team/shop:1", Some(1), None), image("team/shop:2", Some(1), Some(2)));
    for image in [&old, &new] {
        let name = format!("{}.tar", image.names[0].replace(['/', ':'], "-"));
        let tar = crate::support::image::docker_classic(&[image]).tar();
        std::fs::write(recorded.path(&name), tar).expect("a file");
    }
    let path = |name: &str| recorded.path(name).display().to_string();
    let run =
        recorded.keyseam(&["diff", "-o", "json", &path("team-shop-1.tar"), &path("team-shop-2.tar")]).run();
    run.assert_status(1);
    assert_eq!(run.findings().len(), 1);
    assert_eq!(names(&recorded.held(&fingerprint(&key(1)))).len(), 2);
    assert_eq!(names(&recorded.held(&fingerprint(&key(2)))).len(), 1);
}
