//! Git folders that were copied into an image: what is in no file of the tree any more.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::place::{At, Place, at, check, key, text};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> =
    LazyLock::new(|| [loose(), packed(), rotated(), bare()].concat());

/// The places of a folder: each key in the file that `holders` names for it.
fn places(shop: &Workshop, folder: &str, to: &str, holders: &[(&str, String, At)]) -> Vec<Place> {
    let mut left: Vec<&(&str, String, At)> = holders.iter().collect();
    let mut places = Vec::new();
    for (name, bytes) in shop.files(folder) {
        let mut place = Place::new(&format!("{to}/{name}"), bytes);
        for (key, holder, at) in holders {
            if *holder == name {
                place = place.holds(key, at.clone());
                left.retain(|one| one.0 != *key);
            }
        }
        places.push(place);
    }
    assert!(left.is_empty(), "no file for {:?}", left.iter().map(|one| &one.0).collect::<Vec<_>>());
    places
}

/// The path of a loose object in a git folder.
fn object(shop: &Workshop, revision: &str) -> String {
    let id = shop.printed(&format!("git -C repo rev-parse '{revision}'"));
    format!("objects/{}/{}", &id[..2], &id[2..])
}

/// Objects that lie in a file each, compressed.
fn loose() -> Vec<Place> {
    let shop = Workshop::new();
    shop.plant("repo/old.env", "git loose blob").write("repo/README", "readme\n");
    shop.write(
        "config",
        format!("[remote \"origin\"]\n\turl = https://x:{}@git.corp.test/app\n", key("git config")),
    );
    shop.run(&format!(
        "git init -q repo && cat config >> repo/.git/config
         cd repo && git add . && git commit -qm 'first' && git rm -q old.env && git commit -qm 'remove {}'
         git tag -a v1 -m 'token {}'",
        key("git commit message"),
        key("git tag message")
    ));
    let line = shop.printed("grep -n 'url =' repo/.git/config | cut -d: -f1").parse().expect("a number");
    let holders = [
        ("git loose blob", object(&shop, "HEAD~1:old.env"), at().anyhow().line(2)),
        ("git commit message", object(&shop, "HEAD"), at().anyhow()),
        ("git tag message", object(&shop, "v1"), at().anyhow()),
        ("git config", "config".to_owned(), at().line(line)),
    ];
    // What says a message in plain text as well.
    shop.run("rm -rf repo/.git/logs repo/.git/COMMIT_EDITMSG repo/.git/hooks");
    places(&shop, "repo/.git", "srv/loose/.git", &holders)
}

/// A pack with deltas: keys of an old commit only, whole in a delta or in the object that it changes.
fn packed() -> Vec<Place> {
    let shop = Workshop::new();
    let code: String = (0..400).fold(String::new(), |mut code, line| {
        let _ = writeln!(code, "def function_{line}(value): return value * {line} + {}", line * line % 97);
        code
    });
    shop.run("git init -q repo");
    let commit = |content: String, message: &str| {
        shop.write("repo/app.py", content);
        shop.run(&format!("cd repo && git add . && git commit -qm '{message}'"));
    };
    commit(code.clone(), "start");
    commit(format!("{}{code}", text("git delta")), "a key in front");
    commit(format!("{code}{}", text("git second delta")), "another at the end");
    commit(format!("{code}# the end\nlast = \"{}\"\n", key("git base of deltas")), "the last");
    shop.plant("repo/gone.env", "git packed blob");
    shop.run("cd repo && git add . && git commit -qm more && git rm -q gone.env && git commit -qm less");
    shop.run("cd repo && git gc -q --aggressive --prune=now && rm -rf .git/logs .git/hooks");
    let deltas = shop.printed("cd repo && git verify-pack -v .git/objects/pack/*.idx");
    assert!(deltas.contains("chain length = 1"), "git made no delta");
    let pack = shop.printed("cd repo/.git && ls objects/pack/*.pack");
    let names = ["git delta", "git second delta", "git base of deltas", "git packed blob"];
    let holders: Vec<_> = names.iter().map(|name| (*name, pack.clone(), at().anyhow())).collect();
    places(&shop, "repo/.git", "srv/packed/.git", &holders)
}

/// A key that was rotated: the delta between the two versions copies what they share, which is the line
/// and the key's prefix, so that neither the delta nor what it changes holds the older key whole.
fn rotated() -> Vec<Place> {
    let shop = Workshop::new();
    let body = "# a setting of the app, like many others\n".repeat(200);
    shop.run("git init -q repo");
    for (name, more) in [("git rotated, older", ""), ("git rotated, newer", "# and one line more\n")] {
        let content = format!("{body}{}{body}{more}", text(name));
        shop.write("repo/app.conf", content).run("cd repo && git add . && git commit -qm rotate");
    }
    shop.run("cd repo && git gc -q --aggressive --prune=now && rm -rf .git/logs .git/hooks");
    let pack = shop.printed("cd repo/.git && ls objects/pack/*.pack");
    let names = ["git rotated, older", "git rotated, newer"];
    let holders: Vec<_> = names.iter().map(|name| (*name, pack.clone(), at().anyhow())).collect();
    places(&shop, "repo/.git", "srv/rotated/.git", &holders)
}

/// What `git clone --mirror` makes, and a bundle of it.
fn bare() -> Vec<Place> {
    let shop = Workshop::new();
    shop.plant("repo/app.env", "git mirror").run(
        "git init -q repo && cd repo && git add . && git commit -qm first && cd ..
         git clone -q --mirror file://$PWD/repo mirror.git && rm -rf mirror.git/hooks",
    );
    let pack = shop.printed("cd mirror.git && ls objects/pack/*.pack");
    places(&shop, "mirror.git", "srv/mirror.git", &[("git mirror", pack, at().anyhow())])
}

#[test]
fn in_git_folders() {
    check(&PLACES);
}
