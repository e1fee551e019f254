//! Every object that brings images in, and what is known of those when it comes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;

const WAIT: &str = "unknown = 'wait'\nunknown-after-wait = 'deny'\n";

/// Where the leaking image stands: the first container, its newer version, another place.
const APP: usize = 0;
const NEWER: usize = 1;
const SIDE: usize = 2;

/// Each recorded review with the images that it brings in.
const BROUGHT: [(&str, &[usize]); 28] = [
    ("cronjob", &[APP]),
    ("cronjob-v1", &[APP]),
    ("daemonset", &[APP]),
    ("delete", &[]),
    ("delete-again", &[]),
    ("deployment-create", &[APP]),
    ("deployment-update", &[NEWER]),
    ("job", &[APP]),
    ("namespace-other", &[APP]),
    ("pod-create", &[APP]),
    ("pod-create-dry-run", &[APP]),
    ("pod-deleting", &[]),
    ("pod-deleting-again", &[]),
    ("pod-ephemeral", &[SIDE]),
    ("pod-ephemeral-1.22", &[SIDE]),
    ("pod-ephemeral-denied", &[SIDE]),
    ("pod-ephemeral-denied-again", &[SIDE]),
    ("pod-generate-name", &[APP]),
    ("pod-image-volume", &[APP, SIDE]),
    ("pod-init-and-sidecar", &[APP, SIDE]),
    ("pod-secret-env", &[APP]),
    ("pod-update-image", &[NEWER]),
    ("pod-update-label", &[]),
    ("podtemplate", &[APP]),
    ("replicaset", &[APP]),
    ("replicationcontroller", &[APP]),
    ("rollout", &[APP]),
    ("statefulset", &[APP]),
];

#[test]
fn every_object_is_judged_by_the_images_that_it_brings_in() {
    let there: BTreeSet<String> = std::fs::read_dir(folder())
        .expect("recorded reviews")
        .map(|entry| {
            entry.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned()
        })
        .collect();
    let named = BROUGHT.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there, named, "every recorded review is asked about");
    let scene = Scene::new();
    let images = [
        [scene.clean(), scene.clean(), scene.clean_by_digest()],
        [scene.leaking(), scene.leaking(), scene.leaking_by_digest()],
    ];
    let paths = [
        "",
        "[[image-paths]]\ngroup = 'argoproj.io'\nkind = 'Rollout'\ntemplate = '.spec.template'\n",
        "[[image-paths]]\ngroup = 'argoproj.io'\nkind = 'Rollout'\nimage = '.spec.template.spec.containers[*].image'\n",
    ];
    for (number, paths) in paths.iter().enumerate() {
        // A pod whose own texts hold a key is another test's.
        let server = scene.server(&format!("{WAIT}literals = 'admit'\n{paths}"));
        // What a dry run finds is known by then.
        scene.pod(&server, &scene.leaking()).assert_refused("holds a leaked key");
        scene.pod(&server, &scene.clean()).assert_admitted();
        for (name, brought) in BROUGHT.iter().filter(|(name, _)| number == 0 || *name == "rollout") {
            for leaks in [&[][..], &[APP], &[NEWER], &[SIDE], &[APP, SIDE]] {
                let image = |place: usize| images[usize::from(leaks.contains(&place))][place].as_str();
                let review = recorded(name, [image(APP), image(NEWER), image(SIDE)]);
                let response = Response(scene.ask(&server, &review));
                if leaks.iter().any(|place| brought.contains(place)) {
                    response.assert_refused("holds a leaked key: ");
                    assert!(response.message().contains("app/.env:1"), "{name}: {response:?}");
                } else {
                    assert!(
                        response.is_admitted() && response.warnings().is_empty(),
                        "{name} {leaks:?}: {response:?}"
                    );
                }
            }
        }
        assert_clean(&server);
    }
}

#[test]
fn a_refusal_names_place_and_next_step() {
    let scene = Scene::new();
    let server = scene.server(WAIT);
    let message = scene.pod(&server, &scene.leaking()).message();
    assert!(message.starts_with(&format!("keyseam: {} holds a leaked key: ", scene.leaking())), "{message}");
    for words in [
        "in layer 0 (sha256:",
        "COPY . /app), app/.env:1; revoke it at GitHub",
        "(keyseam explain github-pat-classic)",
    ] {
        assert!(message.contains(words), "{message}");
    }
    // Each of several, and one that leaks is enough.
    let review = pod(&[&scene.clean(), &scene.leaking(), &scene.leaking_by_digest()]);
    let response = Response(scene.ask(&server, &review));
    response.assert_refused(&scene.leaking());
    response.assert_refused("team/leaking@sha256:");
    assert_eq!(response.0["auditAnnotations"]["verdict"], "leaks");
}

#[test]
fn a_dry_run_has_nothing_examined() {
    let scene = Scene::new();
    let server = scene.server("");
    let dry = |image: &str| Response(scene.ask(&server, &recorded("pod-create-dry-run", [image, "", ""])));
    dry(&scene.leaking()).assert_warned("it was not examined yet");
    dry(&scene.leaking_by_digest()).assert_warned("it was not examined yet");
    assert_eq!((metric(&server, "keyseam_queue"), metric(&server, "keyseam_scans_total")), (0, 0));
    // What comes later is examined, and nothing before it was.
    scene.pod(&server, &scene.clean()).assert_warned("that is queued now");
    wait_for_scans(&server, 1);
    assert!(!server.text().contains("\"leaks\":1"), "{}", server.text());
    dry(&scene.clean()).assert_admitted();
    scene.pod(&server, &scene.leaking()).assert_warned("that is queued now");
    wait_for_scans(&server, 2);
    dry(&scene.leaking()).assert_refused("holds a leaked key");
}

#[test]
fn what_is_unknown_is_decided_by_policy_and_known_a_moment_later() {
    let scene = Scene::new();
    let server = scene.server("");
    scene.pod(&server, &scene.leaking()).assert_warned("it was not examined yet; that is queued now");
    scene.pod(&server, &scene.clean_by_digest()).assert_warned("queued now");
    wait_for_scans(&server, 2);
    scene.pod(&server, &scene.leaking()).assert_refused("holds a leaked key");
    scene.pod(&server, &scene.leaking_by_digest()).assert_refused("holds a leaked key");
    scene.pod(&server, &scene.clean()).assert_admitted();
    drop(server);
    let server = scene.server("unknown = 'deny'");
    for image in [scene.clean(), scene.leaking()] {
        scene.pod(&server, &image).assert_refused("queued now");
    }
    wait_for_scans(&server, 2);
    scene.pod(&server, &scene.clean()).assert_admitted();
    scene.pod(&server, &scene.leaking()).assert_refused("holds a leaked key");
    drop(server);
    let server = scene.server("unknown = 'admit'");
    scene.pod(&server, &scene.leaking()).assert_admitted();
    wait_for_scans(&server, 1);
    scene.pod(&server, &scene.leaking()).assert_refused("holds a leaked key");
    assert_clean(&server);
}

#[test]
fn a_tag_that_moves_is_judged_anew() {
    let scene = Scene::new();
    let push =
        |image: &Image| scene.store.push(&oci(&[image], Compression::Gzip), "app:1", "team/moves:1", &[]);
    push(&clean(2));
    let server = scene.server(WAIT);
    let moves = format!("{}/team/moves:1", scene.registry.host());
    scene.pod(&server, &moves).assert_admitted();
    push(&leaking());
    let end = Instant::now() + Duration::from_secs(20);
    while scene.pod(&server, &moves).is_admitted() {
        assert!(Instant::now() < end, "the tag's new image is not seen");
        std::thread::sleep(Duration::from_millis(200));
    }
    // The old image is what it was.
    let old = format!("{}/team/moves@{}", scene.registry.host(), digest(&clean(2)));
    scene.pod(&server, &old).assert_admitted();
    // A digest goes before the tag beside it.
    let both = format!("{}/team/moves:1@{}", scene.registry.host(), digest(&clean(2)));
    scene.pod(&server, &both).assert_admitted();
}

#[test]
fn tags_are_refused_where_digests_are_required() {
    let scene = Scene::new();
    let server = scene.server(&format!("{WAIT}require-digest = true"));
    scene.pod(&server, &scene.clean()).assert_refused("name it by its digest");
    scene.pod(&server, &scene.clean_by_digest()).assert_admitted();
    scene.pod(&server, &scene.leaking_by_digest()).assert_refused("holds a leaked key");
    let both = format!("{}@{}", scene.clean(), digest(&clean(1)));
    scene.pod(&server, &both).assert_admitted();
}

#[test]
fn namespaces_have_their_own_rules() {
    let scene = Scene::new();
    let excluded = scene.server(&format!("{WAIT}[namespaces]\nexclude = ['team-*']\n"));
    let images = [&scene.leaking()[..], "", ""];
    let ask = |server: &Server, name: &str| Response(scene.ask(server, &recorded(name, images)));
    ask(&excluded, "namespace-other").assert_admitted();
    assert_eq!(metric(&excluded, "keyseam_scans_total"), 0, "nothing is asked of it");
    ask(&excluded, "pod-create").assert_refused("holds a leaked key");
    drop(excluded);
    let warned = scene.server(&format!("{WAIT}[[namespaces.rules]]\nmatch = ['team-b']\nmode = 'warn'\n"));
    ask(&warned, "namespace-other").assert_warned("holds a leaked key");
    ask(&warned, "pod-create").assert_refused("holds a leaked key");
    drop(warned);
    let warned = scene.server(&format!("{WAIT}mode = 'warn'\n"));
    ask(&warned, "pod-create").assert_warned("holds a leaked key");
}
