//! What Java makes: classes, jars, jars in wars and in jars.

use std::sync::LazyLock;

use super::place::{Place, at, check, key};
use super::workshop::Workshop;

pub(super) static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let shop = Workshop::new();
    let class = |name: &str, string: &str| {
        format!("public class {name} {{ public static String token() {{ return \"{}\"; }} }}\n", key(string))
    };
    shop.write("Client.java", class("Client", "class file"));
    shop.write("Packed.java", class("Packed", "class in a jar"));
    shop.write("Plain.java", "public class Plain { }\n");
    shop.write("entries", format!("Implementation-Title: app\nX-Token: {}\n", key("jar manifest")));
    for name in ["jar", "stored jar", "jar in a war", "jar in a boot jar"] {
        shop.plant(&format!("{}/app.properties", name.replace(' ', "-")), name);
    }
    shop.plant("web/WEB-INF/web.xml", "war");
    shop.run(
        "javac *.java
         jar cf app.jar Plain.class -C jar app.properties
         jar cf0 stored.jar Plain.class -C stored-jar app.properties
         jar cfm manifest.jar entries Plain.class
         jar cf packed.jar Plain.class Packed.class
         mkdir -p web/WEB-INF/lib boot/BOOT-INF/lib
         jar cf web/WEB-INF/lib/a.jar -C jar-in-a-war app.properties
         jar cf app.war -C web .
         jar cf boot/BOOT-INF/lib/a.jar -C jar-in-a-boot-jar app.properties
         jar cf0 boot.jar -C boot .",
    );
    let member = "app.properties";
    vec![
        Place::new("app/classes/Client.class", shop.read("Client.class")).holds("class file", at().anyhow()),
        Place::new("app/lib/app.jar", shop.read("app.jar")).holds("jar", at().inner(&[member]).line(2)),
        Place::new("app/lib/stored.jar", shop.read("stored.jar"))
            .holds("stored jar", at().inner(&[member]).line(2)),
        Place::new("app/lib/manifest.jar", shop.read("manifest.jar"))
            .holds("jar manifest", at().inner(&["META-INF/MANIFEST.MF"])),
        Place::new("app/lib/packed.jar", shop.read("packed.jar"))
            .holds("class in a jar", at().inner(&["Packed.class"])),
        Place::new("opt/tomcat/webapps/app.war", shop.read("app.war"))
            .holds("war", at().inner(&["WEB-INF/web.xml"]).line(2))
            .holds("jar in a war", at().inner(&["WEB-INF/lib/a.jar", member]).line(2)),
        Place::new("app/boot.jar", shop.read("boot.jar"))
            .holds("jar in a boot jar", at().inner(&["BOOT-INF/lib/a.jar", member]).line(2)),
    ]
});

#[test]
fn in_what_java_makes() {
    check(&PLACES);
}
