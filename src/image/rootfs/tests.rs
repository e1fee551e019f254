//! One test a rule. What runtimes really do was tried out with umoci 0.4.7 and Docker 20.10 (vfs), and
//! is compared at random in `tests/oracle.rs`.

use proptest::prelude::*;

use super::*;
use crate::layer::tar::{Entry, EntryKind};

fn entry(path: &str, kind: EntryKind, link: &str) -> Entry {
    let (path, link) = (path.as_bytes().to_vec(), link.as_bytes().to_vec());
    Entry { path, kind, link, size: 0, meta: Vec::new(), after_end: false }
}

fn file(path: &str) -> Entry {
    entry(path, EntryKind::File, "")
}

fn folder(path: &str) -> Entry {
    entry(path, EntryKind::Directory, "")
}

fn symlink(path: &str, target: &str) -> Entry {
    entry(path, EntryKind::Symlink, target)
}

fn hard_link(path: &str, target: &str) -> Entry {
    entry(path, EntryKind::HardLink, target)
}

fn log(entries: &[Entry]) -> EntryLog {
    let mut log = EntryLog::default();
    for entry in entries {
        assert!(log.push(entry).is_some());
    }
    log
}

/// The fate of each entry of each layer, and that asking for it alone gives the same: what is not
/// wanted is not kept, and must not matter.
fn all_fates(layers: &[Vec<Entry>]) -> Vec<Vec<Fate>> {
    let logs: Vec<EntryLog> = layers.iter().map(|layer| log(layer)).collect();
    let logs: Vec<&EntryLog> = logs.iter().collect();
    let mut wanted = Vec::new();
    for (layer, log) in logs.iter().enumerate() {
        wanted.extend((0..log.len()).map(|i| EntryAt { layer, entry: EntryIndex(i as u32) }));
    }
    let together = fates(&logs, &wanted);
    let mut by_layer = vec![Vec::new(); layers.len()];
    for (at, fate) in wanted.iter().zip(together) {
        assert_eq!(fates(&logs, &[*at]), std::slice::from_ref(&fate), "{at:?} alone");
        by_layer[at.layer].push(fate);
    }
    by_layer
}

/// The fate of the first entry of the first layer.
fn first(layers: &[Vec<Entry>]) -> Fate {
    all_fates(layers)[0][0].clone()
}

fn stays() -> Fate {
    Fate { in_final_image: true, removed_by: None }
}

fn never() -> Fate {
    Fate { in_final_image: false, removed_by: None }
}

fn gone(layer: usize, how: RemovedHow) -> Fate {
    Fate { in_final_image: false, removed_by: Some(Removal { layer, how }) }
}

use RemovedHow::{Opaque, Overwritten, Replaced, Whiteout};

#[test]
fn nothing_wanted_and_entries_that_are_not_there() {
    let log = log(&[file("a")]);
    assert_eq!(fates(&[&log], &[]), []);
    let missing = [(0, 1), (1, 0), (0, u32::MAX)];
    for (layer, entry) in missing {
        assert_eq!(fates(&[&log], &[EntryAt { layer, entry: EntryIndex(entry) }]), [never()]);
    }
    let twice = EntryAt { layer: 0, entry: EntryIndex(0) };
    assert_eq!(fates(&[&log], &[twice, twice]), [stays(), stays()]);
}

#[test]
fn a_file_stays_until_another_of_its_name_comes() {
    assert_eq!(first(&[vec![file("a/b")], vec![file("a/c"), file("b")]]), stays());
    let all = all_fates(&[vec![file("a/b")], vec![file("./a/b")], vec![file("/a/x/../b")]]);
    assert_eq!(all, [[gone(1, Overwritten)], [gone(2, Overwritten)], [stays()]]);
}

#[test]
fn names_never_leave_the_root() {
    assert_eq!(first(&[vec![file("a")], vec![file("../../a")]]), gone(1, Overwritten));
    assert_eq!(first(&[vec![file("a")], vec![file("x/../../../a")]]), gone(1, Overwritten));
    assert_eq!(first(&[vec![file("a/../..")]]), never());
}

#[test]
fn a_duplicate_in_one_layer_loses_the_earlier_content() {
    let all = all_fates(&[vec![file("a"), file("./a")]]);
    assert_eq!(all, [[gone(0, Overwritten), stays()]]);
}

#[test]
fn every_kind_takes_the_place_of_a_file() {
    let kinds = [EntryKind::CharDevice, EntryKind::BlockDevice, EntryKind::Fifo, EntryKind::File];
    for kind in kinds {
        assert_eq!(first(&[vec![file("a")], vec![entry("a", kind, "")]]), gone(1, Overwritten));
    }
    assert_eq!(first(&[vec![file("a")], vec![symlink("a", "b")]]), gone(1, Overwritten));
    assert_eq!(first(&[vec![file("a")], vec![file("b"), hard_link("a", "b")]]), gone(1, Overwritten));
    assert_eq!(first(&[vec![file("a")], vec![folder("a")]]), gone(1, Replaced));
    assert_eq!(first(&[vec![file("a")], vec![entry("a", EntryKind::Other, "")]]), stays());
    assert_eq!(first(&[vec![entry("a", EntryKind::Other, "")]]), never());
}

#[test]
fn whatever_takes_the_place_of_a_folder_takes_all_below() {
    for top in [file("a"), symlink("a", "b"), entry("a", EntryKind::Fifo, "")] {
        assert_eq!(first(&[vec![file("a/b/c")], vec![top]]), gone(1, Replaced));
    }
    let all = all_fates(&[vec![file("a/b"), folder("a")], vec![file("a"), file("a/c")]]);
    assert_eq!(all[0], [gone(1, Replaced), gone(1, Replaced)]);
    // A file above an entry: runtimes that take such a layer put a folder in its place.
    assert_eq!(all[1], [gone(1, Replaced), stays()]);
}

#[test]
fn a_folder_joins_a_folder() {
    let all = all_fates(&[vec![folder("a"), file("a/b")], vec![folder("a/"), folder("/")]]);
    assert_eq!(all, [[stays(), stays()], [stays(), stays()]]);
}

#[test]
fn a_folder_takes_the_place_of_a_symlink_to_a_folder() {
    let layers = [vec![file("d/f"), symlink("l", "d")], vec![folder("l"), file("l/f")]];
    assert_eq!(all_fates(&layers)[0], [stays(), gone(1, Replaced)]);
}

#[test]
fn symlinks_above_a_name_are_followed() {
    let links = [
        vec![symlink("l", "d")],
        vec![symlink("l", "/d")],
        vec![symlink("l", "../../d/.")],
        vec![symlink("l", "x/../d")],
        vec![symlink("m", "d"), symlink("l", "x/../m")],
        vec![symlink("m", "d"), symlink("l", "m")],
        vec![symlink("m/n", "../d"), symlink("l", "m/n/")],
        vec![symlink("m/n", "/m/../d"), symlink("l", "m/n")],
    ];
    for links in links {
        let text = format!("{links:?}");
        let all = all_fates(&[vec![file("d/f")], links.clone(), vec![file("l/f")]]);
        assert_eq!(all[0], [gone(2, Overwritten)], "{text}");
        assert_eq!(all[2], [stays()], "{text}");
        let hidden = first(&[vec![file("d/f")], links, vec![file("l/.wh.f")]]);
        assert_eq!(hidden, gone(2, Whiteout), "{text}");
    }
}

#[test]
fn dots_in_the_target_of_a_symlink_start_where_it_leads() {
    let layers = [vec![file("b/f"), symlink("a", "b/c"), file("b/c/x")], vec![symlink("l", "a/..")]];
    let mut layers = layers.to_vec();
    layers.push(vec![file("l/f")]);
    assert_eq!(first(&layers), gone(2, Overwritten));
}

#[test]
fn the_last_symlink_of_a_name_is_not_followed() {
    let all = all_fates(&[vec![file("d/f"), symlink("l", "d/f")], vec![file("l")]]);
    assert_eq!(all, [vec![stays(), gone(1, Overwritten)], vec![stays()]]);
}

#[test]
fn a_symlink_to_what_is_missing_leads_to_a_new_folder() {
    let layers = [vec![symlink("l", "d/e")], vec![file("l/f")], vec![file("d/e/f")]];
    assert_eq!(all_fates(&layers)[1], [gone(2, Overwritten)]);
}

#[test]
fn an_entry_behind_a_loop_of_symlinks_counts_as_reachable() {
    let layers = [vec![symlink("l", "m"), symlink("m", "l")], vec![file("l/f"), file("f")]];
    assert_eq!(all_fates(&layers)[1], [stays(), stays()]);
    let chain = |length: usize| -> Vec<Entry> {
        let mut links: Vec<Entry> =
            (0..length).map(|i| symlink(&format!("l{i}"), &format!("l{}", i + 1))).collect();
        links.push(folder(&format!("l{length}")));
        links
    };
    for (length, fate) in [(255, gone(1, Whiteout)), (256, stays())] {
        let mut links = chain(length);
        links.insert(0, file(&format!("l{length}/f")));
        assert_eq!(first(&[links, vec![file("l0/.wh.f")]]), fate, "{length}");
    }
}

#[test]
fn a_whiteout_removes_its_name_and_all_below() {
    assert_eq!(first(&[vec![file("a")], vec![file(".wh.a")]]), gone(1, Whiteout));
    assert_eq!(first(&[vec![file("a/b/c")], vec![file("./a/.wh.b")]]), gone(1, Whiteout));
    assert_eq!(first(&[vec![file("a/b")], vec![file(".wh.b"), file("a/.wh.c")]]), stays());
    let symlinked = [vec![file("d/f"), symlink("l", "d")], vec![file(".wh.l")]];
    assert_eq!(all_fates(&symlinked)[0], [stays(), gone(1, Whiteout)]);
}

#[test]
fn the_kind_of_a_whiteout_does_not_matter_and_it_is_never_in_the_tree() {
    for whiteout in [folder("d/.wh.x/"), symlink("d/.wh.x", "y"), hard_link("d/.wh.x", "y")] {
        let all = all_fates(&[vec![file("d/x")], vec![whiteout]]);
        assert_eq!(all, [[gone(1, Whiteout)], [never()]]);
    }
    assert_eq!(first(&[vec![file("a/.wh..wh..opq")]]), never());
}

#[test]
fn a_folder_may_have_the_name_of_a_whiteout() {
    let layers = [vec![file(".wh.d/f"), file("a/.wh.d/f")], vec![file("d")], vec![file("a/.wh..wh.d")]];
    assert_eq!(all_fates(&layers)[0], [stays(), gone(2, Whiteout)]);
    // At the top, Docker takes it for metadata of AUFS.
    assert_eq!(first(&[vec![file(".wh.d/f")], vec![file(".wh..wh.d")]]), stays());
}

#[test]
fn whiteouts_of_dots_name_the_folder_itself_and_the_one_above() {
    assert_eq!(first(&[vec![file("a/b")], vec![file("a/.wh.")]]), gone(1, Whiteout));
    assert_eq!(first(&[vec![file("a/b")], vec![file("a/.wh..")]]), gone(1, Whiteout));
    assert_eq!(first(&[vec![file("a/b/c")], vec![file("a/b/.wh...")]]), gone(1, Whiteout));
    assert_eq!(first(&[vec![file("a/b")], vec![file(".wh."), file(".wh..."), file("a/.wh...")]]), stays());
}

#[test]
fn a_whiteout_spares_its_own_layer_in_either_order() {
    let before = [vec![file("a")], vec![file(".wh.a"), file("a")]];
    assert_eq!(all_fates(&before), [vec![gone(1, Whiteout)], vec![never(), stays()]]);
    let folder_too = [vec![folder("a"), file("a/b")], vec![folder("a"), file(".wh.a")]];
    assert_eq!(all_fates(&folder_too)[0], [stays(), gone(1, Whiteout)]);
    let after = [vec![file("a/b"), file("a/c")], vec![file("a/c"), file(".wh.a")]];
    let all = all_fates(&after);
    assert_eq!(all[0], [gone(1, Whiteout), gone(1, Overwritten)]);
    assert_eq!(all[1][0], stays());
}

#[test]
fn an_opaque_whiteout_removes_all_of_lower_layers_in_its_folder() {
    let lower = vec![file("a/b/c"), file("a/d"), file("ab")];
    let all = all_fates(&[lower.clone(), vec![file("a/.wh..wh..opq")]]);
    assert_eq!(all[0], [gone(1, Opaque), gone(1, Opaque), stays()]);
    let all = all_fates(&[lower, vec![file(".wh..wh..opq")]]);
    assert_eq!(all[0], [gone(1, Opaque), gone(1, Opaque), gone(1, Opaque)]);
    assert_eq!(all_fates(&[vec![folder("a")], vec![file("a/.wh..wh..opq")]])[0], [stays()]);
}

#[test]
fn an_opaque_whiteout_spares_its_own_layer_in_either_order() {
    for at in 0..=3 {
        let mut upper = vec![folder("a/b"), file("a/b/new"), file("a/b/.wh.x")];
        upper.insert(at, file("a/.wh..wh..opq"));
        let all = all_fates(&[vec![file("a/b/old")], upper.clone()]);
        assert_eq!(all[0], [gone(1, Opaque)], "{at}");
        let new = upper.iter().position(|entry| entry.path == b"a/b/new");
        assert_eq!(new.and_then(|i| all[1].get(i)), Some(&stays()), "{at}");
    }
}

#[test]
fn where_an_opaque_whiteout_stands_behind_a_symlink_runtimes_differ() {
    let layers = [vec![file("d/f"), symlink("l", "d")], vec![file("l/.wh..wh..opq")]];
    assert_eq!(first(&layers), stays());
    let inside = [vec![file("d/e/f"), symlink("l", "d")], vec![file("l/e/.wh..wh..opq")]];
    assert_eq!(first(&inside), gone(1, Opaque));
}

#[test]
fn a_whiteout_behind_an_entry_of_its_layer_may_take_a_symlink_away() {
    // umoci writes through the symlink and overwrites d/f, Docker has removed it.
    let layers = [vec![file("d/f")], vec![symlink("l", "d"), file(".wh.l")], vec![file("l/f")]];
    assert_eq!(first(&layers), stays());
}

#[test]
fn a_hard_link_keeps_a_content() {
    let lower = vec![file("a")];
    assert_eq!(first(&[lower.clone(), vec![hard_link("b", "a"), file(".wh.a")]]), stays());
    assert_eq!(first(&[lower.clone(), vec![hard_link("x/b", "/./a")], vec![file("a")]]), stays());
    let both = [lower, vec![hard_link("b", "a")], vec![file(".wh.a")], vec![folder("b")]];
    assert_eq!(first(&both), gone(3, Replaced));
    assert_eq!(all_fates(&both)[1], [gone(3, Replaced)]);
    let name_only = [vec![file("a"), hard_link("b", "a")], vec![file(".wh.b")]];
    assert_eq!(all_fates(&name_only)[0], [stays(), gone(1, Whiteout)]);
}

#[test]
fn the_last_name_to_go_says_who_removed_it() {
    let layers =
        [vec![file("a"), hard_link("b", "a"), hard_link("c", "b")], vec![file(".wh.c")], vec![file("a")]];
    assert_eq!(first(&layers), stays());
    let mut layers = layers.to_vec();
    layers.push(vec![file(".wh..wh..opq")]);
    assert_eq!(first(&layers), gone(3, Opaque));
}

#[test]
fn a_hard_link_names_the_content_of_its_moment() {
    let layers = [vec![file("a")], vec![hard_link("b", "a"), file("a"), hard_link("c", "a")]];
    assert_eq!(first(&layers), stays());
    let mut layers = layers.to_vec();
    layers.push(vec![file(".wh.b")]);
    let all = all_fates(&layers);
    assert_eq!(all[0], [gone(2, Whiteout)]);
    assert_eq!(all[1], [gone(2, Whiteout), stays(), stays()]);
}

#[test]
fn a_hard_link_follows_the_folders_of_its_target_but_not_the_target() {
    let layers = [vec![file("d/f"), symlink("l", "/d")], vec![hard_link("h", "l/f")]];
    let mut layers = layers.to_vec();
    layers.push(vec![file("d/.wh.f")]);
    assert_eq!(first(&layers), stays());
    // A hard link to a symlink is one more name of the symlink.
    let layers =
        [vec![symlink("l", "d"), file("d/f")], vec![hard_link("h", "l"), file(".wh.l")], vec![file("h/f")]];
    assert_eq!(all_fates(&layers)[0], [stays(), gone(2, Overwritten)]);
}

#[test]
fn hard_links_that_no_runtime_can_make() {
    assert_eq!(first(&[vec![file("a")], vec![hard_link("a", "a")]]), stays());
    assert_eq!(first(&[vec![file("a")], vec![hard_link("a", "/")]]), stays());
    assert_eq!(first(&[vec![file("a")], vec![file("d/x"), hard_link("a", "d")]]), gone(1, Overwritten));
    assert_eq!(first(&[vec![file("d/f")], vec![hard_link("d", "d/f")]]), stays());
    assert_eq!(first(&[vec![file("d/f")], vec![hard_link("a", "missing")]]), stays());
}

#[test]
fn entries_behind_the_end_marker_are_not_read() {
    let mut hidden = file("a");
    hidden.after_end = true;
    let mut whiteout = file(".wh.b");
    whiteout.after_end = true;
    let all = all_fates(&[vec![hidden, file("b"), whiteout]]);
    assert_eq!(all[0][..2], [never(), stays()]);
}

#[test]
fn work_beyond_the_limit_makes_everything_reachable() {
    // Thousands of names of one folder's own layer, asked about again and again.
    let mut entries: Vec<Entry> = (0..4_000).map(|i| symlink(&format!("d/{i}"), "x")).collect();
    entries.extend((0..4_000).map(|_| file("d/.wh..wh..opq")));
    let layers = [log(&[file("a")]), log(&entries), log(&[file(".wh.a")])];
    let layers: Vec<&EntryLog> = layers.iter().collect();
    let wanted = EntryAt { layer: 0, entry: EntryIndex(0) };
    assert_eq!(fates(&layers, &[wanted]), [stays()]);
}

#[test]
fn a_tree_beyond_the_limit_makes_everything_reachable() {
    let target = "x/".repeat(2_000);
    let links = |count: usize| -> Vec<Entry> {
        (0..count).map(|i| symlink(&format!("d{}/{}", i / 100, i % 100), &target)).collect()
    };
    let at = EntryAt { layer: 0, entry: EntryIndex(0) };
    for (count, fate) in [(10_000, gone(2, Whiteout)), (17_000, stays())] {
        let layers = [log(&[file("a")]), log(&links(count)), log(&[file(".wh.a")])];
        let layers: Vec<&EntryLog> = layers.iter().collect();
        assert_eq!(fates(&layers, &[at]), [fate], "{count}");
    }
    // What was removed takes no room.
    let layers: Vec<EntryLog> =
        (0..3).map(|_| log(&[vec![file(".wh..wh..opq")], links(10_000)].concat())).collect();
    let mut stack = vec![log(&[file("a")])];
    stack.extend(layers);
    assert_eq!(fates(&stack.iter().collect::<Vec<_>>(), &[at]), [gone(1, Opaque)]);
}

#[test]
fn paths_and_targets_that_no_runtime_can_open() {
    let deep = |names: usize| "x/".repeat(names);
    let (long, longer) = (format!("{}f", deep(2_047)), format!("{}f", deep(2_048)));
    assert_eq!(first(&[vec![file(&long)], vec![file(".wh.x")]]), gone(1, Whiteout));
    assert_eq!(first(&[vec![file(&longer)], vec![file(".wh.x")]]), stays());
    for (target, fate) in [("x/".repeat(2_047), gone(1, Whiteout)), ("x/".repeat(2_048), stays())] {
        let lower = vec![file(&format!("{target}f")), symlink("l", &target)];
        assert_eq!(first(&[lower, vec![file("l/.wh.f")]]), fate, "{}", target.len());
    }
}

/// A path of names that meet one another often.
fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "a",
        "b",
        "c",
        ".",
        "..",
        "",
        ".wh.a",
        ".wh.b",
        ".wh..wh..opq",
        ".wh..wh.x",
    ]);
    prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

/// Any but a hard link: what refuses one to itself knows only wanted names.
fn any_entry() -> impl Strategy<Value = Entry> {
    let kinds = [
        EntryKind::File,
        EntryKind::File,
        EntryKind::Directory,
        EntryKind::Directory,
        EntryKind::Symlink,
        EntryKind::Fifo,
        EntryKind::Other,
    ];
    (path(), prop::sample::select(kinds.to_vec()), path())
        .prop_map(|(path, kind, link)| entry(&path, kind, &link))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_wanted_does_not_matter(
        layers in prop::collection::vec(prop::collection::vec(any_entry(), 0..7), 1..4)
    ) {
        all_fates(&layers);
    }
}
