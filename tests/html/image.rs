//! Images to look at, and the pages that the program makes of them.

use std::path::{Path, PathBuf};

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::template::{Seed, expand};
use serde_json::Value;
use tempfile::TempDir;

use crate::scan::line;
use crate::support::cli::Keyseam;
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

/// A page, and the JSON report of the same scan.
pub(super) struct Page {
    folder: TempDir,
    pub(super) report: Value,
}

impl Page {
    /// Scans an image, and a base of it if there is one.
    pub(super) fn of(image: &Image, base: Option<&Image>, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = |name: &str, image: &Image| {
            let path = folder.path().join(name);
            std::fs::write(&path, oci(&[image], Compression::Gzip).tar()).expect("written");
            path.display().to_string()
        };
        let mut line = vec![archive("shop.tar", image)];
        line.push(format!("-o=html={}", folder.path().join("report.html").display()));
        line.extend(base.map(|base| format!("--base={}", archive("base.tar", base))));
        let run = Keyseam::scan(&line).args(options).run();
        assert!(matches!(run.status, Some(0 | 1 | 3)), "{}", run.stderr);
        let page = Self { report: run.json(), folder };
        page.keep(image);
        page
    }

    /// Keeps the page, under the image's name and layers, where pictures are kept.
    fn keep(&self, image: &Image) {
        let Some(folder) = std::env::var_os("KEYSEAM_HTML_PICTURES") else { return };
        let name = format!("{}-{}.html", image.names[0].replace('/', "-"), image.layers.len());
        std::fs::copy(self.path(), Path::new(&folder).join(name)).expect("copied");
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("report.html")
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn findings(&self) -> Vec<Value> {
        self.report["results"][0]["findings"].as_array().expect("findings").clone()
    }

    /// Findings of a severity.
    pub(super) fn count(&self, severity: &str) -> u64 {
        self.findings().iter().filter(|finding| finding["severity"] == severity).count() as u64
    }
}

/// Four layers of a base, of very different sizes.
fn base_layers(image: ImageBuilder) -> ImageBuilder {
    let noise = |bytes: usize| -> Vec<u8> {
        let mut state = 0x9e37_79b9_u32;
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        };
        (0..bytes).map(next).collect()
    };
    image
        .layer_by("/bin/sh -c #(nop) ADD file:0a1b2c3d in / ", Layer::new().file("usr/lib/libc.so", &noise(900_000)))
        .layer_by(
            "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ca-certificates curl git openssh-client python3 python3-venv && rm -rf /var/lib/apt/lists/* # buildkit",
            Layer::new().file("usr/lib/libpython.so", &noise(60_000)),
        )
        .layer_by("RUN /bin/sh -c useradd --system app # buildkit", Layer::new().file("etc/passwd", b"app:x:999:999::/app:/bin/false\n"))
        .layer_by("RUN /bin/sh -c vendor-agent install # buildkit", Layer::new().file("etc/vendor/agent.conf", &line(900)))
}

pub(super) fn base() -> Image {
    base_layers(ImageBuilder::new("debian:12")).build()
}

/// Forty layers with more than a hundred keys of as many kinds; some layers delete what others brought.
pub(super) fn forty_layers() -> Image {
    let catalogue = Catalogue::embedded().expect("the catalogue");
    let mut texts =
        catalogue.definitions().iter().step_by(8).filter(|one| !one.is_handle()).filter_map(|one| {
            let example = one.examples.iter().find(|example| !example.binary && example.path.is_none())?;
            let mut seed = Seed(17);
            let key = expand(&example.key, "", &mut seed).expect("a key");
            Some((one.id.clone(), expand(&example.text, &key, &mut seed).expect("a text")))
        });
    let mut image = base_layers(ImageBuilder::new("registry.example/team/shop:1.4"));
    for number in 4..40_u32 {
        let mut layer = Layer::new().file(&format!("app/data/{number}"), &vec![b'x'; 1 << (number % 13)]);
        let step = match number % 9 {
            // What came in four layers below, and what came in at the very bottom.
            4 => {
                let folder = format!("app/config/{}", number - 4);
                layer = layer.whiteout(&folder);
                format!("RUN /bin/sh -c rm -r /{folder} # buildkit")
            }
            8 if number > 30 => {
                layer = layer.whiteout("app/config/5").whiteout("etc/vendor/agent.conf");
                "RUN /bin/sh -c rm -r /app/config/5 /etc/vendor/agent.conf # buildkit".to_owned()
            }
            6 => format!("RUN /bin/sh -c make part-{number} # buildkit"),
            _ => {
                for (id, text) in texts.by_ref().take(if number == 20 { 40 } else { 4 }) {
                    layer = layer.file(&format!("app/config/{number}/{id}.env"), text.as_bytes());
                }
                format!("COPY services/{number} /app # buildkit")
            }
        };
        image = image.layer_by(&step, layer);
    }
    let password = String::from_utf8(line(901)).expect("a text").replace("token = ", "");
    image.env("DEPLOY_TOKEN", password.trim()).build()
}

/// One of the base's keys, one that the next step deletes, one in containers too.
pub(super) fn small() -> Image {
    base_layers(ImageBuilder::new("registry.example/team/shop:1.4"))
        .layer_by(
            "COPY . /app # buildkit",
            Layer::new().file("app/.env", &line(1)).file("app/.npmrc", &line(2)),
        )
        .layer_by("RUN /bin/sh -c npm ci # buildkit", Layer::new().file("app/node_modules/a.js", b"a"))
        .layer_by("RUN /bin/sh -c rm /app/.npmrc # buildkit", Layer::new().whiteout("app/.npmrc"))
        .build()
}

/// More keys than a page shows one by one.
pub(super) fn flood(keys: u64) -> Image {
    let files = (0..keys).step_by(50).fold(Layer::new(), |layer, first| {
        let lines: Vec<u8> = (first..keys.min(first + 50)).flat_map(|number| line(1_000 + number)).collect();
        layer.file(&format!("app/{first}.env"), &lines)
    });
    ImageBuilder::new("flood:1").layer(files).build()
}

/// Nothing to find.
pub(super) fn clean() -> Image {
    ImageBuilder::new("shop:1").layer(Layer::new().file("etc/hostname", b"shop\n")).build()
}

/// What tries to become markup wherever an image holds a text.
pub(super) fn hostile(beacon: &str) -> Image {
    let evil = format!(
        "</code></script></style><script>document.title='owned'</script><img src=\"{beacon}\" onerror=\"document.title='owned'\">\
         <base href=\"{beacon}\"><svg onload=\"document.title='owned'\"></svg><a href=\"javascript:document.title='owned'\">x</a>\
         \" onmouseover=\"document.title='owned'\" '\u{202e}"
    );
    let path = |number: u64| format!("{number}{}", evil.replace('/', "\u{2215}"));
    ImageBuilder::new("shop:1")
        .layer_by(
            &format!("RUN {evil}"),
            Layer::new().file(&path(1), &line(1)).file(&path(2), &line(2)).symlink("link", &evil),
        )
        .layer_by(&format!("COPY {evil} /"), Layer::new().whiteout(&path(2)))
        .env(&evil.replace('=', ":"), std::str::from_utf8(&line(3)).expect("a text").trim())
        .label(&evil, std::str::from_utf8(&line(4)).expect("a text").trim())
        .annotation(&evil, std::str::from_utf8(&line(5)).expect("a text").trim())
        .build()
}
