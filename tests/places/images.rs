//! Images inside an image: what `docker save` writes, and OCI layouts, as a file or as a folder of a
//! layer, their layers compressed or not.

use std::path::Path;
use std::sync::LazyLock;

use super::place::{At, Place, at, check, key, text};
use super::workshop::Workshop;
use crate::support::image::{Compression, Image, ImageBuilder, Layer, docker_classic, oci};

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places = vec![classic(), skopeo("docker-archive"), skopeo("oci-archive"), compressed_archive()];
    places.extend(layout(Compression::Gzip, "gzip"));
    places.extend(layout(Compression::Zstd, "zstd"));
    places.extend(umoci());
    places
});

/// An image with a key in its second layer, and another one in its config.
fn small(name: &str) -> Image {
    let own = Layer::new().file("app/.env", text(&format!("{name}, layer")).as_bytes());
    let base = Layer::new().file("etc/os-release", b"ID=alpine\n");
    ImageBuilder::new("inner:1").layer(base).layer(own).env("TOKEN", &key(&format!("{name}, config"))).build()
}

/// A saved image in one file, and the member that holds its second layer.
fn archive(path: &str, bytes: Vec<u8>, name: &str, layer: &str) -> Place {
    Place::new(path, bytes)
        .holds(&format!("{name}, layer"), at().inner(&[layer, "app/.env"]).line(2))
        .holds(&format!("{name}, config"), at().anyhow())
}

fn classic() -> Place {
    let members = docker_classic(&[&small("docker save")]);
    let layers = members.json("manifest.json")[0]["Layers"].clone();
    archive("srv/image.tar", members.tar(), "docker save", layers[1].as_str().expect("a name"))
}

/// The same in a gzip, as CI keeps it.
fn compressed_archive() -> Place {
    let members = docker_classic(&[&small("docker save in gzip")]);
    let layers = members.json("manifest.json")[0]["Layers"].clone();
    let bytes = Compression::Gzip.apply(&members.tar());
    archive("srv/image.tar.gz", bytes, "docker save in gzip", layers[1].as_str().expect("a name"))
}

/// What skopeo writes.
fn skopeo(kind: &str) -> Place {
    let name = format!("image as {kind}");
    let image = small(&name);
    let shop = Workshop::new();
    oci(&[&image], Compression::Gzip).write_to(&shop.path().join("layout"));
    shop.run(&format!(
        "skopeo copy -q --insecure-policy --tmpdir . oci:layout:inner:1 {kind}:out.tar:inner:1 && mkdir out && tar -xf out.tar -C out"
    ));
    let layer = if kind == "oci-archive" {
        second_layer(&shop, "out")
    } else {
        shop.printed(
            "python3 -c 'import json; print(json.load(open(\"out/manifest.json\"))[0][\"Layers\"][1])'",
        )
    };
    archive(&format!("srv/{kind}.tar"), shop.read("out.tar"), &name, &layer)
}

/// The blob of the second layer of the only image of a layout.
fn second_layer(shop: &Workshop, layout: &str) -> String {
    shop.printed(&format!(
        "cd {layout} && python3 -c '
import json
def blob(descriptor): return \"blobs/\" + descriptor[\"digest\"].replace(\":\", \"/\")
manifest = json.load(open(blob(json.load(open(\"index.json\"))[\"manifests\"][0])))
print(blob(manifest[\"layers\"][-1]))'"
    ))
}

/// A layout whose files are files of the image, as a layer of a registry's or a builder's image has.
fn layout(compression: Compression, name: &str) -> Vec<Place> {
    let name = format!("layout in a folder, {name}");
    let shop = Workshop::new();
    oci(&[&small(&name)], compression).write_to(&shop.path().join("layout"));
    folder(&shop, &name, &format!("srv/{name}"))
}

fn umoci() -> Vec<Place> {
    let shop = Workshop::new();
    let name = "layout by umoci";
    shop.plant("root/app/.env", &format!("{name}, layer")).run(&format!(
        "umoci init --layout layout && umoci new --image layout:app
         umoci config --image layout:app --config.env 'TOKEN={}'
         umoci insert --rootless --image layout:app root/app /app && umoci gc --layout layout",
        key(&format!("{name}, config"))
    ));
    folder(&shop, name, "srv/umoci")
}

/// The files of a layout: the layer is a compressed tar, the config is text.
fn folder(shop: &Workshop, name: &str, to: &str) -> Vec<Place> {
    let layer = second_layer(shop, "layout");
    let (in_layer, in_config) = (format!("{name}, layer"), format!("{name}, config"));
    let mut places = Vec::new();
    for (file, bytes) in shop.files("layout") {
        let plain = memchr::memmem::find(&bytes, key(&in_config).as_bytes()).is_some();
        let mut place = Place::new(&Path::new(to).join(&file).display().to_string(), bytes);
        let inside: At = at().inner(&["app/.env"]).line(2);
        if file == layer {
            place = place.holds(&in_layer, inside);
        } else if plain {
            place = place.holds(&in_config, at());
        }
        places.push(place);
    }
    assert_eq!(places.iter().flat_map(Place::names).count(), 2, "{name}");
    places
}

#[test]
fn in_images_inside_an_image() {
    check(&PLACES);
}
